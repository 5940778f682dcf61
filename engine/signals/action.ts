import { SignalError } from './errno.ts';
import type { Signo } from './numbers.ts';
import { SigSet } from './sigset.ts';

/** Flags of sigaction(2), with Linux's values. */
export const SA = {
  NOCLDSTOP: 1,
  NOCLDWAIT: 2,
  /** The handler gets a siginfo_t and a context. */
  SIGINFO: 4,
  /** Musl and glibc set it; it means nothing here. */
  RESTORER: 0x0400_0000,
  /** On the alternate stack, if there is one. */
  ONSTACK: 0x0800_0000,
  /** Interrupted calls that can be are restarted. */
  RESTART: 0x1000_0000,
  /** The signal itself is not blocked while its handler runs. */
  NODEFER: 0x4000_0000,
  /** The action is the default again once the handler is entered. */
  RESETHAND: 0x8000_0000,
} as const;
const KNOWN_FLAGS = Object.values(SA).reduce((all: number, flag) => all | flag, 0);

/** Where siginfo_t says that a signal comes from (`si_code`). */
export const SI = { USER: 0, KERNEL: 0x80, QUEUE: -1, TIMER: -2, TKILL: -6 } as const;

/** What a handler learns about its signal. */
export interface SigInfo {
  readonly signo: Signo;
  /** One of SI, or another code of sigaction(2). */
  readonly code: number;
  /** The process that sent it, or 0. */
  readonly pid: number;
  /** What came with it (sigqueue(3)): the low 32 bits are `sival_int`. */
  readonly value: bigint;
}

/** What a sender says about its signal; what is left out is SI_USER, and 0. */
export interface SigInfoInit {
  readonly code?: number | undefined;
  readonly pid?: number | undefined;
  /** 64 bits, signed or unsigned; a number has to be one that is exact. */
  readonly value?: bigint | number | undefined;
}

const VALUES = { lowest: -(1n << 63n), highest: (1n << 64n) - 1n };
const isInt32 = (value: unknown): value is number => typeof value === 'number' && (value | 0) === value;

/**
 * What a handler is to learn, from what a sender says.
 *
 * @throws SignalError EINVAL where `code` or `pid` is no 32-bit integer, or `value` no 64-bit one
 */
export function sigInfo(signo: Signo, init: SigInfoInit = {}): SigInfo {
  // From callers without types, too: what is wrong must not be found out later, where it would be the process's fault.
  if (init === null || typeof init !== 'object')
    throw new SignalError('EINVAL', 'what comes with a signal is an object');
  const { code = SI.USER, pid = 0, value = 0n } = init;
  if (!isInt32(code)) throw new SignalError('EINVAL', 'the code of a signal is a 32-bit integer');
  if (!isInt32(pid)) throw new SignalError('EINVAL', 'the number of a process is a 32-bit integer');
  const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof exact !== 'bigint' || exact < VALUES.lowest || exact > VALUES.highest)
    throw new SignalError('EINVAL', 'what comes with a signal as its value is a 64-bit integer');
  return { signo, code: code | 0, pid: pid | 0, value: BigInt.asIntN(64, exact) };
}

/** What a process does about a signal (sigaction(2)). A handler is the index of a function in the guest's table. */
export interface SigAction {
  readonly disposition:
    | { readonly kind: 'default' }
    | { readonly kind: 'ignore' }
    | { readonly kind: 'handler'; readonly handler: number }
    /** A function of the host's, which is called while the guest is suspended; to the guest it is the default. */
    | { readonly kind: 'host'; readonly run: (info: SigInfo) => void };
  readonly flags: number;
  /** What is blocked while the handler runs, beside the signal itself. */
  readonly mask: SigSet;
}

export const DEFAULT_ACTION: SigAction = { disposition: { kind: 'default' }, flags: 0, mask: SigSet.empty };
export const IGNORE_ACTION: SigAction = { disposition: { kind: 'ignore' }, flags: 0, mask: SigSet.empty };

/** An action that calls a handler. */
export function handlerAction(handler: number, flags = 0, mask: SigSet = SigSet.empty): SigAction {
  return { disposition: { kind: 'handler', handler }, flags, mask };
}

export function hasFlag(action: SigAction, flag: keyof typeof SA): boolean {
  return (action.flags & SA[flag]) !== 0;
}

/** @throws SignalError EINVAL for flags that mean nothing */
export function checkFlags(flags: number): void {
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new SignalError('EINVAL', `sigaction flags 0x${(flags >>> 0).toString(16)} have bits without a meaning`);
  }
}
