import { hostProcessClock, type ProcessClock } from '../process/event-loop.ts';
import { SchedulerError } from './errors.ts';

/** A clock that goes by itself. Times are milliseconds from any beginning, and never go back. */
export type RealClock = ProcessClock;

/** A clock that stands still while anything can run; then the scheduler sets it to when the next sleeper is due. */
export interface SkippingClock {
  now(): number;
  skipTo(time: number): void;
}

export type Clock = RealClock | SkippingClock;

/** The host's monotonic clock. */
export const hostClock: RealClock = hostProcessClock;

/** For the deterministic mode: what sleeps takes no time, and what computes takes none of this clock's. */
export class VirtualClock implements SkippingClock {
  #now: number;

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** @throws SchedulerError `bad-argument` for a time that is past */
  skipTo(time: number): void {
    if (!(time >= this.#now)) throw new SchedulerError('bad-argument', `the clock cannot go back to ${time}`);
    this.#now = time;
  }
}
