import type { Waiter } from './operation.ts';

/** Where promises come in that are waited for one after the other, each by a waiter of its own. */
export class PromiseInbox {
  #waiter: Waiter<unknown> | null = null;
  #closed = false;

  /** A wait was given up: what comes in now is not for the next one. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Called for one wait at a time. */
  wait(waiter: Waiter<unknown>, promise: PromiseLike<unknown>): void {
    waiter.home.expect();
    waiter.place = this;
    this.#waiter = waiter;
    Promise.resolve(promise).then(this.#onValue, this.#onError);
  }

  giveUp(): void {
    const waiter = this.#waiter;
    this.#closed = true;
    this.#waiter = null;
    if (waiter === null) return;
    waiter.place = null;
    waiter.home.giveUp();
  }

  readonly #onValue = (value: unknown): void => this.#tell(false, value);
  readonly #onError = (error: unknown): void => this.#tell(true, error);

  #tell(failed: boolean, value: unknown): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#waiter = null;
    waiter.place = null;
    waiter.home.arrive(waiter, failed, value);
  }
}
