import { SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, Waiter } from '../operation.ts';
import type { Task } from '../task.ts';
import type { Timer } from '../timers.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { Mutex } from './mutex.ts';

export interface ConditionWaitOptions {
  /** Milliseconds until it gives up. Default: never. */
  readonly timeout?: number;
}

/**
 * A condition variable (POSIX, pthread_cond_wait). The first that waits is the first to be notified, and there are no spurious
 * wake-ups. A task that is cancelled while it waits takes the mutex before it is thrown the reason; one that has been notified
 * by then is thrown it at its next operation instead, so that no notification is lost on it.
 */
export class Condition {
  readonly name: string;
  readonly #waiters = new WaitQueue<boolean, Mutex>();

  constructor(name = '') {
    this.name = name;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /**
   * Unlocks the mutex, waits to be notified, and locks the mutex again. It cannot be one of several in `select`.
   *
   * @returns an operation that gives whether it was notified: false, the time was over
   * @throws SchedulerError `not-owner` where the task does not hold the mutex; `bad-argument` for a timeout that is no number
   */
  wait(mutex: Mutex, { timeout = Number.POSITIVE_INFINITY }: ConditionWaitOptions = {}): Operation<boolean> {
    if (Number.isNaN(timeout)) throw new SchedulerError('bad-argument', 'timeout must be a number of milliseconds');
    return new Wait(this, this.#waiters, mutex, timeout);
  }

  /** Has the first that waits go on. @returns whether one did */
  notify(): boolean {
    const entry = this.#waiters.first;
    if (entry === null) return false;
    relock(this.#waiters, entry.waiter, entry.payload, true);
    return true;
  }

  /** Has all that wait go on. */
  notifyAll(): void {
    while (this.notify());
  }
}

/** What a waiter of a condition does once it has left the queue. */
class Relocking extends Waiter<void> {
  readonly #outer: Waiter<boolean>;
  readonly notified: boolean;

  constructor(outer: Waiter<boolean>, notified: boolean) {
    super(outer.task, outer.home);
    this.#outer = outer;
    this.notified = notified;
  }

  complete(): void {
    this.#outer.complete(this.notified);
  }

  fail(error: unknown): void {
    this.#outer.fail(error);
  }
}

const timers = new WeakMap<Waiter<boolean>, Timer>();

/** Has a waiter leave the queue and take the mutex. */
function relock(queue: WaitQueue<boolean, Mutex>, waiter: Waiter<boolean>, mutex: Mutex, notified: boolean): void {
  queue.remove(waiter);
  const timer = timers.get(waiter);
  if (timer !== undefined) waiter.home.timers.clear(timer);
  const relocking = new Relocking(waiter, notified);
  waiter.place = relocking;
  mutex.enqueue(relocking);
}

class Wait extends Operation<boolean> {
  readonly #condition: Condition;
  readonly #queue: WaitQueue<boolean, Mutex>;
  readonly #mutex: Mutex;
  readonly #timeout: number;

  constructor(condition: Condition, queue: WaitQueue<boolean, Mutex>, mutex: Mutex, timeout: number) {
    super();
    this.#condition = condition;
    this.#queue = queue;
    this.#mutex = mutex;
    this.#timeout = timeout;
  }

  override get selectable(): boolean {
    return false;
  }

  describe(): string {
    const { name } = this.#condition;
    return `${name === '' ? 'condition' : `condition "${name}"`} with ${this.#mutex}`;
  }

  poll(task: Task | null): Pending {
    this.#mutex.checkOwner('waited with', task);
    return PENDING;
  }

  enqueue(waiter: Waiter<boolean>): void {
    const queue = this.#queue;
    queue.push(waiter, this.#mutex);
    if (this.#timeout !== Number.POSITIVE_INFINITY) {
      const { timers: all } = waiter.home;
      const over = (): void => relock(queue, waiter, this.#mutex, false);
      timers.set(waiter, all.set(all.now() + Math.max(this.#timeout, 0), over));
    }
    this.#mutex.pass();
  }

  cancel(waiter: Waiter<boolean>): Cancelled {
    if (waiter.place instanceof Relocking) return waiter.place.notified ? 'done' : 'later';
    relock(this.#queue, waiter, this.#mutex, false);
    return 'later';
  }
}
