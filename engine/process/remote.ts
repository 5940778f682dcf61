import { type Places, SIGCONT, SIGSTOP, type SigInfo, type SigInfoInit, sigInfo, signo } from '../signals/index.ts';
import { Mailbox, type ProcessControl, type ProcessState } from './control.ts';
import { EPOCH, SharedWord } from './epoch-word.ts';
import { ProcessError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import type { TimeLimit } from './time-limits.ts';

/** What a process tells its RemoteProcess. */
export type Report =
  /** Where the word of its guest's polls lies. */
  | { readonly kind: 'word'; readonly buffer: SharedArrayBuffer }
  | { readonly kind: 'exited'; readonly status: number; readonly results: readonly unknown[] }
  | { readonly kind: 'signaled'; readonly signal: number }
  | { readonly kind: 'timed-out'; readonly limit: TimeLimit }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly stack: string | undefined };

/**
 * A process in another thread, seen from this one. Its signals go through shared memory, so that a guest that computes gets
 * them at its next poll, where its polls are `epoch` ones, and otherwise when its slice is over.
 *
 * ```ts
 * const remote = new RemoteProcess();
 * worker.postMessage({ module, control: remote.control }, [remote.control.port]);
 * // in the worker: Process.instantiate(new Store(), module, {}, { control }).start();
 * remote.kill('SIGINT');
 * ```
 */
export class RemoteProcess {
  /** For the option `control` of the process; `control.port` has to be among what is transferred. */
  readonly control: ProcessControl;
  readonly #mailbox = new Mailbox();
  readonly #port: MessagePort;
  readonly #ended: Promise<ExitStatus>;
  #resolve: (status: ExitStatus) => void = () => {};
  #status: ExitStatus | null = null;
  #word: SharedWord | null = null;

  /** @throws ProcessError `no-shared-memory` on a web page that is not cross-origin isolated */
  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.control = { buffer: this.#mailbox.buffer, port: port2 };
    this.#ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    port1.onmessage = ({ data }) => this.#told(data as Report);
    port1.addEventListener('close', () => this.#closed());
    unref(port1);
  }

  /**
   * Sends a signal, by number or name; 0 only asks whether the process is there (kill(2)).
   *
   * @returns false where the process has ended, or a real-time signal finds no room: 1,024 signals are on their way, or 4,096
   * wait (EAGAIN). A signal for which it is true is delivered, unless the process ends before
   * @throws SignalError EINVAL where there is no such signal, or what comes with it is not to be understood
   */
  kill(signal: number | string, info?: SigInfoInit): boolean {
    if (signal === 0) return !this.#isOver;
    const full = sigInfo(signo(signal), info);
    if (this.#isOver) return false;
    // The process clears the word before it looks for signals, and listens before it waits: in this order none is missed.
    const sent = this.#mailbox.send(full);
    this.#word?.raise(EPOCH.remote);
    if (this.#mailbox.notify()) this.#port.postMessage(null);
    return sent;
  }

  /** Stops the process: SIGSTOP. */
  stop(): boolean {
    return this.kill(SIGSTOP);
  }

  /** Has a stopped process go on: SIGCONT. */
  continue(): boolean {
    return this.kill(SIGCONT);
  }

  /** What the process was doing when it last changed that. */
  get state(): ProcessState {
    return this.#status === null ? this.#mailbox.state : 'ended';
  }

  /** How it ended; null: it has not, or its report has not arrived. */
  get status(): ExitStatus | null {
    return this.#status;
  }

  /**
   * How it ends. Results that cannot be sent between threads are left out, and an error is one of the same name, message and
   * stack. `failed` with a ProcessError `no-worker`: its thread has ended without it.
   */
  wait(): Promise<ExitStatus> {
    return this.#ended;
  }

  #closed(): void {
    const { ending } = this.#mailbox;
    // Its report was lost with its thread.
    if (ending !== null && ending.kind !== 'failed') this.#finish(ending);
    else this.close();
  }

  /**
   * To be called where the process's thread has ended, on hosts that do not tell ports so: `wait` then resolves.
   *
   * @param cause why, if that is known
   */
  close(cause?: unknown): void {
    const error = new ProcessError('no-worker', "the process's thread has ended", { cause });
    this.#finish({ kind: 'failed', error });
  }

  get #isOver(): boolean {
    return this.state === 'ended';
  }

  #told(report: Report): void {
    switch (report.kind) {
      case 'word':
        this.#word = new SharedWord(report.buffer);
        if (!this.#mailbox.isEmpty) this.#word.raise(EPOCH.remote);
        return;
      case 'failed': {
        const error = new Error(report.message);
        Object.defineProperties(error, { name: { value: report.name }, stack: { value: report.stack } });
        this.#finish({ kind: 'failed', error });
        return;
      }
      case 'exited':
      case 'timed-out':
        this.#finish(report);
        return;
      case 'signaled':
        this.#finish({ kind: 'signaled', signal: signo(report.signal) });
        return;
      default:
        report satisfies never;
    }
  }

  #finish(status: ExitStatus): void {
    if (this.#status !== null) return;
    this.#status = status;
    this.#port.close();
    this.#resolve(status);
  }
}

/** The process's end of a control. */
export class RemoteControl {
  readonly #mailbox: Mailbox;
  readonly #port: MessagePort;

  /** @throws ProcessError `bad-control`, `not-shared`, `no-shared-memory` */
  constructor({ buffer, port }: ProcessControl) {
    this.#mailbox = new Mailbox(buffer);
    if (typeof (port as Partial<MessagePort> | undefined)?.postMessage !== 'function') {
      throw new ProcessError('bad-control', 'the control has no port: it has to be among what is transferred');
    }
    if (!this.#mailbox.attach()) throw new ProcessError('bad-control', 'another process has this control');
    this.#port = port;
  }

  /** @param told there may be something to take */
  open(word: SharedArrayBuffer | null, told: () => void): void {
    this.#port.onmessage = () => {
      this.#mailbox.heard();
      told();
    };
    unref(this.#port);
    if (word !== null) this.#post({ kind: 'word', buffer: word });
  }

  /** Those of the process's queue, which its senders take, too. */
  get places(): Places {
    return this.#mailbox;
  }

  /** What has been sent; real-time signals have their places. */
  collect(): readonly SigInfo[] {
    return this.#mailbox.isEmpty ? [] : this.#mailbox.collect();
  }

  set state(state: ProcessState) {
    this.#mailbox.state = state;
  }

  finish(status: ExitStatus): void {
    this.#mailbox.end(status);
    switch (status.kind) {
      case 'failed':
        this.#post({ kind: 'failed', ...described(status.error) });
        break;
      case 'exited':
        if (status.results.length > 0) this.#postResults(status);
        // Heard only where the results could not be received.
        this.#post({ ...status, results: [] });
        break;
      case 'signaled':
      case 'timed-out':
        this.#post(status);
        break;
      default:
        status satisfies never;
    }
    this.#port.close();
  }

  #postResults(status: Extract<ExitStatus, { kind: 'exited' }>): void {
    try {
      this.#post(status);
    } catch {
      // They cannot be sent.
    }
  }

  #post(report: Report): void {
    this.#port.postMessage(report);
  }
}

/** An error may be anything, and what it says of itself too. */
function described(error: unknown): { name: string; message: string; stack: string | undefined } {
  try {
    if (error instanceof Error) {
      const { name, message, stack } = error;
      return { name: String(name), message: String(message), stack: stack === undefined ? stack : String(stack) };
    }
    if (error instanceof WebAssembly.Exception)
      return { name: 'Exception', message: 'uncaught exception', stack: undefined };
    return { name: 'Error', message: String(error), stack: undefined };
  } catch {
    return { name: 'Error', message: 'an error that cannot be described', stack: undefined };
  }
}

/** Ports keep Node alive otherwise. */
function unref(port: MessagePort): void {
  (port as MessagePort & { unref?(): void }).unref?.();
}
