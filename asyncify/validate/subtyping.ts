import {
  type AbstractHeapType,
  type CompType,
  type FieldType,
  type FuncType,
  type HeapType,
  isRef,
  type StorageType,
  type SubType,
  type TypeIdx,
  type ValType,
} from '../binary/types.ts';

/** Every abstract heap type with all its abstract supertypes, itself included (Wasm 3.0 §3.3.3; `cont` is a hierarchy of its own). */
const ABSTRACT_SUPERS: Readonly<Record<AbstractHeapType, readonly AbstractHeapType[]>> = {
  any: ['any'],
  eq: ['eq', 'any'],
  i31: ['i31', 'eq', 'any'],
  struct: ['struct', 'eq', 'any'],
  array: ['array', 'eq', 'any'],
  none: ['none', 'i31', 'struct', 'array', 'eq', 'any'],
  func: ['func'],
  nofunc: ['nofunc', 'func'],
  extern: ['extern'],
  noextern: ['noextern', 'extern'],
  exn: ['exn'],
  noexn: ['noexn', 'exn'],
  cont: ['cont'],
  nocont: ['nocont', 'cont'],
};

/** The least element of the hierarchy that each kind of composite type belongs to. */
const BOTTOM = { func: 'nofunc', struct: 'none', array: 'none', cont: 'nocont' } as const;

/** The greatest element of each hierarchy, by its members. */
const TOP: Readonly<Record<AbstractHeapType, AbstractHeapType>> = {
  any: 'any',
  eq: 'any',
  i31: 'any',
  struct: 'any',
  array: 'any',
  none: 'any',
  func: 'func',
  nofunc: 'func',
  extern: 'extern',
  noextern: 'extern',
  exn: 'exn',
  noexn: 'exn',
  cont: 'cont',
  nocont: 'cont',
};

/** The types a module defines, and the matching relations over them (Wasm 3.0 §3.3). Every index must be below `types.length`. */
export class TypeSpace {
  readonly types: readonly SubType[];
  readonly #canonical: Int32Array;

  /** @param canonical for every type the lowest index of an equivalent one */
  constructor(types: readonly SubType[], canonical: Int32Array) {
    this.types = types;
    this.#canonical = canonical;
  }

  /** The composite type behind an index. */
  comp(type: TypeIdx): CompType {
    const found = this.types[type];
    if (found === undefined) throw new RangeError(`no type ${type}`);
    return found.comp;
  }

  /** The function type behind an index. */
  funcType(type: TypeIdx): FuncType {
    const comp = this.comp(type);
    if (comp.kind !== 'func') throw new RangeError(`type ${type} is no function type`);
    return comp;
  }

  /** Equal numbers if and only if the types are equivalent (iso-recursively, Wasm 3.0 §3.3.1). */
  canonical(type: TypeIdx): number {
    return this.#canonical[type] ?? -1;
  }

  /** Whether `a` is `b` or declares it, directly or not, as its supertype. */
  isSubType(a: TypeIdx, b: TypeIdx): boolean {
    const goal = this.#canonical[b];
    let at: TypeIdx | undefined = a;
    while (at !== undefined) {
      if (this.#canonical[at] === goal) return true;
      at = this.types[at]?.supers[0];
    }
    return false;
  }

  matchesHeap(a: HeapType, b: HeapType): boolean {
    if (a === b) return true;
    if (typeof a === 'number') {
      if (typeof b === 'number') return this.isSubType(a, b);
      return ABSTRACT_SUPERS[this.comp(a).kind].includes(b);
    }
    if (typeof b === 'number') return a === BOTTOM[this.comp(b).kind];
    return ABSTRACT_SUPERS[a].includes(b);
  }

  matches(a: ValType, b: ValType): boolean {
    if (a === b) return true;
    if (!isRef(a) || !isRef(b)) return false;
    return (b.nullable || !a.nullable) && this.matchesHeap(a.heap, b.heap);
  }

  /** Pointwise matching of result types. */
  matchesAll(a: readonly ValType[], b: readonly ValType[]): boolean {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) {
      if (!this.matches(a[i] as ValType, b[i] as ValType)) return false;
    }
    return true;
  }

  /** Structural matching of function types: parameters contravariant, results covariant. */
  matchesFunc(a: Pick<FuncType, 'params' | 'results'>, b: Pick<FuncType, 'params' | 'results'>): boolean {
    return this.matchesAll(b.params, a.params) && this.matchesAll(a.results, b.results);
  }

  matchesStorage(a: StorageType, b: StorageType): boolean {
    if (a === b) return true;
    return isRef(a) && isRef(b) && this.matches(a, b);
  }

  /** Structural matching of composite types, which a declared supertype must satisfy (Wasm 3.0 §3.3.5; continuations are covariant). */
  matchesComp(a: CompType, b: CompType): boolean {
    switch (a.kind) {
      case 'func':
        return b.kind === 'func' && this.matchesFunc(a, b);
      case 'struct': {
        if (b.kind !== 'struct' || a.fields.length < b.fields.length) return false;
        return b.fields.every((field, i) => this.#matchesField(a.fields[i] as FieldType, field));
      }
      case 'array':
        return b.kind === 'array' && this.#matchesField(a.field, b.field);
      case 'cont':
        return b.kind === 'cont' && this.isSubType(a.type, b.type);
      default:
        return a satisfies never;
    }
  }

  #matchesField(a: FieldType, b: FieldType): boolean {
    if (a.mutable !== b.mutable || !this.matchesStorage(a.type, b.type)) return false;
    return !a.mutable || this.matchesStorage(b.type, a.type);
  }

  /** The greatest element of the hierarchy of a heap type. */
  top(heap: HeapType): AbstractHeapType {
    return TOP[typeof heap === 'number' ? BOTTOM[this.comp(heap).kind] : heap];
  }
}
