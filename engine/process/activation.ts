import type { Signo, SigSet } from '../signals/index.ts';
import type { WaitingCall } from './blocking.ts';
import type { Caller } from './caller.ts';
import type { Continuation } from './guest.ts';
import type { HandlerFrame } from './handler-frame.ts';

/** One computation of the guest's own making: its entry, or a handler on top of what that interrupted. */
export interface Activation {
  /** The export it runs. */
  readonly entry: string;
  /** Null: it is running. */
  continuation: Continuation | null;
  /** Of its shadow stack, while it is not running. */
  stackPointer: number | null;
  /** The import it waits in, or whose results it has not got yet. */
  call: WaitingCall | null;
  /** It is to be resumed with this exception: one that left the handler on top of it. */
  exception: { readonly value: unknown } | null;
  /** In sigsuspend: what is blocked again once a handler has run. */
  maskAfterwards: SigSet | null;
  /** Where it is suspended. */
  at: 'start' | 'yield-point' | 'call';
  /** What follows once it has returned, in the place of the end; null: nothing. */
  readonly then: readonly Activation[] | null;
  /** Who waits for what it returns; null: nobody, and its process ends with it. */
  readonly caller: Caller | null;
  /** Where that call began on the shadow stack. */
  readonly calledAt: number | null;
  /** What a handler leaves behind; null: it is the process's entry. */
  readonly handler: HandlerActivation | null;
}

export interface HandlerActivation {
  readonly signal: Signo;
  /** Blocked again once it returns. */
  readonly mask: SigSet;
  readonly frame: HandlerFrame;
  /** The call that it interrupted is started again. */
  readonly restart: WaitingCall | null;
}
