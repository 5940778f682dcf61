import { SIGNAL_COUNT, type Signo } from './numbers.ts';

const ALL = (1n << BigInt(SIGNAL_COUNT)) - 1n;
const bit = (signal: Signo): bigint => 1n << BigInt(signal - 1);

/** An immutable set of signals; `bits` has signal n as bit n - 1, as the kernel's `sigset_t`. */
export class SigSet {
  static readonly empty = new SigSet(0n);
  static readonly full = new SigSet(ALL);
  readonly bits: bigint;

  private constructor(bits: bigint) {
    this.bits = bits;
  }

  /** The set of the low 64 bits. */
  static ofBits(bits: bigint): SigSet {
    return new SigSet(bits & ALL);
  }

  static of(...signals: readonly Signo[]): SigSet {
    return new SigSet(signals.reduce((bits, signal) => bits | bit(signal), 0n));
  }

  get isEmpty(): boolean {
    return this.bits === 0n;
  }

  has(signal: Signo): boolean {
    return (this.bits & bit(signal)) !== 0n;
  }

  with(signal: Signo): SigSet {
    return new SigSet(this.bits | bit(signal));
  }

  without(signal: Signo): SigSet {
    return new SigSet(this.bits & ~bit(signal));
  }

  union(other: SigSet): SigSet {
    return new SigSet(this.bits | other.bits);
  }

  intersection(other: SigSet): SigSet {
    return new SigSet(this.bits & other.bits);
  }

  difference(other: SigSet): SigSet {
    return new SigSet(this.bits & ~other.bits);
  }

  equals(other: SigSet): boolean {
    return this.bits === other.bits;
  }

  /** The lowest signal in it, or null. */
  get lowest(): Signo | null {
    for (let half = 0; half < 2; half++) {
      const word = Number((this.bits >> BigInt(32 * half)) & 0xffff_ffffn) | 0;
      if (word !== 0) return (32 * half + 32 - Math.clz32(word & -word)) as Signo;
    }
    return null;
  }

  *[Symbol.iterator](): Iterator<Signo> {
    for (let signal = 1; signal <= SIGNAL_COUNT; signal++) {
      if (this.has(signal as Signo)) yield signal as Signo;
    }
  }
}
