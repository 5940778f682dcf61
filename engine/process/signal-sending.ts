import {
  isRealtime,
  type SigInfo,
  type SigInfoInit,
  type SignalState,
  type Signo,
  sigInfo,
  signo,
} from '../signals/index.ts';
import type { Conductor } from './conductor.ts';
import type { ExitStatus } from './exit-status.ts';
import type { Runner } from './runner.ts';

/** The process that signals are sent to. */
export interface Addressee {
  readonly signals: SignalState;
  /** How it ended; null: it has not. */
  status(): ExitStatus | null;
  /** Whose guest code has called the host; null: none is running. */
  running(): Runner | null;
  /** Who runs its threads; null: it runs by itself. */
  conductor(): Conductor | null;
  finish(status: ExitStatus): void;
  /** It may go on. */
  notify(): void;
}

/** Sends signals to a process, and has it look after them. */
export class SignalSending {
  readonly #process: Addressee;

  constructor(process: Addressee) {
    this.#process = process;
  }

  /**
   * @param thread the one it is sent to; null: the process
   * @returns false where the process has ended, or too many signals wait
   * @throws SignalError EINVAL
   */
  send(signal: number | string, init: SigInfoInit | undefined, thread: SignalState | null): boolean {
    const { signals } = this.#process;
    const status = this.#process.status();
    if (signal === 0) return status === null;
    const info = sigInfo(signo(signal), init);
    if (status !== null) return false;
    const sent = thread === null ? signals.send(info) : thread.send(info, 'thread');
    this.sent(info.signo, thread);
    return sent !== 'lost';
  }

  /**
   * Takes in what another thread of the host has sent, which has a place in the queue where it needs one.
   *
   * @returns false where the process has ended before it had all
   */
  receive(received: readonly SigInfo[]): boolean {
    for (const info of received) {
      if (this.#process.status() !== null) return false;
      this.#process.signals.send(info, 'process', isRealtime(info.signo));
      this.sent(info.signo, null);
    }
    return true;
  }

  /** @param thread the one it was sent to; null: the process */
  sent(number: Signo, thread: SignalState | null): void {
    const { signals } = this.#process;
    const { fatal } = signals;
    const running = this.#process.running();
    if (running !== null) {
      if (running.signals.deliverable) running.budget.request();
    } else if (fatal !== null) this.#process.finish({ kind: 'signaled', signal: fatal });
    this.#process.notify();
    this.#process.conductor()?.signaled(number, thread ?? signals.recipient(number));
  }
}
