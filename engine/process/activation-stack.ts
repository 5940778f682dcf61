import type { SignalState, SigSet } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import type { Continuation, Guest } from './guest.ts';
import { belowRedZone } from './handler-frame.ts';
import type { StackRange } from './thread-host.ts';

/** What a guest's start function is called in the place of an export. */
const START = '(start)';

/** What one thread computes: its entry, and handlers on top of what they interrupted; and where its shadow stack lies. */
export class ActivationStack {
  /** The lowest address of the shadow stack. */
  readonly low: number;
  readonly #guest: Guest;
  readonly #signals: SignalState;
  readonly #ownsRange: boolean;
  #initialStackPointer: number | null;
  #activations: Activation[] = [];

  /** @param range where the thread's shadow stack lies; default: the guest's own, with which it was instantiated */
  constructor(guest: Guest, signals: SignalState, range?: StackRange) {
    this.#guest = guest;
    this.#signals = signals;
    this.#ownsRange = range !== undefined;
    this.#initialStackPointer = range?.high ?? guest.stackPointer;
    this.low = range?.low ?? guest.stackLow;
  }

  /** Outermost first. */
  get activations(): readonly Activation[] {
    return this.#activations;
  }

  get depth(): number {
    return this.#activations.length;
  }

  get bottom(): Activation | undefined {
    return this.#activations[0];
  }

  get top(): Activation | undefined {
    return this.#activations.at(-1);
  }

  /** A computation that will call the export. @throws ProcessError where there is none */
  fresh(entry: string, args: readonly unknown[], then: readonly Activation[] | null = null): Activation {
    return this.#activation(entry, this.#guest.start(entry, args), then);
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

  push(activation: Activation): void {
    this.#activations.push(activation);
  }

  pop(): void {
    this.#activations.pop();
  }

  /** Puts others in the place of all. */
  replace(activations: Activation[]): void {
    this.#activations = activations;
  }

  /** Takes all computations away; the mask is then the one outside of all handlers. */
  take(): Activation[] {
    const taken = this.#activations;
    this.#signals.blocked = this.outermostMask();
    this.#activations = [];
    return taken;
  }

  /** Gives it what to run; the guest's start function comes first, where that was left to it. */
  put(stack: Activation[]): void {
    const start = this.#guest.takeStart();
    this.#activations = start === null ? stack : [this.#activation(START, start, stack)];
  }

  /** What is blocked outside of all handlers. */
  outermostMask(): SigSet {
    const handler = this.#activations.find((activation) => activation.handler !== null)?.handler;
    return handler?.mask ?? this.bottom?.maskAfterwards ?? this.#signals.blocked;
  }

  /** Gives up the calls that they wait in. */
  cancelCalls(): void {
    for (const { call } of this.#activations) call?.cancel();
  }

  /** What comes before the entry has returned. */
  goOn(then: readonly Activation[]): void {
    const { stackPointer } = this.#guest;
    if (!this.#ownsRange) this.#initialStackPointer = stackPointer;
    for (const next of then) if (next.at === 'start' && !this.#ownsRange) next.stackPointer = stackPointer;
    this.#activations = [...then];
  }

  /** Throws a value where the top is suspended; a call it waits in is given up. @returns false where nothing is suspended */
  throwInto(error: unknown): boolean {
    const { top } = this;
    if (top === undefined) return false;
    top.call?.cancel();
    top.call = null;
    top.exception = { value: error };
    return true;
  }

  /** The shadow stack is as it was before a call that nothing is left of. */
  rewind(left: readonly Activation[]): void {
    const [bottom] = left;
    if (bottom !== undefined && bottom.caller !== null) this.#guest.stackPointer = bottom.calledAt;
  }

  /** Has the host do something while the guest is suspended: what it calls of the guest has a shadow stack below. */
  aside<T>(action: () => T): T {
    const guest = this.#guest;
    const { stackPointer } = guest;
    this.makeRoom();
    try {
      return action();
    } finally {
      guest.stackPointer = stackPointer;
    }
  }

  /** Until the guest runs again the host may call exports: their shadow stack begins below what is suspended. */
  makeRoom(): void {
    const { top } = this;
    if (top?.stackPointer != null) this.#guest.stackPointer = belowRedZone(top.stackPointer);
  }
}
