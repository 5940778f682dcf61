declare const brand: unique symbol;
type Index<Space extends string> = number & { readonly [brand]: Space };

export type TypeIdx = Index<'type'>;
export type FuncIdx = Index<'func'>;
export type TableIdx = Index<'table'>;
export type MemIdx = Index<'memory'>;
export type GlobalIdx = Index<'global'>;
export type TagIdx = Index<'tag'>;
export type ElemIdx = Index<'elem'>;
export type DataIdx = Index<'data'>;
export type LocalIdx = Index<'local'>;
export type LabelIdx = Index<'label'>;
export type FieldIdx = Index<'field'>;

export type NumType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** Abstract heap types with their binary codes (Wasm 3.0 §5.3.2, stack switching: `cont`, `nocont`). */
export const ABSTRACT_HEAP_CODES = {
  nocont: 0x75,
  noexn: 0x74,
  nofunc: 0x73,
  noextern: 0x72,
  none: 0x71,
  func: 0x70,
  extern: 0x6f,
  any: 0x6e,
  eq: 0x6d,
  i31: 0x6c,
  struct: 0x6b,
  array: 0x6a,
  exn: 0x69,
  cont: 0x68,
} as const;

export type AbstractHeapType = keyof typeof ABSTRACT_HEAP_CODES;
/** A concrete heap type is a type index; an abstract one its name. */
export type HeapType = AbstractHeapType | TypeIdx;

/** Interned: two structurally equal reference types of one module are the same object. */
export interface RefType {
  readonly heap: HeapType;
  readonly nullable: boolean;
}

export type ValType = NumType | RefType;
export type StorageType = ValType | 'i8' | 'i16';

export interface FieldType {
  readonly type: StorageType;
  readonly mutable: boolean;
}

export interface FuncType {
  readonly kind: 'func';
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}
export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly FieldType[];
}
export interface ArrayType {
  readonly kind: 'array';
  readonly field: FieldType;
}
/** `(cont $ft)` of the stack-switching proposal. */
export interface ContType {
  readonly kind: 'cont';
  readonly type: TypeIdx;
}
export type CompType = FuncType | StructType | ArrayType | ContType;

export interface SubType {
  readonly final: boolean;
  readonly supers: readonly TypeIdx[];
  readonly comp: CompType;
  /** Byte offset in the module; absent where the transform made the type. */
  readonly at?: number;
}
export type RecGroup = readonly SubType[];

const concrete: [RefType[], RefType[]] = [[], []];
const abstract = new Map<AbstractHeapType, [RefType, RefType]>();

/** The interned reference type `(ref null? heap)`. */
export function refType(heap: HeapType, nullable: boolean): RefType {
  if (typeof heap === 'number') {
    const list = concrete[nullable ? 1 : 0];
    const known = list[heap];
    if (known !== undefined) return known;
    const made: RefType = { heap, nullable };
    // Hostile indices must not grow the table.
    if (heap < 1_000_000) list[heap] = made;
    return made;
  }
  let pair = abstract.get(heap);
  if (pair === undefined) {
    pair = [
      { heap, nullable: false },
      { heap, nullable: true },
    ];
    abstract.set(heap, pair);
  }
  return pair[nullable ? 1 : 0];
}

export function isRef(type: StorageType): type is RefType {
  return typeof type === 'object';
}

/** Structural equality of value types within one module (not type equivalence: see validate/). */
export function sameType(a: StorageType, b: StorageType): boolean {
  if (a === b) return true;
  return isRef(a) && isRef(b) && a.heap === b.heap && a.nullable === b.nullable;
}
