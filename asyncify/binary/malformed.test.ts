import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BobbinError, MalformedError, RefusedError } from '../errors.ts';
import { TEXTS } from './fixtures.test-data.ts';
import { decode, encode } from './index.ts';

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNC_TYPE = [1, 4, 1, 0x60, 0, 0];
const ONE_FUNC = [...FUNC_TYPE, 3, 2, 1, 0];

function failure(bytes: Uint8Array): BobbinError | null {
  try {
    decode(bytes);
    return null;
  } catch (error) {
    if (error instanceof BobbinError) return error;
    throw error;
  }
}

/** A module of one function with this body (locals and final `end` included). */
function withBody(...body: readonly number[]): number[] {
  return [...ONE_FUNC, 10, body.length + 2, 1, body.length, ...body];
}

/** Offset of the first byte of such a body. */
const BODY = HEADER.length + ONE_FUNC.length + 4;

describe('malformed modules', () => {
  it.each<[string, number[], number]>([
    ['unexpected end', [1], 9],
    ['length out of bounds', [1, 5, 0], 10],
    ['malformed section id', [14, 0], 8],
    ['section size mismatch', [1, 5, 1, 0x60, 0, 0, 0], 14],
    ['out of order', [...FUNC_TYPE, 1, 1, 0], 14],
    ['tag section', [6, 1, 0, 13, 1, 0], 11],
    ['datacount section', [10, 1, 0, 12, 1, 0], 11],
    ['length out of bounds', [1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 10],
    ['malformed definition type', [1, 2, 1, 0x5c], 11],
    ['malformed continuation type', [1, 3, 1, 0x5d, 0x70], 12],
    ['malformed value type', [1, 5, 1, 0x60, 1, 0x78, 0], 13],
    ['malformed heap type', [1, 6, 1, 0x60, 1, 0x63, 0x7f, 0], 14],
    ['malformed mutability', [1, 4, 1, 0x5e, 0x7f, 2], 13],
    ['malformed limits flags', [5, 3, 1, 8, 0], 11],
    ['malformed limits flags', [4, 4, 1, 0x70, 2, 0], 12],
    ['malformed reference type', [4, 4, 1, 0x7f, 0, 0], 11],
    ['malformed table', [4, 3, 1, 0x40, 1], 12],
    ['malformed tag attribute', [13, 3, 1, 1, 0], 11],
    ['malformed import kind', [2, 5, 1, 0, 0, 5, 0], 13],
    ['malformed export kind', [7, 4, 1, 0, 5, 0], 12],
    ['malformed elements segment kind', [9, 2, 1, 8], 11],
    ['malformed element kind', [9, 4, 1, 1, 1, 0], 12],
    ['malformed data segment kind', [11, 2, 1, 3], 11],
    ['data count and data section', [12, 1, 1], 11],
    ['data count and data section', [12, 1, 2, 11, 4, 1, 1, 1, 0], 13],
    ['function and code section', ONE_FUNC, 18],
    ['function and code section', [10, 4, 1, 2, 0, 0x0b], 10],
    ['malformed UTF-8 encoding', [0, 2, 1, 0xff], 11],
    ['too many locals', withBody(2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 1, 0x7f, 0x0b), BODY + 7],
    ['END opcode expected', withBody(0, 0x01), BODY + 2],
    ['END opcode expected', withBody(0, 0x02, 0x40, 0x0b), BODY + 4],
    ['function body size mismatch', withBody(0, 0x0b, 0x0b), BODY + 2],
    ['illegal opcode', withBody(0, 0xff, 0x0b), BODY + 1],
    ['illegal opcode', withBody(0, 0xfc, 0x80, 0x01, 0x0b), BODY + 1],
    ['misplaced else', withBody(0, 0x05, 0x0b, 0x0b), BODY + 1],
    ['misplaced else', withBody(0, 0x04, 0x40, 0x05, 0x05, 0x0b, 0x0b), BODY + 4],
    ['misplaced catch', withBody(0, 0x02, 0x40, 0x07, 0x00, 0x0b, 0x0b), BODY + 3],
    ['misplaced catch_all', withBody(0, 0x06, 0x40, 0x19, 0x19, 0x0b, 0x0b), BODY + 4],
    ['misplaced delegate', withBody(0, 0x06, 0x40, 0x07, 0x00, 0x18, 0x00, 0x0b), BODY + 5],
    ['malformed block type', withBody(0, 0x02, 0x79, 0x0b, 0x0b), BODY + 2],
    ['malformed memop flags', withBody(0, 0x28, 0x80, 0x01, 0x00, 0x0b), BODY + 2],
    ['malformed catch kind', withBody(0, 0x1f, 0x40, 0x01, 0x04, 0x00, 0x0b, 0x0b), BODY + 4],
    ['malformed handler kind', withBody(0, 0xe3, 0x00, 0x01, 0x02, 0x00, 0x0b), BODY + 4],
    ['malformed cast flags', withBody(0, 0xfb, 0x18, 0x04, 0x00, 0x6e, 0x6e, 0x0b), BODY + 3],
    ['zero byte expected', withBody(0, 0xfe, 0x03, 0x01, 0x0b), BODY + 3],
    ['data count section required', withBody(0, 0xfc, 0x09, 0x00, 0x0b), BODY + 1],
  ])('%s: %j', (message, sections, offset) => {
    const error = failure(Uint8Array.from([...HEADER, ...sections]));
    expect(error).toBeInstanceOf(MalformedError);
    expect(error?.message).toContain(message);
    expect((error as MalformedError).offset).toBe(offset);
  });

  it('wants the header', () => {
    expect(failure(Uint8Array.of())?.message).toContain('unexpected end');
    expect(failure(Uint8Array.from([0, 0x61, 0x73, 0x6e, 1, 0, 0, 0]))?.message).toContain('magic header not detected');
    expect(failure(Uint8Array.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]))?.message).toContain('unknown binary version');
  });

  it('refuses more locals than engines take, before it makes them', () => {
    const accepted = Uint8Array.from([...HEADER, ...withBody(1, 0xd0, 0x86, 0x03, 0x7f, 0x0b)]);
    expect(decode(accepted).funcs[0]?.locals.length).toBe(50_000);
    const refused = failure(Uint8Array.from([...HEADER, ...withBody(1, 0xd1, 0x86, 0x03, 0x7f, 0x0b)]));
    expect(refused).toBeInstanceOf(RefusedError);
    expect(refused).toMatchObject({ offset: BODY, func: 0 });
  });

  it('refuses a small module that asks for gigabytes of locals', () => {
    const count = 4_000;
    const [low, high] = [(count & 0x7f) | 0x80, count >> 7];
    const types = new Array<number>(count).fill(0);
    const body = [6, 1, 0xd0, 0x86, 0x03, 0x7f, 0x0b];
    const leb = (size: number) => [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
    const code = new Array(count).fill(body).flat();
    const bytes = [
      ...FUNC_TYPE,
      3,
      ...leb(count + 2),
      low,
      high,
      ...types,
      10,
      ...leb(code.length + 2),
      low,
      high,
      ...code,
    ];
    expect(failure(Uint8Array.from([...HEADER, ...bytes]))).toBeInstanceOf(RefusedError);
  });

  it('takes nesting of any depth without recursion', () => {
    const depth = 100_000;
    const body = [0, ...new Array(depth).fill([0x02, 0x40]).flat(), ...new Array(depth).fill(0x0b), 0x0b];
    const leb = (size: number) => [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
    const sized = [1, ...leb(body.length), ...body];
    const bytes = Uint8Array.from([...HEADER, ...ONE_FUNC, 10, ...leb(sized.length), ...sized]);
    const module = decode(bytes);
    expect(module.funcs[0]?.body.length).toBe(2 * depth);
    expect(encode(module)).toEqual(bytes);
  });

  it.each(Object.entries(TEXTS))('%s: every truncation is malformed or ends at a section', async (_, text) => {
    const bytes = await parse(text);
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const error = failure(cut);
      if (error === null) {
        expect(encode(decode(cut))).toEqual(cut);
        continue;
      }
      expect(error).toBeInstanceOf(MalformedError);
      expect((error as MalformedError).offset).toBeLessThanOrEqual(length);
    }
  });

  it('survives mutation: a module or a typed error, and a module re-encodes to itself', async () => {
    const originals = await Promise.all(Object.values(TEXTS).map((text) => parse(text)));
    const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'remove') });
    fc.assert(
      fc.property(
        fc.nat(originals.length - 1),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (which, mutations) => {
          const bytes = [...(originals[which] ?? [])];
          for (const { at, byte, kind } of mutations) {
            const index = at % bytes.length;
            if (kind === 'set') bytes[index] = byte;
            else if (kind === 'insert') bytes.splice(index, 0, byte);
            else bytes.splice(index, 1);
          }
          const mutant = Uint8Array.from(bytes);
          if (failure(mutant) !== null) return;
          const module = decode(mutant);
          const encoded = encode(module);
          expect(encoded.length).toBeLessThanOrEqual(mutant.length);
          expect(encode(decode(encoded))).toEqual(encoded);
          expect(WebAssembly.validate(encoded)).toBe(WebAssembly.validate(mutant));
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
