import { SchedulerError } from '../errors.ts';
import { type Cancelled, type Home, Operation, PENDING, type Pending, Waiter } from '../operation.ts';
import type { Task } from '../task.ts';

export type Cases = Readonly<Record<string, Operation<unknown>>>;
type ResultOf<O> = O extends Operation<infer T> ? T : never;
/** Which operation was done, and its result. */
export type Selected<C extends Cases> = {
  readonly [K in keyof C]: { readonly key: K; readonly value: ResultOf<C[K]> };
}[keyof C];

/**
 * Does exactly one of several operations: one that need not wait, drawn among those by the scheduler's seed; or the first that is
 * done. What fails makes the whole fail. Where there is none to be done, it waits until it is cancelled.
 *
 *     const got = yield* select({ line: lines.receive(), timeout: sleep(1000) });
 *     if (got.key === 'timeout') …
 *
 * @throws SchedulerError `not-selectable` for an operation that takes time to be given up, `bad-argument` for what is none
 */
export function select<const C extends Cases>(cases: C): Operation<Selected<C>> {
  const entries = Object.entries(cases);
  for (const [key, operation] of entries) {
    if (!(operation instanceof Operation)) throw new SchedulerError('bad-argument', `case "${key}" is no operation`);
    if (!operation.selectable) {
      throw new SchedulerError('not-selectable', `case "${key}" (${operation.describe()}) cannot be one of several`);
    }
  }
  return new Select(entries) as Operation<unknown> as Operation<Selected<C>>;
}

interface Choice {
  readonly key: string;
  readonly value: unknown;
}

class Select extends Operation<Choice> {
  readonly #cases: readonly (readonly [string, Operation<unknown>])[];

  constructor(cases: readonly (readonly [string, Operation<unknown>])[]) {
    super();
    this.#cases = cases;
  }

  describe(): string {
    if (this.#cases.length === 0) return 'select of nothing';
    return `one of: ${this.#cases.map(([key, operation]) => `${key} (${operation.describe()})`).join(', ')}`;
  }

  poll(task: Task | null, home: Home): Choice | Pending {
    const cases = this.#cases;
    const { length } = cases;
    const first = length < 2 ? 0 : Math.floor(home.random() * length);
    for (let index = 0; index < length; index++) {
      const [key, operation] = cases[(first + index) % length] as (typeof cases)[number];
      const value = operation.poll(task, home);
      if (value !== PENDING) return { key, value };
    }
    return PENDING;
  }

  enqueue(waiter: Waiter<Choice>): void {
    const wait = new SelectWait(waiter);
    waiter.place = wait;
    for (const [key, operation] of this.#cases) {
      const alternative = new Alternative(wait, key, operation);
      operation.enqueue(alternative);
      wait.alternatives.push(alternative);
    }
  }

  cancel(waiter: Waiter<Choice>): Cancelled {
    (waiter.place as SelectWait).giveUp(null);
    return 'given-up';
  }
}

/** One wait for all of the cases. */
class SelectWait {
  readonly outer: Waiter<Choice>;
  readonly alternatives: Alternative[] = [];
  isOver = false;

  constructor(outer: Waiter<Choice>) {
    this.outer = outer;
  }

  /** Gives up all but the one that is done. */
  giveUp(done: Alternative | null): void {
    this.isOver = true;
    for (const other of this.alternatives) if (other !== done) other.operation.cancel(other);
  }
}

class Alternative extends Waiter<unknown> {
  readonly operation: Operation<unknown>;
  readonly #wait: SelectWait;
  readonly #key: string;

  constructor(wait: SelectWait, key: string, operation: Operation<unknown>) {
    super(wait.outer.task, wait.outer.home);
    this.#wait = wait;
    this.#key = key;
    this.operation = operation;
  }

  override get isOver(): boolean {
    return this.#wait.isOver || this.#wait.outer.isOver;
  }

  complete(value: unknown): void {
    this.#wait.giveUp(this);
    this.#wait.outer.complete({ key: this.#key, value });
  }

  fail(error: unknown): void {
    this.#wait.giveUp(this);
    this.#wait.outer.fail(error);
  }
}
