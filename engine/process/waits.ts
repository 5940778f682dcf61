import type { SignalState, SigSet } from '../signals/index.ts';
import { type BlockingCall, WaitingCall } from './blocking.ts';
import { ProcessError } from './errors.ts';
import { ENTER, type Guest } from './guest.ts';
import type { Presence } from './presence.ts';
import type { Handlers } from './thread-host.ts';

/** The thread whose calls of imports wait. */
export interface Waiter {
  readonly guest: Guest;
  readonly signals: SignalState;
  /** Whether the guest is running, and called the host. */
  readonly isRunning: boolean;
}

/** What it goes on with in the place of everything that it does; `nothing`: it ends. */
export type Leaving = { readonly entry: number; readonly argument: number; readonly mask: SigSet } | 'nothing';

const WAITS_FOR_NOTHING: BlockingCall = { start: () => () => {}, interrupted: () => 0 };

/** The calls of imports in which a thread waits, until it is suspended in them. */
export class Waits {
  readonly #thread: Waiter;
  readonly #presence: Presence;
  readonly #handlers: Handlers;
  #entered: WaitingCall | null = null;
  #leaving: Leaving | null = null;

  constructor(thread: Waiter, presence: Presence, handlers: Handlers) {
    this.#thread = thread;
    this.#presence = presence;
    this.#handlers = handlers;
  }

  /** Whether the call that is running is to be suspended as soon as it is back in the guest. */
  get isSuspending(): boolean {
    return this.#entered !== null;
  }

  /** The running call is to be suspended. */
  suspend(waiting: WaitingCall): void {
    this.#entered = waiting;
    this.#thread.guest.suspendCall();
  }

  /** The guest is suspended in the call, or has not come to that. @returns the call, and what it is to leave for */
  settle(): { readonly call: WaitingCall | null; readonly leaving: Leaving | null } {
    const settled = { call: this.#entered, leaving: this.#leaving };
    this.#entered = null;
    this.#leaving = null;
    return settled;
  }

  /** What an import of this name that may wait does; returns what it has to return to the guest. */
  block(name: string, call: BlockingCall): unknown {
    if (!this.#thread.isRunning) {
      throw new ProcessError('state', `${name} was called by a guest that its process is not running`);
    }
    const { invocations } = this.#presence;
    invocations.checkFirst(name);
    this.#handlers.collect();
    this.#presence.leaveIfDoomed();
    const canWait = invocations.canWait(name);
    const waiting = new WaitingCall(name, call, this.#handlers);
    const { settled } = waiting;
    if (canWait && (settled === null || this.#thread.signals.deliverable)) {
      if (!invocations.wait(waiting)) this.suspend(waiting);
      return waiting.placeholder;
    }
    switch (settled?.kind) {
      case 'returned':
        return settled.results[0];
      case 'threw':
        throw settled.error;
      default:
        waiting.cancel();
        this.requireSuspendable(name);
        throw new ProcessError('state', `${name} has nothing to wait for`);
    }
  }

  /** @throws ProcessError where a call of the import cannot wait now */
  requireSuspendable(name: string): void {
    if (!this.#thread.guest.suspends(name)) {
      throw new ProcessError(
        'not-suspending',
        `${name} has to wait: it must be among the transform's suspending imports`,
      );
    }
    if (!this.#presence.invocations.canWait(name)) {
      throw new ProcessError('cannot-suspend', `${name} cannot wait: a host function is between it and its process`);
    }
  }

  /**
   * Has the running guest go on with its export ENTER, in the place of everything that it was doing.
   *
   * @param mask what is blocked then
   */
  leave(name: string, entry: number, argument: number, mask: SigSet): unknown {
    this.requireSuspendable(name);
    if (!this.#thread.guest.has(ENTER)) throw new ProcessError('no-entry', `the guest exports no function "${ENTER}"`);
    this.#leaving = { entry, argument, mask };
    return this.block(name, WAITS_FOR_NOTHING);
  }

  /** Has the running thread end, without ending the process: no frame of it runs again. */
  abandon(name: string): unknown {
    this.requireSuspendable(name);
    this.#leaving = 'nothing';
    return this.block(name, { ...WAITS_FOR_NOTHING, persistent: true });
  }
}
