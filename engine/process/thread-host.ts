import type { Signo } from '../signals/index.ts';
import type { ExitStatus } from './exit-status.ts';
import type { Deadlines } from './time-limits.ts';

/** Whom the runner of a thread turns to. */
export interface Handlers {
  /** Something happened that may let the thread go on. */
  readonly wake: () => void;
  /** Takes in the signals that other threads have sent, and looks at the clocks. */
  readonly collect: () => void;
  /** The process's time limits; null: it has none. */
  readonly limits: Deadlines | null;
  /** Whether `collect` has to be called again and again while the guest runs, however long its budget lasts. */
  readonly isWatched: boolean;
  readonly stopped: (signal: Signo) => void;
  /** It is over; `returned`: what it was to run has returned. */
  readonly ended: (status: ExitStatus, returned: boolean) => void;
  /** A signal's handler is about to run. */
  readonly delivered?: (signal: Signo) => void;
  /** In tests: a handler has returned, which began with the first stack pointer and ended with the second. */
  readonly returned: ((before: number, after: number) => void) | null;
}

/** The shadow stack of a thread; it grows down. */
export interface StackRange {
  readonly low: number;
  readonly high: number;
}
