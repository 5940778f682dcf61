import type { SignalState, Signo } from '../signals/index.ts';
import type { Runner } from './runner.ts';

/** Runs the threads of a process, in the place of the process's own loop. */
export interface Conductor {
  /** Whose turn it is; null: nobody's. */
  readonly active: Runner | null;
  /** The main thread may be able to go on. */
  wake(): void;
  /** A signal was sent. @param thread whose it is; null: nobody's yet, as all block it */
  signaled(signal: Signo, thread: SignalState | null): void;
  /** A handler is about to run in the active thread. */
  delivered(signal: Signo): void;
  ended(): void;
}
