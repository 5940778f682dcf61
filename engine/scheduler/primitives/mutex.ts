import { currentTask } from '../current.ts';
import { SchedulerError } from '../errors.ts';
import { type Cancelled, type Home, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import type { Task } from '../task.ts';
import { WaitQueue } from '../wait-queue.ts';

/**
 * A lock that one task holds, or the host: all host code that is no task counts as one. Who waits gets it in the order of coming,
 * by being handed it: nobody comes in between. It stays locked where its task ends without unlocking it.
 */
export class Mutex {
  readonly name: string;
  /** Null: the host. */
  #owner: Task | null = null;
  #locked = false;
  readonly #waiters = new WaitQueue<void>();

  constructor(name = '') {
    this.name = name;
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  /** Who holds it; null: the host, or nobody. */
  get owner(): Task | null {
    return this.#owner;
  }

  /** Waits until it holds the mutex. @throws SchedulerError `relock` where it does already */
  lock(): Operation<void> {
    return new Lock(this);
  }

  /** Locks it if nobody holds it. @throws SchedulerError `relock` where the caller does */
  tryLock(): boolean {
    return this.take(currentTask());
  }

  /** @throws SchedulerError `not-owner` where the caller does not hold it */
  unlock(): void {
    this.checkOwner('unlocked', currentTask());
    this.pass();
  }

  /** Whether the task holds it. */
  isHeldBy(task: Task | null): boolean {
    return this.#locked && this.#owner === task;
  }

  /** For messages. */
  toString(): string {
    const name = this.name === '' ? 'mutex' : `mutex "${this.name}"`;
    if (!this.#locked) return name;
    if (this.#owner === null) return `${name}, which the host holds`;
    const ended = this.#owner.outcome === null ? '' : `, ${this.#owner.state}`;
    return `${name}, which task "${this.#owner.name}"${ended} holds`;
  }

  // ---- used by its operations, and by Condition

  /** @throws SchedulerError `not-owner` */
  checkOwner(done: string, task: Task | null): void {
    if (this.isHeldBy(task)) return;
    const who = task === null ? 'the host' : `task "${task.name}"`;
    throw new SchedulerError('not-owner', `${this} cannot be ${done} by ${who}`);
  }

  /** @throws SchedulerError `relock` */
  take(task: Task | null): boolean {
    if (this.isHeldBy(task)) throw new SchedulerError('relock', `${this} was locked by who holds it`);
    if (this.#locked) return false;
    this.#locked = true;
    this.#owner = task;
    return true;
  }

  /** Gives it to the first who waits. */
  pass(): void {
    const entry = this.#waiters.shift();
    if (entry === null) {
      this.#locked = false;
      this.#owner = null;
      return;
    }
    this.#owner = entry.waiter.task;
    entry.waiter.complete();
  }

  /** Has a waiter take it, now or later. */
  enqueue(waiter: Waiter<void>): void {
    if (this.#locked) {
      this.#waiters.push(waiter, undefined);
      return;
    }
    this.#locked = true;
    this.#owner = waiter.task;
    waiter.complete();
  }

  leave(waiter: Waiter<void>): void {
    this.#waiters.remove(waiter);
  }
}

class Lock extends Operation<void> {
  readonly #mutex: Mutex;

  constructor(mutex: Mutex) {
    super();
    this.#mutex = mutex;
  }

  describe(): string {
    return `${this.#mutex}`;
  }

  poll(task: Task | null, _home: Home): undefined | Pending {
    return this.#mutex.take(task) ? undefined : PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#mutex.enqueue(waiter);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#mutex.leave(waiter);
    return 'given-up';
  }
}
