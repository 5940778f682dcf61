import { describe, expect, it } from 'vitest';
import { decode, encode, type ImmediateName, type Instr, OPCODES, refType, type TypeIdx } from '../binary/index.ts';
import type { Module } from '../binary/module.ts';
import { BobbinError } from '../errors.ts';
import { validate } from './index.ts';
import { rejection } from './wat.test-data.ts';

/** Names of types and definitions in places that nothing ever reaches. Engines check them, and so must we. */

const ZERO_RUN = [0x00, 0x63, 0x01];
/** `(type (func)) (func (local RUN))`, the run as it is in the binary. */
const withLocals = (run: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
    ...[10, 4 + run.length, 1, 2 + run.length, 1, ...run, 0x0b],
  ]);

/** Whether a module is one, to us and to the engine. */
function verdicts(bytes: Uint8Array<ArrayBuffer>): { readonly ours: boolean; readonly engine: boolean } {
  let ours = true;
  try {
    validate(decode(bytes));
  } catch (error) {
    if (!(error instanceof BobbinError)) throw error;
    ours = false;
  }
  return { ours, engine: WebAssembly.validate(bytes) };
}

describe('runs of no locals', () => {
  it.each([
    ['of a type that there is', [0x00, 0x63, 0x00], true],
    ['of a number', [0x00, 0x7e], true],
    ['of a type that there is not', ZERO_RUN, false],
    ['of a type that there is not, not null', [0x00, 0x64, 0x05], false],
    ['of what is no type', [0x00, 0x40], false],
  ])('%s', (_, run, valid) => {
    expect(verdicts(withLocals(run))).toEqual({ ours: valid, engine: valid });
  });
});

describe('definitions that nothing uses', () => {
  it.each([
    ['parameters of a type', '(type (func (param (ref null 9))))'],
    ['results of a type', '(type (func (result (ref null 9))))'],
    ['fields', '(type (struct (field (ref null 9))))'],
    ['elements of arrays', '(type (array (ref null 9)))'],
    ['supertypes', '(type (sub 9 (func)))'],
    ['types further on', '(type (func (param (ref null 1)))) (type (func))'],
    ['imported globals', '(import "" "" (global (ref null 9)))'],
    ['imported tables', '(import "" "" (table 0 (ref null 9)))'],
    ['imported tags', '(import "" "" (tag (type 9)))'],
    ['empty tables', '(table 0 0 (ref null 9))'],
    ['element segments without elements', '(elem (ref null 9))'],
    ['active ones without elements', '(elem (table 9) (i32.const 0) func)'],
    ['ones of a type that the table does not take', '(table 0 externref) (elem (table 0) (i32.const 0) funcref)'],
    ['data segments without data', '(data (memory 9) (i32.const 0) "")'],
    ['functions', '(func (type 9))'],
    ['tags', '(tag (type 9))'],
    ['exports', '(export "" (func 9))'],
    ['blocks behind a branch', '(func (block (br 0) (block (type 9))))'],
    ['results of such blocks', '(func (block (br 0) (block (result (ref null 9)) (unreachable)) (drop)))'],
    ['labels behind a branch', '(func (block (br 0) (br 9)))'],
    ['default labels', '(func (br_table 9 (unreachable)))'],
    ['catch clauses of nothing', '(func (try_table (catch 9 0)))'],
    ['types of an unreachable select', '(func (unreachable) (select (result (ref null 9))) (drop))'],
    ['unreachable casts', '(func (unreachable) (ref.cast (ref null 9)) (drop))'],
  ])('%s', async (_, fields) => {
    const { message } = await rejection(fields);
    expect(message).toMatch(/^(unknown|type mismatch)/);
  });
});

/** What instructions name by an index. */
const INDICES: readonly ImmediateName[] = [
  ...(['label', 'func', 'type', 'type2', 'table', 'table2', 'memory', 'memory2'] as const),
  ...(['global', 'local', 'tag', 'elem', 'data', 'heap'] as const),
];
const PLAIN: Readonly<Record<string, unknown>> = {
  block: { kind: 'empty' },
  labels: [0],
  memarg: { align: 0, memory: 0, offset: 0n },
  lanes: new Uint8Array(16),
  i64: 0n,
  f64: 0n,
  v128: new Uint8Array(16),
  cast: { label: 0, from: refType('any', true), to: refType('any', true) },
  types: ['i32'],
  catches: [],
};
const OPENS = new Set(['block', 'loop', 'if', 'try_table']);

/** One of everything, and a function that never comes to the instruction. */
function unreached(instr: Instr): Module {
  const { op } = instr;
  const body = ['unreachable', op, ...(OPENS.has(op) ? ['unreachable', 'end'] : []), 'unreachable'];
  const init = { op: 'i32.const', at: -1, i32: 0 } as Instr;
  const type = 0 as TypeIdx;
  const limits = { address: 'i32', min: 1n, max: 1n, shared: false } as const;
  return {
    recGroups: [[{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }]],
    imports: [],
    funcs: [
      {
        type,
        locals: ['i32'],
        body: body.map((name, index) => (index === 1 ? instr : ({ op: name, at: -1 } as unknown as Instr))),
        at: -1,
        endAt: -1,
      },
    ],
    tables: [{ type: { type: refType('func', true), limits }, init: null, at: -1 }],
    memories: [{ type: limits, at: -1 }],
    tags: [{ type, at: -1 }],
    globals: [{ type: { type: 'i32', mutable: true }, init: [init], at: -1 }],
    exports: [{ name: 'f', kind: 'func', index: 0 as never, at: -1 }],
    start: null,
    startAt: -1,
    elems: [{ type: refType('func', false), init: [], mode: { kind: 'passive' }, at: -1 }],
    datas: [{ bytes: new Uint8Array(), mode: { kind: 'passive' }, at: -1 }],
    dataCount: true,
    customs: [],
  };
}

/** Engines that have no stack switching do not know these; they have no rule either for one that closes another. */
const rows = OPCODES.filter(
  ({ name, proposal }) =>
    proposal !== 'stack-switching' &&
    !['else', 'end', 'try', 'catch', 'catch_all', 'delegate', 'rethrow'].includes(name),
);
const places = rows.flatMap(({ name, immediates }) => [
  ...immediates.filter((immediate) => INDICES.includes(immediate)).map((immediate) => [name, immediate] as const),
  ...(immediates.includes('memarg') ? [[name, 'memarg'] as const] : []),
  ...(immediates.includes('block') ? [[name, 'block'] as const] : []),
  ...(immediates.includes('cast') ? [[name, 'cast'] as const] : []),
  ...(immediates.includes('types') ? [[name, 'types'] as const] : []),
  ...(immediates.includes('labels') ? [[name, 'labels'] as const] : []),
]);
const ABSENT: Readonly<Record<string, unknown>> = {
  block: { kind: 'type', type: 99 },
  labels: [99, 0],
  memarg: { align: 0, memory: 99, offset: 0n },
  cast: { label: 0, from: refType('any', true), to: refType(99 as TypeIdx, true) },
  types: [refType(99 as TypeIdx, true)],
};

describe('instructions that nothing reaches', () => {
  it('are those of every row that names something', () => expect(places.length).toBeGreaterThan(100));

  it.each(places)('%s: %s', (op, immediate) => {
    const row = rows.find(({ name }) => name === op);
    const given = Object.fromEntries((row?.immediates ?? []).map((name) => [name, PLAIN[name] ?? 0]));
    const present = verdicts(encode(unreached({ op, at: -1, ...given } as unknown as Instr)));
    // V8 does not ask there for the reference that the label of this one takes; the specification does.
    expect(present.engine).toBe(present.ours || op === 'br_on_non_null');
    const named = { op, at: -1, ...given, [immediate]: ABSENT[immediate] ?? 99 } as unknown as Instr;
    expect(verdicts(encode(unreached(named)))).toEqual({ ours: false, engine: false });
  });
});
