import { checkInteger, SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';

export interface SemaphoreOptions {
  readonly name?: string;
  /** It cannot be released above this. Default: 2^53 - 1. */
  readonly limit?: number;
}

/** A number of permits. Who waits gets them in the order of coming: one that needs many is not overtaken by those that need few. */
export class Semaphore {
  readonly name: string;
  readonly #limit: number;
  #permits: number;
  readonly #waiters = new WaitQueue<void, number>();

  /** @throws SchedulerError `bad-argument` where the permits are no integer from 0 to the limit */
  constructor(permits: number, { name = '', limit = Number.MAX_SAFE_INTEGER }: SemaphoreOptions = {}) {
    checkInteger('limit', limit, 1);
    checkInteger('permits', permits, 0, limit);
    this.name = name;
    this.#permits = permits;
    this.#limit = limit;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  get permits(): number {
    return this.#permits;
  }

  /** Waits for permits and takes them. @throws SchedulerError `bad-argument` for a count that can never be there */
  acquire(count = 1): Operation<void> {
    checkInteger('count', count, 1, this.#limit);
    return new Acquire(this, this.#waiters, count);
  }

  /** Takes permits if they are there and nobody waits. @throws SchedulerError the same */
  tryAcquire(count = 1): boolean {
    checkInteger('count', count, 1, this.#limit);
    if (this.#waiters.size > 0 || this.#permits < count) return false;
    this.#permits -= count;
    return true;
  }

  /** Adds permits; anybody can. @throws SchedulerError `count` where there would be more than the limit */
  release(count = 1): void {
    checkInteger('count', count, 1);
    if (count > this.#limit - this.#permits) {
      throw new SchedulerError(
        'count',
        `${this} has ${this.#permits} permits of at most ${this.#limit}, and got ${count}`,
      );
    }
    this.#permits += count;
    this.serve();
  }

  /** Used by its operations: the first who wait may have got what they wait for. */
  serve(): void {
    const waiters = this.#waiters;
    for (let entry = waiters.first; entry !== null; entry = waiters.first) {
      const { waiter, payload } = entry;
      if (waiter.isOver) waiters.shift();
      else if (payload > this.#permits) return;
      else {
        this.#permits -= payload;
        waiters.shift();
        waiter.complete();
      }
    }
  }

  toString(): string {
    return this.name === '' ? 'semaphore' : `semaphore "${this.name}"`;
  }
}

class Acquire extends Operation<void> {
  readonly #semaphore: Semaphore;
  readonly #waiters: WaitQueue<void, number>;
  readonly #count: number;

  constructor(semaphore: Semaphore, waiters: WaitQueue<void, number>, count: number) {
    super();
    this.#semaphore = semaphore;
    this.#waiters = waiters;
    this.#count = count;
  }

  describe(): string {
    return `${this.#semaphore}: ${this.#count} of ${this.#semaphore.permits} permits`;
  }

  poll(): undefined | Pending {
    return this.#semaphore.tryAcquire(this.#count) ? undefined : PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#waiters.push(waiter, this.#count);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#waiters.remove(waiter);
    // It may have stood before some that need less.
    this.#semaphore.serve();
    return 'given-up';
  }
}
