import type { BlockingCall } from '../process/index.ts';
import {
  type Cancelled,
  type Home,
  type Operation,
  PENDING,
  type Task,
  type Timer,
  Waiter,
} from '../scheduler/index.ts';
import { ERRNO, returned } from './errno.ts';

export interface WaitOptions<T> {
  /** What the import returns for the operation's result. */
  readonly result: (value: T) => number;
  /** What it returns for what the operation throws. Default: minus the error's number. */
  readonly failed?: (error: unknown) => number;
  /** Milliseconds; null: none, 0: a try. */
  readonly timeout?: number | null;
  /** What a try returns that has nothing. Default: minus EAGAIN. */
  readonly busy?: number;
  /** Nobody is there for the result any more: a handler has left the call for good, or its thread is over. */
  readonly dropped?: (value: T) => void;
  /** A handler ends it with EINTR. */
  readonly interruptible?: boolean;
}

/** An operation of the scheduler's as a call of an import that waits. */
export class OperationCall<T> implements BlockingCall {
  readonly persistent: boolean;
  readonly #operation: Operation<T>;
  readonly #task: Task;
  readonly #home: Home;
  readonly #options: WaitOptions<T>;
  #waiter: CallWaiter<T> | null = null;
  #timer: Timer | null = null;
  #isDropped = false;
  /** It ends, now or later, without having been done. */
  #isGivenUp = false;

  constructor(operation: Operation<T>, task: Task, home: Home, options: WaitOptions<T>) {
    this.#operation = operation;
    this.#task = task;
    this.#home = home;
    this.#options = options;
    this.persistent = options.interruptible !== true;
  }

  /** Does it without waiting. @returns what the import returns; null: it has to wait */
  poll(): number | null {
    try {
      const value = this.#operation.poll(this.#task, this.#home);
      if (value !== PENDING) return this.#options.result(value);
      return this.#options.timeout === 0 ? (this.#options.busy ?? -ERRNO.EAGAIN) : null;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): number {
    return (this.#options.failed ?? returned)(error);
  }

  start(done: (result: number) => void, fail: (error: unknown) => void): () => void {
    const settle = (result: () => number): void => {
      this.#over();
      let value: number;
      try {
        value = result();
      } catch (error) {
        fail(error);
        return;
      }
      done(value);
    };
    const waiter = new CallWaiter<T>(this.#task, this.#home, {
      complete: (value) => {
        if (this.#isDropped) this.#options.dropped?.(value);
        settle(() => this.#options.result(value));
      },
      fail: (error) => settle(() => this.#failed(error)),
    });
    this.#operation.enqueue(waiter);
    this.#waiter = waiter;
    const { timeout = null } = this.#options;
    if (timeout !== null) {
      const { timers } = this.#home;
      this.#timer = timers.set(timers.now() + timeout, () => {
        this.#timer = null;
        // What takes time to be given up, a condition, has a time limit of its own.
        if (this.#operation.cancel(waiter) === 'given-up') settle(() => -ERRNO.ETIMEDOUT);
      });
    }
    return () => {
      this.#isDropped = true;
      this.giveUp();
    };
  }

  /** Whether it was given up before it was done. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Gives up waiting, if it waits. */
  giveUp(): Cancelled {
    const waiter = this.#waiter;
    if (waiter === null) return 'given-up';
    const cancelled = this.#operation.cancel(waiter);
    if (cancelled === 'given-up') this.#over();
    this.#isGivenUp = cancelled !== 'done';
    return cancelled;
  }

  #over(): void {
    this.#waiter = null;
    if (this.#timer !== null) this.#home.timers.clear(this.#timer);
    this.#timer = null;
  }

  interrupted(): number {
    return -ERRNO.EINTR;
  }

  describe(): string {
    return this.#operation.describe();
  }
}

interface Reactions<T> {
  readonly complete: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

class CallWaiter<T> extends Waiter<T> {
  readonly #reactions: Reactions<T>;

  constructor(task: Task, home: Home, reactions: Reactions<T>) {
    super(task, home);
    this.#reactions = reactions;
  }

  complete(value: T): void {
    this.#reactions.complete(value);
  }

  fail(error: unknown): void {
    this.#reactions.fail(error);
  }
}
