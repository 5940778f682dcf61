import { EPOCH, type EpochWord } from './epoch-word.ts';

/** What has a guest yield: `fuel` polls count polls down, `epoch` polls look at a word. */
export interface Budget {
  /** What is set before a slice: the guest yields at the poll of this number from now on, where it counts them. */
  set(polls: number): void;
  /** Has the guest yield at its next poll for a signal, without taking anything off its budget but that poll. */
  request(): void;
  /** Has the guest yield after this many polls, again without taking anything off its budget. */
  limit(polls: number): void;
  /** A poll could not yield: those that pass until it is asked again are not counted. */
  lend(): void;
  /** What was asked for is about to be looked after: the guest can go on. */
  rearm(): void;
  /** What is to be given to `restore` once another guest has run, which may have the same counter or word. */
  keep(): Kept;
  restore(kept: Kept): void;
  /** Whether the guest, having yielded, has used up its budget. */
  readonly spent: boolean;
  /** What it has used since the budget was set, which the last poll may exceed; 0 where nothing is counted. */
  readonly used: number;
}

/** A budget while another guest runs. */
export interface Kept {
  readonly left: number;
  readonly reserve: number;
  readonly requested: boolean;
  readonly lent: boolean;
}

/** The largest budget of polls. */
export const POLL_LIMIT = 0x7fff_ffff;

/** @throws RangeError for a budget that is no integer from 1 to POLL_LIMIT */
export function checkFuel(fuel: number): void {
  if (Number.isInteger(fuel) && fuel >= 1 && fuel <= POLL_LIMIT) return;
  throw new RangeError(`fuel must be an integer from 1 to ${POLL_LIMIT}`);
}

/**
 * The largest one that follows the time polls have taken: for 0.6 ms where a poll takes a nanosecond, which the fastest do. Those
 * that come next may each stand for a hundred times the work that a unit of fuel pays.
 */
export const PACED_LIMIT = 600_000;

export class FuelBudget implements Budget {
  readonly #fuel: WebAssembly.Global;
  readonly #refuel: (polls: number) => number;
  /** What was left when a yield was asked for. */
  #reserve = 0;
  #requested = false;
  /** The counter is that of polls that could not yield. */
  #lent = false;
  #polls = 0;

  /** @param refuel sets it, and costs less than the access to a global does */
  constructor(fuel: WebAssembly.Global, refuel: (polls: number) => number) {
    this.#fuel = fuel;
    this.#refuel = refuel;
  }

  set(polls: number): void {
    this.#polls = polls;
    this.#refuel(polls - 1);
    this.#reserve = 0;
    this.#requested = false;
    this.#lent = false;
  }

  lend(): void {
    this.#lent = true;
  }

  request(): void {
    const fuel = this.#fuel;
    if (fuel.value > 0) {
      if (!this.#lent) this.#reserve += fuel.value;
      fuel.value = 0;
    }
    this.#requested = true;
  }

  limit(polls: number): void {
    const fuel = this.#fuel;
    const more = fuel.value - polls;
    if (this.#requested || more <= 0) return;
    this.#reserve = more;
    fuel.value = polls;
    this.#requested = true;
  }

  keep(): Kept {
    return { left: this.#fuel.value, reserve: this.#reserve, requested: this.#requested, lent: this.#lent };
  }

  restore({ left, reserve, requested, lent }: Kept): void {
    this.#lent = lent;
    this.#fuel.value = left;
    this.#reserve = reserve;
    this.#requested = requested;
  }

  rearm(): void {
    this.#lent = false;
    if (!this.#requested) return;
    this.#fuel.value += this.#reserve;
    this.#reserve = 0;
    this.#requested = false;
  }

  get spent(): boolean {
    return !this.#requested || this.#fuel.value + this.#reserve < 0;
  }

  get used(): number {
    return Math.max(this.#polls - 1 - this.#fuel.value - this.#reserve, 0);
  }
}

const NOTHING: Kept = { left: 0, reserve: 0, requested: false, lent: false };

/** The time is the budget: a timer's thread ends it, or whoever else sets the word. */
export class EpochBudget implements Budget {
  readonly #word: EpochWord;

  constructor(word: EpochWord) {
    this.#word = word;
  }

  set(): void {
    this.#word.clear();
  }

  request(): void {
    this.#word.raise(EPOCH.signal);
  }

  limit(): void {}
  lend(): void {}

  /** Signals are looked for after this, as senders set the word after them: none is missed. That its time is over stays. */
  rearm(): void {
    this.#word.lower(EPOCH.signal | EPOCH.remote);
  }

  /** Who asks it to yield sets the word again. */
  keep(): Kept {
    return NOTHING;
  }

  restore(): void {}

  get spent(): boolean {
    return (this.#word.read() & ~(EPOCH.signal | EPOCH.remote)) !== 0;
  }

  get used(): number {
    return 0;
  }
}
