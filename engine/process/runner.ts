import { OUTCOME } from '../../asyncify/lower/interface.ts';
import { hasFlag } from '../signals/action.ts';
import { type Delivery, SIGSEGV, SignalError, type SignalState, type Signo, type SigSet } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import { AltStack } from './alt-stack.ts';
import { type BlockingCall, WaitingCall } from './blocking.ts';
import type { Budget } from './budget.ts';
import { leaveByTrap, ProcessError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { DISPATCHER, ENTER, type Guest } from './guest.ts';
import { popFrame, pushFrame } from './handler-frame.ts';

/** Why a slice is over. `idle`: the computation was taken away and none put in its place. */
export type Pause = 'yielded' | 'blocked' | 'stopped' | 'idle' | 'ended';

/** How often a slice of a guest that passes no polls resumes it: what it then does may have no end. */
const RESUMES_PER_SLICE = 1024;

/** Handlers that interrupt each other; natively the stack would be full. */
export const NESTING_LIMIT = 10_000;

export interface Handlers {
  /** Something happened that may let the thread go on. */
  readonly wake: () => void;
  /** Takes in the signals that other threads have sent. */
  readonly collect: () => void;
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

/** Runs the computations of one thread of a guest: its entry, and handlers on top of what they interrupted. */
export class Runner {
  readonly guest: Guest;
  readonly signals: SignalState;
  readonly budget: Budget;
  #altStack: AltStack | null = null;
  readonly #handlers: Handlers;
  readonly #initialStackPointer: number | null;
  readonly #stackLow: number;
  #stack: Activation[] = [];
  #running: Activation | null = null;
  #entered: WaitingCall | null = null;
  /** What it goes on with in the place of everything that it does; `nothing`: it ends. */
  #leaving: { readonly entry: number; readonly argument: number; readonly mask: SigSet } | 'nothing' | null = null;
  #exitStatus: number | null = null;
  #spent = false;
  /** What `raise` has thrown. */
  #raised: { readonly error: unknown } | null = null;
  /** The same, once it has left a handler. */
  #unwinding: { readonly error: unknown } | null = null;
  ended: ExitStatus | null = null;

  /** @param stack where the thread's lies; default: the guest's own, with which it was instantiated */
  constructor(guest: Guest, signals: SignalState, handlers: Handlers, stack?: StackRange) {
    this.guest = guest;
    this.signals = signals;
    this.budget = guest.budget();
    this.#handlers = handlers;
    this.#initialStackPointer = stack?.high ?? guest.stackPointer;
    this.#stackLow = stack?.low ?? guest.stackLow;
  }

  /** sigaltstack(2). */
  get altStack(): AltStack {
    this.#altStack ??= new AltStack();
    return this.#altStack;
  }

  /** What runs, outermost first; the last is on top. */
  get stack(): readonly Activation[] {
    return this.#stack;
  }

  /** Whether the guest is running, and called the host. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Whether the last slice ended because its budget was used up. */
  get spent(): boolean {
    return this.#spent;
  }

  /** A computation that will call the export. @throws ProcessError where there is none */
  fresh(entry: string, args: readonly unknown[]): Activation {
    return {
      entry,
      continuation: this.guest.start(entry, args),
      stackPointer: this.#initialStackPointer,
      call: null,
      exception: null,
      at: 'start',
      maskAfterwards: null,
      handler: null,
    };
  }

  /** Takes all computations away; the mask is then the one outside of all handlers. */
  take(): Activation[] {
    const taken = this.#stack;
    this.signals.blocked = this.#outermostMask();
    this.#stack = [];
    return taken;
  }

  put(stack: Activation[]): void {
    this.#stack = stack;
  }

  #outermostMask(): SigSet {
    const handler = this.#stack.find((activation) => activation.handler !== null)?.handler;
    return handler?.mask ?? this.#stack[0]?.maskAfterwards ?? this.signals.blocked;
  }

  /** Runs until the guest has passed this many polls, waits, or ends. */
  run(polls: number): Pause {
    this.budget.set(polls);
    this.#spent = false;
    for (let resumes = 0; ; resumes++) {
      this.budget.rearm();
      this.#handlers.collect();
      this.#deliver();
      if (this.ended !== null) return 'ended';
      if (this.signals.stopped) return 'stopped';
      const top = this.#stack.at(-1);
      if (top === undefined) return 'idle';
      if (top.call !== null && top.call.settled === null) return 'blocked';
      if (this.#spent || resumes === RESUMES_PER_SLICE) return 'yielded';
      this.#resume(top);
      if (this.#unwinding !== null) return 'yielded';
    }
  }

  /** Acts on the signals that can be delivered. The frames of all of them are made before any handler runs, as on Linux. */
  #deliver(): void {
    while (this.ended === null && (this.#stack.length > 0 || this.signals.fatal !== null)) {
      const delivery = this.signals.take();
      if (delivery === null) return;
      switch (delivery.kind) {
        case 'terminate':
          this.finish({ kind: 'signaled', signal: delivery.signal });
          return;
        case 'stop':
          this.#handlers.stopped(delivery.signal);
          return;
        case 'handler':
          this.#push(delivery);
          break;
        default:
          delivery satisfies never;
      }
    }
  }

  #push(delivery: Extract<Delivery, { kind: 'handler' }>): void {
    const { info, action, handler } = delivery;
    const top = this.#stack.at(-1);
    if (top === undefined) return;
    const mask = top.maskAfterwards ?? this.signals.blocked;
    try {
      if (this.#stack.length > NESTING_LIMIT)
        throw new SignalError('EFAULT', 'too many handlers interrupted each other');
      const { stackPointer } = top;
      const onAltStack = top.handler?.frame.onAltStack ?? false;
      const interruption = { info, action, mask, stackPointer, onAltStack, stackLow: this.#stackLow };
      const frame = pushFrame(this.guest, this.altStack, interruption);
      const { call } = top;
      let restart: WaitingCall | null = null;
      if (call !== null && call.settled === null && !call.persistent) {
        if (call.restartable && hasFlag(action, 'RESTART')) {
          call.cancel();
          restart = call;
        } else call.interrupt();
      }
      top.maskAfterwards = null;
      this.signals.enterHandler(delivery);
      this.#handlers.delivered?.(info.signo);
      const args = [handler, info.signo, frame.info, frame.context, action.flags];
      const activation = this.fresh(DISPATCHER, args);
      activation.stackPointer = frame.stackPointer;
      this.#stack.push({ ...activation, handler: { signal: info.signo, mask, frame, restart } });
    } catch (error) {
      // No room for a handler's frame is a segmentation fault (kernel/signal.c, signal_setup_done).
      if (error instanceof SignalError) this.finish({ kind: 'signaled', signal: SIGSEGV });
      else this.finish({ kind: 'failed', error });
    }
  }

  #resume(top: Activation): void {
    const { guest } = this;
    const { continuation, call } = top;
    if (continuation === null) throw new ProcessError('state', 'the guest is running already');
    let { exception } = top;
    const settled = call?.settled ?? null;
    if (exception === null && settled?.kind === 'threw') exception = { value: settled.error };
    top.continuation = null;
    top.call = null;
    top.exception = null;
    this.#running = top;
    try {
      guest.stackPointer = top.stackPointer;
      if (exception === null && call !== null && settled?.kind === 'returned') guest.answer(call.name, settled.results);
      const outcome = exception === null ? guest.resume(continuation) : guest.throw(continuation, exception.value);
      this.#running = null;
      if (outcome !== OUTCOME.returned) top.continuation = continuation;
      top.stackPointer = guest.stackPointer;
      if (this.#exitStatus !== null) {
        // A host function between the guest's frames has caught the trap of its exit.
        this.finish({ kind: 'exited', status: this.#exitStatus, results: [] });
        return;
      }
      switch (outcome) {
        case OUTCOME.returned:
          this.#returned(top);
          break;
        case OUTCOME.blocked:
          this.#blocked(top);
          break;
        default:
          top.at = 'yield-point';
          if (this.budget.spent) this.#spent = true;
      }
    } catch (error) {
      this.#running = null;
      this.#entered = null;
      this.#leaving = null;
      this.#threw(top, error);
    }
  }

  #returned(top: Activation): void {
    this.#stack.pop();
    if (top.handler === null) {
      this.#finish({ kind: 'exited', status: 0, results: this.guest.results(top.entry) }, true);
      return;
    }
    const { frame, mask, restart } = top.handler;
    if (frame.stackPointer !== null && top.stackPointer !== null) {
      this.#handlers.returned?.(frame.stackPointer, top.stackPointer);
    }
    this.signals.blocked = popFrame(this.guest, this.altStack, frame, mask);
    restart?.start();
  }

  #blocked(top: Activation): void {
    top.at = 'call';
    top.call = this.#entered;
    this.#entered = null;
    const leaving = this.#leaving;
    if (leaving === null) return;
    this.#leaving = null;
    for (const { call } of this.#stack) call?.cancel();
    if (leaving === 'nothing') {
      this.#stack = [];
      return;
    }
    this.signals.blocked = leaving.mask;
    this.#stack = [this.fresh(ENTER, [leaving.entry, leaving.argument])];
  }

  #threw(top: Activation, error: unknown): void {
    const { fatal } = this.signals;
    if (this.#exitStatus !== null) this.finish({ kind: 'exited', status: this.#exitStatus, results: [] });
    else if (fatal !== null) this.finish({ kind: 'signaled', signal: fatal });
    else if (top.handler !== null && this.#raised !== null && error === this.#raised.error) {
      this.#stack.pop();
      this.#unwinding = this.#raised;
    } else if (top.handler !== null && error instanceof WebAssembly.Exception && this.guest.canThrow) {
      // An exception that leaves a handler goes on where that interrupted: this is how siglongjmp gets out of one.
      this.#stack.pop();
      const below = this.#stack.at(-1);
      if (below === undefined) return;
      below.call?.cancel();
      below.call = null;
      below.exception = { value: error };
    } else this.finish({ kind: 'failed', error });
  }

  /** What an import of this name that may wait does; returns what it has to return to the guest. */
  block(name: string, call: BlockingCall): unknown {
    if (this.#running === null) {
      throw new ProcessError('state', `${name} was called by a guest that its process is not running`);
    }
    this.#handlers.collect();
    if (this.signals.fatal !== null) return leaveByTrap();
    const waiting = new WaitingCall(name, call, this.#handlers);
    const { settled } = waiting;
    if (settled === null || this.signals.deliverable) {
      if (this.guest.canSuspend(name)) {
        this.#entered = waiting;
        this.guest.suspendCall();
        return waiting.placeholder;
      }
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
    if (!this.guest.suspends(name)) {
      throw new ProcessError(
        'not-suspending',
        `${name} has to wait: it must be among the transform's suspending imports`,
      );
    }
    if (!this.guest.canSuspend(name)) {
      throw new ProcessError('cannot-suspend', `${name} cannot wait: a host function is between it and its process`);
    }
  }

  /** sigsuspend(2): the mask until a handler has run. */
  suspendMask(mask: SigSet): void {
    if (this.#running === null) return;
    this.#running.maskAfterwards = this.signals.blocked;
    this.signals.blocked = mask;
  }

  /** Has the running guest go on with its export ENTER, in the place of everything that it was doing. */
  leave(name: string, entry: number, argument: number, mask: SigSet | null): unknown {
    this.requireSuspendable(name);
    if (!this.guest.has(ENTER)) throw new ProcessError('no-entry', `the guest exports no function "${ENTER}"`);
    this.#leaving = { entry, argument, mask: mask ?? this.#outermostMask() };
    return this.block(name, { start: () => () => {}, interrupted: () => 0 });
  }

  /** Has the running thread end, without ending the process: no frame of it runs again. */
  abandon(name: string): unknown {
    this.requireSuspendable(name);
    this.#leaving = 'nothing';
    return this.block(name, { start: () => () => {}, interrupted: () => 0, persistent: true });
  }

  /** Throws a value where the thread is suspended; a call it waits in is given up. */
  raise(error: unknown): void {
    this.#raised = { error };
    this.#unwinding = null;
    const top = this.#stack.at(-1);
    if (top === undefined) return;
    top.call?.cancel();
    top.call = null;
    top.exception = { value: error };
  }

  /** What was raised, and has left a handler, is thrown later: what that interrupted goes on first. */
  keep(): void {
    this.#unwinding = null;
  }

  /** What was raised, has left a handler, and is to be raised where that interrupted; null: nothing. */
  get unwinding(): { readonly error: unknown } | null {
    return this.#unwinding;
  }

  /** Ends the process from within the guest. */
  exit(status: number): never {
    this.#exitStatus = status;
    return leaveByTrap();
  }

  finish(status: ExitStatus): void {
    this.#finish(status, false);
  }

  #finish(status: ExitStatus, returned: boolean): void {
    if (this.ended !== null) return;
    this.ended = status;
    for (const { call } of this.#stack) call?.cancel();
    this.#stack = [];
    this.#handlers.ended(status, returned);
  }

  /** The guest's stack pointer now, and whether that is on the alternate stack. */
  get onAltStack(): boolean {
    const { stackPointer } = this.guest;
    if (stackPointer !== null) return this.altStack.contains(stackPointer);
    return this.#running?.handler?.frame.onAltStack ?? false;
  }
}
