import { at, now } from '../process/event-loop.ts';
import { CLOCK } from './constants.ts';

/** What the guest's clocks show, in nanoseconds. */
export interface Clocks {
  realtime(): bigint;
  /** It never goes back. */
  monotonic(): bigint;
  /** Calls back when so many milliseconds of the monotonic clock are over. Default: the host's timers. @returns what calls it off */
  after?(milliseconds: number, wake: () => void): () => void;
}

export const hostClocks: Clocks = {
  realtime: () => BigInt(Date.now()) * 1_000_000n,
  monotonic: () => BigInt(Math.round(now() * 1e6)),
};

/** Longer than any host lives, and exact as a number of milliseconds. */
const LONGEST = 1n << 62n;

/** What a clock shows; null: there is no such clock. */
export function read(clocks: Clocks, id: number): bigint | null {
  switch (id) {
    case CLOCK.REALTIME:
      return clocks.realtime();
    case CLOCK.MONOTONIC:
      return clocks.monotonic();
    default:
      return null;
  }
}

/** A time on one of the clocks. */
export interface Deadline {
  readonly isDue: () => boolean;
  /** Calls back when it may be due. @returns what calls that off */
  readonly wait: (wake: () => void) => () => void;
}

/** @param time in nanoseconds: of the clock's, or from now on */
export function deadline(clocks: Clocks, id: number, time: bigint, absolute: boolean): Deadline | null {
  if (read(clocks, id) === null) return null;
  // A span is not changed by setting the clock (clock_nanosleep(2)).
  const clock = absolute && id === CLOCK.REALTIME ? () => clocks.realtime() : () => clocks.monotonic();
  const end = absolute ? time : clock() + time;
  const left = (): bigint => end - clock();
  return {
    isDue: () => left() <= 0n,
    wait: (wake) => {
      const time = Number(left() < LONGEST ? left() : LONGEST) / 1e6;
      return clocks.after?.(time, wake) ?? at(now() + time, wake);
    },
  };
}
