import type { RecGroup, SubType, TypeIdx, ValType } from '../binary/types.ts';
import { refType } from '../binary/types.ts';

/**
 * The types of the runtime, one recursion group at the head of every transformed module, so that they are the same types
 * everywhere. A module's own types follow, shifted by `RUNTIME_TYPES`.
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
} as const;

export const RUNTIME_TYPES = 6;

/** Fields of `$handler`: the tag, the clause's index (-1: a `switch` clause), the next clause. */
export const HANDLER = { tag: 0, code: 1, next: 2 } as const;
/** Fields every frame starts with: next frame outward, who re-enters it, the resume point. Live locals follow. */
export const FRAME = { next: 0, fn: 1, point: 2, locals: 3 } as const;
/**
 * Fields of `$stack`: innermost frame; the stack that resumed it; the handler list of that `resume`; for the innermost
 * stack of a captured chain its outermost one (null: itself); the number of frames.
 */
export const STACK = { top: 0, parent: 1, handlers: 2, outer: 3, depth: 4 } as const;
/**
 * Fields of a continuation object: its innermost stack, null once consumed, the store's one `fresh` stack before it first
 * runs; and what it will run then.
 */
export const CONT = { stack: 0, body: 1 } as const;

/** Set in a frame's resume point where a `try_table` of its function encloses it. */
export const CATCHES = 0x8000_0000 | 0;

const mut = (type: ValType | 'i8') => ({ type, mutable: true });
const final = (comp: SubType['comp']): SubType => ({ final: true, supers: [], comp });
const open = (comp: SubType['comp']): SubType => ({ final: false, supers: [], comp });

export const runtimeGroup: RecGroup = [
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
    ],
  }),
  open({ kind: 'struct', fields: [mut(refType(T.stack, true))] }),
];
