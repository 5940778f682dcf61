import {
  type CompType,
  type FieldType,
  isRef,
  type RecGroup,
  type StorageType,
  type SubType,
  type TypeIdx,
} from '../binary/types.ts';
import { InvalidError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { TypeSpace } from './subtyping.ts';

function fail(message: string, type: SubType | undefined): never {
  throw new InvalidError(message, { offset: type?.at ?? -1 });
}

/**
 * Checks the type section (Wasm 3.0 §3.2.10) and canonicalises it: one key per recursion group, in which references inside the
 * group are relative and all others canonical, so that the whole takes time linear in the section.
 * @returns the types in index order, and for each the lowest index of an equivalent one
 * @throws InvalidError
 */
export function checkTypes(groups: readonly RecGroup[]): { types: readonly SubType[]; canonical: Int32Array } {
  const types: SubType[] = [];
  for (const group of groups) for (const type of group) types.push(type);
  if (types.length > LIMITS.types)
    fail(`too many types: ${types.length}, the limit is ${LIMITS.types}`, types[LIMITS.types]);

  const canonical = new Int32Array(types.length);
  const space = new TypeSpace(types, canonical);
  const bases = new Map<string, number>();
  const depths = new Uint8Array(types.length);
  let start = 0;
  for (const group of groups) {
    const end = start + group.length;
    const key = new GroupKey(start, end, canonical);
    for (const type of group) key.add(type);
    const text = key.text();
    const base = bases.get(text) ?? start;
    bases.set(text, base);
    for (let i = 0; i < group.length; i++) canonical[start + i] = base + i;
    for (const [i, type] of group.entries()) {
      depths[start + i] = checkSupers(type, start + i, types, depths);
      if (type.comp.kind === 'cont' && space.comp(type.comp.type).kind !== 'func') {
        fail(`non-function type ${type.comp.type} in the definition of type ${start + i}`, type);
      }
    }
    for (const [i, type] of group.entries()) {
      for (const parent of type.supers) {
        if (!space.matchesComp(type.comp, space.comp(parent))) {
          fail(`sub type ${start + i} does not match super type ${parent}`, type);
        }
      }
    }
    start = end;
  }
  return { types, canonical };
}

/** Checks what a type declares as its supertypes; the result is its depth in the hierarchy. */
function checkSupers(type: SubType, index: number, types: readonly SubType[], depths: Uint8Array): number {
  if (type.supers.length > 1) fail(`sub type ${index} has more than one super type`, type);
  const parent = type.supers[0];
  if (parent === undefined) return 0;
  if (parent >= index) fail(`unknown type ${parent}: forward use of type ${parent} in sub type definition`, type);
  if (types[parent]?.final) fail(`sub type ${index} has final super type ${parent}`, type);
  const depth = (depths[parent] ?? 0) + 1;
  if (depth > LIMITS.subtypeDepth) fail(`sub type ${index} is deeper than the limit of ${LIMITS.subtypeDepth}`, type);
  return depth;
}

/** Builds the key of a recursion group, checking on the way that every type it names exists. */
class GroupKey {
  readonly #start: number;
  readonly #end: number;
  readonly #canonical: Int32Array;
  readonly #parts: string[] = [];
  #type: SubType | undefined;

  constructor(start: number, end: number, canonical: Int32Array) {
    this.#start = start;
    this.#end = end;
    this.#canonical = canonical;
  }

  text(): string {
    return this.#parts.join('');
  }

  add(type: SubType): void {
    this.#type = type;
    const supers = type.supers.map((parent) => this.#reference(parent));
    this.#parts.push(type.final ? 'final ' : 'open ', ...supers, this.#comp(type.comp), ';');
  }

  #reference(type: TypeIdx): string {
    if (type >= this.#end) return fail(`unknown type ${type}`, this.#type);
    return type >= this.#start ? `r${type - this.#start} ` : `c${this.#canonical[type]} `;
  }

  #comp(comp: CompType): string {
    switch (comp.kind) {
      case 'func':
        if (comp.params.length > LIMITS.params) fail(`too many parameters: the limit is ${LIMITS.params}`, this.#type);
        if (comp.results.length > LIMITS.results) fail(`too many results: the limit is ${LIMITS.results}`, this.#type);
        return `func ${comp.params.map((type) => this.#storage(type)).join('')}-> ${comp.results.map((type) => this.#storage(type)).join('')}`;
      case 'struct':
        if (comp.fields.length > LIMITS.fields) fail(`too many fields: the limit is ${LIMITS.fields}`, this.#type);
        return `struct ${comp.fields.map((field) => this.#field(field)).join('')}`;
      case 'array':
        return `array ${this.#field(comp.field)}`;
      case 'cont':
        return `cont ${this.#reference(comp.type)}`;
      default:
        return comp satisfies never;
    }
  }

  #field(field: FieldType): string {
    return (field.mutable ? 'mut ' : '') + this.#storage(field.type);
  }

  #storage(type: StorageType): string {
    if (!isRef(type)) return `${type} `;
    const heap = typeof type.heap === 'number' ? this.#reference(type.heap) : `${type.heap} `;
    return (type.nullable ? 'null ' : 'ref ') + heap;
  }
}
