import { hasFlag, type SigAction } from '../signals/action.ts';
import { type SigInfo, SignalError, type SigSet } from '../signals/index.ts';
import type { AltStack } from './alt-stack.ts';
import type { Guest } from './guest.ts';
import { readContextMask, SIZE, type StackFields, writeContext, writeSiginfo } from './layout.ts';
import { type Pointer, pointer } from './memory.ts';

/** LLVM lets leaf functions keep this many bytes below the stack pointer without moving it. */
const RED_ZONE = 128;
const ALIGNMENT = 16;
const align = (address: number): number => address - (address % ALIGNMENT);
/** Where a stack can begin below what is suspended with this pointer. */
export const belowRedZone = (stackPointer: number): number => align(stackPointer - RED_ZONE);
const NULL = pointer(0);
const INFO_SIZE = SIZE.siginfo + SIZE.context;

/** What lies on the guest's stack for a handler, as a signal frame does natively. */
export interface HandlerFrame {
  /** Where the handler's own stack begins; null: the guest has none that the host knows of. */
  readonly stackPointer: number | null;
  readonly onAltStack: boolean;
  /** Of siginfo_t and context; 0 without SA_SIGINFO, or where there is no stack to put them on. */
  readonly info: Pointer;
  readonly context: Pointer;
  /** What was there before. */
  readonly overwritten: Uint8Array;
  /** The alternate stack to go on with. */
  readonly altStack: StackFields;
}

export interface Interruption {
  readonly info: SigInfo;
  readonly action: SigAction;
  /** Blocked again afterwards. */
  readonly mask: SigSet;
  /** Of the interrupted computation. */
  readonly stackPointer: number | null;
  /** Whether that runs on the alternate stack, for guests without a stack pointer. */
  readonly onAltStack: boolean;
  /** The lowest address of the thread's shadow stack. */
  readonly stackLow: number;
}

/**
 * Makes room for a handler on the shadow stack, below the red zone, or on the alternate stack (sigaction(2), SA_ONSTACK).
 *
 * @throws SignalError EFAULT where the stack has no room
 */
export function pushFrame(guest: Guest, altStack: AltStack, interruption: Interruption): HandlerFrame {
  const { info, action, mask, stackPointer } = interruption;
  const nested = stackPointer === null ? interruption.onAltStack : altStack.contains(stackPointer);
  const useAlt = hasFlag(action, 'ONSTACK') && altStack.top !== null && !nested;
  const restored = altStack.current;
  const none = { info: NULL, context: NULL, overwritten: new Uint8Array(), altStack: restored };
  // A guest without a stack pointer has no place for information but an alternate stack that is not in use.
  const top = useAlt ? (altStack.top ?? 0) : stackPointer === null ? null : stackPointer - RED_ZONE;
  if (top === null) return { stackPointer: null, onAltStack: nested, ...none };
  const low = useAlt || nested ? restored.sp : interruption.stackLow;
  const start = align(top);
  const withInfo = hasFlag(action, 'SIGINFO') && guest.memory !== null;
  const end = withInfo ? align(start - INFO_SIZE) : start;
  if (end <= low) throw new SignalError('EFAULT', 'the stack has no room for a handler');
  if (useAlt) altStack.entered();
  const frame = { stackPointer: stackPointer === null ? null : end, onAltStack: useAlt || nested };
  if (!withInfo || guest.memory === null) return { ...frame, ...none };
  const infoAt = pointer(end);
  const contextAt = pointer(end + SIZE.siginfo);
  const overwritten = guest.memory.copy(infoAt, INFO_SIZE);
  writeSiginfo(guest.memory.view(infoAt, SIZE.siginfo), info);
  const stack = { ...restored, flags: restored.flags | (nested ? 1 : 0) };
  writeContext(guest.memory.view(contextAt, SIZE.context), stack, mask, stackPointer ?? 0);
  return { ...frame, info: infoAt, context: contextAt, overwritten, altStack: restored };
}

/** Takes the frame off after its handler has returned, and says what is to be blocked now. */
export function popFrame(guest: Guest, altStack: AltStack, frame: HandlerFrame, mask: SigSet): SigSet {
  altStack.restore(frame.altStack);
  if (frame.info === NULL || guest.memory === null) return mask;
  const restored = readContextMask(guest.memory.view(frame.context, SIZE.context));
  guest.memory.write(frame.info, frame.overwritten);
  return restored;
}
