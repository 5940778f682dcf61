import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from './operation.ts';

/** Something that was begun outside, and what calls it off; null: nothing does. */
interface Begun<T> {
  readonly promise: PromiseLike<T>;
  readonly stop: (() => void) | null;
}

interface Wait {
  readonly release: () => void;
  readonly stop: (() => void) | null;
}

function leave(waiter: { place: unknown }, { release }: Wait): void {
  waiter.place = null;
  release();
}

class Settled<T> extends Operation<T> {
  readonly #begin: () => Begun<T>;
  readonly #name: string;

  constructor(begin: () => Begun<T>, name: string) {
    super();
    this.#begin = begin;
    this.#name = name;
  }

  describe(): string {
    return this.#name;
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<T>): void {
    const { promise, stop } = this.#begin();
    const wait: Wait = { release: waiter.home.hold(), stop };
    waiter.place = wait;
    // Where the place is another, it has been given up.
    Promise.resolve(promise).then(
      (value) => {
        if (waiter.place !== wait) return;
        leave(waiter, wait);
        waiter.complete(value);
      },
      (error: unknown) => {
        if (waiter.place !== wait) return;
        leave(waiter, wait);
        waiter.fail(error);
      },
    );
  }

  cancel(waiter: Waiter<T>): Cancelled {
    const wait = waiter.place as Wait;
    leave(waiter, wait);
    wait.stop?.();
    return 'given-up';
  }
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
  return new Settled(() => ({ promise, stop }), name);
}

/**
 * Starts something each time it is waited for, and waits for its promise. The signal is aborted where the wait is given up: the
 * task is cancelled, or another operation of a `select` is done.
 */
export function requested<T>(start: (signal: AbortSignal) => PromiseLike<T>, name = 'a request'): Operation<T> {
  return new Settled(() => {
    const controller = new AbortController();
    // What it throws is a rejection, as if it were an async function.
    return { promise: (async () => start(controller.signal))(), stop: () => controller.abort() };
  }, name);
}
