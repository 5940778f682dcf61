import type { ExternType, GlobalType, Limits, TableType } from './module.ts';
import type { Reader } from './reader.ts';
import {
  ABSTRACT_HEAP_CODES,
  type AbstractHeapType,
  type CompType,
  type FieldType,
  type HeapType,
  type RecGroup,
  type RefType,
  refType,
  type StorageType,
  type SubType,
  type TypeIdx,
  type ValType,
} from './types.ts';

const HEAP_BY_CODE: (AbstractHeapType | undefined)[] = [];
const VALUE_BY_CODE: (ValType | undefined)[] = [];
for (const [name, code] of Object.entries(ABSTRACT_HEAP_CODES) as [AbstractHeapType, number][]) {
  HEAP_BY_CODE[code] = name;
  VALUE_BY_CODE[code] = refType(name, true);
}
VALUE_BY_CODE[0x7f] = 'i32';
VALUE_BY_CODE[0x7e] = 'i64';
VALUE_BY_CODE[0x7d] = 'f32';
VALUE_BY_CODE[0x7c] = 'f64';
VALUE_BY_CODE[0x7b] = 'v128';

const REF_NULL = 0x63;
const REF = 0x64;

export function typeIdx(reader: Reader): TypeIdx {
  return reader.u32() as TypeIdx;
}

export function heapType(reader: Reader): HeapType {
  const abstract = HEAP_BY_CODE[reader.peek()];
  if (abstract !== undefined) {
    reader.pos++;
    return abstract;
  }
  const at = reader.pos;
  const index = reader.s33();
  if (index < 0) reader.fail('malformed heap type', at);
  return index as TypeIdx;
}

/** Whether a byte begins a value type. */
export function startsValType(byte: number): boolean {
  return VALUE_BY_CODE[byte] !== undefined || byte === REF || byte === REF_NULL;
}

export function valType(reader: Reader): ValType {
  const code = reader.byte();
  const known = VALUE_BY_CODE[code];
  if (known !== undefined) return known;
  if (code === REF || code === REF_NULL) return refType(heapType(reader), code === REF_NULL);
  return reader.fail('malformed value type', reader.pos - 1);
}

export function referenceType(reader: Reader): RefType {
  const at = reader.pos;
  const type = valType(reader);
  return typeof type === 'object' ? type : reader.fail('malformed reference type', at);
}

function storageType(reader: Reader): StorageType {
  const code = reader.peek();
  if (code !== 0x78 && code !== 0x77) return valType(reader);
  reader.pos++;
  return code === 0x78 ? 'i8' : 'i16';
}

function mutability(reader: Reader): boolean {
  const flag = reader.byte();
  if (flag > 1) reader.fail('malformed mutability', reader.pos - 1);
  return flag === 1;
}

function fieldType(reader: Reader): FieldType {
  const type = storageType(reader);
  return { type, mutable: mutability(reader) };
}

function compType(reader: Reader): CompType {
  switch (reader.byte()) {
    case 0x60: {
      const params = reader.vec(valType);
      return { kind: 'func', params, results: reader.vec(valType) };
    }
    case 0x5f:
      return { kind: 'struct', fields: reader.vec(fieldType) };
    case 0x5e:
      return { kind: 'array', field: fieldType(reader) };
    case 0x5d: {
      const at = reader.pos;
      const type = heapType(reader);
      return typeof type === 'number' ? { kind: 'cont', type } : reader.fail('malformed continuation type', at);
    }
    default:
      return reader.fail('malformed definition type', reader.pos - 1);
  }
}

function subType(reader: Reader): SubType {
  const at = reader.pos;
  const code = reader.peek();
  if (code !== 0x50 && code !== 0x4f) return { final: true, supers: [], comp: compType(reader), at };
  reader.pos++;
  const supers = reader.vec(typeIdx);
  return { final: code === 0x4f, supers, comp: compType(reader), at };
}

export function recGroup(reader: Reader): RecGroup {
  if (reader.peek() !== 0x4e) return [subType(reader)];
  reader.pos++;
  return reader.vec(subType);
}

function limits(reader: Reader, mayShare: boolean): Limits {
  const flags = reader.byte();
  if ((flags & ~(mayShare ? 7 : 5)) !== 0) reader.fail('malformed limits flags', reader.pos - 1);
  const min = reader.u64();
  return {
    address: flags & 4 ? 'i64' : 'i32',
    min,
    max: flags & 1 ? reader.u64() : null,
    shared: (flags & 2) !== 0,
  };
}

export function tableType(reader: Reader): TableType {
  const type = referenceType(reader);
  return { type, limits: limits(reader, false) };
}

export function memoryType(reader: Reader): Limits {
  return limits(reader, true);
}

export function globalType(reader: Reader): GlobalType {
  const type = valType(reader);
  return { type, mutable: mutability(reader) };
}

export function tagType(reader: Reader): TypeIdx {
  if (reader.byte() !== 0) reader.fail('malformed tag attribute', reader.pos - 1);
  return typeIdx(reader);
}

export function externType(reader: Reader): ExternType {
  switch (reader.byte()) {
    case 0x00:
      return { kind: 'func', type: typeIdx(reader) };
    case 0x01:
      return { kind: 'table', type: tableType(reader) };
    case 0x02:
      return { kind: 'memory', type: memoryType(reader) };
    case 0x03:
      return { kind: 'global', type: globalType(reader) };
    case 0x04:
      return { kind: 'tag', type: tagType(reader) };
    default:
      return reader.fail('malformed import kind', reader.pos - 1);
  }
}
