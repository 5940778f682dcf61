import { hasFlag } from '../signals/action.ts';
import { type Delivery, SIGSEGV, SignalError, type SignalState } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import type { ActivationStack } from './activation-stack.ts';
import type { AltStack } from './alt-stack.ts';
import type { WaitingCall } from './blocking.ts';
import type { ExitStatus } from './exit-status.ts';
import { DISPATCHER, type Guest } from './guest.ts';
import { type HandlerFrame, type Interruption, pushFrame } from './handler-frame.ts';
import type { Handlers } from './thread-host.ts';

/** Handlers that interrupt each other; natively the stack would be full. */
export const NESTING_LIMIT = 10_000;

/** The thread that signals are delivered to. */
export interface Recipient {
  readonly guest: Guest;
  readonly signals: SignalState;
  readonly altStack: AltStack;
  /** How it ended; null: it has not. */
  readonly ended: ExitStatus | null;
  finish(status: ExitStatus): void;
  /** Throws a value where it is suspended, through all handlers. */
  throwInto(error: unknown): void;
}

/** Acts on the signals of a thread: their handlers come on top of what it computes. */
export class SignalDelivery {
  readonly #thread: Recipient;
  readonly #stack: ActivationStack;
  readonly #handlers: Handlers;

  constructor(thread: Recipient, stack: ActivationStack, handlers: Handlers) {
    this.#thread = thread;
    this.#stack = stack;
    this.#handlers = handlers;
  }

  /** Acts on the signals that can be delivered. The frames of all of them are made before any handler runs, as on Linux. */
  deliver(): void {
    const thread = this.#thread;
    const { signals } = thread;
    const stack = this.#stack;
    while (thread.ended === null && (stack.depth > 0 || signals.fatal !== null)) {
      const delivery = signals.take();
      if (delivery === null) break;
      switch (delivery.kind) {
        case 'terminate':
          thread.finish({ kind: 'signaled', signal: delivery.signal });
          return;
        case 'stop':
          this.#handlers.stopped(delivery.signal);
          return;
        case 'host':
          this.#runHosted(delivery);
          break;
        case 'handler':
          this.#push(delivery);
          break;
        default:
          delivery satisfies never;
      }
    }
    while (thread.ended === null && stack.depth === 0) {
      const delivery = signals.takeHosted();
      if (delivery === null) return;
      this.#runHosted(delivery);
    }
  }

  #runHosted({ info, run }: Extract<Delivery, { kind: 'host' }>): void {
    try {
      this.#stack.aside(() => run(info));
    } catch (error) {
      if (this.#stack.depth > 0) this.#thread.throwInto(error);
      else this.#thread.finish({ kind: 'failed', error });
    }
  }

  #push(delivery: Extract<Delivery, { kind: 'handler' }>): void {
    const { info, action, handler } = delivery;
    const { signals } = this.#thread;
    const { top } = this.#stack;
    if (top === undefined) return;
    const mask = top.maskAfterwards ?? signals.blocked;
    try {
      if (this.#stack.depth > NESTING_LIMIT)
        throw new SignalError('EFAULT', 'too many handlers interrupted each other');
      const frame = this.#frame({ info, action, mask }, top);
      const restart = interruptCall(top, action);
      top.maskAfterwards = null;
      signals.enterHandler(delivery);
      this.#handlers.delivered?.(info.signo);
      const args = [handler, info.signo, frame.info, frame.context, action.flags];
      const activation = this.#stack.fresh(DISPATCHER, args);
      activation.stackPointer = frame.stackPointer;
      this.#stack.push({ ...activation, handler: { signal: info.signo, mask, frame, restart } });
    } catch (error) {
      // No room for a handler's frame is a segmentation fault (kernel/signal.c, signal_setup_done).
      if (error instanceof SignalError) this.#thread.finish({ kind: 'signaled', signal: SIGSEGV });
      else this.#thread.finish({ kind: 'failed', error });
    }
  }

  /** @throws SignalError EFAULT where the stack has no room */
  #frame(of: Pick<Interruption, 'info' | 'action' | 'mask'>, { stackPointer, handler }: Activation): HandlerFrame {
    const onAltStack = handler?.frame.onAltStack ?? false;
    const { guest, altStack } = this.#thread;
    return pushFrame(guest, altStack, { ...of, stackPointer, onAltStack, stackLow: this.#stack.low });
  }
}

/** A handler interrupts the call that is waited in (signal(7)). @returns the call where it is to be started again afterwards */
function interruptCall({ call }: Activation, action: Interruption['action']): WaitingCall | null {
  if (call === null || call.settled !== null || call.persistent) return null;
  if (call.restartable && hasFlag(action, 'RESTART')) {
    call.cancel();
    return call;
  }
  call.interrupt();
  return null;
}
