import type { PromiseInbox } from './inbox.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from './operation.ts';

/** A wait for a promise. */
class Settled<T> extends Operation<T> {
  readonly #promise: PromiseLike<T>;
  readonly #name: string;
  readonly #stop: (() => void) | null;

  constructor(promise: PromiseLike<T>, name: string, stop: (() => void) | null) {
    super();
    this.#promise = promise;
    this.#name = name;
    this.#stop = stop;
  }

  describe(): string {
    return this.#name;
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<T>): void {
    waiter.inbox.wait(waiter as Waiter<unknown>, this.#promise);
  }

  cancel(waiter: Waiter<T>): Cancelled {
    (waiter.place as PromiseInbox).giveUp();
    this.#stop?.();
    return 'given-up';
  }
}

class Requested<T> extends Operation<T> {
  readonly #start: (signal: AbortSignal) => PromiseLike<T>;
  readonly #name: string;

  constructor(start: (signal: AbortSignal) => PromiseLike<T>, name: string) {
    super();
    this.#start = start;
    this.#name = name;
  }

  describe(): string {
    return this.#name;
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<T>): void {
    const controller = new AbortController();
    // What it throws is a rejection, as if it were an async function.
    const promise = (async () => this.#start(controller.signal))();
    const { inbox } = waiter;
    inbox.wait(waiter as Waiter<unknown>, promise);
    waiter.place = { inbox, controller } satisfies Request;
  }

  cancel(waiter: Waiter<T>): Cancelled {
    const { inbox, controller } = waiter.place as Request;
    inbox.giveUp();
    controller.abort();
    return 'given-up';
  }
}

interface Request {
  readonly inbox: PromiseInbox;
  readonly controller: AbortController;
}

/**
 * Waits for a promise: its value, or its rejection thrown.
 *
 * @param name what the task is blocked on, for reports
 * @param stop called where the wait is given up
 */
export function settled<T>(
  promise: PromiseLike<T>,
  name = 'a promise',
  stop: (() => void) | null = null,
): Operation<T> {
  return new Settled(promise, name, stop);
}

/**
 * Starts something each time it is waited for, and waits for its promise. The signal is aborted where the wait is given up: the
 * task is cancelled, or another operation of a `select` is done.
 */
export function requested<T>(start: (signal: AbortSignal) => PromiseLike<T>, name = 'a request'): Operation<T> {
  return new Requested(start, name);
}
