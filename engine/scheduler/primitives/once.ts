import { SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';

/** Something that is done once (C11, call_once). Where doing it fails, the next that has waited does it. */
export class Once {
  readonly name: string;
  #state: 'new' | 'begun' | 'done' = 'new';
  readonly #waiters = new WaitQueue<boolean>();

  constructor(name = '') {
    this.name = name;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** Waits while another does it: false, it is done; true, the caller is to do it, and to call `finish` or `giveUp`. */
  enter(): Operation<boolean> {
    return new Enter(this, this.#waiters);
  }

  /** It is done. @throws SchedulerError `state` where nobody had begun */
  finish(): void {
    this.#leave();
    this.#state = 'done';
    for (let left = this.#waiters.size; left > 0; left--) this.#waiters.shift()?.waiter.complete(false);
  }

  /** Lets the next do it. @throws SchedulerError `state` where nobody had begun */
  giveUp(): void {
    this.#leave();
    const entry = this.#waiters.shift();
    this.#state = entry === null ? 'new' : 'begun';
    entry?.waiter.complete(true);
  }

  #leave(): void {
    if (this.#state !== 'begun') throw new SchedulerError('state', `${this} is ${this.#state}, and not begun`);
  }

  /** For host tasks, with `yield*`: calls the function, or waits until another call has been done. */
  *run(
    func: () => Generator<Operation<unknown> | undefined, void, unknown>,
  ): Generator<Operation<unknown> | undefined, void, unknown> {
    if (!(yield* this.enter())) return;
    let done = false;
    try {
      yield* func();
      done = true;
    } finally {
      if (done) this.finish();
      else this.giveUp();
    }
  }

  /** Used by its operation. @returns whether the caller is to do it; PENDING where another does */
  begin(): boolean | Pending {
    if (this.#state === 'begun') return PENDING;
    if (this.#state === 'done') return false;
    this.#state = 'begun';
    return true;
  }

  toString(): string {
    return this.name === '' ? 'once' : `once "${this.name}"`;
  }
}

class Enter extends Operation<boolean> {
  readonly #once: Once;
  readonly #waiters: WaitQueue<boolean>;

  constructor(once: Once, waiters: WaitQueue<boolean>) {
    super();
    this.#once = once;
    this.#waiters = waiters;
  }

  describe(): string {
    return `${this.#once}, which another does`;
  }

  poll(): boolean | Pending {
    return this.#once.begin();
  }

  enqueue(waiter: Waiter<boolean>): void {
    this.#waiters.push(waiter, undefined);
  }

  cancel(waiter: Waiter<boolean>): Cancelled {
    this.#waiters.remove(waiter);
    return 'given-up';
  }
}
