import { describeType } from '../../asyncify/binary/index.ts';
import type { CompType, FuncType, HeapType, RecGroup, SubType, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { isRef, refType, sameType } from '../../asyncify/binary/types.ts';

/** The types of a module that is being made: named on demand, one index for each shape. */
export class Types {
  readonly groups: RecGroup[] = [];
  readonly #comps: CompType[] = [];
  readonly #known = new Map<string, TypeIdx>();

  get count(): number {
    return this.#comps.length;
  }

  /** Adds a recursion group; its members refer to each other by the index this returns, and the following ones. */
  group(make: (first: number) => readonly SubType[]): TypeIdx {
    const first = this.count;
    const members = make(first);
    this.groups.push(members);
    for (const { comp } of members) this.#comps.push(comp);
    return first as TypeIdx;
  }

  func(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    const key = `${params.map(describeType)} -> ${results.map(describeType)}`;
    return this.#intern(key, { kind: 'func', params, results });
  }

  cont(type: TypeIdx): TypeIdx {
    return this.#intern(`cont ${type}`, { kind: 'cont', type });
  }

  /** `(cont (func (param …) (result …)))` */
  contOf(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    return this.cont(this.func(params, results));
  }

  comp(type: TypeIdx): CompType {
    const comp = this.#comps[type];
    if (comp === undefined) throw new RangeError(`no type ${type}`);
    return comp;
  }

  /** Of a function type, or of the functions a continuation type stands for. */
  signature(type: TypeIdx): FuncType {
    const comp = this.comp(type);
    if (comp.kind === 'func') return comp;
    if (comp.kind === 'cont') return this.signature(comp.type);
    throw new RangeError(`type ${type} has no signature`);
  }

  /** Whether a value of the first type may stand where the second is wanted, as far as the generator cares. */
  fits(given: ValType, wanted: ValType): boolean {
    if (sameType(given, wanted)) return true;
    if (!isRef(given) || !isRef(wanted) || (given.nullable && !wanted.nullable)) return false;
    return given.heap === wanted.heap || this.#above(given.heap).includes(wanted.heap);
  }

  #above(heap: HeapType): readonly HeapType[] {
    if (heap === 'i31') return ['eq', 'any'];
    if (heap === 'eq') return ['any'];
    if (typeof heap !== 'number') return [];
    switch (this.comp(heap).kind) {
      case 'func':
        return ['func'];
      case 'cont':
        return [];
      default:
        return ['eq', 'any'];
    }
  }

  /** The highest type above one that the generator makes values of. */
  topOf(heap: HeapType): HeapType {
    return this.#above(heap).at(-1) ?? heap;
  }

  #intern(key: string, comp: CompType): TypeIdx {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.group(() => [{ final: true, supers: [], comp }]);
    this.#known.set(key, made);
    return made;
  }
}

/** The continuation type that a reference type refers to, or null. */
export function contOf(types: Types, type: ValType): TypeIdx | null {
  if (!isRef(type) || typeof type.heap !== 'number') return null;
  return types.comp(type.heap).kind === 'cont' ? type.heap : null;
}

export const nullable = (heap: HeapType): ValType => refType(heap, true);
export const nonNull = (heap: HeapType): ValType => refType(heap, false);
