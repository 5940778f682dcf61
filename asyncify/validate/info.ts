import type { GlobalType, Limits, Module, TableType } from '../binary/module.ts';
import { importsOf } from '../binary/module.ts';
import {
  type CompType,
  type FuncType,
  type HeapType,
  isRef,
  type StorageType,
  type StructType,
  type SubType,
  type TypeIdx,
  type ValType,
} from '../binary/types.ts';
import { InvalidError } from '../errors.ts';
import { type Landmark, landmarksOf } from './landmarks.ts';
import { TypeSpace } from './subtyping.ts';

/** The typing context of a module (Wasm 3.0 §3.1.1), built once. Every index space starts with the imports. */
export interface ModuleInfo {
  readonly module: Module;
  /** All defined types, recursion groups flattened. */
  readonly types: readonly SubType[];
  readonly funcTypes: readonly TypeIdx[];
  readonly tables: readonly TableType[];
  readonly memories: readonly Limits[];
  readonly globals: readonly GlobalType[];
  readonly tags: readonly TypeIdx[];
  readonly importedFuncs: number;
  readonly importedTables: number;
  readonly importedMemories: number;
  readonly importedGlobals: number;
  readonly importedTags: number;
  /** The functions that `ref.func` may name in a body: those that occur outside of all bodies. */
  readonly declaredRefs: ReadonlySet<number>;
  /** What analyses look at in the bodies of the defined functions, so that they need not read them all. */
  readonly landmarks: readonly (readonly Landmark[])[];
  /** The composite type behind an index below `types.length`. */
  comp(type: TypeIdx): CompType;
  /** The function type behind an index that names one. */
  funcType(type: TypeIdx): FuncType;
  /** Equal numbers if and only if the types are equivalent (iso-recursively). */
  canonical(type: TypeIdx): number;
  isSubType(a: TypeIdx, b: TypeIdx): boolean;
  matchesHeap(a: HeapType, b: HeapType): boolean;
  matches(a: ValType, b: ValType): boolean;
}

/** What `struct.new` and `struct.new_default` need of a struct type. */
interface Fields {
  /** As operands: packed ones are `i32`. */
  readonly types: readonly ValType[];
  readonly defaultable: boolean;
}

/** The type that a stored value has as an operand. */
export function unpacked(type: StorageType): ValType {
  return type === 'i8' || type === 'i16' ? 'i32' : type;
}

/** Whether locals, fields and table elements of this type have a default value. */
export function isDefaultable(type: StorageType): boolean {
  return !isRef(type) || type.nullable;
}

/** The context with what only the rules need; the index spaces are complete, their types checked by `checkDeclarations`. */
export class Context extends TypeSpace implements ModuleInfo {
  readonly module: Module;
  readonly funcTypes: readonly TypeIdx[];
  readonly tables: readonly TableType[];
  readonly memories: readonly Limits[];
  readonly globals: readonly GlobalType[];
  readonly tags: readonly TypeIdx[];
  readonly importedFuncs: number;
  readonly importedTables: number;
  readonly importedMemories: number;
  readonly importedGlobals: number;
  readonly importedTags: number;
  readonly declaredRefs: ReadonlySet<number>;
  #landmarks: readonly (readonly Landmark[])[] | null = null;
  readonly #fields = new Map<StructType, Fields>();

  constructor(module: Module, types: readonly SubType[], canonical: Int32Array) {
    super(types, canonical);
    this.module = module;
    const funcs = importsOf(module, 'func');
    const tables = importsOf(module, 'table');
    const memories = importsOf(module, 'memory');
    const globals = importsOf(module, 'global');
    const tags = importsOf(module, 'tag');
    this.importedFuncs = funcs.length;
    this.importedTables = tables.length;
    this.importedMemories = memories.length;
    this.importedGlobals = globals.length;
    this.importedTags = tags.length;
    this.funcTypes = [...funcs.map(({ desc }) => desc.type), ...module.funcs.map(({ type }) => type)];
    this.tables = [...tables.map(({ desc }) => desc.type), ...module.tables.map(({ type }) => type)];
    this.memories = [...memories.map(({ desc }) => desc.type), ...module.memories.map(({ type }) => type)];
    this.globals = [...globals.map(({ desc }) => desc.type), ...module.globals.map(({ type }) => type)];
    this.tags = [...tags.map(({ desc }) => desc.type), ...module.tags.map(({ type }) => type)];
    this.declaredRefs = declaredRefs(module);
  }

  get landmarks(): readonly (readonly Landmark[])[] {
    this.#landmarks ??= landmarksOf(this.module.funcs);
    return this.#landmarks;
  }

  /** Takes the landmarks that validation has seen, so that no body has to be read for them again. */
  seen(landmarks: readonly (readonly Landmark[])[]): void {
    this.#landmarks = landmarks;
  }

  /** Kept per type: a few bytes of code may name a struct of many fields. */
  fields(type: StructType): Fields {
    let found = this.#fields.get(type);
    if (found === undefined) {
      const { fields } = type;
      found = {
        types: fields.map((field) => unpacked(field.type)),
        defaultable: fields.every((field) => isDefaultable(field.type)),
      };
      this.#fields.set(type, found);
    }
    return found;
  }
}

function* constantExpressions(module: Module): Generator<Module['globals'][number]['init']> {
  for (const { init } of module.globals) yield init;
  for (const { init } of module.tables) if (init !== null) yield init;
  for (const { init, mode } of module.elems) {
    yield* new Set(init);
    if (mode.kind === 'active') yield mode.offset;
  }
  for (const { mode } of module.datas) if (mode.kind === 'active') yield mode.offset;
}

function declaredRefs(module: Module): Set<number> {
  const refs = new Set<number>();
  for (const entry of module.exports) if (entry.kind === 'func') refs.add(entry.index);
  for (const expr of constantExpressions(module)) {
    for (const instr of expr) if (instr.op === 'ref.func') refs.add(instr.func);
  }
  return refs;
}

/** Checks that a type index names a function type. @throws InvalidError */
export function requireFuncType(space: TypeSpace, type: TypeIdx, at: number): FuncType {
  const found = space.types[type];
  if (found === undefined) throw new InvalidError(`unknown type ${type}`, { offset: at });
  if (found.comp.kind !== 'func') throw new InvalidError(`non-function type ${type}`, { offset: at });
  return found.comp;
}
