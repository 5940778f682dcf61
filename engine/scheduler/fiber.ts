import type { Core } from './core.ts';
import type { Coroutine } from './coroutine.ts';
import { type BlockedTask, SchedulerError } from './errors.ts';
import type { TaskGroup } from './group.ts';
import { PromiseInbox } from './inbox.ts';
import { Joined } from './joined.ts';
import { type Home, type Operation, Waiter } from './operation.ts';
import type { ReadyReason } from './policy.ts';
import type { Outcome, SpawnOptions, Task, TaskState } from './task.ts';
import { giveWay } from './timers.ts';
import { WaitQueue } from './wait-queue.ts';

/** How a fiber goes on: its body begins or was at a place where it gave way; with a result; with an exception. */
type Input = 'none' | 'result' | 'error';

/** A task, as its scheduler sees it. */
export class Fiber<T = unknown> implements Task<T> {
  readonly id: number;
  readonly priority: number;
  readonly weight: number;
  readonly deadline: number;
  readonly group: TaskGroup | null;
  readonly core: Core;
  readonly body: Coroutine;
  /** Of those that have not ended. */
  next: Fiber | null = null;
  previous: Fiber | null = null;
  /** Whether it is in the policy's hands. */
  queued = false;
  input: Input = 'none';
  value: unknown = undefined;
  state: TaskState = 'new';
  outcome: Outcome<T> | null = null;
  /** What it waits in. */
  #waiter: FiberWaiter | null = null;
  /** For the next wait: a new one each time takes longer. */
  #spare: FiberWaiter | null = null;
  /** It is to be thrown the reason. */
  #cancelling: { readonly reason: unknown } | null = null;
  /** The reason that was thrown last. */
  #thrown: { readonly reason: unknown } | null = null;
  #name: string | null;
  #joiners: WaitQueue<T> | null = null;
  #controller: AbortController | null = null;
  #cancelled: { readonly reason: unknown } | null = null;
  #unlisten: (() => void) | null = null;
  #groups: TaskGroup[] | null = null;
  #inbox: PromiseInbox | null = null;

  constructor(core: Core, id: number, body: Coroutine, options: SpawnOptions) {
    const { name, priority = 0, weight = 1, deadline = Number.POSITIVE_INFINITY, group } = options;
    if (Number.isNaN(priority) || Number.isNaN(deadline)) {
      throw new SchedulerError('bad-argument', 'priority and deadline must be numbers');
    }
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
      throw new SchedulerError('bad-argument', `weight must be a number above 0, not ${weight}`);
    }
    this.core = core;
    this.id = id;
    this.body = body;
    this.#name = name ?? null;
    this.priority = priority;
    this.weight = weight;
    this.deadline = deadline;
    this.group = group ?? null;
  }

  get name(): string {
    if (this.#name !== null) return this.#name;
    const place = this.body.backtrace().at(-1) ?? '';
    return `${place.replace(/ \(.*$/, '')} ${this.id}`;
  }

  rename(name: string): void {
    this.#name = name;
  }

  get home(): Home {
    return this.core;
  }

  get result(): T | undefined {
    return this.outcome?.kind === 'done' ? this.outcome.value : undefined;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cancelled !== null) this.#controller.abort(this.#cancelled.reason);
    return this.#controller.signal;
  }

  get blockedOn(): string | null {
    if (this.state === 'closing') return 'end of its group';
    return this.#waiter === null ? null : this.#waiter.operation.describe();
  }

  backtrace(): string[] {
    return this.body.backtrace();
  }

  describe(): BlockedTask {
    return { id: this.id, name: this.name, blockedOn: this.blockedOn ?? 'nothing', backtrace: this.backtrace() };
  }

  join(): Promise<T> {
    return this.core.wait(this.joined);
  }

  get joined(): Operation<T> {
    return new Joined(this);
  }

  get joiners(): WaitQueue<T> {
    this.#joiners ??= new WaitQueue();
    return this.#joiners;
  }

  /** Cancels it when the signal is aborted. */
  listen(signal: AbortSignal): void {
    if (signal.aborted) {
      this.cancel(signal.reason);
      return;
    }
    const abort = (): void => void this.cancel(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', abort);
  }

  // ---- running

  /** What it goes on with once it runs again. */
  setResult(value: unknown): void {
    this.input = 'result';
    this.value = value;
  }

  setError(error: unknown): void {
    this.input = 'error';
    this.value = error;
  }

  /** Whether it is to be thrown a reason where it next waits. */
  get isCancelling(): boolean {
    return this.#cancelling !== null;
  }

  /** The reason it was cancelled for, to be thrown now. */
  takeReason(): unknown {
    const cancelling = this.#cancelling;
    this.#cancelling = null;
    this.#thrown = cancelling;
    return cancelling?.reason;
  }

  /** Where the promises that it waits for come in. */
  get inbox(): PromiseInbox {
    if (this.#inbox === null || this.#inbox.isClosed) this.#inbox = new PromiseInbox();
    return this.#inbox;
  }

  /** Waits in an operation that is pending. */
  block(operation: Operation<unknown>): void {
    const waiter = this.#spare ?? new FiberWaiter(this);
    this.#spare = null;
    waiter.operation = operation;
    operation.enqueue(waiter);
    this.#waiter = waiter;
    this.state = 'blocked';
  }

  /** A waiter that is in no queue any more. */
  reuse(waiter: FiberWaiter): void {
    waiter.operation = NOTHING;
    this.#spare = waiter;
  }

  wake(input: Input, value: unknown): void {
    this.#waiter = null;
    this.input = input;
    this.value = value;
    this.ready('woken');
  }

  ready(reason: ReadyReason): void {
    this.state = 'runnable';
    this.core.ready(this, reason);
  }

  cancel(reason?: unknown): boolean {
    if (this.outcome !== null) return false;
    const given = reason ?? new SchedulerError('cancelled', `task "${this.name}" was cancelled`);
    this.#cancelled ??= { reason: given };
    this.core.trace?.(this, { kind: 'cancel' });
    this.#controller?.abort(given);
    switch (this.state) {
      case 'new':
        this.end({ kind: 'cancelled', reason: given });
        break;
      case 'blocked':
        this.#cancelling = { reason: given };
        this.#interrupt();
        break;
      case 'closing':
        this.#thrown = { reason: given };
        this.core.closing(this, { kind: 'cancelled', reason: given });
        break;
      default:
        this.#cancelling = { reason: given };
    }
    return true;
  }

  #interrupt(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    // It may complete while it is given up.
    waiter.throws = true;
    switch (waiter.operation.cancel(waiter)) {
      case 'given-up':
        this.wake('error', this.takeReason());
        break;
      case 'later':
        break;
      case 'done':
        waiter.throws = false;
    }
  }

  /** What has left its body. */
  failure(error: unknown): Outcome<T> {
    if (this.#thrown !== null && this.#thrown.reason === error) return { kind: 'cancelled', reason: error };
    return { kind: 'failed', error };
  }

  // ---- its groups

  /** The groups it has opened, oldest first. */
  get groups(): readonly TaskGroup[] {
    return this.#groups ?? [];
  }

  open(group: TaskGroup): void {
    this.#groups ??= [];
    this.#groups.push(group);
  }

  // ---- its end

  /** Whether somebody will hear how it ends. */
  get isObserved(): boolean {
    return this.group !== null || (this.#joiners?.size ?? 0) > 0;
  }

  /** Its scheduler can run nothing any more. */
  abandon(error: unknown): void {
    this.#waiter?.operation.cancel(this.#waiter);
    this.end({ kind: 'failed', error });
  }

  /** It is over, and so is everything it has opened. */
  end(outcome: Outcome<T>): void {
    this.outcome = outcome;
    this.state = outcome.kind;
    this.#waiter = null;
    this.#cancelling = null;
    this.#groups = null;
    this.value = undefined;
    this.#unlisten?.();
    this.#unlisten = null;
    this.body.release();
    this.core.ended(this);
    const joiners = this.#joiners;
    for (let entry = joiners?.shift() ?? null; entry !== null; entry = joiners?.shift() ?? null) {
      if (outcome.kind === 'done') entry.waiter.complete(outcome.value);
      else entry.waiter.fail(outcome.kind === 'failed' ? outcome.error : outcome.reason);
    }
    this.group?.childEnded(this);
  }
}

const NOTHING = giveWay();

/** A task's wait. One that has completed is used again. */
class FiberWaiter extends Waiter<unknown> {
  operation: Operation<unknown> = NOTHING;
  readonly #fiber: Fiber;
  /** Once it completes the task is thrown the reason it was cancelled for. */
  throws = false;

  constructor(fiber: Fiber) {
    super(fiber, fiber.core);
    this.#fiber = fiber;
  }

  override get inbox(): PromiseInbox {
    return this.#fiber.inbox;
  }

  complete(value: unknown): void {
    this.#over('result', value);
  }

  fail(error: unknown): void {
    this.#over('error', error);
  }

  #over(input: Input, value: unknown): void {
    const fiber = this.#fiber;
    if (this.throws) {
      fiber.wake('error', fiber.takeReason());
      return;
    }
    fiber.reuse(this);
    fiber.wake(input, value);
  }
}
