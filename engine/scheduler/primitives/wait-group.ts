import { checkInteger, SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';

/** A count of things to be done; who waits goes on once it is 0. */
export class WaitGroup {
  readonly name: string;
  #count = 0;
  readonly #waiters = new WaitQueue<void>();

  constructor(name = '') {
    this.name = name;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws SchedulerError `count` where the count would be below 0, `bad-argument` for what is no integer */
  add(count = 1): void {
    checkInteger('count', count, Number.MIN_SAFE_INTEGER);
    if (this.#count + count < 0) {
      throw new SchedulerError('count', `${this} has a count of ${this.#count}, and cannot go ${-count} down`);
    }
    this.#count += count;
    if (this.#count > 0) return;
    for (let left = this.#waiters.size; left > 0; left--) this.#waiters.shift()?.waiter.complete();
  }

  /** @throws SchedulerError `count` where it is 0 already */
  done(): void {
    this.add(-1);
  }

  /** Waits until the count is 0. */
  wait(): Operation<void> {
    return new Wait(this, this.#waiters);
  }

  toString(): string {
    return this.name === '' ? 'wait group' : `wait group "${this.name}"`;
  }
}

class Wait extends Operation<void> {
  readonly #group: WaitGroup;
  readonly #waiters: WaitQueue<void>;

  constructor(group: WaitGroup, waiters: WaitQueue<void>) {
    super();
    this.#group = group;
    this.#waiters = waiters;
  }

  describe(): string {
    return `${this.#group}, whose count is ${this.#group.count}`;
  }

  poll(): undefined | Pending {
    return this.#group.count === 0 ? undefined : PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#waiters.push(waiter, undefined);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#waiters.remove(waiter);
    return 'given-up';
  }
}
