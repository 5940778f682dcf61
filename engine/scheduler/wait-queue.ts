import type { Waiter } from './operation.ts';

/** Waiters in the order they came, with what each brought. Any can leave in constant time. */
export class WaitQueue<T, P = undefined> {
  #first: Entry<T, P> | null = null;
  #last: Entry<T, P> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Entry<T, P> | null {
    return this.#first;
  }

  push(waiter: Waiter<T>, payload: P): void {
    const entry: Entry<T, P> = { waiter, payload, next: null, previous: this.#last, queue: this };
    waiter.place = entry;
    if (this.#last === null) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size++;
  }

  shift(): Entry<T, P> | null {
    const entry = this.#first;
    if (entry !== null) this.#unlink(entry);
    return entry;
  }

  has(waiter: Waiter<T>): boolean {
    return (waiter.place as Entry<T, P> | null)?.queue === this;
  }

  /** Whether it was there. */
  remove(waiter: Waiter<T>): boolean {
    if (!this.has(waiter)) return false;
    this.#unlink(waiter.place as Entry<T, P>);
    return true;
  }

  #unlink(entry: Entry<T, P>): void {
    const { previous, next } = entry;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    entry.waiter.place = null;
    this.#size--;
  }
}

export interface Entry<T, P> {
  readonly waiter: Waiter<T>;
  readonly payload: P;
  readonly queue: WaitQueue<T, P>;
  next: Entry<T, P> | null;
  previous: Entry<T, P> | null;
}
