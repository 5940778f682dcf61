import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, Guest, WAYS, ways } from '../binaryen/guest.test-data.ts';

/** Memory above 16 bytes is cut into pieces of 64, tables above 1 entry into pieces of 4. */
const limits = { small: 8, piece: 32 };

/** How many operands an operation has, and its code on the locals 0, 1 … */
type Operation = readonly [name: string, operands: string, code: string];

const at = (index: number, type = 'i32'): string =>
  type === 'i64' ? `(i64.extend_i32_s (local.get ${index}))` : `(local.get ${index})`;

const MEMORY: readonly Operation[] = [
  ['fill', 'dvn', `(memory.fill ${at(0)} ${at(1)} ${at(2)})`],
  ['fill 64', 'dvn', `(memory.fill $l ${at(0, 'i64')} ${at(1)} ${at(2, 'i64')})`],
  ['copy', 'ddn', `(memory.copy ${at(0)} ${at(1)} ${at(2)})`],
  ['copy between', 'ddn', `(memory.copy $m $n ${at(0)} ${at(1)} ${at(2)})`],
  ['copy 64', 'ddn', `(memory.copy $l $l ${at(0, 'i64')} ${at(1, 'i64')} ${at(2, 'i64')})`],
  ['copy 64 to 32', 'ddn', `(memory.copy $m $l ${at(0)} ${at(1, 'i64')} ${at(2)})`],
  ['init', 'dsn', `(memory.init $d ${at(0)} ${at(1)} ${at(2)})`],
  ['init 64', 'dsn', `(memory.init $l $d ${at(0, 'i64')} ${at(1)} ${at(2)})`],
  ['init dropped', 'dsn', `(memory.init $gone ${at(0)} ${at(1)} ${at(2)})`],
  ['drop', '', '(data.drop $gone)'],
  ['a constant', 'd', `(memory.fill ${at(0)} (i32.const 0x33) (i32.const 300))`],
  ['a small constant', 'd', `(memory.copy ${at(0)} (i32.const 7) (i32.const 9))`],
];

const TABLES: readonly Operation[] = [
  ['table fill', 'tfe', `(table.fill $t ${at(0)} (table.get $u ${at(1)}) ${at(2)})`],
  ['table fill 64', 'tfe', `(table.fill $w ${at(0, 'i64')} (table.get $u ${at(1)}) ${at(2, 'i64')})`],
  ['table copy', 'tte', `(table.copy $t $t ${at(0)} ${at(1)} ${at(2)})`],
  ['table copy between', 'tte', `(table.copy $t $u ${at(0)} ${at(1)} ${at(2)})`],
  ['table copy 64', 'tte', `(table.copy $w $w ${at(0, 'i64')} ${at(1, 'i64')} ${at(2, 'i64')})`],
  ['table copy 64 to 32', 'tte', `(table.copy $t $w ${at(0)} ${at(1, 'i64')} ${at(2)})`],
  ['table init', 'tte', `(table.init $t $e ${at(0)} ${at(1)} ${at(2)})`],
  ['table init dropped', 'tte', `(table.init $t $gone ${at(0)} ${at(1)} ${at(2)})`],
  ['elem drop', '', '(elem.drop $gone)'],
  ['table grow', 'g', `(global.set $last (table.grow $t (table.get $u (i32.const 3)) ${at(0)}))`],
];

const pick = (type: string, index: number): string => `(call $pick_${type} (local.get ${index}))`;
const ARRAYS: readonly Operation[] = [
  ['array fill', 'pavn', `(array.fill $i8 ${pick('i8', 0)} ${at(1)} ${at(2)} ${at(3)})`],
  ['array fill i64', 'pavn', `(array.fill $i64 ${pick('i64', 0)} ${at(1)} ${at(2, 'i64')} ${at(3)})`],
  ['array fill ref', 'patn', `(array.fill $ref ${pick('ref', 0)} ${at(1)} (table.get $u ${at(2)}) ${at(3)})`],
  ['array copy', 'papan', `(array.copy $i8 $i8 ${pick('i8', 0)} ${at(1)} ${pick('i8', 2)} ${at(3)} ${at(4)})`],
  ['array copy i64', 'papan', `(array.copy $i64 $i64 ${pick('i64', 0)} ${at(1)} ${pick('i64', 2)} ${at(3)} ${at(4)})`],
  ['array copy ref', 'papan', `(array.copy $ref $ref ${pick('ref', 0)} ${at(1)} ${pick('ref', 2)} ${at(3)} ${at(4)})`],
  ['array init_data', 'pasn', `(array.init_data $i8 $d ${pick('i8', 0)} ${at(1)} ${at(2)} ${at(3)})`],
  ['array init_data i64', 'pasn', `(array.init_data $i64 $d ${pick('i64', 0)} ${at(1)} ${at(2)} ${at(3)})`],
  ['array init_data dropped', 'pasn', `(array.init_data $i8 $gone ${pick('i8', 0)} ${at(1)} ${at(2)} ${at(3)})`],
  ['array init_elem', 'pate', `(array.init_elem $ref $e ${pick('ref', 0)} ${at(1)} ${at(2)} ${at(3)})`],
  ['array new', 'vn', `(global.set $i8 (array.new $i8 ${at(0)} ${at(1)}))`],
  ['array new_default', 'n', `(global.set $ref (array.new_default $ref ${at(0)}))`],
  ['array new_data', 'sn', `(global.set $i64 (array.new_data $i64 $d ${at(0)} ${at(1)}))`],
  ['array new_elem', 'te', `(global.set $ref (array.new_elem $ref $e ${at(0)} ${at(1)}))`],
];

/** Places, sizes and values around the pieces, around the ends of things, and where numbers come round. */
const near = (...centres: number[]): fc.Arbitrary<number> =>
  fc.oneof(...centres.map((centre) => fc.integer({ min: centre - 70, max: centre + 70 })));
const OPERANDS: Readonly<Record<string, fc.Arbitrary<number>>> = {
  d: near(100, 300, 500, 65_536, 65_300, -30),
  s: near(100, 300, 512, -30),
  n: near(0, 20, 64, 128, 300, 512, 65_536, -30),
  v: fc.integer({ min: -1, max: 255 }),
  t: fc.oneof(fc.integer({ min: 0, max: 34 }), fc.constant(-1)),
  f: fc.integer({ min: 0, max: 31 }),
  e: fc.oneof(fc.integer({ min: 0, max: 34 }), fc.integer({ min: -3, max: 3 })),
  g: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(-1, 40)),
  p: fc.integer({ min: 0, max: 5 }),
  a: near(0, 100, 300, -20),
};

const NAMES = Array.from({ length: 32 }, (_, index) => `$f${index}`);
const bytes = (length: number): string =>
  Array.from({ length }, (_, index) => `\\${((index * 37 + 11) % 256).toString(16).padStart(2, '0')}`).join('');

/** A module that exports the operations by their names, and what shows its state. */
function program(operations: readonly Operation[], withArrays: boolean): string {
  const funcs = operations.map(
    ([name, operands, code]) => `(func (export "${name}") ${'(param i32)'.repeat(operands.length)} ${code})`,
  );
  const arrays = ['i8', 'i64', 'ref'].map((type) => {
    const storage = type === 'ref' ? 'funcref' : type;
    const get = type === 'i8' ? 'array.get_u' : 'array.get';
    const value = type === 'ref' ? 'funcref' : type === 'i64' ? 'i64' : 'i32';
    return `(type $${type} (array (mut ${storage})))
      (global $${type} (mut (ref null $${type})) (array.new_default $${type} (i32.const 333)))
      (global $other_${type} (ref null $${type}) (array.new_default $${type} (i32.const 99)))
      (func $pick_${type} (param i32) (result (ref null $${type}))
        (if (i32.eqz (local.get 0)) (then (return (ref.null $${type}))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (return (global.get $other_${type}))))
        (global.get $${type}))
      (func (export "length ${type}") (param i32) (result i32) (array.len (call $pick_${type} (local.get 0))))
      (func (export "get ${type}") (param i32 i32) (result ${value})
        (${get} $${type} (call $pick_${type} (local.get 0)) (local.get 1)))`;
  });
  return `(module
    (memory $m (export "m") 1) (memory $n (export "n") 1) (memory $l (export "l") i64 1)
    (data (memory $m) (i32.const 0) "${bytes(600)}") (data (memory $n) (i32.const 256) "${bytes(500)}")
    (data (memory $l) (i64.const 65000) "${bytes(500)}")
    (data $d "${bytes(512)}") (data $gone "${bytes(400)}")
    (table $t (export "t") 32 50 funcref) (table $u (export "u") 32 funcref) (table $w (export "w") i64 32 funcref)
    (elem (table $u) (i32.const 0) func ${NAMES.join(' ')})
    (elem $e func ${NAMES.join(' ')}) (elem $gone func ${NAMES.toReversed().join(' ')})
    (global $last (export "last") (mut i32) (i32.const 0))
    ${NAMES.map((name, index) => `(func ${name} (export "${name}") (result i32) (i32.const ${index}))`).join('\n')}
    ${withArrays ? arrays.join('\n') : ''}
    ${funcs.join('\n')})`;
}

type Exports = Readonly<Record<string, unknown>>;
const digest = (values: Iterable<number>): number => {
  let hash = 0;
  for (const value of values) hash = (Math.imul(hash, 31) + value) | 0;
  return hash;
};

/** The memories in which two instances differ. */
function unlike(one: Exports, other: Exports): readonly string[] {
  const bytesOf = (exports: Exports, name: string): Uint8Array =>
    new Uint8Array((exports[name] as WebAssembly.Memory).buffer);
  return ['m', 'n', 'l'].filter((name) => Buffer.compare(bytesOf(one, name), bytesOf(other, name)) !== 0);
}

/** What can be seen of an instance besides. */
function stateOf(exports: Exports): readonly number[] {
  const call = (name: string, ...args: number[]): unknown =>
    (exports[name] as (...given: number[]) => unknown)(...args);
  const idOf = (value: unknown): number => (typeof value === 'function' ? Number(value()) : -1);
  const tables = ['t', 'u', 'w'].flatMap((name) => {
    const table = exports[name] as WebAssembly.Table;
    const isWide = name === 'w';
    const length = Number(table.length);
    return [
      length,
      digest(Array.from({ length }, (_, index) => idOf(table.get((isWide ? BigInt(index) : index) as number)))),
    ];
  });
  const arrays = ['i8', 'i64', 'ref'].flatMap((type) =>
    [1, 2].flatMap((which) => {
      if (exports[`length ${type}`] === undefined) return [];
      const length = Number(call(`length ${type}`, which));
      const value = (index: number): number => {
        const element = call(`get ${type}`, which, index);
        return type === 'ref' ? idOf(element) : Number(element);
      };
      return [length, digest(Array.from({ length }, (_, index) => value(index)))];
    }),
  );
  return [...tables, ...arrays, (exports.last as WebAssembly.Global).value as number];
}

/** The message of the trap that a call ends in; null: it returns. */
function trapOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const KINDS: readonly (readonly [kind: string, operations: readonly Operation[], arrays: boolean])[] = [
  ['memory', MEMORY, false],
  ['tables', TABLES, false],
  ['arrays', ARRAYS, true],
];

describe.each(KINDS)('bulk instructions of %s, interrupted at every poll', (_, operations, arrays) => {
  const stepsOf = (done: readonly Operation[]) =>
    fc.array(
      fc
        .constantFrom(...done)
        .chain(([name, operands]) =>
          fc.tuple(
            fc.constant(name),
            fc.tuple(...[...operands].map((operand) => OPERANDS[operand] as fc.Arbitrary<number>)),
          ),
        ),
      { minLength: 1, maxLength: 12 },
    );

  it.each(WAYS)('do what they do, %s', async (way) => {
    // Binaryen knows no copies between memories of different address types.
    const done = operations.filter(([name]) => way === 'frames' || name !== 'copy 64 to 32');
    const source = await assemble(program(done, arrays));
    const plain = new WebAssembly.Module(source as Uint8Array<ArrayBuffer>);
    const cut = ways[way](source, { yields: 'fuel', suspending: [], bulkLimits: limits });
    let yields = 0;
    fc.assert(
      fc.property(stepsOf(done), (list) => {
        const expected = new WebAssembly.Instance(plain).exports;
        const guest = new Guest(cut);
        for (const [name, args] of list) {
          const right = trapOf(() => (expected[name] as (...given: number[]) => unknown)(...args));
          expect([name, args, trapOf(() => guest.run(name, args))]).toEqual([name, args, right]);
          yields += guest.yields;
          expect([name, args, unlike(guest.exports, expected)]).toEqual([name, args, []]);
          expect([name, args, stateOf(guest.exports)]).toEqual([name, args, stateOf(expected)]);
        }
      }),
      { numRuns: way === 'frames' ? 60 : 30 },
    );
    if (way === 'frames' || operations === MEMORY) expect(yields).toBeGreaterThan(30);
  });
});
