import { SchedulerError } from './errors.ts';
import { PromiseInbox } from './inbox.ts';
import type { Random } from './random.ts';
import type { Task } from './task.ts';
import type { Timers } from './timers.ts';
import type { Trace } from './trace.ts';

/** What `poll` returns where a task has to wait. */
export const PENDING: unique symbol = Symbol('pending');
export type Pending = typeof PENDING;

/** What an operation can use of the scheduler whose task waits. */
export interface Home {
  readonly timers: Timers;
  readonly random: Random;
  /** For what the scheduler does not see itself, as signals; null: nobody listens. */
  readonly trace: Trace | null;
  /** Something outside will wake a task: there is no deadlock until it is released. @returns what releases it, once */
  hold(): () => void;
  /** The same without an object: `arrive` or `giveUp` is to follow, once. */
  expect(): void;
  /** What was expected is there, and ends the wait. To be called from a microtask of its own: the task may run at once. */
  arrive(waiter: Waiter<unknown>, failed: boolean, value: unknown): void;
  giveUp(): void;
}

/**
 * What became of a wait that was to be given up: it is over (`given-up`); it ends later, and nothing was done (`later`: a
 * condition takes its mutex first); it has been done, and completes (`done`).
 */
export type Cancelled = 'given-up' | 'later' | 'done';

/** One wait for one operation. */
export abstract class Waiter<T> {
  /** The task that waits; null: the host. */
  readonly task: Task | null;
  readonly home: Home;
  /** The operation's own. */
  place: unknown = null;

  constructor(task: Task | null, home: Home) {
    this.task = task;
    this.home = home;
  }

  /** Where a promise comes in that it waits for. */
  get inbox(): PromiseInbox {
    return new PromiseInbox();
  }

  /** It is about to be given up: it must not be given anything. */
  get isOver(): boolean {
    return false;
  }

  /** The operation is done. To be called once, and not from `enqueue`; the waiter has left all queues before. */
  abstract complete(value: T): void;
  /** It has failed: this is thrown where it is waited for. The same holds. */
  abstract fail(error: unknown): void;
}

/**
 * Something a task can wait for. In a host task `yield*` it, in an import of a guest return it from a `Suspending` function,
 * elsewhere `await scheduler.wait(it)`. It does nothing before, and can be used any number of times.
 */
export abstract class Operation<T> {
  /** What a task that waits in it is blocked on, for reports. */
  abstract describe(): string;

  /**
   * Does it at once, if it need not wait.
   *
   * @throws what is then thrown where it is waited for
   */
  abstract poll(task: Task | null, home: Home): T | Pending;

  /** Begins to wait; called right after `poll` has returned PENDING. */
  abstract enqueue(waiter: Waiter<T>): void;

  /** Gives up waiting. */
  abstract cancel(waiter: Waiter<T>): Cancelled;

  /** Whether it can be one of several in `select`: giving it up takes no time. */
  get selectable(): boolean {
    return true;
  }

  /** The same, its result changed by a function. What that throws is thrown where the operation is waited for. */
  map<U>(change: (value: T) => U): Operation<U> {
    return new Mapped(this, change);
  }

  /** For `yield*`. */
  *[Symbol.iterator](): Generator<Operation<unknown>, T, unknown> {
    return (yield this) as T;
  }
}

class Mapped<T, U> extends Operation<U> {
  readonly #inner: Operation<T>;
  readonly #change: (value: T) => U;

  constructor(inner: Operation<T>, change: (value: T) => U) {
    super();
    this.#inner = inner;
    this.#change = change;
  }

  override get selectable(): boolean {
    return this.#inner.selectable;
  }

  describe(): string {
    return this.#inner.describe();
  }

  poll(task: Task | null, home: Home): U | Pending {
    const value = this.#inner.poll(task, home);
    return value === PENDING ? PENDING : this.#change(value);
  }

  enqueue(waiter: Waiter<U>): void {
    const inner = new ChangingWaiter(waiter, this.#change);
    waiter.place = inner;
    this.#inner.enqueue(inner);
  }

  cancel(waiter: Waiter<U>): Cancelled {
    return this.#inner.cancel(waiter.place as Waiter<T>);
  }
}

class ChangingWaiter<T, U> extends Waiter<T> {
  readonly #outer: Waiter<U>;
  readonly #change: (value: T) => U;

  constructor(outer: Waiter<U>, change: (value: T) => U) {
    super(outer.task, outer.home);
    this.#outer = outer;
    this.#change = change;
  }

  override get isOver(): boolean {
    return this.#outer.isOver;
  }

  complete(value: T): void {
    let changed: U;
    try {
      changed = this.#change(value);
    } catch (error) {
      this.#outer.fail(error);
      return;
    }
    this.#outer.complete(changed);
  }

  fail(error: unknown): void {
    this.#outer.fail(error);
  }
}

/** @throws SchedulerError `bad-yield` */
export function checkOperation(value: unknown): Operation<unknown> {
  if (value instanceof Operation) return value;
  const hint = value instanceof Promise ? ': use settled(promise)' : '';
  throw new SchedulerError('bad-yield', `a task yielded what is no operation${hint}`);
}
