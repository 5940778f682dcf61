import { writeHeapType, writeValType } from './encode-types.ts';
import type { BlockType, CastImmediate, Catch, Handler, ImmediateName, Immediates, MemArg } from './immediates.ts';
import type { Expr } from './module.ts';
import { type Instr, OPCODES, type OpName } from './opcodes.ts';
import { type LabelIdx, sameType, type ValType } from './types.ts';
import { Writer } from './writer.ts';

function writeIndex(writer: Writer, index: number): void {
  writer.u32(index);
}

function writeBlockType(writer: Writer, block: BlockType): void {
  switch (block.kind) {
    case 'empty':
      writer.byte(0x40);
      return;
    case 'value':
      writeValType(writer, block.type);
      return;
    case 'type':
      writer.index33(block.type);
      return;
  }
}

function writeMemArg(writer: Writer, { align, memory, offset }: MemArg): void {
  if (align > 0x3f) throw new RangeError(`no alignment of 2 ** ${align} can be encoded`);
  writer.access(align, memory);
  writer.u64(offset);
}

function writeCast(writer: Writer, { label, from, to }: CastImmediate): void {
  writer.byte((from.nullable ? 1 : 0) | (to.nullable ? 2 : 0));
  writer.u32(label);
  writeHeapType(writer, from.heap);
  writeHeapType(writer, to.heap);
}

function writeHandler(writer: Writer, handler: Handler): void {
  writer.byte(handler.kind === 'label' ? 0 : 1);
  writer.u32(handler.tag);
  if (handler.kind === 'label') writer.u32(handler.label);
}

const CATCH_CODES: { readonly [K in Catch['kind']]: number } = {
  catch: 0,
  catch_ref: 1,
  catch_all: 2,
  catch_all_ref: 3,
};

function writeCatch(writer: Writer, clause: Catch): void {
  writer.byte(CATCH_CODES[clause.kind]);
  if ('tag' in clause) writer.u32(clause.tag);
  writer.u32(clause.label);
}

/** `br_table`: the default is not counted. */
function writeLabels(writer: Writer, labels: readonly LabelIdx[]): void {
  if (labels.length === 0) throw new RangeError('br_table without a default');
  writer.u32(labels.length - 1);
  for (const label of labels) writer.u32(label);
}

function writeF32(writer: Writer, bits: number): void {
  for (let shift = 0; shift < 32; shift += 8) writer.byte((bits >>> shift) & 0xff);
}

function writeF64(writer: Writer, bits: bigint): void {
  writeF32(writer, Number(bits & 0xffff_ffffn));
  writeF32(writer, Number((bits >> 32n) & 0xffff_ffffn));
}

function write16(writer: Writer, bytes: Uint8Array): void {
  if (bytes.length !== 16) throw new RangeError(`${bytes.length} bytes for a vector of 16`);
  writer.raw(bytes);
}

/** How each immediate is written (Wasm 3.0 §5.4). */
export const WRITE: { readonly [K in ImmediateName]: (writer: Writer, value: Immediates[K]) => void } = {
  block: writeBlockType,
  label: writeIndex,
  labels: writeLabels,
  func: (writer, index) => writer.index('func', index),
  type: writeIndex,
  type2: writeIndex,
  table: writeIndex,
  table2: writeIndex,
  memory: (writer, index) => writer.index('memory', index),
  memory2: (writer, index) => writer.index('memory', index),
  global: (writer, index) => writer.index('global', index),
  local: writeIndex,
  tag: writeIndex,
  elem: writeIndex,
  data: writeIndex,
  field: writeIndex,
  count: writeIndex,
  memarg: writeMemArg,
  lane: (writer, lane) => writer.byte(lane),
  lanes: write16,
  i32: (writer, value) => writer.s32(value),
  i64: (writer, value) => writer.s64(value),
  f32: writeF32,
  f64: writeF64,
  v128: write16,
  heap: writeHeapType,
  cast: writeCast,
  types: (writer, types) => writer.vec(types, writeValType),
  handlers: (writer, handlers) => writer.vec(handlers, writeHandler),
  catches: (writer, catches) => writer.vec(catches, writeCatch),
  zero: (writer) => writer.byte(0),
};

interface Row {
  /** Its opcode, where that is one byte; or -1. */
  readonly byte: number;
  readonly bytes: Uint8Array;
  readonly names: readonly string[];
  readonly writes: readonly ((writer: Writer, value: never) => void)[];
}

const ROWS = new Map<OpName, Row>(
  OPCODES.map(({ name, prefix, code, immediates }) => {
    const writer = new Writer();
    if (prefix === 0) writer.byte(code);
    else {
      writer.byte(prefix);
      writer.u32(code);
    }
    return [
      name,
      {
        byte: prefix === 0 ? code : -1,
        bytes: writer.finish(),
        names: immediates,
        writes: immediates.map((immediate) => WRITE[immediate]),
      },
    ];
  }),
);

/** Throws `RangeError` on an unknown mnemonic or an immediate that cannot be encoded. */
export function encodeInstr(writer: Writer, instr: Instr): void {
  const row = ROWS.get(instr.op);
  if (row === undefined) throw new RangeError(`no opcode ${instr.op}`);
  const { byte, bytes, names, writes } = row;
  if (byte < 0) writer.raw(bytes);
  else writer.byte(byte);
  // The commonest are not looked up by name.
  switch (instr.op) {
    case 'local.get':
    case 'local.set':
    case 'local.tee':
      writer.u32(instr.local);
      return;
    case 'i32.const':
      writer.s32(instr.i32);
      return;
    case 'global.get':
    case 'global.set':
      writer.index('global', instr.global);
      return;
    case 'call':
      writer.index('func', instr.func);
      return;
    case 'br':
    case 'br_if':
      writer.u32(instr.label);
      return;
    default:
  }
  const values = instr as unknown as Record<string, never>;
  for (let i = 0; i < names.length; i++) writes[i]?.(writer, values[names[i] as string] as never);
}

/** Writes the declaration of locals: one entry for each run of equal ones. */
export function encodeLocals(writer: Writer, locals: readonly ValType[]): void {
  const runs: { length: number; readonly type: ValType }[] = [];
  for (const type of locals) {
    const run = runs.at(-1);
    if (run !== undefined && sameType(run.type, type)) run.length++;
    else runs.push({ length: 1, type });
  }
  writer.vec(runs, (out, run) => {
    out.u32(run.length);
    writeValType(out, run.type);
  });
}

/** Writes an expression and its final `end`; `unlikely` is told the writer's length before each branch of that kind. */
export function encodeExpr(writer: Writer, body: Expr, unlikely?: (length: number) => void): void {
  for (const instr of body) {
    if (instr.unlikely) unlikely?.(writer.length);
    encodeInstr(writer, instr);
  }
  writer.byte(0x0b);
}
