import { SchedulerError } from './errors.ts';
import { Heap, type HeapItem } from './heap.ts';
import { type Cancelled, type Home, Operation, PENDING, type Pending, type Waiter } from './operation.ts';
import type { Task } from './task.ts';

/** Something that is due at a time. */
export interface Timer extends HeapItem {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

/** The timers of one scheduler. Those due at the same time go in the order they were set. */
export class Timers {
  readonly #now: () => number;
  readonly #heap = new Heap<Timer>((a, b) => a.time < b.time || (a.time === b.time && a.order < b.order));
  readonly #sooner: () => void;
  #order = 0;

  /** @param sooner called when another timer has become the next that is due */
  constructor(now: () => number, sooner: () => void) {
    this.#now = now;
    this.#sooner = sooner;
  }

  now(): number {
    return this.#now();
  }

  get size(): number {
    return this.#heap.size;
  }

  /** When the next is due; Infinity: there is none. */
  get next(): number {
    return this.#heap.first?.time ?? Number.POSITIVE_INFINITY;
  }

  set(time: number, run: () => void): Timer {
    const timer: Timer = { time, order: this.#order++, run, heapIndex: -1 };
    this.#heap.push(timer);
    if (this.#heap.first === timer) this.#sooner();
    return timer;
  }

  clear(timer: Timer): void {
    this.#heap.remove(timer);
  }

  /** Runs those that are due. */
  fire(): void {
    const time = this.#now();
    while (this.next <= time) this.#heap.shift()?.run();
  }
}

class Sleep extends Operation<void> {
  readonly #until: number | null;
  readonly #time: number;

  constructor(time: number, absolute: boolean) {
    super();
    if (Number.isNaN(time)) throw new SchedulerError('bad-argument', 'a time must be a number of milliseconds');
    this.#time = time;
    this.#until = absolute ? time : null;
  }

  describe(): string {
    return this.#until === null ? `sleep of ${this.#time} ms` : `sleep until ${this.#until} ms`;
  }

  poll(_task: Task | null, _home: Home): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    const { timers } = waiter.home;
    const time = this.#until ?? timers.now() + Math.max(this.#time, 0);
    // Nobody comes back from there: it can only be cancelled, and is no reason to wait.
    if (time === Number.POSITIVE_INFINITY) return;
    waiter.place = timers.set(time, () => waiter.complete());
  }

  cancel(waiter: Waiter<void>): Cancelled {
    if (waiter.place !== null) waiter.home.timers.clear(waiter.place as Timer);
    return 'given-up';
  }
}

/**
 * Waits for a time by the scheduler's clock, in milliseconds. 0 and less let others run; Infinity waits until it is cancelled.
 *
 * @throws SchedulerError `bad-argument` for NaN
 */
export const sleep = (milliseconds: number): Operation<void> => new Sleep(milliseconds, false);

/** Waits until a time of the scheduler's clock. @throws SchedulerError `bad-argument` for NaN */
export const sleepUntil = (time: number): Operation<void> => new Sleep(time, true);

/** Where a task waits for it and nothing else, its coroutine says `yielded`; elsewhere it is the shortest sleep. */
class GiveWay extends Sleep {
  constructor() {
    super(0, false);
  }

  override describe(): string {
    return 'its turn';
  }
}

const GIVE_WAY = new GiveWay();

/** Whether a task that waits for the operation can run at once, after the others. */
export const givesWay = (operation: Operation<unknown>): boolean => operation === GIVE_WAY;

/** Gives way to the others that can run, as sched_yield(2) does; an empty `yield` of a host task is the same. */
export const giveWay = (): Operation<void> => GIVE_WAY;
