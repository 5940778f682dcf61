import {
  type Cancelled,
  type Home,
  Operation,
  PENDING,
  type Pending,
  type Task,
  type Waiter,
} from '../scheduler/index.ts';
import type { Thread } from './thread.ts';

/** A thread waits to be unparked. */
export class Parking extends Operation<void> {
  readonly #thread: Thread;

  constructor(thread: Thread) {
    super();
    this.#thread = thread;
  }

  describe(): string {
    return 'being unparked';
  }

  poll(): undefined | Pending {
    if (!this.#thread.permit) return PENDING;
    this.#thread.permit = false;
    return undefined;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#thread.parked ??= [];
    this.#thread.parked.push(waiter);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    const thread = this.#thread;
    thread.parked = thread.parked?.filter((other) => other !== waiter) ?? null;
    return 'given-up';
  }
}

/** The end of a task; that it is waited for no more is told. */
export class Joining extends Operation<unknown> {
  readonly #joined: Operation<unknown>;
  readonly #givenUp: () => void;

  constructor(joined: Operation<unknown>, givenUp: () => void) {
    super();
    this.#joined = joined;
    this.#givenUp = givenUp;
  }

  describe(): string {
    return this.#joined.describe();
  }

  poll(task: Task | null, home: Home): unknown {
    return this.#joined.poll(task, home);
  }

  enqueue(waiter: Waiter<unknown>): void {
    this.#joined.enqueue(waiter);
  }

  cancel(waiter: Waiter<unknown>): Cancelled {
    const cancelled = this.#joined.cancel(waiter);
    if (cancelled === 'given-up') this.#givenUp();
    return cancelled;
  }
}
