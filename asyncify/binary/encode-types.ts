import type { ExternKind, ExternType, GlobalType, Limits, TableType } from './module.ts';
import {
  ABSTRACT_HEAP_CODES,
  type CompType,
  type FieldType,
  type HeapType,
  type NumType,
  type RecGroup,
  type StorageType,
  type SubType,
  type TypeIdx,
  type ValType,
} from './types.ts';
import type { Writer } from './writer.ts';

const PLAIN_CODES: { readonly [T in NumType | 'i8' | 'i16']: number } = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  i8: 0x78,
  i16: 0x77,
};

/** The codes of imports and exports by kind. */
export const EXTERN_CODES: { readonly [K in ExternKind]: number } = {
  func: 0x00,
  table: 0x01,
  memory: 0x02,
  global: 0x03,
  tag: 0x04,
};

export function writeHeapType(writer: Writer, heap: HeapType): void {
  if (typeof heap === 'number') writer.index33(heap);
  else writer.byte(ABSTRACT_HEAP_CODES[heap]);
}

export function writeStorageType(writer: Writer, type: StorageType): void {
  if (typeof type === 'string') {
    writer.byte(PLAIN_CODES[type]);
    return;
  }
  // A nullable reference to an abstract heap type is written as the heap type alone.
  if (typeof type.heap === 'number' || !type.nullable) writer.byte(type.nullable ? 0x63 : 0x64);
  writeHeapType(writer, type.heap);
}

export function writeValType(writer: Writer, type: ValType): void {
  writeStorageType(writer, type);
}

export function writeTypeIdx(writer: Writer, index: TypeIdx): void {
  writer.u32(index);
}

function writeField(writer: Writer, field: FieldType): void {
  writeStorageType(writer, field.type);
  writer.byte(field.mutable ? 1 : 0);
}

function writeCompType(writer: Writer, comp: CompType): void {
  switch (comp.kind) {
    case 'func':
      writer.byte(0x60);
      writer.vec(comp.params, writeValType);
      writer.vec(comp.results, writeValType);
      return;
    case 'struct':
      writer.byte(0x5f);
      writer.vec(comp.fields, writeField);
      return;
    case 'array':
      writer.byte(0x5e);
      writeField(writer, comp.field);
      return;
    case 'cont':
      writer.byte(0x5d);
      writer.index33(comp.type);
      return;
  }
}

function writeSubType(writer: Writer, sub: SubType): void {
  if (!sub.final || sub.supers.length > 0) {
    writer.byte(sub.final ? 0x4f : 0x50);
    writer.vec(sub.supers, writeTypeIdx);
  }
  writeCompType(writer, sub.comp);
}

export function writeRecGroup(writer: Writer, group: RecGroup): void {
  const [only] = group;
  if (only !== undefined && group.length === 1) {
    writeSubType(writer, only);
    return;
  }
  writer.byte(0x4e);
  writer.vec(group, writeSubType);
}

export function writeLimits(writer: Writer, limits: Limits): void {
  writer.byte((limits.max === null ? 0 : 1) | (limits.shared ? 2 : 0) | (limits.address === 'i64' ? 4 : 0));
  writer.u64(limits.min);
  if (limits.max !== null) writer.u64(limits.max);
}

export function writeTableType(writer: Writer, table: TableType): void {
  writeValType(writer, table.type);
  writeLimits(writer, table.limits);
}

export function writeGlobalType(writer: Writer, global: GlobalType): void {
  writeValType(writer, global.type);
  writer.byte(global.mutable ? 1 : 0);
}

export function writeTagType(writer: Writer, type: TypeIdx): void {
  writer.byte(0);
  writer.u32(type);
}

export function writeExternType(writer: Writer, desc: ExternType): void {
  writer.byte(EXTERN_CODES[desc.kind]);
  switch (desc.kind) {
    case 'func':
      writer.u32(desc.type);
      return;
    case 'table':
      writeTableType(writer, desc.type);
      return;
    case 'memory':
      writeLimits(writer, desc.type);
      return;
    case 'global':
      writeGlobalType(writer, desc.type);
      return;
    case 'tag':
      writeTagType(writer, desc.type);
      return;
  }
}
