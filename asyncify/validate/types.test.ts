import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompType, type RecGroup, refType, type SubType, type TypeIdx, type ValType } from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { TypeSpace } from './subtyping.ts';
import { checkTypes } from './type-section.ts';
import { cases, check } from './wat.test-data.ts';

const index = (type: number) => type as TypeIdx;

function space(groups: readonly RecGroup[]): TypeSpace {
  const { types, canonical } = checkTypes(groups);
  return new TypeSpace(types, canonical);
}

const struct = (...types: readonly ValType[]): CompType => ({
  kind: 'struct',
  fields: types.map((type) => ({ type, mutable: false })),
});
const open = (comp: CompType, ...supers: readonly number[]): SubType => ({
  final: false,
  supers: supers.map(index),
  comp,
});
const to = (type: number) => refType(index(type), true);

describe('equivalence', () => {
  it('identifies groups of one shape, wherever they stand', () => {
    const list = (start: number): RecGroup => [open(struct(to(start + 1))), open(struct('i32', to(start)))];
    const types = space([list(0), list(2), [open(struct(to(0)))], [open(struct(to(2)))]]);
    expect([0, 1, 2, 3, 4, 5].map((type) => types.canonical(index(type)))).toEqual([0, 1, 0, 1, 4, 4]);
  });

  it('tells groups apart by anything in them', () => {
    const variants: readonly RecGroup[] = [
      [open(struct('i32'))],
      [{ ...open(struct('i32')), final: true }],
      [open(struct('i64'))],
      [open(struct('i32', 'i32'))],
      [open(struct('i32'), 0)],
      [open({ kind: 'struct', fields: [{ type: 'i32', mutable: true }] })],
      [open({ kind: 'struct', fields: [{ type: 'i8', mutable: false }] })],
      [open({ kind: 'array', field: { type: 'i32', mutable: false } })],
      [open({ kind: 'func', params: ['i32'], results: [] })],
      [open({ kind: 'func', params: [], results: ['i32'] })],
      [open({ kind: 'cont', type: index(8) })],
      [open(struct(refType('any', true)))],
      [open(struct(refType('any', false)))],
      [open(struct(to(0)))],
    ];
    const types = space(variants);
    expect(new Set(variants.map((_, i) => types.canonical(index(i)))).size).toBe(variants.length);
  });

  it('keeps members of a longer group apart from their like in a shorter one', () => {
    const one = open({ kind: 'func', params: [], results: [] });
    const types = space([[one], [one, one]]);
    expect([0, 1, 2].map((type) => types.canonical(index(type)))).toEqual([0, 1, 2]);
  });

  it('is the same for any copy of any types', () => {
    const type = (size: number, at: number) =>
      fc.oneof(
        fc.constantFrom<ValType>('i32', 'f64', refType('eq', true)),
        fc.nat(at + size - 1).map((target): ValType => to(target)),
      );
    const groups = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }).chain((sizes) => {
      let at = 0;
      return fc.tuple(
        ...sizes.map((size) => {
          const start = at;
          at += size;
          return fc.array(
            fc.array(type(size, start), { maxLength: 3 }).map((fields) => open(struct(...fields))),
            { minLength: size, maxLength: size },
          );
        }),
      );
    });
    const moved = (type: ValType, by: number): ValType =>
      typeof type === 'object' && typeof type.heap === 'number' ? to(type.heap + by) : type;
    fc.assert(
      fc.property(groups, (list) => {
        const count = list.flat().length;
        const copy = list.map((group) =>
          group.map(({ comp }) =>
            open(
              struct(...(comp.kind === 'struct' ? comp.fields.map(({ type }) => moved(type as ValType, count)) : [])),
            ),
          ),
        );
        const types = space([...list, ...copy]);
        for (let i = 0; i < count; i++) expect(types.canonical(index(i + count))).toBe(types.canonical(index(i)));
      }),
    );
  });
});

describe('matching', () => {
  it('follows the abstract hierarchies', async () => {
    const info = await check('');
    const below = {
      any: ['eq', 'i31', 'struct', 'array', 'none'],
      eq: ['i31', 'struct', 'array', 'none'],
      i31: ['none'],
      struct: ['none'],
      array: ['none'],
      none: [],
      func: ['nofunc'],
      nofunc: [],
      extern: ['noextern'],
      noextern: [],
      exn: ['noexn'],
      noexn: [],
      cont: ['nocont'],
      nocont: [],
    } as const;
    const all = Object.keys(below) as (keyof typeof below)[];
    for (const a of all) {
      for (const b of all) {
        const expected = a === b || (below[b] as readonly string[]).includes(a);
        expect([a, b, info.matchesHeap(a, b)]).toEqual([a, b, expected]);
      }
    }
  });

  it('knows what concrete types belong to', () => {
    const types = space([
      [open({ kind: 'func', params: [], results: [] })],
      [open(struct())],
      [open({ kind: 'array', field: { type: 'i8', mutable: true } })],
      [open({ kind: 'cont', type: index(0) })],
    ]);
    const tops = ['func', 'struct', 'array', 'cont'] as const;
    const bottoms = ['nofunc', 'none', 'none', 'nocont'] as const;
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        expect(types.matchesHeap(index(i), tops[j]!)).toBe(i === j);
        expect(types.matchesHeap(bottoms[j]!, index(i))).toBe(bottoms[i] === bottoms[j]);
        expect(types.matchesHeap(index(i), bottoms[j]!)).toBe(false);
      }
    }
    expect(types.matchesHeap(index(1), 'eq')).toBe(true);
    expect(types.matchesHeap(index(3), 'eq')).toBe(false);
  });

  it('drops but does not add nullability', async () => {
    const info = await check('');
    expect(info.matches(refType('any', false), refType('any', true))).toBe(true);
    expect(info.matches(refType('any', true), refType('any', false))).toBe(false);
    expect(info.matches('i32', refType('any', true))).toBe(false);
  });

  it('follows declared supertypes through equivalent types', () => {
    const types = space([
      [open(struct())],
      [open(struct())],
      [open(struct('i32'), 1)],
      [open(struct('i32', 'i32'), 2)],
    ]);
    expect(types.isSubType(index(3), index(0))).toBe(true);
    expect(types.isSubType(index(0), index(3))).toBe(false);
  });
});

describe('type definitions', () => {
  cases([
    ['name types that exist', '(type (struct (field (ref 0))))', '(type (struct (field (ref 1))))', 'unknown type 1'],
    [
      'extend types before them',
      '(rec (type (sub (struct))) (type (sub 0 (struct))))',
      '(rec (type (sub 1 (struct))) (type (sub (struct))))',
      'unknown type 1',
    ],
    [
      'extend types that are open',
      '(type (sub (struct))) (type (sub 0 (struct)))',
      '(type (struct)) (type (sub 0 (struct)))',
      'sub type 1 has final super type 0',
    ],
    [
      'extend types of their kind',
      '(type (sub (struct))) (type (sub 0 (struct)))',
      '(type (sub (struct))) (type (sub 0 (func)))',
      'sub type 1 does not match super type 0',
    ],
    [
      'keep inherited fields',
      '(type (sub (struct (field i32)))) (type (sub 0 (struct (field i32 i32))))',
      '(type (sub (struct (field i32 i32)))) (type (sub 0 (struct (field i32))))',
      'sub type 1 does not match super type 0',
    ],
    [
      'keep the type of mutable fields',
      '(type (sub (struct (field anyref)))) (type (sub 0 (struct (field eqref))))',
      '(type (sub (struct (field (mut anyref))))) (type (sub 0 (struct (field (mut eqref)))))',
      'sub type 1 does not match super type 0',
    ],
    [
      'have contravariant parameters',
      '(type (sub (func (param eqref)))) (type (sub 0 (func (param anyref))))',
      '(type (sub (func (param anyref)))) (type (sub 0 (func (param eqref))))',
      'sub type 1 does not match super type 0',
    ],
    [
      'have covariant results',
      '(type (sub (func (result anyref)))) (type (sub 0 (func (result eqref))))',
      '(type (sub (func (result eqref)))) (type (sub 0 (func (result anyref))))',
      'sub type 1 does not match super type 0',
    ],
  ]);

  it('are bounded in depth and width', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, i): RecGroup => [i === 0 ? open(struct()) : open(struct(), i - 1)]);
    expect(() => checkTypes(chain(64))).not.toThrow();
    expect(() => checkTypes(chain(65))).toThrow(InvalidError);
    const func = (count: number): RecGroup[] => [
      [open({ kind: 'func', params: new Array<ValType>(count).fill('i32'), results: [] })],
    ];
    expect(() => checkTypes(func(1000))).not.toThrow();
    expect(() => checkTypes(func(1001))).toThrow(InvalidError);
  });

  it('have one supertype at most', () => {
    const parents: RecGroup[] = [[open(struct())], [open(struct())]];
    expect(() => checkTypes([...parents, [open(struct(), 0)]])).not.toThrow();
    expect(() => checkTypes([...parents, [open(struct(), 0, 1)]])).toThrow(InvalidError);
  });
});
