import {
  encode,
  type FieldIdx,
  type FuncIdx,
  type LocalIdx,
  refType,
  type TypeIdx,
  type ValType,
} from '../asyncify/binary/index.ts';
import type { Module } from '../asyncify/binary/module.ts';
import { Asm } from '../asyncify/lower/asm.ts';
import type { Brand } from '../asyncify/lower/brand.ts';
import { CONT, FRAME, RUNTIME_TYPES, runtimeGroup, STACK, T } from '../asyncify/lower/runtime-types.ts';

/** Objects of the runtime, opaque to JavaScript. */
export type StackObject = object & { readonly __stack?: never };
export type FrameObject = object & { readonly __frame?: never };

/** Reads the runtime's objects. */
export interface Inspector {
  top(stack: StackObject): FrameObject | null;
  parent(stack: StackObject): StackObject | null;
  outer(stack: StackObject): StackObject | null;
  depth(stack: StackObject): number;
  next(frame: FrameObject): FrameObject | null;
  fn(frame: FrameObject): unknown;
  stackOf(continuation: object): StackObject | null;
}

const FIELDS: readonly (readonly [keyof Inspector, TypeIdx, number, ValType])[] = [
  ['top', T.stack, STACK.top, refType(T.frame, true)],
  ['parent', T.stack, STACK.parent, refType(T.stack, true)],
  ['outer', T.stack, STACK.outer, refType(T.stack, true)],
  ['depth', T.stack, STACK.depth, 'i32'],
  ['next', T.frame, FRAME.next, refType(T.frame, true)],
  ['fn', T.frame, FRAME.fn, refType(T.reenter, true)],
  ['stackOf', T.cont, CONT.stack, refType(T.stack, true)],
];

/** The runtime's types are the same in every module of a brand, so one module reads the objects of all of them. */
export function inspector(brand: Brand): Inspector {
  const types = FIELDS.map(([, type, , result]) => [
    { final: true, supers: [], comp: { kind: 'func', params: [refType(type, false)], results: [result] } } as const,
  ]);
  const module: Module = {
    recGroups: [runtimeGroup(brand), ...types],
    imports: [],
    funcs: FIELDS.map(([, type, field], index) => ({
      type: (RUNTIME_TYPES + index) as TypeIdx,
      locals: [],
      body: new Asm().get(0 as LocalIdx).structGet(type, field as FieldIdx).out,
      at: -1,
      endAt: -1,
    })),
    tables: [],
    memories: [],
    tags: [],
    globals: [],
    exports: FIELDS.map(([name], index) => ({ name, kind: 'func', index: index as FuncIdx, at: -1 })),
    start: null,
    startAt: -1,
    elems: [],
    datas: [],
    dataCount: false,
    customs: [],
  };
  return new WebAssembly.Instance(new WebAssembly.Module(encode(module))).exports as unknown as Inspector;
}
