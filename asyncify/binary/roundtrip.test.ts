import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { TEXTS } from './fixtures.test-data.ts';
import { decode, encode, type Module, refType, subTypes } from './index.ts';

const same = Object.entries(TEXTS);

/** A module from the bytes of its sections. */
function moduleOf(...sections: readonly (readonly number[])[]): Uint8Array {
  const bytes = sections.flatMap(([id = 0, ...content]) => [id, content.length, ...content]);
  return Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...bytes);
}

describe('decode and encode', () => {
  it.each(same)('%s: gives the bytes of wasm-tools back', async (_, text) => {
    const bytes = await parse(text);
    expect(encode(decode(bytes))).toEqual(bytes);
  });

  it.each(same)('%s: gives the module back', async (_, text) => {
    const module = decode(await parse(text));
    expect(decode(encode(module))).toEqual(module);
  });

  it('decodes what the text says', async () => {
    const module = decode(await parse(TEXTS.segments ?? ''));
    expect(module.elems.map(({ mode }) => mode.kind)).toEqual([
      ...['active', 'passive', 'active', 'declarative', 'active', 'passive', 'active', 'declarative'],
    ]);
    expect(module.elems.map(({ init }) => init.map((expr) => expr.map(({ op }) => op).join()).join(' '))).toEqual([
      ...['ref.func ref.func', 'ref.func', 'ref.func', 'ref.func', 'ref.func ref.null', 'ref.null', 'ref.null'],
      'block,ref.func,end',
    ]);
    expect(module.elems.map(({ type }) => type)).toEqual([
      ...[refType('func', false), refType('func', false), refType('func', false), refType('func', false)],
      ...[refType('func', true), refType('func', true), refType('extern', true), refType('func', false)],
    ]);
    expect(module.datas.map(({ mode }) => mode.kind)).toEqual(['active', 'passive', 'active']);
    expect(module.datas.map(({ bytes }) => new TextDecoder('latin1').decode(bytes))).toEqual([
      'active',
      'passive',
      '\0ÿ',
    ]);
    expect(module.dataCount).toBe(true);
    expect(module.start).toBe(0);
    expect(module.tables[2]?.init?.map(({ op }) => op)).toEqual(['ref.func']);
    expect(module.globals[1]?.init).toMatchObject([{ op: 'f64.const', f64: 0x7ff4000000000001n }]);
  });

  it('expands locals and keeps the offsets of a body', async () => {
    const bytes = await parse('(module (func (param i32) (local i32 i32 (ref null func)) nop))');
    const [func] = decode(bytes).funcs;
    expect(func?.locals).toEqual(['i32', 'i32', refType('func', true)]);
    expect(func?.body).toEqual([{ op: 'nop', at: func?.at === undefined ? 0 : func.at + 5 }]);
    expect([...bytes.subarray(func?.at, (func?.endAt ?? 0) + 1)]).toEqual([2, 2, 0x7f, 1, 0x70, 0x01, 0x0b]);
  });

  it('flattens recursion groups by type index', async () => {
    const types = subTypes(decode(await parse(TEXTS.types ?? '')));
    expect(types.map(({ comp }) => comp.kind)).toEqual(['func', 'struct', 'struct', 'array', 'func', 'cont', 'func']);
    expect(types[2]).toMatchObject({ final: true, supers: [1] });
    expect(types[5]?.comp).toEqual({ kind: 'cont', type: 4 });
  });

  it('keeps custom sections in their places', async () => {
    const { customs } = decode(await parse(TEXTS.customs ?? ''));
    expect(customs.map(({ name, after }) => [name, after])).toEqual([
      ['first', 'start-of-module'],
      ['after types', 'type'],
      ['twin', 'type'],
      ['before code', 'function'],
      ['last', 'code'],
      ['name', 'code'],
    ]);
  });

  it.each<[string, number[][], number[][]]>([
    [
      'empty sections',
      [
        [1, 0],
        [3, 0],
        [10, 0],
      ],
      [],
    ],
    ['a recursion group of one', [[1, 1, 0x4e, 1, 0x60, 0, 0]], [[1, 1, 0x60, 0, 0]]],
    ['a final type without supertypes', [[1, 1, 0x4f, 0, 0x60, 0, 0]], [[1, 1, 0x60, 0, 0]]],
    ['a long reference type', [[1, 1, 0x60, 1, 0x63, 0x70, 0]], [[1, 1, 0x60, 1, 0x70, 0]]],
    ['long integers', [[4, 0x81, 0x00, 0x70, 0x00, 0x80, 0x00]], [[4, 1, 0x70, 0x00, 0x00]]],
    [
      'memory 0 by index',
      [
        [5, 1, 0, 0],
        [11, 1, 2, 0, 0x41, 0x80, 0x00, 0x0b, 1, 9],
      ],
      [
        [5, 1, 0, 0],
        [11, 1, 0, 0x41, 0, 0x0b, 1, 9],
      ],
    ],
    ['function indices as expressions', [[9, 1, 5, 0x64, 0x70, 1, 0xd2, 0, 0x0b]], [[9, 1, 1, 0, 1, 0]]],
  ])('normalizes %s', (_, given, expected) => {
    expect(encode(decode(moduleOf(...given)))).toEqual(moduleOf(...expected));
  });

  it.each([
    ['an array', (bytes: Uint8Array) => new Uint8Array(bytes)],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)],
    [
      'shared memory',
      (bytes: Uint8Array) => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
        shared.set(bytes);
        return shared;
      },
    ],
  ])('shares no memory with its input: %s', (_, viewOf) => {
    const bytes = viewOf(moduleOf([11, 1, 1, 2, 0xaa, 0xbb], [0, 1, 0x78, 0xcc]));
    const module = decode(bytes);
    expect(module.customs[0]?.name).toBe('x');
    bytes.fill(0);
    expect([...(module.datas[0]?.bytes ?? [])]).toEqual([0xaa, 0xbb]);
    expect([...(module.customs[0]?.bytes ?? [])]).toEqual([0xcc]);
  });

  it('refuses to encode an index that is none', () => {
    const module = decode(moduleOf([1, 1, 0x60, 0, 0], [3, 1, 0], [10, 1, 4, 0, 0x10, 0, 0x0b]));
    const func = module.funcs[0] as Module['funcs'][number];
    const broken: Module = { ...module, funcs: [{ ...func, type: -1 as typeof func.type }] };
    expect(() => encode(broken)).toThrow(RangeError);
  });
});
