import { PACED_LIMIT, POLL_LIMIT } from './budget.ts';
import { now } from './event-loop.ts';

/** What a poll takes may change suddenly, and a single measurement may be off. */
const LARGEST_STEP = 8;

/** The budget of polls that is to take the wanted time, where the last one took another; between an eighth and eight times of that. */
export function paced(budget: number, wanted: number, took: number): number {
  const factor = Math.min(Math.max(wanted / Math.max(took, Number.MIN_VALUE), 1 / LARGEST_STEP), LARGEST_STEP);
  return Math.round(Math.min(Math.max(budget * factor, 1), POLL_LIMIT));
}

/** Polls after which it is looked whether the host needs a turn: at first, and how many milliseconds they should take at most. */
const FIRST_CHUNK = 10_000;
const CHUNK_TIME = 1;

/** Polls between two looks at what may end a guest that cannot yield, or is not to: at first, at most, and how long they should take. */
const FIRST_LOOK = 1000;
const MOST = 10_000;
const LOOK_TIME = 1;

/** How many polls a guest passes until it is looked whether it is to end. */
export class Looks {
  #polls = FIRST_LOOK;
  #since = 0;

  /** @param isFirst whether it has not been running since the last time */
  next(isFirst: boolean): number {
    const time = now();
    if (!isFirst) this.#polls = Math.min(paced(this.#polls, LOOK_TIME, time - this.#since), MOST);
    this.#since = time;
    return this.#polls;
  }
}

/** The polls that a guest passes before it is looked whether its host needs a turn. */
export class Chunk {
  readonly #time: number;
  #size = FIRST_CHUNK;
  /** The last run has passed all of its chunk: this one is measured. */
  #isWhole = false;
  #since = 0;

  /** @param turn how many milliseconds pass until the host needs a turn */
  constructor(turn = Number.POSITIVE_INFINITY) {
    this.#time = Math.min(CHUNK_TIME, turn / 2);
  }

  /** A run begins. @returns how many polls it is to pass at most */
  begin(): number {
    if (this.#isWhole) this.#since = now();
    return this.#size;
  }

  /** It has passed all of them, and is to go on. */
  passed(): void {
    if (this.#isWhole) this.#size = Math.min(paced(this.#size, this.#time, now() - this.#since), PACED_LIMIT);
    this.#isWhole = true;
  }

  /** It has ended before. */
  ended(): void {
    this.#isWhole = false;
  }
}
