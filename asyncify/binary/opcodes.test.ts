import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { decodeExpr } from './decode-expr.ts';
import { encodeExpr } from './encode-expr.ts';
import {
  type DataIdx,
  decode,
  describe as describeInstr,
  type ElemIdx,
  type FieldIdx,
  type FuncIdx,
  type GlobalIdx,
  type ImmediateName,
  type Immediates,
  type Instr,
  type LabelIdx,
  type LocalIdx,
  type MemIdx,
  OPCODES,
  type OpName,
  opcodeAt,
  opcodeOf,
  refType,
  type TableIdx,
  type TagIdx,
  type TypeIdx,
} from './index.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const type = (index: number) => index as TypeIdx;
const label = (index: number) => index as LabelIdx;
const tag = (index: number) => index as TagIdx;

/** Telling values of every immediate. */
const SAMPLES: { readonly [K in ImmediateName]: readonly Immediates[K][] } = {
  block: [
    { kind: 'empty' },
    { kind: 'value', type: 'v128' },
    { kind: 'value', type: refType('exn', true) },
    { kind: 'value', type: refType(type(300), false) },
    { kind: 'type', type: type(64) },
  ],
  label: [label(0), label(200)],
  labels: [[label(1)], [label(3), label(130), label(2)]],
  func: [129 as FuncIdx],
  type: [type(64), type(3)],
  type2: [type(65)],
  table: [2 as TableIdx, 0 as TableIdx],
  table2: [1 as TableIdx],
  memory: [0 as MemIdx, 3 as MemIdx],
  memory2: [0 as MemIdx, 4 as MemIdx],
  global: [5 as GlobalIdx],
  local: [6 as LocalIdx],
  tag: [tag(7)],
  elem: [8 as ElemIdx],
  data: [9 as DataIdx],
  field: [10 as FieldIdx],
  count: [11],
  memarg: [
    { align: 0, memory: 0 as MemIdx, offset: 0n },
    { align: 0, memory: 200 as MemIdx, offset: (1n << 64n) - 1n },
    { align: 1, memory: 0 as MemIdx, offset: 77n },
  ],
  lane: [1],
  lanes: [Uint8Array.from({ length: 16 }, (_, i) => 31 - i)],
  i32: [0, -1, 64, 0x7fff_ffff, -0x8000_0000],
  i64: [0n, -1n, 1n << 62n, -(1n << 63n)],
  f32: [0x8000_0000, 0x3fc0_0000, 0x7fc0_0001, 0xff80_0000, 0xffa0_0000, 0x0000_0001],
  f64: [1n << 63n, 0x3ff8_0000_0000_0000n, 0x7ff0_0000_0000_0001n, 0xfff0_0000_0000_0000n],
  v128: [Uint8Array.from({ length: 16 }, (_, i) => i * 17)],
  heap: ['nocont', 'any', type(64), 'exn'],
  cast: [
    { label: label(2), from: refType('any', true), to: refType(type(70), false) },
    { label: label(2), from: refType('eq', false), to: refType('i31', false) },
    { label: label(2), from: refType(type(1), true), to: refType('none', true) },
  ],
  types: [['i32'], ['f64', refType('cont', true), refType('extern', false)]],
  handlers: [
    [],
    [
      { kind: 'label', tag: tag(1), label: label(2) },
      { kind: 'switch', tag: tag(200) },
    ],
  ],
  catches: [
    [],
    [
      { kind: 'catch', tag: tag(1), label: label(2) },
      { kind: 'catch_ref', tag: tag(3), label: label(0) },
      { kind: 'catch_all', label: label(4) },
      { kind: 'catch_all_ref', label: label(128) },
    ],
  ],
  zero: [0],
};

/** As many instructions of an opcode as its immediate with the most samples has. */
function samples(op: OpName): Instr[] {
  const { immediates } = opcodeOf(op);
  const count = Math.max(1, ...immediates.map((name) => SAMPLES[name].length));
  return Array.from({ length: count }, (_, i) => {
    const values = immediates.map((name) => [name, SAMPLES[name][i % SAMPLES[name].length]]);
    return { op, at: -1, ...Object.fromEntries(values) } as Instr;
  });
}

const BLOCK = { op: 'block', at: -1, block: { kind: 'empty' } } as const;
const IF = { op: 'if', at: -1, block: { kind: 'empty' } } as const;
const TRY = { op: 'try', at: -1, block: { kind: 'empty' } } as const;
const END = { op: 'end', at: -1 } as const;

/** The instruction inside what it needs around it. */
function placed(instr: Instr): Instr[] {
  switch (instr.op) {
    case 'block':
    case 'loop':
    case 'if':
    case 'try':
    case 'try_table':
      return [instr, END];
    case 'else':
      return [IF, instr, END];
    case 'catch':
    case 'catch_all':
      return [TRY, instr, END];
    case 'delegate':
      return [TRY, instr];
    case 'end':
      return [BLOCK, instr];
    default:
      return [instr];
  }
}

const sequence = OPCODES.flatMap(({ name }) => samples(name).flatMap(placed));

function bytesOf(body: readonly Instr[]): Uint8Array {
  const writer = new Writer();
  encodeExpr(writer, body);
  return writer.finish();
}

const withoutOffsets = (body: readonly Instr[]) => body.map((instr) => ({ ...instr, at: -1 }));

describe('the opcode table', () => {
  it('has one row per mnemonic and one per code', () => {
    expect(OPCODES.length).toBeGreaterThan(500);
    expect(new Set(OPCODES.map(({ name }) => name)).size).toBe(OPCODES.length);
    expect(new Set(OPCODES.map(({ prefix, code }) => `${prefix} ${code}`)).size).toBe(OPCODES.length);
    for (const row of OPCODES) {
      expect(opcodeOf(row.name)).toBe(row);
      expect(opcodeAt(row.prefix, row.code)).toBe(row);
      expect(new Set(row.immediates).size).toBe(row.immediates.length);
    }
  });

  it.each(OPCODES.map(({ name }) => name))('%s: encodes and decodes', (name) => {
    const body = samples(name).flatMap(placed);
    const bytes = bytesOf(body);
    const reader = new Reader(bytes);
    const decoded = decodeExpr(reader);
    expect(reader.pos).toBe(bytes.length);
    expect(withoutOffsets(decoded)).toEqual(body);
    const [prefix, code] = [bytes[decoded[0]?.at ?? -1], opcodeOf(decoded[0]?.op ?? 'nop')];
    expect(prefix).toBe(code.prefix === 0 ? code.code : code.prefix);
  });

  it('agrees with wasm-tools on every mnemonic, code and immediate', async () => {
    const text = sequence.map(describeInstr);
    const bytes = await parse(`(module (func\n${text.join('\n')}\n) (data "") (data ""))`);
    const { funcs } = decode(bytes);
    const body = withoutOffsets(funcs[0]?.body ?? []);
    expect(body.length).toBe(sequence.length);
    for (const [i, instr] of body.entries()) expect(instr, text[i]).toEqual(sequence[i]);
    expect(bytesOf(funcs[0]?.body ?? [])).toEqual(bytesOf(sequence));
  });
});

describe('describe', () => {
  it.each<[Instr, string]>([
    [{ op: 'i32.const', at: 0, i32: -5 }, 'i32.const -5'],
    [{ op: 'select t', at: 0, types: ['i32'] }, 'select (result i32)'],
    [{ op: 'ref.test null', at: 0, heap: type(3) }, 'ref.test (ref null 3)'],
    [{ op: 'ref.null', at: 0, heap: 'nofunc' }, 'ref.null nofunc'],
    [{ op: 'i32.load', at: 0, memarg: { align: 2, memory: 0 as MemIdx, offset: 0n } }, 'i32.load'],
    [{ op: 'i32.load', at: 0, memarg: { align: 0, memory: 1 as MemIdx, offset: 9n } }, 'i32.load 1 offset=9 align=1'],
    [{ op: 'memory.copy', at: 0, memory: 0 as MemIdx, memory2: 0 as MemIdx }, 'memory.copy'],
    [{ op: 'memory.copy', at: 0, memory: 0 as MemIdx, memory2: 1 as MemIdx }, 'memory.copy 0 1'],
    [{ op: 'call_indirect', at: 0, type: type(4), table: 1 as TableIdx }, 'call_indirect 1 (type 4)'],
    [{ op: 'f32.const', at: 0, f32: 0xffc0_0000 }, 'f32.const -nan:0x400000'],
    [{ op: 'resume', at: 0, type: type(1), handlers: [{ kind: 'switch', tag: tag(2) }] }, 'resume 1 (on 2 switch)'],
  ])('prints %o', (instr, text) => {
    expect(describeInstr(instr)).toBe(text);
  });
});
