import { OUTCOME } from '../../asyncify/lower/interface.ts';
import { hasFlag } from '../signals/action.ts';
import { type Delivery, SIGSEGV, SignalError, type SignalState, type SigSet, signalName } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import { AltStack } from './alt-stack.ts';
import { type BlockingCall, WaitingCall } from './blocking.ts';
import type { Budget } from './budget.ts';
import { leaveByTrap, ProcessError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { type Continuation, DISPATCHER, ENTER, type Guest } from './guest.ts';
import { belowRedZone, popFrame, pushFrame } from './handler-frame.ts';
import { type Doom, Presence } from './presence.ts';
import type { Handlers, StackRange } from './thread-host.ts';

/** Why a slice is over. `idle`: the computation was taken away and none put in its place. */
export type Pause = 'yielded' | 'blocked' | 'stopped' | 'idle' | 'ended';

/** How often a slice of a guest that passes no polls resumes it: what it then does may have no end. */
const RESUMES_PER_SLICE = 1024;

/** What a guest's start function is called in the place of an export. */
const START = '(start)';

/** Handlers that interrupt each other; natively the stack would be full. */
export const NESTING_LIMIT = 10_000;

/** Runs the computations of one thread of a guest: its entry, and handlers on top of what they interrupted. */
export class Runner {
  readonly guest: Guest;
  readonly signals: SignalState;
  readonly budget: Budget;
  #altStack: AltStack | null = null;
  readonly #handlers: Handlers;
  #initialStackPointer: number | null;
  readonly #ownsStack: boolean;
  readonly #presence: Presence;
  readonly #stackLow: number;
  #stack: Activation[] = [];
  #running: Activation | null = null;
  #entered: WaitingCall | null = null;
  /** What it goes on with in the place of everything that it does; `nothing`: it ends. */
  #leaving: { readonly entry: number; readonly argument: number; readonly mask: SigSet } | 'nothing' | null = null;
  #exitStatus: number | null = null;
  #spent = false;
  #isDropped = false;
  /** What `throwInto` has thrown. */
  #thrown: { readonly error: unknown } | null = null;
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
    this.#presence = new Presence({
      guest,
      budget: this.budget,
      limits: handlers.limits,
      collect: () => handlers.collect(),
      isWatched: handlers.isWatched,
      doom: () => this.#doom,
      isSuspending: () => this.#entered !== null,
      suspend: (waiting) => {
        this.#entered = waiting;
        guest.suspendCall();
      },
    });
    this.#ownsStack = stack !== undefined;
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

  /** Whether it has time limits. */
  get isLimited(): boolean {
    return this.#handlers.limits !== null;
  }

  /** Whether the last slice ended because its time was over. */
  get isLate(): boolean {
    return this.#presence.isLate;
  }

  /** Whether the last slice ended because its budget was used up. */
  get spent(): boolean {
    return this.#spent;
  }

  /** A computation that will call the export. @throws ProcessError where there is none */
  fresh(entry: string, args: readonly unknown[], then: readonly Activation[] | null = null): Activation {
    return this.#activation(entry, this.guest.start(entry, args), then);
  }

  #activation(entry: string, continuation: Continuation, then: readonly Activation[] | null): Activation {
    return {
      entry,
      continuation,
      stackPointer: this.#initialStackPointer,
      call: null,
      exception: null,
      at: 'start',
      maskAfterwards: null,
      then,
      caller: null,
      calledAt: null,
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

  /** Gives it what to run; the guest's start function comes first, where that was left to it. */
  put(stack: Activation[]): void {
    const start = this.guest.takeStart();
    this.#stack = start === null ? stack : [this.#activation(START, start, stack)];
  }

  #outermostMask(): SigSet {
    const handler = this.#stack.find((activation) => activation.handler !== null)?.handler;
    return handler?.mask ?? this.#stack[0]?.maskAfterwards ?? this.signals.blocked;
  }

  /**
   * Runs until the guest has passed this many polls, waits, or ends; and where a call of an import takes it past a time (of `now`), not much
   * longer.
   */
  run(polls: number, until = Number.POSITIVE_INFINITY): Pause {
    const isPaced = this.#handlers.isWatched && until === Number.POSITIVE_INFINITY;
    return this.#presence.during(until, () => this.#run(polls, isPaced));
  }

  #run(polls: number, isPaced: boolean): Pause {
    const { budget } = this;
    budget.set(polls);
    this.#spent = false;
    let paced = 0;
    for (let resumes = 0; ; resumes++) {
      budget.rearm();
      this.#handlers.collect();
      this.#settle();
      this.#deliver();
      if (this.ended !== null) return 'ended';
      if (this.signals.stopped) return 'stopped';
      const top = this.#stack.at(-1);
      if (top === undefined) return 'idle';
      if (top.call !== null && top.call.settled === null) return 'blocked';
      if (this.#spent || resumes - paced === RESUMES_PER_SLICE) return 'yielded';
      if (this.isLate) return 'yielded';
      if (isPaced) {
        paced += resumes > 0 && top.at === 'yield-point' ? 1 : 0;
        budget.limit(this.#presence.looks.next(resumes === 0));
      }
      this.#resume(top);
      if (this.#unwinding !== null) return 'yielded';
    }
  }

  /** Acts on what was decided about everything that it does. */
  #settle(): void {
    if (this.ended !== null) return;
    if (this.#isDropped) {
      for (const { call } of this.#stack) call?.cancel();
      const dropped = this.take();
      this.#isDropped = false;
      this.leftBehind(dropped);
    }
    const over = this.#timeIsUp;
    if (over !== null) this.finish(over);
  }

  get #timeIsUp(): Extract<ExitStatus, { kind: 'timed-out' }> | null {
    const limit = this.#handlers.limits?.over ?? null;
    return limit === null ? null : { kind: 'timed-out', limit };
  }

  /** Why nothing of what it does may go on; null: it may. */
  get #doom(): Doom | null {
    const status = this.#exitStatus;
    if (status !== null)
      return { status: { kind: 'exited', status, results: [] }, why: `the process has ended with status ${status}` };
    const signal = this.signals.deadly;
    if (signal !== null)
      return { status: { kind: 'signaled', signal }, why: `${signalName(signal)} has ended the process` };
    const over = this.#timeIsUp;
    if (over !== null) return { status: over, why: `the process has reached its limit of ${over.limit} time` };
    return this.#isDropped ? { status: null, why: 'what the process was computing has been dropped' } : null;
  }

  /** To be called within the guest: where its process is to end nothing of it goes on. */
  leaveIfDoomed(): void {
    this.#presence.leaveIfDoomed();
  }

  /** Forgets what it is doing, also while that runs. */
  drop(): void {
    this.#isDropped = true;
    if (this.isRunning) this.budget.request();
    else this.#settle();
  }

  /** Acts on the signals that can be delivered. The frames of all of them are made before any handler runs, as on Linux. */
  #deliver(): void {
    while (this.ended === null && (this.#stack.length > 0 || this.signals.fatal !== null)) {
      const delivery = this.signals.take();
      if (delivery === null) break;
      switch (delivery.kind) {
        case 'terminate':
          this.finish({ kind: 'signaled', signal: delivery.signal });
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
    while (this.ended === null && this.#stack.length === 0) {
      const delivery = this.signals.takeHosted();
      if (delivery === null) return;
      this.#runHosted(delivery);
    }
  }

  #runHosted({ info, run }: Extract<Delivery, { kind: 'host' }>): void {
    try {
      this.aside(() => run(info));
    } catch (error) {
      if (this.#stack.length > 0) this.throwInto(error);
      else this.finish({ kind: 'failed', error });
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
    this.#presence.enter();
    try {
      guest.stackPointer = top.stackPointer;
      if (exception === null && call !== null && settled?.kind === 'returned') guest.answer(call.name, settled.results);
      const outcome = exception === null ? guest.resume(continuation) : guest.throw(continuation, exception.value);
      this.#running = null;
      if (outcome !== OUTCOME.returned) top.continuation = continuation;
      top.stackPointer = guest.stackPointer;
      if (this.#isDropped) return;
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
    } finally {
      this.#presence.leave();
    }
  }

  #returned(top: Activation): void {
    this.#stack.pop();
    if (top.then !== null) {
      this.#goOn(top.then);
      return;
    }
    if (top.handler === null) {
      const results = this.guest.results(top.entry);
      if (top.caller !== null) top.caller.returned(results);
      else this.#finish({ kind: 'exited', status: 0, results }, true);
      return;
    }
    const { frame, mask, restart } = top.handler;
    if (frame.stackPointer !== null && top.stackPointer !== null) {
      this.#handlers.returned?.(frame.stackPointer, top.stackPointer);
    }
    this.signals.blocked = popFrame(this.guest, this.altStack, frame, mask);
    restart?.start();
  }

  /** What comes before the entry has returned. */
  #goOn(then: readonly Activation[]): void {
    const { stackPointer } = this.guest;
    if (!this.#ownsStack) this.#initialStackPointer = stackPointer;
    for (const next of then) if (next.at === 'start' && !this.#ownsStack) next.stackPointer = stackPointer;
    this.#stack = [...then];
  }

  #blocked(top: Activation): void {
    top.at = 'call';
    top.call = this.#entered;
    this.#entered = null;
    const leaving = this.#leaving;
    if (leaving === null) return;
    this.#leaving = null;
    for (const { call } of this.#stack) call?.cancel();
    const { caller = null, calledAt = null } = this.#stack[0] ?? {};
    if (leaving === 'nothing') {
      this.#stack = [];
      caller?.gone(null);
      return;
    }
    this.signals.blocked = leaving.mask;
    this.#stack = [{ ...this.fresh(ENTER, [leaving.entry, leaving.argument]), caller, calledAt }];
  }

  #threw(top: Activation, error: unknown): void {
    const doom = this.#doom;
    if (doom?.status === null) return;
    if (doom !== null) this.finish(doom.status);
    else if (top.handler !== null && this.#raised !== null && error === this.#raised.error) {
      this.#stack.pop();
      this.#unwinding = this.#raised;
    } else if (
      top.handler !== null &&
      (error instanceof WebAssembly.Exception || error === this.#thrown?.error) &&
      this.guest.canThrow
    ) {
      // An exception that leaves a handler goes on where that interrupted: this is how siglongjmp gets out of one.
      this.#stack.pop();
      const below = this.#stack.at(-1);
      if (below === undefined) return;
      below.call?.cancel();
      below.call = null;
      below.exception = { value: error };
    } else this.#fail(error);
  }

  /** An error has come out of everything that it does. */
  #fail(error: unknown): void {
    const caller = this.#stack[0]?.caller ?? null;
    if (caller === null) {
      this.finish({ kind: 'failed', error });
      return;
    }
    for (const { call } of this.#stack) call?.cancel();
    const failed = this.take();
    this.#resetStack(failed);
    caller.threw(error);
  }

  /** What was taken from it will not go on. */
  leftBehind(stack: readonly Activation[]): void {
    if (this.#stack.length === 0) this.#resetStack(stack);
    stack[0]?.caller?.gone(this.ended);
  }

  /** The shadow stack is as it was before a call that nothing is left of. */
  #resetStack(stack: readonly Activation[]): void {
    const [bottom] = stack;
    if (bottom !== undefined && bottom.caller !== null && this.ended === null)
      this.guest.stackPointer = bottom.calledAt;
  }

  /** Throws a value where it is suspended, through all handlers. */
  throwInto(error: unknown): void {
    const top = this.#stack.at(-1);
    if (top === undefined) return;
    top.call?.cancel();
    top.call = null;
    top.exception = { value: error };
    this.#thrown = { error };
  }

  /** Has the host do something while the guest is suspended: what it calls of the guest has a shadow stack below. */
  aside<T>(action: () => T): T {
    const { guest } = this;
    const { stackPointer } = guest;
    const top = this.#stack.at(-1);
    if (top?.stackPointer != null) guest.stackPointer = belowRedZone(top.stackPointer);
    try {
      return action();
    } finally {
      guest.stackPointer = stackPointer;
    }
  }

  /** Until it runs again the host may call exports: their shadow stack begins below what is suspended. */
  makeRoom(): void {
    const top = this.#stack.at(-1);
    if (top?.stackPointer != null) this.guest.stackPointer = belowRedZone(top.stackPointer);
  }

  /** What an import of this name that may wait does; returns what it has to return to the guest. */
  block(name: string, call: BlockingCall): unknown {
    if (this.#running === null) {
      throw new ProcessError('state', `${name} was called by a guest that its process is not running`);
    }
    const { invocations } = this.#presence;
    invocations.checkFirst(name);
    this.#handlers.collect();
    this.leaveIfDoomed();
    const canWait = invocations.canWait(name);
    const waiting = new WaitingCall(name, call, this.#handlers);
    const { settled } = waiting;
    if (canWait && (settled === null || this.signals.deliverable)) {
      if (!invocations.wait(waiting)) {
        this.#entered = waiting;
        this.guest.suspendCall();
      }
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
    if (!this.guest.suspends(name)) {
      throw new ProcessError(
        'not-suspending',
        `${name} has to wait: it must be among the transform's suspending imports`,
      );
    }
    if (!this.#presence.invocations.canWait(name)) {
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
    // Should a host function keep the trap from the process, the next poll looks again.
    this.budget.request();
    return leaveByTrap(`the process has ended with status ${status}`);
  }

  finish(status: ExitStatus): void {
    this.#finish(status, false);
  }

  #finish(status: ExitStatus, returned: boolean): void {
    if (this.ended !== null) return;
    this.ended = status;
    for (const { call } of this.#stack) call?.cancel();
    const left = this.#stack;
    this.#stack = [];
    this.leftBehind(left);
    this.#handlers.ended(status, returned);
  }

  /** The guest's stack pointer now, and whether that is on the alternate stack. */
  get onAltStack(): boolean {
    const { stackPointer } = this.guest;
    if (stackPointer !== null) return this.altStack.contains(stackPointer);
    return this.#running?.handler?.frame.onAltStack ?? false;
  }
}
