import { SI, type SigAction, type SigInfo, SigSet } from '../signals/index.ts';

/** Structures in the guest's memory (docs/signals.md), little-endian. */
export const SIZE = {
  sigset: 8,
  sigaction: 16,
  stack: 12,
  siginfo: 32,
  context: 40,
  timespec: 16,
  itimerval: 32,
} as const;

const SIG_DFL = 0;
const SIG_IGN = 1;

export const readSigset = (view: DataView): SigSet => SigSet.ofBits(view.getBigUint64(0, true));
export const writeSigset = (view: DataView, set: SigSet): void => view.setBigUint64(0, set.bits, true);

export function readSigaction(view: DataView): SigAction {
  const handler = view.getUint32(0, true);
  const flags = view.getInt32(4, true);
  const mask = SigSet.ofBits(view.getBigUint64(8, true));
  switch (handler) {
    case SIG_DFL:
      return { disposition: { kind: 'default' }, flags, mask };
    case SIG_IGN:
      return { disposition: { kind: 'ignore' }, flags, mask };
    default:
      return { disposition: { kind: 'handler', handler }, flags, mask };
  }
}

export function writeSigaction(view: DataView, { disposition, flags, mask }: SigAction): void {
  const { kind } = disposition;
  view.setUint32(0, kind === 'handler' ? disposition.handler : kind === 'ignore' ? SIG_IGN : SIG_DFL, true);
  view.setInt32(4, flags, true);
  view.setBigUint64(8, mask.bits, true);
}

export function writeSiginfo(view: DataView, { signo, code, pid, value }: SigInfo): void {
  view.setInt32(0, signo, true);
  view.setInt32(4, 0, true);
  view.setInt32(8, code, true);
  view.setInt32(12, code === SI.KERNEL ? 0 : pid, true);
  view.setUint32(16, 0, true);
  view.setInt32(20, 0, true);
  view.setBigInt64(24, BigInt.asIntN(64, value), true);
}

/** `stack_t`: where, SS_ flags, size. */
export interface StackFields {
  readonly sp: number;
  readonly flags: number;
  readonly size: number;
}

export function readStack(view: DataView, at = 0): StackFields {
  return { sp: view.getUint32(at, true), flags: view.getInt32(at + 4, true), size: view.getUint32(at + 8, true) };
}

export function writeStack(view: DataView, { sp, flags, size }: StackFields, at = 0): void {
  view.setUint32(at, sp, true);
  view.setInt32(at + 4, flags, true);
  view.setUint32(at + 8, size, true);
}

const CONTEXT_STACK = 8;
const CONTEXT_MASK = 24;
const CONTEXT_SP = 32;

export function writeContext(view: DataView, stack: StackFields, mask: SigSet, stackPointer: number): void {
  for (let at = 0; at < SIZE.context; at += 4) view.setUint32(at, 0, true);
  writeStack(view, stack, CONTEXT_STACK);
  view.setBigUint64(CONTEXT_MASK, mask.bits, true);
  view.setUint32(CONTEXT_SP, stackPointer, true);
}

/** The mask to go on with, which a handler may have changed. */
export const readContextMask = (view: DataView): SigSet => SigSet.ofBits(view.getBigUint64(CONTEXT_MASK, true));

/** A duration in milliseconds, or null where the fraction or the sign is not allowed. */
function duration(view: DataView, at: number, unitsPerSecond: bigint): number | null {
  const seconds = view.getBigInt64(at, true);
  const fraction = view.getBigInt64(at + 8, true);
  if (seconds < 0n || fraction < 0n || fraction >= unitsPerSecond) return null;
  return Number(seconds) * 1000 + (Number(fraction) * 1000) / Number(unitsPerSecond);
}

/** Parts of a unit are cut off, as the kernel does; what is off by less than a nanosecond is the inexactness of numbers. */
function writeDuration(view: DataView, at: number, milliseconds: number, unitsPerMillisecond: number): void {
  const units = Math.floor((Math.max(milliseconds, 0) + 5e-7) * unitsPerMillisecond);
  const perSecond = unitsPerMillisecond * 1000;
  view.setBigInt64(at, BigInt(Math.floor(units / perSecond)), true);
  view.setBigInt64(at + 8, BigInt(units % perSecond), true);
}

export const readTimespec = (view: DataView): number | null => duration(view, 0, 1_000_000_000n);
export const writeTimespec = (view: DataView, ms: number): void => writeDuration(view, 0, ms, 1_000_000);

/** Milliseconds to the next expiry (0: disarmed) and from one to the next (0: only once). */
export interface TimerValue {
  readonly value: number;
  readonly interval: number;
}

export function readItimerval(view: DataView): TimerValue | null {
  const interval = duration(view, 0, 1_000_000n);
  const value = duration(view, 16, 1_000_000n);
  return interval === null || value === null ? null : { value, interval };
}

export function writeItimerval(view: DataView, { value, interval }: TimerValue): void {
  writeDuration(view, 0, interval, 1000);
  writeDuration(view, 16, value, 1000);
}
