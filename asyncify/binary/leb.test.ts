import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError } from '../errors.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

type Kind = 'u32' | 's32' | 's33' | 'u64' | 's64';

function read(kind: Kind, bytes: readonly number[]): number | bigint {
  const reader = new Reader(Uint8Array.from(bytes));
  const value = reader[kind]();
  expect(reader.pos).toBe(bytes.length);
  return value;
}

function failure(run: () => unknown): MalformedError {
  try {
    run();
  } catch (error) {
    if (error instanceof MalformedError) return error;
    throw error;
  }
  throw new Error('accepted');
}

const more = (count: number, byte = 0x80): number[] => new Array<number>(count).fill(byte);

describe('integers', () => {
  it.each<[Kind, number[], number | bigint]>([
    ['u32', [0x00], 0],
    ['u32', [0x7f], 127],
    ['u32', [0x80, 0x01], 128],
    ['u32', [...more(4, 0xff), 0x0f], 0xffff_ffff],
    ['u32', [...more(4), 0x00], 0],
    ['s32', [0x40], -64],
    ['s32', [0xff, 0x00], 127],
    ['s32', [...more(4), 0x78], -0x8000_0000],
    ['s32', [...more(4, 0xff), 0x07], 0x7fff_ffff],
    ['s32', [...more(4, 0xff), 0x7f], -1],
    ['s33', [...more(4, 0xff), 0x0f], 0xffff_ffff],
    ['s33', [...more(4), 0x70], -0x1_0000_0000],
    ['s33', [...more(4, 0xff), 0x7f], -1],
    ['u64', [...more(9, 0xff), 0x01], 0xffff_ffff_ffff_ffffn],
    ['u64', [...more(6), 0x01], 1n << 42n],
    ['u64', [...more(7), 0x01], 1n << 49n],
    ['u64', [...more(9), 0x00], 0n],
    ['s64', [...more(9), 0x7f], -(1n << 63n)],
    ['s64', [...more(9, 0xff), 0x00], (1n << 63n) - 1n],
    ['s64', [...more(6), 0x40], -(1n << 48n)],
    ['s64', [...more(7), 0x40], -(1n << 55n)],
    ['s64', [...more(8), 0x40], -(1n << 62n)],
    ['s64', [...more(9, 0xff), 0x7f], -1n],
  ])('reads %s %j', (kind, bytes, value) => {
    expect(read(kind, bytes)).toBe(value);
  });

  it.each<[Kind, number[], string, number]>([
    ['u32', [...more(4), 0x10], 'too large', 4],
    ['u32', [...more(5), 0x00], 'too long', 4],
    ['s32', [...more(4), 0x08], 'too large', 4],
    ['s32', [...more(4, 0xff), 0x4f], 'too large', 4],
    ['s32', [...more(5), 0x00], 'too long', 4],
    ['s33', [...more(4), 0x10], 'too large', 4],
    ['s33', [...more(4), 0x60], 'too large', 4],
    ['s33', [...more(5), 0x00], 'too long', 4],
    ['u64', [...more(9), 0x02], 'too large', 9],
    ['u64', [...more(10), 0x00], 'too long', 9],
    ['s64', [...more(9), 0x01], 'too large', 9],
    ['s64', [...more(9), 0x7e], 'too large', 9],
    ['s64', [...more(10), 0x00], 'too long', 9],
    ['u32', [0x80, 0x80], 'unexpected end', 2],
    ['s64', [], 'unexpected end', 0],
  ])('rejects %s %j', (kind, bytes, message, offset) => {
    const error = failure(() => new Reader(Uint8Array.from(bytes))[kind]());
    expect(error.message).toContain(message);
    expect(error.offset).toBe(offset);
  });

  it('reads what it writes, in the fewest bytes', () => {
    function check<T>(
      arbitrary: fc.Arbitrary<T>,
      write: (writer: Writer, value: T) => void,
      kind: Kind,
      bits: (value: T) => number,
    ) {
      fc.assert(
        fc.property(arbitrary, (value) => {
          const writer = new Writer();
          write(writer, value);
          const bytes = writer.finish();
          expect(read(kind, [...bytes])).toBe(value);
          expect(bytes.length).toBe(Math.max(1, Math.ceil(bits(value) / 7)));
        }),
      );
    }
    const unsigned = (value: number | bigint) => (BigInt(value) === 0n ? 0 : BigInt(value).toString(2).length);
    const signed = (value: number | bigint) => unsigned(value < 0 ? -BigInt(value) - 1n : value) + 1;
    check(fc.nat(0xffff_ffff), (writer, value) => writer.u32(value), 'u32', unsigned);
    check(fc.nat(0xffff_ffff), (writer, value) => writer.index33(value), 's33', signed);
    check(fc.integer(), (writer, value) => writer.s32(value), 's32', signed);
    check(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (writer, value) => writer.u64(value), 'u64', unsigned);
    check(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (writer, value) => writer.s64(value), 's64', signed);
  });

  it('refuses to write what has no encoding', () => {
    const writer = new Writer();
    for (const value of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(() => writer.u32(value)).toThrow(RangeError);
      expect(() => writer.index33(value)).toThrow(RangeError);
    }
    expect(() => writer.u64(-1n)).toThrow(RangeError);
    expect(() => writer.u64(1n << 64n)).toThrow(RangeError);
    expect(writer.length).toBe(0);
  });
});

describe('names and sizes', () => {
  it.each([[[0x80]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]]])(
    'rejects %j as UTF-8',
    (bytes) => {
      const error = failure(() => new Reader(Uint8Array.of(bytes.length, ...bytes)).name());
      expect(error.message).toContain('malformed UTF-8 encoding');
      expect(error.offset).toBe(1);
    },
  );

  it('keeps names as they are, byte order mark and NUL included', () => {
    const name = '\ufeffa\u0000\u{1f600}';
    const writer = new Writer();
    writer.name(name);
    expect(new Reader(writer.finish()).name()).toBe(name);
  });

  it('does not believe a count that the bytes cannot hold', () => {
    const error = failure(() =>
      new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00)).vec((reader) => reader.byte()),
    );
    expect(error.message).toContain('length out of bounds');
    expect(error.offset).toBe(0);
  });

  it.each([0, 1, 127, 128, 20_000])('prefixes %i bytes with their size', (size) => {
    const content = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const writer = new Writer();
    writer.byte(7);
    writer.sized(() => writer.raw(content));
    const reader = new Reader(writer.finish());
    expect(reader.byte()).toBe(7);
    expect(reader.take(reader.u32())).toEqual(content);
    expect(reader.pos).toBe(reader.end);
  });
});
