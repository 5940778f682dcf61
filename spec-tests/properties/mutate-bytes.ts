import fc from 'fast-check';

/** Positions and lengths are taken modulo what there is, so that every edit fits every module. */
export type ByteEdit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'replace'; readonly at: number; readonly byte: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly at: number; readonly length: number }
  | {
      readonly kind: 'splice';
      readonly at: number;
      readonly length: number;
      readonly other: number;
      readonly from: number;
    }
  | { readonly kind: 'truncate'; readonly at: number };

/** Bytes that mean something: structure, types of stack switching and GC, prefixes, boundary values of integers. */
const TELLING = [
  ...[0x00, 0x01, 0x7f, 0x80, 0xff, 0x40, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x1f],
  ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x4e, 0x4f, 0x50, 0x5d, 0x5e, 0x5f, 0x60, 0x63, 0x64, 0x68, 0x69, 0x75],
  ...[0xd0, 0xd2, 0xd4, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xfb, 0xfc, 0xfd, 0xfe, 0x06, 0x07, 0x18, 0x19],
] as const;

const at = fc.nat({ max: 1_000_000 });
const byte = fc.oneof(fc.constantFrom(...TELLING), fc.integer({ min: 0, max: 255 }));
const length = fc.integer({ min: 1, max: 12 });

const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('replace' as const), at, byte }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.array(byte, { minLength: 1, maxLength: 6 }).map((list) => Uint8Array.from(list)),
  }),
  fc.record({ kind: fc.constant('delete' as const), at, length }),
  fc.record({ kind: fc.constant('splice' as const), at, length, other: at, from: at }),
  fc.record({ kind: fc.constant('truncate' as const), at }),
);

export const byteEdits = fc.array(byteEdit, { minLength: 1, maxLength: 4 });

/** Applies edits to a module; `splice` takes bytes from the others. */
export function editBytes(
  module: Uint8Array,
  edits: readonly ByteEdit[],
  others: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  let current = new Uint8Array(module);
  for (const edit of edits) {
    const position = edit.at % (current.length + 1);
    current = concat(current.subarray(0, position), ...after(current, position, edit, others));
  }
  return current;
}

function after(current: Uint8Array, position: number, edit: ByteEdit, others: readonly Uint8Array[]): Uint8Array[] {
  const rest = current.subarray(position);
  switch (edit.kind) {
    case 'flip':
      return rest.length === 0 ? [] : [Uint8Array.of((rest[0] as number) ^ (1 << edit.bit)), rest.subarray(1)];
    case 'replace':
      return [Uint8Array.of(edit.byte), rest.subarray(1)];
    case 'insert':
      return [edit.bytes, rest];
    case 'delete':
      return [rest.subarray(edit.length)];
    case 'splice': {
      const other = others[edit.other % others.length] as Uint8Array;
      const from = edit.from % other.length;
      return [other.subarray(from, from + edit.length), rest.subarray(edit.length)];
    }
    case 'truncate':
      return [];
    default:
      return edit satisfies never;
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
