import { currentFiber } from './current.ts';
import { SchedulerError } from './errors.ts';
import type { Fiber } from './fiber.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from './operation.ts';
import type { Task } from './task.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * Tasks that end together: `spawn` them with the option `group`. The first that fails has the others cancelled, the youngest
 * first. A group that a task opens belongs to it: the task ends after all of the group's, which are cancelled where the task
 * itself fails or is cancelled.
 */
export class TaskGroup {
  readonly name: string;
  readonly #parent: Fiber | null;
  /** Those that have not ended, oldest first. */
  readonly #live = new Set<Fiber>();
  readonly #errors: unknown[] = [];
  readonly #joiners = new WaitQueue<void>();
  #cancelled = false;
  #reported = false;
  #onEmpty: (() => void) | null = null;

  /** Opens a group of the task that calls this, or where none does, of nobody. */
  constructor(name = 'group') {
    this.name = name;
    this.#parent = currentFiber();
    this.#parent?.open(this);
  }

  /** The task that has opened it. */
  get parent(): Task | null {
    return this.#parent;
  }

  /** Its tasks that have not ended, oldest first. */
  get tasks(): readonly Task[] {
    return [...this.#live];
  }

  /** What its tasks have failed with, in this order. */
  get errors(): readonly unknown[] {
    return this.#errors;
  }

  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Cancels its tasks, the youngest first; once. No more can be spawned into it. */
  cancel(reason?: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const fiber of [...this.#live].reverse()) fiber.cancel(reason);
  }

  /**
   * The end of all its tasks.
   *
   * @throws AggregateError of what its tasks have failed with; those that were cancelled have not failed
   * @throws SchedulerError `self-join` where one of its tasks waits for it
   */
  get joined(): Operation<void> {
    return new GroupJoined(this);
  }

  /** The same for host code that is no task. @param through the scheduler of its tasks */
  join(through: { wait<T>(operation: Operation<T>): Promise<T> }): Promise<void> {
    return through.wait(this.joined);
  }

  // ---- used by tasks

  /** @throws SchedulerError `group-closed` */
  checkOpen(): void {
    const ended = this.#parent !== null && this.#parent.outcome !== null;
    if (!this.#cancelled && !ended) return;
    const why = ended ? `its task "${this.#parent?.name}" has ended` : 'it was cancelled';
    throw new SchedulerError('group-closed', `nothing can be spawned into group "${this.name}": ${why}`);
  }

  childSpawned(fiber: Fiber): void {
    this.#live.add(fiber);
  }

  childEnded(fiber: Fiber): void {
    this.#live.delete(fiber);
    const { outcome } = fiber;
    if (outcome?.kind === 'failed') {
      this.#errors.push(outcome.error);
      this.cancel(
        new SchedulerError('cancelled', `task "${fiber.name}" of group "${this.name}" failed`, {
          cause: outcome.error,
        }),
      );
    }
    if (this.#live.size > 0) return;
    for (let entry = this.#joiners.shift(); entry !== null; entry = this.#joiners.shift()) {
      const error = this.report();
      if (error === null) entry.waiter.complete();
      else entry.waiter.fail(error);
    }
    const onEmpty = this.#onEmpty;
    this.#onEmpty = null;
    onEmpty?.();
  }

  has(task: Task | null): boolean {
    return this.#live.has(task as Fiber);
  }

  get isEmpty(): boolean {
    return this.#live.size === 0;
  }

  get joiners(): WaitQueue<void> {
    return this.#joiners;
  }

  /** What a join of it throws; null: nothing. */
  report(): AggregateError | null {
    this.#reported = true;
    if (this.#errors.length === 0) return null;
    return new AggregateError(this.#errors, `${this.#errors.length} tasks of group "${this.name}" failed`);
  }

  /** The errors that no join has thrown. */
  unreported(): readonly unknown[] {
    return this.#reported ? [] : this.#errors;
  }

  /** @returns whether it is empty; otherwise calls back once it is, in the place of an earlier callback */
  close(onEmpty: () => void): boolean {
    if (this.isEmpty) return true;
    this.#onEmpty = onEmpty;
    return false;
  }
}

class GroupJoined extends Operation<void> {
  readonly #group: TaskGroup;

  constructor(group: TaskGroup) {
    super();
    this.#group = group;
  }

  describe(): string {
    return `end of group "${this.#group.name}"`;
  }

  poll(task: Task | null): undefined | Pending {
    const group = this.#group;
    if (task !== null && group.has(task)) {
      throw new SchedulerError('self-join', `task "${task.name}" would wait for the end of its own group`);
    }
    if (!group.isEmpty) return PENDING;
    const error = group.report();
    if (error !== null) throw error;
    return undefined;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#group.joiners.push(waiter, undefined);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#group.joiners.remove(waiter);
    return 'given-up';
  }
}
