import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Signo, SigSet } from './index.ts';

const signals = fc.uniqueArray(fc.integer({ min: 1, max: 64 }).map((n) => n as Signo));

describe('SigSet', () => {
  it('behaves as a set of numbers', () => {
    fc.assert(
      fc.property(signals, signals, (a, b) => {
        const [left, right] = [SigSet.of(...a), SigSet.of(...b)];
        const sorted = (list: readonly Signo[]): Signo[] => [...list].sort((x, y) => x - y);
        expect([...left]).toEqual(sorted(a));
        expect(left.lowest).toBe(sorted(a)[0] ?? null);
        expect(left.isEmpty).toBe(a.length === 0);
        expect([...left.union(right)]).toEqual(sorted([...new Set([...a, ...b])]));
        expect([...left.intersection(right)]).toEqual(sorted(a.filter((n) => b.includes(n))));
        expect([...left.difference(right)]).toEqual(sorted(a.filter((n) => !b.includes(n))));
        expect(SigSet.ofBits(left.bits).equals(left)).toBe(true);
        expect(left.equals(right)).toBe(left.difference(right).isEmpty && right.difference(left).isEmpty);
        for (const n of b) {
          expect(left.with(n).has(n)).toBe(true);
          expect(left.without(n).has(n)).toBe(false);
        }
      }),
    );
  });

  it('has the bits of a kernel sigset_t', () => {
    expect(SigSet.of(1 as Signo).bits).toBe(1n);
    expect(SigSet.of(64 as Signo).bits).toBe(1n << 63n);
    expect(SigSet.full.bits).toBe(0xffff_ffff_ffff_ffffn);
    expect(SigSet.ofBits(-1n).equals(SigSet.full)).toBe(true);
    expect(SigSet.empty.lowest).toBe(null);
  });
});
