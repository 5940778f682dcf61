import { type RunningHost, runningHost, type SuspendableImport, setRunning } from '../../continuations/running.ts';
import type { WaitingCall } from './blocking.ts';
import type { Budget } from './budget.ts';
import { leaveByTrap, trapEnded } from './errors.ts';
import { now } from './event-loop.ts';
import type { Doom } from './fate.ts';
import type { Guest } from './guest.ts';
import { Invocations } from './invocations.ts';
import { Looks } from './pace.ts';
import type { Deadlines } from './time-limits.ts';

/** What the presence of a thread's guest needs of the thread. */
export interface Present {
  readonly guest: Guest;
  readonly budget: Budget;
  readonly limits: Deadlines | null;
  /** Whether others have it looked again and again for what has come from elsewhere. */
  readonly isWatched: boolean;
  /** Takes in what has come from elsewhere. */
  collect(): void;
  /** Null: it may go on. */
  doom(): Doom | null;
  /** Whether a call of an import is to be suspended as soon as it is back in the guest. */
  isSuspending(): boolean;
  /** The call of an import that has just returned is to be suspended. */
  suspend(waiting: WaitingCall): void;
}

const NEVER = Number.POSITIVE_INFINITY;
let innermost: Presence | null = null;

/** The guest of a thread on the host's native stack: whom its polls and its imports turn to while it runs (continuations/running.ts). */
export class Presence implements RunningHost {
  readonly invocations: Invocations;
  /** How many polls the guest passes until it is looked whether it is to end. */
  readonly looks = new Looks();
  readonly #thread: Present;
  /** What runs the guest whose import runs this one. */
  #outer: RunningHost | null = null;
  #before: Presence | null = null;
  /** When the slice is to be over. */
  #until = NEVER;
  #isLate = false;
  /** When it is to yield for that, or for a time limit, whatever its polls say. */
  #due = NEVER;
  /** A poll in this resumption could not yield. */
  #isOverdrawn = false;

  constructor(thread: Present) {
    this.#thread = thread;
    this.invocations = new Invocations(thread.guest);
  }

  /** Runs a slice of it; what another one is running, in an import of which this is, is as it was. */
  during<T>(until: number, run: () => T): T {
    this.#until = until;
    this.#isLate = false;
    const outer = innermost;
    if (outer === null) return run();
    // The guests of a store poll the same counter or word.
    const { budget } = outer.#thread;
    const kept = budget.keep();
    try {
      return run();
    } finally {
      budget.restore(kept);
      budget.request();
    }
  }

  /** The guest is about to run. */
  enter(): void {
    const { limits } = this.#thread;
    this.#due = limits === null ? this.#until : Math.min(this.#until, limits.due);
    this.#isOverdrawn = false;
    this.#outer = runningHost();
    this.#before = innermost;
    innermost = this;
    setRunning(this);
    limits?.enter();
  }

  leave(): void {
    this.#thread.limits?.leave();
    innermost = this.#before;
    setRunning(this.#outer);
    this.#outer = null;
    this.#before = null;
  }

  /** Whether the slice has taken its time. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** To be called within the guest: where its process is to end nothing of it goes on. */
  leaveIfDoomed(): void {
    const doom = this.#thread.doom();
    if (doom === null) return;
    this.#thread.budget.request();
    leaveByTrap(doom.why);
  }

  polled(): number {
    const { budget } = this.#thread;
    // Whose import has run this process is not to be kept from its end either.
    if (this.#outer !== null && this.#outer.polled() < 0) return -1;
    this.#thread.collect();
    const doom = this.#thread.doom();
    if (doom !== null) {
      budget.request();
      trapEnded(doom.why);
      return -1;
    }
    budget.lend();
    const polls = this.looks.next(!this.#isOverdrawn);
    this.#isOverdrawn = true;
    return polls;
  }

  returned(): void {
    const time = this.#due === NEVER ? 0 : now();
    if (time >= this.#due) {
      this.#isLate = time >= this.#until;
      this.#thread.budget.request();
    } else if (!this.#isAsked) return;
    // The next poll may be many such calls away.
    this.#thread.collect();
    if (!this.#thread.isSuspending()) this.leaveIfDoomed();
  }

  /** Whether there may be something to look at after a call of an import, whatever the time: the word says so, or nothing says when. */
  get #isAsked(): boolean {
    const { epoch } = this.#thread.guest;
    if (epoch !== null && epoch.buffer !== null) return true;
    return this.#thread.isWatched && this.#due === NEVER;
  }

  call(entry: SuspendableImport, args: readonly unknown[]): unknown {
    return this.invocations.call(entry, args, (waiting) => this.#thread.suspend(waiting));
  }
}
