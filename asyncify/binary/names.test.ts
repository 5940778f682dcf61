import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { MalformedError } from '../errors.ts';
import { decode, decodeNames, encodeNames, type FuncIdx, NO_NAMES, namesOf, remapNames } from './index.ts';

const TEXT = `(module $mod
  (type $t (struct (field $x i32) (field $y i64)))
  (tag $tag) (table $tab 1 funcref) (memory $mem 1) (global $glob i32 (i32.const 0))
  (func $f (param $p i32) (local $l i64) (block $b))
  (func (local i32) (local $only i32))
  (func $h)
  (elem $el func $f) (data $dat ""))`;

const entries = (map: ReadonlyMap<number, string>) => [...map];
const nested = (map: ReadonlyMap<number, ReadonlyMap<number, string>>) => [...map].map(([i, inner]) => [i, [...inner]]);

async function content(): Promise<Uint8Array> {
  const section = decode(await parse(TEXT)).customs.find(({ name }) => name === 'name');
  if (section === undefined) throw new Error('no name section');
  return section.bytes;
}

describe('the name section', () => {
  it('is read', async () => {
    const names = decodeNames(await content());
    expect(names.module).toBe('mod');
    expect(entries(names.func)).toEqual([
      [0, 'f'],
      [2, 'h'],
    ]);
    expect(nested(names.local)).toEqual([
      [
        0,
        [
          [0, 'p'],
          [1, 'l'],
        ],
      ],
      [1, [[1, 'only']]],
    ]);
    expect(nested(names.label)).toEqual([[0, [[0, 'b']]]]);
    expect(nested(names.field)).toEqual([
      [
        0,
        [
          [0, 'x'],
          [1, 'y'],
        ],
      ],
    ]);
    const { type, table, memory, global, elem, data, tag } = names;
    expect([type, table, memory, global, elem, data, tag].map(entries)).toEqual([
      ...[[[0, 't']], [[0, 'tab']], [[0, 'mem']], [[0, 'glob']], [[0, 'el']], [[0, 'dat']], [[0, 'tag']]],
    ]);
  });

  it('is written as it was', async () => {
    const bytes = await content();
    expect(encodeNames(decodeNames(bytes))).toEqual(bytes);
    expect(encodeNames(NO_NAMES).length).toBe(0);
  });

  it('follows its functions, locals and fields to other indices', async () => {
    const names = remapNames(decodeNames(await content()), {
      func: (index) => (index === 2 ? null : 10 - index),
      local: (func, local) => (func === 0 ? local + 100 : null),
      type: (index) => index + 3,
      field: (type, field) => (type === 0 && field === 1 ? 0 : null),
      tag: () => null,
    });
    expect(entries(names.func)).toEqual([[10, 'f']]);
    expect(nested(names.local)).toEqual([
      [
        10,
        [
          [100, 'p'],
          [101, 'l'],
        ],
      ],
      [9, []],
    ]);
    expect(nested(names.label)).toEqual([[10, [[0, 'b']]]]);
    expect(nested(names.field)).toEqual([[3, [[0, 'y']]]]);
    expect(entries(names.tag)).toEqual([]);
    expect(entries(names.memory)).toEqual([[0, 'mem']]);
    // The format wants increasing indices.
    expect([...decodeNames(encodeNames(names)).local.keys()]).toEqual([9, 10]);
  });

  it('never makes a module fail', () => {
    const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
    const bad = [1, 9, 1, 0, 1, 0x66];
    expect(() => decodeNames(Uint8Array.from(bad))).toThrow(MalformedError);
    const module = decode(Uint8Array.from([...header, 0, 5 + bad.length, 4, 0x6e, 0x61, 0x6d, 0x65, ...bad]));
    expect([...(module.customs[0]?.bytes ?? [])]).toEqual(bad);
    expect(namesOf(module)).toBe(NO_NAMES);
    expect(namesOf({ customs: [] })).toBe(NO_NAMES);
  });

  it('loses only the subsections of unknown meaning', () => {
    const names = decodeNames(Uint8Array.of(99, 2, 7, 7, 1, 4, 1, 5, 1, 0x66));
    expect(names.func.get(5 as FuncIdx)).toBe('f');
    expect([...encodeNames(names)]).toEqual([1, 4, 1, 5, 1, 0x66]);
  });

  it('is malformed wherever it is cut short, but between subsections', async () => {
    const bytes = await content();
    const whole: number[] = [];
    for (let length = 0; length <= bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      try {
        expect(encodeNames(decodeNames(cut))).toEqual(cut);
        whole.push(length);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
      }
    }
    // Nothing, and each of the twelve subsections.
    expect(whole.length).toBe(13);
  });
});
