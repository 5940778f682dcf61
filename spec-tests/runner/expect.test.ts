import { describe, expect, it } from 'vitest';
import type { Actual, RefShape } from './expect.ts';
import { asksForNan, isNan, matchAll, matches, showActuals, showPatterns } from './expect.ts';
import { readSExpressions } from './lexer.ts';
import type { Hierarchy } from './values.ts';
import { parsePattern } from './values.ts';

const pattern = (text: string) => parsePattern(readSExpressions(text)[0]!);
const f32 = (bits: bigint): Actual => ({ type: 'f32', bits });
const f64 = (bits: bigint): Actual => ({ type: 'f64', bits });
const ref = (hierarchy: Hierarchy, shape: RefShape, id?: number): Actual => {
  return { type: 'ref', hierarchy, shape, ...(id === undefined ? {} : { id }) };
};

describe('matches', () => {
  it.each<[string, Actual, boolean]>([
    ['(i32.const -1)', { type: 'i32', bits: 0xffff_ffffn }, true],
    ['(i32.const 1)', { type: 'i32', bits: 2n }, false],
    ['(i32.const 1)', { type: 'i64', bits: 1n }, false],
    ['(i64.const 1)', { type: 'i32', bits: 1n }, false],
    ['(f32.const 0)', f32(0n), true],
    ['(f32.const 0)', f32(0x8000_0000n), false],
    ['(f32.const 0)', f64(0n), false],
    ['(f32.const nan:canonical)', f32(0x7fc0_0000n), true],
    ['(f32.const nan:canonical)', f32(0xffc0_0000n), true],
    ['(f32.const nan:canonical)', f32(0x7fc0_0001n), false],
    ['(f32.const nan:canonical)', f32(0x7f80_0000n), false],
    ['(f32.const nan:arithmetic)', f32(0xffc0_1234n), true],
    ['(f32.const nan:arithmetic)', f32(0x7fa0_0000n), false],
    ['(f32.const nan:arithmetic)', f32(0x7f80_0000n), false],
    ['(f32.const nan:0x200000)', f32(0x7fa0_0000n), true],
    ['(f32.const nan:0x200000)', f32(0x7fe0_0000n), false],
    ['(f64.const nan:canonical)', f64(0xfff8_0000_0000_0000n), true],
    ['(f64.const nan:canonical)', f64(0x7ff8_0000_0000_0001n), false],
    ['(f64.const nan:arithmetic)', f64(0x7ffc_0000_0000_0000n), true],
    ['(f64.const nan:arithmetic)', f64(0x7ff4_0000_0000_0000n), false],
    ['(either (i32.const 1) (i32.const 2))', { type: 'i32', bits: 2n }, true],
    ['(either (i32.const 1) (i32.const 2))', { type: 'i32', bits: 3n }, false],
  ])('%s %o: %s', (text, actual, expected) => {
    expect(matches(pattern(text), actual)).toBe(expected);
  });

  it('compares vectors lane by lane', () => {
    const bits = (0x7fc0_0001n << 96n) | (0xffc0_0000n << 64n) | (0x8000_0000n << 32n) | 0x3f80_0000n;
    const actual: Actual = { type: 'v128', bits };
    expect(matches(pattern('(v128.const f32x4 1 -0 nan:canonical nan:arithmetic)'), actual)).toBe(true);
    expect(matches(pattern('(v128.const f32x4 1 0 nan:canonical nan:arithmetic)'), actual)).toBe(false);
    expect(matches(pattern('(v128.const f32x4 1 -0 nan:canonical nan:canonical)'), actual)).toBe(false);
    expect(matches(pattern('(v128.const i32x4 0x3f800000 0x80000000 0xffc00000 0x7fc00001)'), actual)).toBe(true);
    expect(matches(pattern('(v128.const i64x2 0x800000003f800000 0x7fc00001ffc00000)'), actual)).toBe(true);
    expect(matches(pattern('(v128.const i64x2 0x800000003f800000 0x7fc00001ffc00001)'), actual)).toBe(false);
  });

  // Every shape a reference can have, and which patterns it matches.
  const patterns = ['(ref.null)', '(ref.null any)', '(ref.null func)', '(ref.null noexn)', '(ref.any)', '(ref.eq)'];
  patterns.push('(ref.i31)', '(ref.struct)', '(ref.array)', '(ref.host 1)', '(ref.extern)', '(ref.extern 1)');
  patterns.push('(ref.func)', '(ref.exn)', '(ref.cont)');
  it.each<[Actual, string[]]>([
    [ref('any', 'null'), ['(ref.null)', '(ref.null any)']],
    [ref('func', 'null'), ['(ref.null)', '(ref.null func)']],
    [ref('exn', 'null'), ['(ref.null)', '(ref.null noexn)']],
    [ref('cont', 'null'), ['(ref.null)']],
    [ref('any', 'i31'), ['(ref.any)', '(ref.eq)', '(ref.i31)']],
    [ref('any', 'struct'), ['(ref.any)', '(ref.eq)', '(ref.struct)']],
    [ref('any', 'array'), ['(ref.any)', '(ref.eq)', '(ref.array)']],
    [ref('any', 'host', 1), ['(ref.any)', '(ref.host 1)']],
    [ref('any', 'host', 2), ['(ref.any)']],
    [ref('extern', 'host', 1), ['(ref.extern)', '(ref.extern 1)']],
    [ref('extern', 'host', 2), ['(ref.extern)']],
    [ref('extern', 'struct'), ['(ref.extern)']],
    [ref('func', 'func'), ['(ref.func)']],
    [ref('exn', 'exn'), ['(ref.exn)']],
    [ref('cont', 'cont'), ['(ref.cont)']],
    [{ type: 'i32', bits: 0n }, []],
  ])('%o matches only %o', (actual, expected) => {
    expect(patterns.filter((text) => matches(pattern(text), actual))).toEqual(expected);
  });
});

describe('matchAll', () => {
  it('wants as many results as patterns', () => {
    const one: Actual = { type: 'i32', bits: 1n };
    expect(matchAll([pattern('(i32.const 1)')], [one])).toBe(true);
    expect(matchAll([], [one])).toBe(false);
    expect(matchAll([pattern('(i32.const 1)')], [])).toBe(false);
    expect(matchAll([pattern('(i32.const 1)'), pattern('(i32.const 2)')], [one, one])).toBe(false);
    expect(matchAll([], [])).toBe(true);
  });
});

describe('asksForNan', () => {
  it.each([
    ['(f32.const nan:canonical)', true],
    ['(f64.const nan:0x1)', true],
    ['(either (i32.const 1) (f32.const nan))', true],
    ['(f32.const inf)', false],
    ['(f64.const 1)', false],
  ])('%s: %s', (text, expected) => {
    expect(asksForNan(pattern(text))).toBe(expected);
  });

  it('tells NaNs from infinities', () => {
    expect(isNan('f32', 0xff80_0000n)).toBe(false);
    expect(isNan('f32', 0xff80_0001n)).toBe(true);
    expect(isNan('f64', 0x7ff0_0000_0000_0000n)).toBe(false);
    expect(isNan('f64', 0x7ff0_0000_0000_0001n)).toBe(true);
  });
});

describe('showing values', () => {
  it.each([
    '(i32.const -1)',
    '(i64.const -9223372036854775808)',
    '(f32.const -0)',
    '(f32.const 1.5)',
    '(f64.const -inf)',
    '(f32.const -nan:0x200000)',
    '(f64.const nan:arithmetic)',
    '(v128.const i32x4 0x00000001 0xffffffff 0x00000000 0x7fc00000)',
    '(ref.null)',
    '(ref.null extern)',
    '(ref.extern 7)',
    '(ref.struct)',
    '(either (i32.const 1) (ref.func))',
  ])('%s', (text) => {
    expect(showPatterns([pattern(text)])).toBe(text);
  });

  it('shows results alike', () => {
    expect(showActuals([])).toBe('no results');
    expect(showActuals([f32(0x3fc0_0000n), ref('any', 'null'), ref('extern', 'host', 7)])).toBe(
      '(f32.const 1.5) (ref.null any) (ref.extern 7)',
    );
    expect(showActuals([{ type: 'v128', bits: 1n }])).toBe(
      '(v128.const i32x4 0x00000001 0x00000000 0x00000000 0x00000000)',
    );
  });
});
