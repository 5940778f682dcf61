import type { FieldType, RecGroup, StorageType, SubType, TypeIdx, ValType } from '../binary/types.ts';
import { isRef, refType } from '../binary/types.ts';
import { type Brand, brandFields, spellsBrand } from './brand.ts';

/**
 * The types of the runtime, one recursion group at the head of every transformed module, so that they are the same types
 * in all modules of one brand. A module's own types follow, shifted by `RUNTIME_TYPES`.
 */
export const T = {
  /** `(func (param (ref $frame)))`: re-enters the function a frame belongs to. */
  reenter: 0 as TypeIdx,
  /** The identity of a control tag. */
  tag: 1 as TypeIdx,
  /** One clause of a handler list. */
  handler: 2 as TypeIdx,
  frame: 3 as TypeIdx,
  stack: 4 as TypeIdx,
  cont: 5 as TypeIdx,
  /** Nothing is ever an instance of it: it makes the types of this group others than those of any other brand. */
  brand: 6 as TypeIdx,
} as const;

export const RUNTIME_TYPES = 7;

/** Fields of `$handler`: the tag, the clause's index (-1: a `switch` clause), the next clause. */
export const HANDLER = { tag: 0, code: 1, next: 2 } as const;
/** Fields every frame starts with: next frame outward, who re-enters it, the resume point. Live locals follow. */
export const FRAME = { next: 0, fn: 1, point: 2, locals: 3 } as const;
/**
 * Fields of `$stack`: innermost frame; the stack that resumed it; the handler list of that `resume`; for the innermost
 * stack of a captured chain its outermost one (null: itself); the number of frames, and their size in FRAME_UNITs.
 */
export const STACK = { top: 0, parent: 1, handlers: 2, outer: 3, depth: 4, size: 5 } as const;
/**
 * Fields of a continuation object: its innermost stack, null once consumed, the store's one `fresh` stack before it first
 * runs; and what it will run then.
 */
export const CONT = { stack: 0, body: 1 } as const;

/** The bits of a frame's resume point with its number. The others hold CATCHES, and the frame's size as frameSize makes it. */
export const POINT = 0x1f_ffff;
/** What sizes of frames are counted in, bytes. */
export const FRAME_UNIT = 16;
/** In a resume point: where the size begins, a number of SIZE bits, and how often that is to be doubled. */
export const SIZE = { shift: 21, bits: 7, doublings: 28 } as const;

/** The size of a frame with such fields behind those that every frame has, as it stands in the frame's resume point; rounded up. */
export function frameSize(locals: readonly ValType[]): number {
  const bytes = locals.reduce(
    (sum, type) => sum + (type === 'v128' ? 16 : type === 'i32' || type === 'f32' ? 4 : 8),
    0,
  );
  let size = Math.ceil((FRAME_HEAD + bytes) / FRAME_UNIT);
  let doublings = 0;
  for (; size >= 1 << SIZE.bits; doublings++) size = (size + 1) >> 1;
  return (size << SIZE.shift) | (doublings << SIZE.doublings);
}
/** What an engine needs for an object and for the fields that every frame has. */
const FRAME_HEAD = 40;

/** Set in a frame's resume point where a `try_table` of its function encloses it. */
export const CATCHES = 0x8000_0000 | 0;

const mut = (type: ValType | 'i8') => ({ type, mutable: true });
const final = (comp: SubType['comp']): SubType => ({ final: true, supers: [], comp });
const open = (comp: SubType['comp']): SubType => ({ final: false, supers: [], comp });

const TYPES: RecGroup = [
  final({ kind: 'func', params: [refType(T.frame, false)], results: [] }),
  final({ kind: 'struct', fields: [mut('i32')] }),
  final({
    kind: 'struct',
    fields: [
      { type: refType(T.tag, false), mutable: false },
      { type: 'i32', mutable: false },
      { type: refType(T.handler, true), mutable: false },
    ],
  }),
  open({ kind: 'struct', fields: [mut(refType(T.frame, true)), mut(refType(T.reenter, true)), mut('i32')] }),
  final({
    kind: 'struct',
    fields: [
      mut(refType(T.frame, true)),
      mut(refType(T.stack, true)),
      mut(refType(T.handler, true)),
      mut(refType(T.stack, true)),
      mut('i32'),
      mut('i32'),
    ],
  }),
  open({ kind: 'struct', fields: [mut(refType(T.stack, true))] }),
];

export const runtimeGroup = (brand: Brand): RecGroup => [
  ...TYPES,
  final({ kind: 'struct', fields: brandFields(brand) }),
];

/**
 * Whether a group whose first type has this index would be the runtime's types with some brand. Types of groups are equal only where
 * the groups are, member by member (Wasm 3.0 §3.1.3): no part of this group, in no other order and in no larger one, has its types.
 */
export function hasRuntimeShape(group: RecGroup, first: number): boolean {
  if (group.length !== RUNTIME_TYPES) return false;
  const brand = group[T.brand] as SubType;
  return (
    SHAPES.every((shape, at) => shape === shapeOf(group[at] as SubType, first)) &&
    brand.final &&
    brand.supers.length === 0 &&
    brand.comp.kind === 'struct' &&
    spellsBrand(brand.comp.fields)
  );
}

/** A type with the indices of its own group counted from there. */
function shapeOf({ final, supers, comp }: SubType, first: number): string {
  const storage = (type: StorageType): unknown =>
    isRef(type) ? [typeof type.heap === 'number' ? type.heap - first : type.heap, type.nullable] : type;
  const field = ({ type, mutable }: FieldType): unknown => [storage(type), mutable];
  switch (comp.kind) {
    case 'func':
      return JSON.stringify([
        final,
        supers.map((type) => type - first),
        'func',
        comp.params.map(storage),
        comp.results.map(storage),
      ]);
    case 'struct':
      return JSON.stringify([final, supers.map((type) => type - first), 'struct', comp.fields.map(field)]);
    case 'array':
      return JSON.stringify([final, supers.map((type) => type - first), 'array', field(comp.field)]);
    case 'cont':
      return JSON.stringify([final, supers.map((type) => type - first), 'cont', comp.type - first]);
    default:
      return comp satisfies never;
  }
}

const SHAPES = TYPES.map((type) => shapeOf(type, 0));
