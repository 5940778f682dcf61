import { type Home, type Operation, PENDING, Waiter } from './operation.ts';

/** The waits of host code that is no task. */
export class HostWaits {
  readonly #waits = new Set<HostWaiter<unknown>>();

  get size(): number {
    return this.#waits.size;
  }

  /** What the operation comes to. A signal that is aborted gives up the wait: rejects with its reason. */
  wait<T>(operation: Operation<T>, home: Home, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const value = operation.poll(null, home);
      if (value !== PENDING) {
        resolve(value);
        return;
      }
      const abort = (): void => {
        // It may complete while it is given up.
        waiter.aborted = { reason: signal?.reason };
        const cancelled = operation.cancel(waiter);
        if (cancelled === 'given-up') waiter.fail(null);
        else if (cancelled === 'done') waiter.aborted = null;
      };
      const over = (): void => {
        this.#waits.delete(waiter as HostWaiter<unknown>);
        signal?.removeEventListener('abort', abort);
      };
      const waiter = new HostWaiter<T>(home, operation, resolve, reject, over);
      operation.enqueue(waiter);
      this.#waits.add(waiter as HostWaiter<unknown>);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Gives up all of them. */
  rejectAll(error: unknown): void {
    for (const waiter of [...this.#waits]) {
      waiter.operation.cancel(waiter);
      waiter.fail(error);
    }
  }
}

class HostWaiter<T> extends Waiter<T> {
  readonly operation: Operation<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #over: () => void;
  /** It could not be given up at once. */
  aborted: { readonly reason: unknown } | null = null;

  constructor(
    home: Home,
    operation: Operation<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    over: () => void,
  ) {
    super(null, home);
    this.operation = operation;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#over = over;
  }

  complete(value: T): void {
    this.#over();
    if (this.aborted === null) this.#resolve(value);
    else this.#reject(this.aborted.reason);
  }

  fail(error: unknown): void {
    this.#over();
    this.#reject(this.aborted === null ? error : this.aborted.reason);
  }
}
