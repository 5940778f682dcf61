import { SI, SIGCONT, SIGTERM, type SigInfoInit } from '../signals/index.ts';
import { at, now } from './event-loop.ts';

/** How long a process may take, in milliseconds. */
export interface TimeLimits {
  /** Since it has begun to run. */
  readonly wall?: number;
  /** While it has had its thread to itself, its imports and what they call included (setrlimit(2), RLIMIT_CPU). */
  readonly cpu?: number;
  /**
   * How much longer it may take of what is up, to end by itself: it gets SIGTERM and SIGCONT where that is `wall` (timeout(1)), SIGXCPU
   * where it is `cpu`. Default 0: it ends at once, without a signal.
   */
  readonly grace?: number;
}
export type TimeLimit = 'wall' | 'cpu';
export const TIME_LIMITS = ['wall', 'cpu'] as const satisfies readonly TimeLimit[];

/** @throws RangeError for a limit that is not more than 0, or a grace below 0 */
export function checkLimits({ wall = 1, cpu = 1, grace = 0 }: TimeLimits): void {
  if (!(wall > 0 && cpu > 0)) throw new RangeError('a time limit must be a number of milliseconds above 0');
  if (!(grace >= 0)) throw new RangeError('the grace of time limits must be a number of milliseconds from 0 on');
}

/** What a process gets that has passed a limit and has its grace to end by itself. */
export function warn(process: { kill(signal: number | string, info: SigInfoInit): boolean }, limit: TimeLimit): void {
  process.kill(limit === 'wall' ? SIGTERM : 'SIGXCPU', { code: SI.KERNEL });
  // As timeout(1) does: a stopped process could not act on it.
  process.kill(SIGCONT, { code: SI.KERNEL });
}

/** The clocks of a process with time limits. */
export class Deadlines {
  readonly #limits: TimeLimits;
  readonly #told: (limit: TimeLimit) => void;
  /** Since when time counts; null: it does not. */
  readonly #since: { [limit in TimeLimit]: number | null } = { wall: null, cpu: null };
  /** What has counted before. */
  #used = 0;
  readonly #passed: TimeLimit[] = [];
  #over: TimeLimit | null = null;
  #cancel: (() => void) | null = null;

  /** @param told is called when a limit is passed and there is grace */
  constructor(limits: TimeLimits, told: (limit: TimeLimit) => void) {
    this.#limits = limits;
    this.#told = told;
  }

  /** The process begins. @param look is called where time is up while it does not run */
  begin(look: () => void): void {
    if (this.#since.wall !== null) return;
    const begun = now();
    this.#since.wall = begun;
    const { wall, grace = 0 } = this.#limits;
    if (wall === undefined) return;
    this.#cancel = at(begun + wall, () => {
      look();
      if (grace > 0 && this.#cancel !== null) this.#cancel = at(begun + wall + grace, look);
    });
  }

  /** The guest begins to run. */
  enter(): void {
    this.#since.cpu = now();
  }

  leave(): void {
    if (this.#since.cpu !== null) this.#used += now() - this.#since.cpu;
    this.#since.cpu = null;
  }

  /** The process has ended. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** The limit that has been passed first; null: none. */
  get passed(): TimeLimit | null {
    return this.#passed[0] ?? null;
  }

  /** The limit that ends the process; null: none has. */
  get over(): TimeLimit | null {
    return this.#over;
  }

  #taken(limit: TimeLimit, time: number): number {
    const since = this.#since[limit];
    return (limit === 'cpu' ? this.#used : 0) + (since === null ? 0 : time - since);
  }

  /** Looks at the clocks. */
  look(): void {
    const time = now();
    const { grace = 0 } = this.#limits;
    for (const limit of TIME_LIMITS) {
      const most = this.#limits[limit];
      if (most === undefined || this.#over !== null) continue;
      const taken = this.#taken(limit, time);
      if (taken < most) continue;
      if (!this.#passed.includes(limit)) {
        this.#passed.push(limit);
        if (grace > 0) this.#told(limit);
      }
      if (taken >= most + grace) this.#over = limit;
    }
  }

  /** When there is something to look at, if the guest runs on until then. */
  get due(): number {
    const time = now();
    const { grace = 0 } = this.#limits;
    const left = TIME_LIMITS.map((limit) => {
      const most = this.#limits[limit] ?? Number.POSITIVE_INFINITY;
      return most + (this.#passed.includes(limit) ? grace : 0) - this.#taken(limit, time);
    });
    return time + Math.min(...left);
  }
}
