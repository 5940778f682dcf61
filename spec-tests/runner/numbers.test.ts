import { describe, expect, it } from 'vitest';
import { bitsToFloat, floatToBits } from './expect.ts';
import { parseFloatBits, parseInteger } from './numbers.ts';

describe('parseInteger', () => {
  it.each([
    ['0', 32, 0n],
    ['-1', 32, 0xffff_ffffn],
    ['+0x8000_0000', 32, 0x8000_0000n],
    ['-0x80', 8, 0x80n],
    ['255', 8, 255n],
    ['-9223372036854775808', 64, 0x8000_0000_0000_0000n],
  ])('reads %s as %d bits', (text, width, bits) => {
    expect(parseInteger(text, width)).toBe(bits);
  });

  it.each([
    ['256', 8],
    ['-129', 8],
    ['0x1_0000_0000', 32],
    ['_1', 32],
    ['1__0', 32],
    ['1_', 32],
    ['0x', 32],
    ['1.0', 32],
    ['', 32],
    ['--1', 32],
  ])('rejects %j as %d bits', (text, width) => {
    expect(parseInteger(text, width)).toBeUndefined();
  });
});

describe('parseFloatBits', () => {
  it('reads the decimal numbers JavaScript reads', () => {
    let seed = 1;
    for (let round = 0; round < 2000; round++) {
      seed = (seed * 48271) % 2147483647;
      const text = `${seed}.${(seed * 7) % 1000003}e${(seed % 700) - 350}`;
      const value = Number(text);
      expect(parseFloatBits(text, 64)).toBe(Number.isFinite(value) ? floatToBits('f64', value) : undefined);
    }
  });

  it('rounds to f32 once, not twice', () => {
    // Just above the midpoint of 1 and the next f32: rounding to f64 first would land on the midpoint and go down.
    expect(parseFloatBits('1.00000005960464478', 32)).toBe(0x3f80_0001n);
    expect(parseFloatBits('0x1.000001000000000001p0', 32)).toBe(0x3f80_0001n);
    expect(parseFloatBits('0x1.000001p0', 32)).toBe(0x3f80_0000n);
    expect(parseFloatBits('0x1.000003p0', 32)).toBe(0x3f80_0002n);
  });

  it.each([
    ['-0', 32, 0x8000_0000n],
    ['inf', 32, 0x7f80_0000n],
    ['-inf', 64, 0xfff0_0000_0000_0000n],
    ['nan', 32, 0x7fc0_0000n],
    ['-nan:0x20_0000', 32, 0xffa0_0000n],
    ['nan:0xf_ffff_ffff_ffff', 64, 0x7fff_ffff_ffff_ffffn],
    ['0x1p-149', 32, 1n],
    ['0x0.8p-149', 32, 0n],
    ['0x0.800001p-149', 32, 1n],
    ['0x1.fffffep127', 32, 0x7f7f_ffffn],
    ['0x1.fffffefffp127', 32, 0x7f7f_ffffn],
    ['0x1p-126', 32, 0x0080_0000n],
    ['0x0.ffffffp-126', 32, 0x0080_0000n],
    ['4.9e-324', 64, 1n],
    ['1e-99999999999', 64, 0n],
    ['0e99999999999', 64, 0n],
    ['1.', 32, 0x3f80_0000n],
  ] as const)('reads %s as f%d', (text, width, bits) => {
    expect(parseFloatBits(text, width)).toBe(bits);
  });

  it.each([
    ['0x1.ffffffp127', 32],
    ['1e39', 32],
    ['1e309', 64],
    ['0x1p1024', 64],
    ['1e99999999999', 64],
    ['nan:0x0', 32],
    ['nan:0x80_0000', 32],
    ['nan:1', 32],
    ['.5', 32],
    ['1e', 32],
    ['1_.0', 32],
    ['0x1e+5', 32],
    ['infinity', 64],
  ] as const)('rejects %s as f%d', (text, width) => {
    expect(parseFloatBits(text, width)).toBeUndefined();
  });
});

describe('bitsToFloat', () => {
  it('is the inverse of floatToBits', () => {
    expect(bitsToFloat('f32', floatToBits('f32', -0))).toBe(-0);
    expect(bitsToFloat('f64', floatToBits('f64', 0.1))).toBe(0.1);
  });
});
