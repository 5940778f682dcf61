import type { Signo } from '../signals/index.ts';
import type { ProcessControl } from './control.ts';
import type { ProcessClock } from './event-loop.ts';
import type { GuestOptions } from './guest.ts';
import type { Pause } from './pause.ts';
import type { Process } from './process.ts';
import type { TimeLimits } from './time-limits.ts';

export const DEFAULT_SLICE = 10;

export interface ProcessOptions extends GuestOptions {
  /**
   * The export to run. Default `_start`. Null: none, the process computes what it is called for (`call`), and does not end with that; the
   * module's start function then runs at instantiation.
   */
  readonly entry?: string | null;
  readonly args?: readonly unknown[];
  /** Exports without parameters that are called before it, in order: `_initialize` of a WASI reactor. Default: none. */
  readonly before?: readonly string[];
  /** Default: the next number from 2 on. */
  readonly pid?: number;
  /**
   * How many milliseconds the guest runs at most before the host's event loop has a turn. Default 10. Infinity: until it waits;
   * a guest with `epoch` polls then needs no thread that watches the time.
   */
  readonly slice?: number;
  /** Its time limits. Default: none. */
  readonly limits?: TimeLimits;
  /** Other processes that this one's guest can signal. Default: none. */
  readonly findProcess?: (pid: number) => Process | undefined;
  /** Lets a RemoteProcess in another thread send signals to this one. */
  readonly control?: ProcessControl;
  /** What nanosleep and setitimer go by. Default: the host's monotonic clock. */
  readonly clock?: ProcessClock;
  /**
   * Called when a stop signal has stopped the process.
   *
   * @param goOn to be called, now or later, where it is not to be stopped (a terminal's signal to an orphaned process group): it
   * goes on without SIGCONT. Does nothing once it goes on
   */
  readonly onStop?: (signal: Signo, goOn: () => void) => void;
}

export interface SliceOptions {
  /**
   * The guest yields at the poll that uses up this many units: one costs 1, or a 64th of the work since the last where that is 128 units or
   * more (docs/architecture.md). Default: about a slice. Guests with `epoch` polls count none.
   */
  readonly fuel?: number;
}

/** How a slice ended. */
export interface Slice {
  readonly finished: boolean;
  readonly pause: Pause;
}
