import { SignalError } from '../signals/index.ts';
import type { StackFields } from './layout.ts';

const SS_ONSTACK = 1;
const SS_DISABLE = 2;
const SS_AUTODISARM = 0x8000_0000 | 0;
const MINSIGSTKSZ = 2048;
const NONE: StackFields = { sp: 0, flags: SS_DISABLE, size: 0 };

/** The alternate signal stack of a process (sigaltstack(2)). */
export class AltStack {
  #stack = NONE;

  get current(): StackFields {
    return this.#stack;
  }

  /** Null: there is none. */
  get top(): number | null {
    return this.#stack.size === 0 ? null : this.#stack.sp + this.#stack.size;
  }

  contains(stackPointer: number): boolean {
    const { sp, size } = this.#stack;
    return stackPointer > sp && stackPointer - sp <= size;
  }

  /** As `sigaltstack` shows it. */
  fields(inUse: boolean): StackFields {
    const { flags, ...rest } = this.#stack;
    return { ...rest, flags: inUse ? flags | SS_ONSTACK : flags };
  }

  /** @throws SignalError EPERM while it is in use, EINVAL for unknown flags, ENOMEM where it is too small */
  set({ sp, flags, size }: StackFields, inUse: boolean): void {
    if (inUse) throw new SignalError('EPERM', 'the alternate stack is in use');
    const mode = flags & ~SS_AUTODISARM;
    if (mode !== 0 && mode !== SS_ONSTACK && mode !== SS_DISABLE) {
      throw new SignalError('EINVAL', `sigaltstack flags ${flags}`);
    }
    if (mode === SS_DISABLE) {
      this.#stack = NONE;
      return;
    }
    if (size < MINSIGSTKSZ) throw new SignalError('ENOMEM', `an alternate stack of ${size} bytes is too small`);
    this.#stack = { sp, flags: flags & SS_AUTODISARM, size };
  }

  /** A handler has been put on it: with SS_AUTODISARM it is free for others until that returns. */
  entered(): void {
    if ((this.#stack.flags & SS_AUTODISARM) !== 0) this.#stack = NONE;
  }

  restore(stack: StackFields): void {
    this.#stack = stack;
  }
}
