import { type SignalState, signalName } from '../signals/index.ts';
import type { ExitStatus } from './exit-status.ts';
import type { Deadlines } from './time-limits.ts';

/** Why nothing of what a thread does may go on, and what it ends with; null: only what it computes is over. */
export interface Doom {
  readonly status: ExitStatus | null;
  readonly why: string;
}

/** What was decided about everything that a thread does, while it does it. */
export class Fate {
  /** What it has ended the process with, from within the guest; null: it has not. */
  exitStatus: number | null = null;
  /** What it computes is to be forgotten. */
  isDropped = false;
  readonly #signals: SignalState;
  readonly #limits: Deadlines | null;

  /** @param limits the process's; null: it has none */
  constructor(signals: SignalState, limits: Deadlines | null) {
    this.#signals = signals;
    this.#limits = limits;
  }

  /** Null: its process may take longer. */
  get timeIsUp(): Extract<ExitStatus, { kind: 'timed-out' }> | null {
    const limit = this.#limits?.over ?? null;
    return limit === null ? null : { kind: 'timed-out', limit };
  }

  /** Why nothing of what it does may go on; null: it may. */
  get doom(): Doom | null {
    const status = this.exitStatus;
    if (status !== null)
      return { status: { kind: 'exited', status, results: [] }, why: `the process has ended with status ${status}` };
    const signal = this.#signals.deadly;
    if (signal !== null)
      return { status: { kind: 'signaled', signal }, why: `${signalName(signal)} has ended the process` };
    const over = this.timeIsUp;
    if (over !== null) return { status: over, why: `the process has reached its limit of ${over.limit} time` };
    return this.isDropped ? { status: null, why: 'what the process was computing has been dropped' } : null;
  }
}
