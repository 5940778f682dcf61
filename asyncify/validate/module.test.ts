import { describe, expect, it } from 'vitest';
import type { BlockType, Instr, Module, TypeIdx, ValType } from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { validate } from './index.ts';
import { cases, check } from './wat.test-data.ts';

describe('declarations', () => {
  cases([
    [
      'functions have function types',
      '(type (func)) (func (type 0))',
      '(import "m" "f" (func (type 9)))',
      'unknown type 9',
    ],
    ['tags may have results', '(tag (result i32))', '(tag (result (ref 9)))', 'unknown type 9'],
    ['memories are within the address space', '(memory 65536)', '(memory 65537)', 'memory size'],
    ['64-bit memories may be larger', '(memory i64 0x1000000000000)', '(memory i64 0x1000000000001)', 'memory size'],
    ['a minimum is below its maximum', '(memory 1 1)', '(memory 2 1)', 'size minimum must not be greater than maximum'],
    ['tables are within the address space', '(table 0xffffffff funcref)', '(table 0x100000000 funcref)', 'table size'],
    [
      'tables of non-null references have an initial value',
      '(func $f) (table 1 (ref func) (ref.func $f))',
      '(func $f) (table 1 (ref func))',
      'type mismatch',
    ],
    [
      'export names are unique',
      '(func) (export "a" (func 0)) (export "b" (func 0))',
      '(func) (export "a" (func 0)) (export "a" (func 0))',
      'duplicate export name',
    ],
    [
      'exports name what exists',
      '(global i32 (i32.const 0)) (export "a" (global 0))',
      '(export "a" (global 0))',
      'unknown global 0',
    ],
    ['the start function exists', '(func) (start 0)', '(func) (start 1)', 'unknown function 1'],
    [
      'the start function takes and gives nothing',
      '(func) (start 0)',
      '(func (param i32)) (start 0)',
      'start function must not have parameters or results',
    ],
  ]);
});

describe('shared memories', () => {
  it('have a maximum', async () => {
    const { module } = await check('(memory 1 2 shared)');
    const [memory] = module.memories;
    expect(() => validate(module)).not.toThrow();
    const unbounded = { ...memory!, type: { ...memory!.type, max: null } };
    expect(() => validate({ ...module, memories: [unbounded] })).toThrow(/^shared memory must have maximum/);
  });
});

describe('constant expressions', () => {
  cases([
    [
      'hold constant instructions',
      '(global i32 (i32.add (i32.const 1) (i32.const 2)))',
      '(global i32 (i32.and (i32.const 1) (i32.const 2)))',
      'constant expression required',
    ],
    [
      'read immutable globals',
      '(import "m" "g" (global i32)) (global i32 (global.get 0))',
      '(import "m" "g" (global (mut i32))) (global i32 (global.get 0))',
      'constant expression required',
    ],
    [
      'read earlier globals',
      '(global i32 (i32.const 0)) (global i32 (global.get 0))',
      '(global i32 (global.get 1)) (global i32 (i32.const 0))',
      'unknown global 1',
    ],
    [
      'of tables read imported globals',
      '(import "m" "g" (global funcref)) (table 1 funcref (global.get 0))',
      '(table 1 funcref (global.get 0)) (global funcref (ref.null func))',
      'unknown global 0',
    ],
    [
      'of segments read every global',
      '(memory 1) (global i32 (i32.const 0)) (data (global.get 0) "")',
      '(memory 1) (global i32 (i32.const 0)) (data (global.get 1) "")',
      'unknown global 1',
    ],
    ['have the type required', '(global i64 (i64.const 0))', '(global i64 (i32.const 0))', 'type mismatch'],
    ['leave one value', '(global i32 (i32.const 0))', '(global i32 (i32.const 0) (i32.const 0))', 'type mismatch'],
    [
      'declare the functions they name',
      '(func (drop (ref.func 0))) (global funcref (ref.func 0))',
      '(func (drop (ref.func 0))) (global funcref (ref.null func))',
      'undeclared function reference',
    ],
    [
      'create aggregates',
      '(type (array i8)) (global (ref 0) (array.new_fixed 0 1 (i32.const 0)))',
      '(type (array i8)) (data "") (global (ref 0) (array.new_data 0 0 (i32.const 0) (i32.const 0)))',
      'constant expression required',
    ],
  ]);
});

describe('segments', () => {
  cases([
    ['active data has a memory', '(memory 1) (data (i32.const 0) "")', '(data (i32.const 0) "")', 'unknown memory 0'],
    [
      'offsets have the address type',
      '(memory i64 1) (data (i64.const 0) "")',
      '(memory i64 1) (data (i32.const 0) "")',
      'type mismatch',
    ],
    [
      'active elements have a table',
      '(table 1 funcref) (elem (i32.const 0) func)',
      '(elem (i32.const 0) func)',
      'unknown table 0',
    ],
    [
      'elements match their table',
      '(table 1 externref) (elem (table 0) (i32.const 0) externref)',
      '(table 1 externref) (elem (table 0) (i32.const 0) funcref)',
      'type mismatch',
    ],
    [
      'elements have the segment’s type',
      '(elem externref (ref.null extern))',
      '(elem externref (ref.null func))',
      'type mismatch',
    ],
  ]);
});

describe('structs and arrays', () => {
  const inFunc = (body: string) => `
    (type $s (struct (field i8) (field (mut i32)) (field (ref any)))) (type $d (struct (field i8) (field anyref)))
    (type $a (array i8)) (type $m (array (mut i16))) (type $r (array (mut anyref)))
    (elem $e anyref) (elem $f funcref) (data $x "") (func ${body})`;
  cases(
    [
      [
        'fields exist',
        '(drop (struct.get $s 1 (unreachable)))',
        '(drop (struct.get $s 3 (unreachable)))',
        'unknown field 3',
      ],
      [
        'packed fields are extended',
        '(drop (struct.get_s $s 0 (unreachable)))',
        '(drop (struct.get $s 0 (unreachable)))',
        'field is packed',
      ],
      [
        'unpacked fields are not',
        '(drop (struct.get $s 1 (unreachable)))',
        '(drop (struct.get_u $s 1 (unreachable)))',
        'field is unpacked',
      ],
      [
        'fields that are set are mutable',
        '(struct.set $s 1 (unreachable) (i32.const 0))',
        '(struct.set $s 0 (unreachable) (i32.const 0))',
        'field is immutable',
      ],
      [
        'defaults exist',
        '(drop (struct.new_default $d))',
        '(drop (struct.new_default $s))',
        'field type is not defaultable',
      ],
      [
        'struct instructions name structs',
        '(drop (struct.new_default $d))',
        '(drop (struct.new_default $a))',
        'non-structure type 2',
      ],
      [
        'array instructions name arrays',
        '(drop (array.new_default $a (i32.const 0)))',
        '(drop (array.new_default $d (i32.const 0)))',
        'non-array type 1',
      ],
      [
        'arrays that are set are mutable',
        '(array.set $m (unreachable) (i32.const 0) (i32.const 0))',
        '(array.set $a (unreachable) (i32.const 0) (i32.const 0))',
        'array is immutable',
      ],
      [
        'packed elements are extended',
        '(drop (array.get_u $a (unreachable) (i32.const 0)))',
        '(drop (array.get $a (unreachable) (i32.const 0)))',
        'array is packed',
      ],
      [
        'arrays are copied to their like',
        '(array.copy $m $m (unreachable))',
        '(array.copy $m $a (unreachable))',
        'array types do not match',
      ],
      [
        'data fills numeric arrays',
        '(drop (array.new_data $m $x (i32.const 0) (i32.const 0)))',
        '(drop (array.new_data $r $x (i32.const 0) (i32.const 0)))',
        'array type is not numeric or vector',
      ],
      [
        'elements fill arrays of their type',
        '(array.init_elem $r $e (unreachable))',
        '(array.init_elem $r $f (unreachable))',
        'type mismatch',
      ],
      [
        'fixed arrays take their elements',
        '(drop (array.new_fixed $a 2 (i32.const 0) (i32.const 0)))',
        '(drop (array.new_fixed $a 2 (i32.const 0)))',
        'type mismatch',
      ],
      [
        'fixed arrays are bounded',
        'unreachable (drop (array.new_fixed $a 10000))',
        'unreachable (drop (array.new_fixed $a 10001))',
        'too many elements',
      ],
    ],
    inFunc,
  );
});

describe('hostile modules', () => {
  const EMPTY: BlockType = { kind: 'empty' };
  const instr = (op: string, fields: object = {}): Instr => ({ op, at: 0, ...fields }) as Instr;
  const repeat = (count: number, ...instrs: readonly Instr[]): Instr[] =>
    Array.from({ length: count }, () => instrs).flat();

  async function module(types: readonly (readonly ValType[])[], body: readonly Instr[]): Promise<Module> {
    const { module } = await check('(type (func)) (func)');
    return {
      ...module,
      recGroups: [
        ...module.recGroups,
        ...types.map((results) => [{ final: true, supers: [], comp: { kind: 'func' as const, params: [], results } }]),
      ],
      funcs: [{ type: 0 as TypeIdx, locals: [], body, at: 0, endAt: 0 }],
    };
  }

  it('may nest as deep as their size allows', async () => {
    const depth = 200_000;
    // The table may have as many labels as engines take.
    const labels = Array.from({ length: 65_520 }, (_, i) => 3 * i);
    const body = [
      ...repeat(depth, instr('block', { block: EMPTY })),
      instr('i32.const', { i32: 0 }),
      instr('br_table', { labels }),
      ...repeat(depth, instr('end')),
    ];
    const found = await module([], body);
    expect(validate(found).funcTypes).toHaveLength(1);
    expect(() => validate({ ...found, funcs: [{ ...found.funcs[0]!, body: body.slice(0, -1) }] })).toThrow(
      InvalidError,
    );
  });

  it('cannot pile up operands without bound', async () => {
    const block = instr('block', { block: { kind: 'type', type: 1 } });
    const body = (count: number) => [...repeat(count, block, instr('unreachable'), instr('end')), instr('unreachable')];
    const results = new Array<ValType>(1000).fill('i32');
    expect(validate(await module([results], body(1_000))).funcTypes).toHaveLength(1);
    const large = await module([results], body(1_001));
    expect(() => validate(large)).toThrow(/more than 1000000 operands/);
  });
});
