import type { BlockType, Catch, Handler, ImmediateName, Immediates, MemArg } from './immediates.ts';
import { type Instr, type OpName, opcodeOf } from './opcodes.ts';
import type { HeapType, RefType, StorageType, ValType } from './types.ts';

/** A type as the text format writes it (Wasm 3.0 §6.4): `i32`, `(ref null 3)`. */
export function describeType(type: StorageType): string {
  return typeof type === 'string' ? type : `(ref ${type.nullable ? 'null ' : ''}${type.heap})`;
}

function results(types: readonly ValType[]): string {
  return `(result${types.map((type) => ` ${describeType(type)}`).join('')})`;
}

function block(type: BlockType): string {
  switch (type.kind) {
    case 'empty':
      return '';
    case 'value':
      return results([type.type]);
    case 'type':
      return `(type ${type.type})`;
  }
}

function memarg({ align, memory, offset }: MemArg, op: OpName): string {
  const parts: string[] = [];
  if (memory !== 0) parts.push(String(memory));
  if (offset !== 0n) parts.push(`offset=${offset}`);
  if (align !== opcodeOf(op).align) parts.push(`align=${2n ** BigInt(align)}`);
  return parts.join(' ');
}

function handler(clause: Handler): string {
  return `(on ${clause.tag} ${clause.kind === 'label' ? clause.label : 'switch'})`;
}

function catchClause(clause: Catch): string {
  return 'tag' in clause ? `(${clause.kind} ${clause.tag} ${clause.label})` : `(${clause.kind} ${clause.label})`;
}

function float(value: number, payload: bigint, negative: boolean): string {
  if (Number.isNaN(value)) return `${negative ? '-' : ''}nan:0x${payload.toString(16)}`;
  if (Math.abs(value) === Infinity) return `${negative ? '-' : ''}inf`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function f32(bits: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return float(view.getFloat32(0), BigInt(bits & 0x7f_ffff), bits >>> 31 === 1);
}

function f64(bits: bigint): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return float(view.getFloat64(0), bits & 0xf_ffff_ffff_ffffn, bits >> 63n === 1n);
}

/** `ref.null` names a heap type, the casts a reference type. */
function heap(type: HeapType, op: OpName): string {
  if (op === 'ref.null') return String(type);
  const ref: RefType = { heap: type, nullable: op.endsWith(' null') };
  return describeType(ref);
}

const plain = (value: number | bigint): string => String(value);

const PRINT: { readonly [K in ImmediateName]: (value: Immediates[K], op: OpName) => string } = {
  block,
  label: plain,
  labels: (labels) => labels.join(' '),
  func: plain,
  type: (type, op) => (op.endsWith('call_indirect') ? `(type ${type})` : String(type)),
  type2: plain,
  table: plain,
  table2: plain,
  memory: plain,
  memory2: plain,
  global: plain,
  local: plain,
  tag: plain,
  elem: plain,
  data: plain,
  field: plain,
  count: plain,
  memarg,
  lane: plain,
  lanes: (lanes) => lanes.join(' '),
  i32: plain,
  i64: plain,
  f32,
  f64,
  v128: (bytes) => `i8x16 ${bytes.join(' ')}`,
  heap,
  cast: ({ label, from, to }) => `${label} ${describeType(from)} ${describeType(to)}`,
  types: results,
  handlers: (handlers) => handlers.map(handler).join(' '),
  catches: (catches) => catches.map(catchClause).join(' '),
  zero: () => '',
};

/** The text format names the table or memory first where the binary format has it last. */
const TEXT_FIRST: ReadonlySet<string> = new Set(['call_indirect', 'return_call_indirect', 'memory.init', 'table.init']);

/** An instruction as the text format writes it, with indices for names (Wasm 3.0 §6.5). Memory 0 is not mentioned. */
export function describe(instr: Instr): string {
  const { op } = instr;
  const { immediates } = opcodeOf(op);
  const values = instr as unknown as Record<ImmediateName, never>;
  const inMemory0 = values.memory === 0 && (values.memory2 ?? 0) === 0;
  const names = TEXT_FIRST.has(op) ? immediates.toReversed() : immediates;
  const parts = [op.split(' ')[0]];
  for (const name of names) {
    if (!(inMemory0 && name.startsWith('memory'))) parts.push(PRINT[name](values[name], op));
  }
  return parts.filter((part) => part !== '').join(' ');
}
