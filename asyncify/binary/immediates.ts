import type {
  DataIdx,
  ElemIdx,
  FieldIdx,
  FuncIdx,
  GlobalIdx,
  HeapType,
  LabelIdx,
  LocalIdx,
  MemIdx,
  RefType,
  TableIdx,
  TagIdx,
  TypeIdx,
  ValType,
} from './types.ts';

export type BlockType =
  | { readonly kind: 'empty' }
  | { readonly kind: 'value'; readonly type: ValType }
  | { readonly kind: 'type'; readonly type: TypeIdx };

export interface MemArg {
  /** log2 of the alignment in bytes. */
  readonly align: number;
  readonly memory: MemIdx;
  readonly offset: bigint;
}

/** A handler clause of `resume`, `resume_throw`, `resume_throw_ref`. */
export type Handler =
  | { readonly kind: 'label'; readonly tag: TagIdx; readonly label: LabelIdx }
  | { readonly kind: 'switch'; readonly tag: TagIdx };

/** A catch clause of `try_table`. */
export type Catch =
  | { readonly kind: 'catch' | 'catch_ref'; readonly tag: TagIdx; readonly label: LabelIdx }
  | { readonly kind: 'catch_all' | 'catch_all_ref'; readonly label: LabelIdx };

export interface CastImmediate {
  readonly label: LabelIdx;
  readonly from: RefType;
  readonly to: RefType;
}

/** Every immediate: the property it has in a decoded instruction, and its shape. */
export interface Immediates {
  block: BlockType;
  label: LabelIdx;
  /** `br_table`: the last label is the default. */
  labels: readonly LabelIdx[];
  func: FuncIdx;
  type: TypeIdx;
  type2: TypeIdx;
  table: TableIdx;
  table2: TableIdx;
  memory: MemIdx;
  memory2: MemIdx;
  global: GlobalIdx;
  local: LocalIdx;
  tag: TagIdx;
  elem: ElemIdx;
  data: DataIdx;
  field: FieldIdx;
  count: number;
  memarg: MemArg;
  lane: number;
  lanes: Uint8Array;
  i32: number;
  i64: bigint;
  /** Unsigned bit patterns, so that NaN payloads survive. */
  f32: number;
  f64: bigint;
  v128: Uint8Array;
  heap: HeapType;
  cast: CastImmediate;
  types: readonly ValType[];
  handlers: readonly Handler[];
  catches: readonly Catch[];
  zero: 0;
}
export type ImmediateName = keyof Immediates;
