import { checkInteger } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';

/** Where a number of tasks wait for each other, again and again. One that is cancelled has not arrived. */
export class Barrier {
  readonly name: string;
  readonly parties: number;
  readonly #waiters = new WaitQueue<boolean>();

  /** @throws SchedulerError `bad-argument` where the parties are no integer above 0 */
  constructor(parties: number, name = '') {
    checkInteger('parties', parties, 1);
    this.parties = parties;
    this.name = name;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Waits for the others: true for the one that came last (POSIX, PTHREAD_BARRIER_SERIAL_THREAD), false for the others. */
  wait(): Operation<boolean> {
    return new Arrival(this, this.#waiters);
  }
}

class Arrival extends Operation<boolean> {
  readonly #barrier: Barrier;
  readonly #waiters: WaitQueue<boolean>;

  constructor(barrier: Barrier, waiters: WaitQueue<boolean>) {
    super();
    this.#barrier = barrier;
    this.#waiters = waiters;
  }

  describe(): string {
    const { name, size, parties } = this.#barrier;
    return `${name === '' ? 'barrier' : `barrier "${name}"`}, where ${size} of ${parties} are`;
  }

  poll(): true | Pending {
    const waiters = this.#waiters;
    if (waiters.size + 1 < this.#barrier.parties) return PENDING;
    // Those that come again belong to the next round.
    for (let left = waiters.size; left > 0; left--) waiters.shift()?.waiter.complete(false);
    return true;
  }

  enqueue(waiter: Waiter<boolean>): void {
    this.#waiters.push(waiter, undefined);
  }

  cancel(waiter: Waiter<boolean>): Cancelled {
    this.#waiters.remove(waiter);
    return 'given-up';
  }
}
