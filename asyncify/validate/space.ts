import type { GlobalType, Limits, TableType } from '../binary/module.ts';
import {
  type ArrayType,
  type ContType,
  type DataIdx,
  type ElemIdx,
  type FuncIdx,
  type FuncType,
  type GlobalIdx,
  type HeapType,
  isRef,
  type LocalIdx,
  type MemIdx,
  type RefType,
  refType,
  type StructType,
  type TableIdx,
  type TagIdx,
  type TypeIdx,
  type ValType,
} from '../binary/types.ts';
import type { Walk } from './walk.ts';

/** Looks up an entity of an index space or fails as the reference interpreter words it. */
function lookup<T>(walk: Walk, space: readonly T[], index: number, what: string): T {
  return space[index] ?? walk.fail(`unknown ${what} ${index}`);
}

export function typeOfFunc(walk: Walk, func: FuncIdx): TypeIdx {
  return lookup(walk, walk.info.funcTypes, func, 'function');
}

export function table(walk: Walk, index: TableIdx): TableType {
  return lookup(walk, walk.info.tables, index, 'table');
}

export function memory(walk: Walk, index: MemIdx): Limits {
  return lookup(walk, walk.info.memories, index, 'memory');
}

export function global(walk: Walk, index: GlobalIdx): GlobalType {
  if (index >= walk.globals) walk.fail(`unknown global ${index}`);
  return lookup(walk, walk.info.globals, index, 'global');
}

export function local(walk: Walk, index: LocalIdx): ValType {
  return lookup(walk, walk.locals, index, 'local');
}

export function elem(walk: Walk, index: ElemIdx): RefType {
  return lookup(walk, walk.info.module.elems, index, 'elem segment').type;
}

export function data(walk: Walk, index: DataIdx): void {
  lookup(walk, walk.info.module.datas, index, 'data segment');
}

/** The type of a tag; `suspend` may give results, exceptions may not. */
export function tagType(walk: Walk, index: TagIdx): FuncType {
  return walk.info.funcType(lookup(walk, walk.info.tags, index, 'tag'));
}

/** The payload of a tag that stands for an exception. */
export function exceptionType(walk: Walk, index: TagIdx): readonly ValType[] {
  const { params, results } = tagType(walk, index);
  if (results.length > 0) walk.fail(`non-empty tag result type: tag ${index} is no exception`);
  return params;
}

export function funcType(walk: Walk, type: TypeIdx): FuncType {
  const { comp } = lookup(walk, walk.info.types, type, 'type');
  return comp.kind === 'func' ? comp : walk.fail(`non-function type ${type}`);
}

export function structType(walk: Walk, type: TypeIdx): StructType {
  const { comp } = lookup(walk, walk.info.types, type, 'type');
  return comp.kind === 'struct' ? comp : walk.fail(`non-structure type ${type}`);
}

export function arrayType(walk: Walk, type: TypeIdx): ArrayType {
  const { comp } = lookup(walk, walk.info.types, type, 'type');
  return comp.kind === 'array' ? comp : walk.fail(`non-array type ${type}`);
}

export function contType(walk: Walk, type: TypeIdx): ContType {
  const { comp } = lookup(walk, walk.info.types, type, 'type');
  return comp.kind === 'cont' ? comp : walk.fail(`non-continuation type ${type}`);
}

/** The function type under a continuation type. */
export function contFuncType(walk: Walk, type: TypeIdx): FuncType {
  return walk.info.funcType(contType(walk, type).type);
}

export function heap(walk: Walk, type: HeapType): HeapType {
  if (typeof type === 'number') lookup(walk, walk.info.types, type, 'type');
  return type;
}

export function valType(walk: Walk, type: ValType): ValType {
  if (isRef(type)) heap(walk, type.heap);
  return type;
}

/** The type of references to a defined type that instructions accept. */
export function nullable(type: TypeIdx): RefType {
  return refType(type, true);
}

/** The type of a fresh reference to a defined type. */
export function fresh(type: TypeIdx): RefType {
  return refType(type, false);
}
