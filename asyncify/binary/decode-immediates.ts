import { heapType, startsValType, typeIdx, valType } from './decode-types.ts';
import type { BlockType, CastImmediate, Catch, Handler, ImmediateName, Immediates, MemArg } from './immediates.ts';
import type { Reader } from './reader.ts';
import { type LabelIdx, type MemIdx, refType, type TagIdx, type TypeIdx } from './types.ts';

const EMPTY: BlockType = { kind: 'empty' };

function blockType(reader: Reader): BlockType {
  const code = reader.peek();
  if (code === 0x40) {
    reader.pos++;
    return EMPTY;
  }
  if (startsValType(code)) return { kind: 'value', type: valType(reader) };
  const at = reader.pos;
  const index = reader.s33();
  if (index < 0) reader.fail('malformed block type', at);
  return { kind: 'type', type: index as TypeIdx };
}

function memarg(reader: Reader): MemArg {
  const at = reader.pos;
  const flags = reader.u32();
  if (flags >= 0x80) reader.fail('malformed memop flags', at);
  const memory = (flags & 0x40 ? reader.u32() : 0) as MemIdx;
  return { align: flags & 0x3f, memory, offset: reader.u64() };
}

function cast(reader: Reader): CastImmediate {
  const flags = reader.byte();
  if (flags > 3) reader.fail('malformed cast flags', reader.pos - 1);
  const label = reader.u32() as LabelIdx;
  const from = refType(heapType(reader), (flags & 1) !== 0);
  return { label, from, to: refType(heapType(reader), (flags & 2) !== 0) };
}

function handler(reader: Reader): Handler {
  const code = reader.byte();
  if (code > 1) reader.fail('malformed handler kind', reader.pos - 1);
  const tag = reader.u32() as TagIdx;
  return code === 0 ? { kind: 'label', tag, label: reader.u32() as LabelIdx } : { kind: 'switch', tag };
}

function catchClause(reader: Reader): Catch {
  const code = reader.byte();
  switch (code) {
    case 0:
    case 1: {
      const tag = reader.u32() as TagIdx;
      return { kind: code === 0 ? 'catch' : 'catch_ref', tag, label: reader.u32() as LabelIdx };
    }
    case 2:
    case 3:
      return { kind: code === 2 ? 'catch_all' : 'catch_all_ref', label: reader.u32() as LabelIdx };
    default:
      return reader.fail('malformed catch kind', reader.pos - 1);
  }
}

function index<K extends ImmediateName>(): (reader: Reader) => Immediates[K] {
  return (reader) => reader.u32() as Immediates[K];
}

function labels(reader: Reader): LabelIdx[] {
  const list = reader.vec((item) => item.u32() as LabelIdx);
  list.push(reader.u32() as LabelIdx);
  return list;
}

function f32(reader: Reader): number {
  const at = reader.pos;
  reader.skip(4);
  const { bytes } = reader;
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}

function f64(reader: Reader): bigint {
  const at = reader.pos;
  reader.skip(8);
  const { bytes } = reader;
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0, true);
}

function zero(reader: Reader): 0 {
  if (reader.byte() !== 0) reader.fail('zero byte expected', reader.pos - 1);
  return 0;
}

/** How each immediate is read (Wasm 3.0 §5.4). */
export const READ: { readonly [K in ImmediateName]: (reader: Reader) => Immediates[K] } = {
  block: blockType,
  label: index<'label'>(),
  labels,
  func: index<'func'>(),
  type: typeIdx,
  type2: typeIdx,
  table: index<'table'>(),
  table2: index<'table2'>(),
  memory: index<'memory'>(),
  memory2: index<'memory2'>(),
  global: index<'global'>(),
  local: index<'local'>(),
  tag: index<'tag'>(),
  elem: index<'elem'>(),
  data: index<'data'>(),
  field: index<'field'>(),
  count: index<'count'>(),
  memarg,
  lane: (reader) => reader.byte(),
  lanes: (reader) => reader.take(16),
  i32: (reader) => reader.s32(),
  i64: (reader) => reader.s64(),
  f32,
  f64,
  v128: (reader) => reader.take(16),
  heap: heapType,
  cast,
  types: (reader) => reader.vec(valType),
  handlers: (reader) => reader.vec(handler),
  catches: (reader) => reader.vec(catchClause),
  zero,
};

/** How an immediate is passed over where that takes less than to read it; what is wrong with it is found all the same. */
export const SKIP: { readonly [K in ImmediateName]?: (reader: Reader) => void } = {
  memarg(reader) {
    const at = reader.pos;
    const flags = reader.u32();
    if (flags >= 0x80) reader.fail('malformed memop flags', at);
    if (flags & 0x40) reader.u32();
    reader.skipU64();
  },
  lanes: (reader) => reader.skip(16),
  i64: (reader) => reader.skipS64(),
  f32: (reader) => reader.skip(4),
  f64: (reader) => reader.skip(8),
  v128: (reader) => reader.skip(16),
  labels(reader) {
    for (let left = reader.count(); left > 0; left--) reader.u32();
    reader.u32();
  },
};
