import { OUTCOME } from '../../asyncify/lower/interface.ts';
import type { SignalState, SigSet } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import { ActivationStack } from './activation-stack.ts';
import { AltStack } from './alt-stack.ts';
import type { BlockingCall } from './blocking.ts';
import type { Budget } from './budget.ts';
import { leaveByTrap, ProcessError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { Fate } from './fate.ts';
import { ENTER, type Guest } from './guest.ts';
import { popFrame } from './handler-frame.ts';
import type { Pause } from './pause.ts';
import { Presence } from './presence.ts';
import { type Recipient, SignalDelivery } from './signal-delivery.ts';
import type { Handlers, StackRange } from './thread-host.ts';
import { Waits } from './waits.ts';

/** How often a slice of a guest that passes no polls resumes it: what it then does may have no end. */
const RESUMES_PER_SLICE = 1024;

/** Runs the computations of one thread of a guest: its entry, and handlers on top of what they interrupted. */
export class Runner implements Recipient {
  readonly guest: Guest;
  readonly signals: SignalState;
  readonly budget: Budget;
  #altStack: AltStack | null = null;
  readonly #handlers: Handlers;
  readonly #presence: Presence;
  readonly #stack: ActivationStack;
  readonly #delivery: SignalDelivery;
  readonly #waits: Waits;
  readonly #fate: Fate;
  #running: Activation | null = null;
  #spent = false;
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
    this.#stack = new ActivationStack(guest, signals, stack);
    this.#delivery = new SignalDelivery(this, this.#stack, handlers);
    this.#fate = new Fate(signals, handlers.limits);
    this.#presence = new Presence({
      guest,
      budget: this.budget,
      limits: handlers.limits,
      collect: () => handlers.collect(),
      isWatched: handlers.isWatched,
      doom: () => this.#fate.doom,
      isSuspending: () => this.#waits.isSuspending,
      suspend: (waiting) => this.#waits.suspend(waiting),
    });
    this.#waits = new Waits(this, this.#presence, handlers);
  }

  /** sigaltstack(2). */
  get altStack(): AltStack {
    this.#altStack ??= new AltStack();
    return this.#altStack;
  }

  /** What runs, outermost first; the last is on top. */
  get stack(): readonly Activation[] {
    return this.#stack.activations;
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
    return this.#stack.fresh(entry, args, then);
  }

  /** Takes all computations away; the mask is then the one outside of all handlers. */
  take(): Activation[] {
    return this.#stack.take();
  }

  /** Gives it what to run; the guest's start function comes first, where that was left to it. */
  put(stack: Activation[]): void {
    this.#stack.put(stack);
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
      this.#delivery.deliver();
      if (this.ended !== null) return 'ended';
      if (this.signals.stopped) return 'stopped';
      const { top } = this.#stack;
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
    if (this.#fate.isDropped) {
      this.#stack.cancelCalls();
      const dropped = this.#stack.take();
      this.#fate.isDropped = false;
      this.leftBehind(dropped);
    }
    const over = this.#fate.timeIsUp;
    if (over !== null) this.finish(over);
  }

  /** To be called within the guest: where its process is to end nothing of it goes on. */
  leaveIfDoomed(): void {
    this.#presence.leaveIfDoomed();
  }

  /** Forgets what it is doing, also while that runs. */
  drop(): void {
    this.#fate.isDropped = true;
    if (this.isRunning) this.budget.request();
    else this.#settle();
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
      const { isDropped, exitStatus } = this.#fate;
      if (isDropped) return;
      if (exitStatus !== null) {
        // A host function between the guest's frames has caught the trap of its exit.
        this.finish({ kind: 'exited', status: exitStatus, results: [] });
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
      this.#waits.settle();
      this.#threw(top, error);
    } finally {
      this.#presence.leave();
    }
  }

  #returned(top: Activation): void {
    this.#stack.pop();
    if (top.then !== null) {
      this.#stack.goOn(top.then);
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

  #blocked(top: Activation): void {
    const { call, leaving } = this.#waits.settle();
    top.at = 'call';
    top.call = call;
    if (leaving === null) return;
    this.#stack.cancelCalls();
    const { caller = null, calledAt = null } = this.#stack.bottom ?? {};
    if (leaving === 'nothing') {
      this.#stack.replace([]);
      caller?.gone(null);
      return;
    }
    this.signals.blocked = leaving.mask;
    this.#stack.replace([{ ...this.fresh(ENTER, [leaving.entry, leaving.argument]), caller, calledAt }]);
  }

  #threw(top: Activation, error: unknown): void {
    const { doom } = this.#fate;
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
      this.#stack.throwInto(error);
    } else this.#fail(error);
  }

  /** An error has come out of everything that it does. */
  #fail(error: unknown): void {
    const caller = this.#stack.bottom?.caller ?? null;
    if (caller === null) {
      this.finish({ kind: 'failed', error });
      return;
    }
    this.#stack.cancelCalls();
    const failed = this.#stack.take();
    this.#rewind(failed);
    caller.threw(error);
  }

  /** What was taken from it will not go on. */
  leftBehind(stack: readonly Activation[]): void {
    if (this.#stack.depth === 0) this.#rewind(stack);
    stack[0]?.caller?.gone(this.ended);
  }

  #rewind(left: readonly Activation[]): void {
    if (this.ended === null) this.#stack.rewind(left);
  }

  /** Throws a value where it is suspended, through all handlers. */
  throwInto(error: unknown): void {
    if (this.#stack.throwInto(error)) this.#thrown = { error };
  }

  /** Has the host do something while the guest is suspended: what it calls of the guest has a shadow stack below. */
  aside<T>(action: () => T): T {
    return this.#stack.aside(action);
  }

  /** Until it runs again the host may call exports: their shadow stack begins below what is suspended. */
  makeRoom(): void {
    this.#stack.makeRoom();
  }

  /** What an import of this name that may wait does; returns what it has to return to the guest. */
  block(name: string, call: BlockingCall): unknown {
    return this.#waits.block(name, call);
  }

  /** @throws ProcessError where a call of the import cannot wait now */
  requireSuspendable(name: string): void {
    this.#waits.requireSuspendable(name);
  }

  /** sigsuspend(2): the mask until a handler has run. */
  suspendMask(mask: SigSet): void {
    if (this.#running === null) return;
    this.#running.maskAfterwards = this.signals.blocked;
    this.signals.blocked = mask;
  }

  /** Has the running guest go on with its export ENTER, in the place of everything that it was doing. */
  leave(name: string, entry: number, argument: number, mask: SigSet | null): unknown {
    return this.#waits.leave(name, entry, argument, mask ?? this.#stack.outermostMask());
  }

  /** Has the running thread end, without ending the process: no frame of it runs again. */
  abandon(name: string): unknown {
    return this.#waits.abandon(name);
  }

  /** Throws a value where the thread is suspended; a call it waits in is given up. */
  raise(error: unknown): void {
    this.#raised = { error };
    this.#unwinding = null;
    this.#stack.throwInto(error);
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
    this.#fate.exitStatus = status;
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
    this.#stack.cancelCalls();
    const left = this.#stack.activations;
    this.#stack.replace([]);
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
