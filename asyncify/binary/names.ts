import { MalformedError } from '../errors.ts';
import type { Module } from './module.ts';
import { Reader } from './reader.ts';
import type {
  DataIdx,
  ElemIdx,
  FieldIdx,
  FuncIdx,
  GlobalIdx,
  LabelIdx,
  LocalIdx,
  MemIdx,
  TableIdx,
  TagIdx,
  TypeIdx,
} from './types.ts';
import { Writer } from './writer.ts';

export type NameMap<I extends number> = ReadonlyMap<I, string>;
/** Names of things that belong to other things: a function's locals, a type's fields. */
export type IndirectNameMap<Outer extends number, I extends number> = ReadonlyMap<Outer, NameMap<I>>;

/** What a `name` custom section says (Wasm 3.0 appendix, Name Section, with the extended names). */
export interface Names {
  readonly module: string | null;
  readonly func: NameMap<FuncIdx>;
  readonly local: IndirectNameMap<FuncIdx, LocalIdx>;
  readonly label: IndirectNameMap<FuncIdx, LabelIdx>;
  readonly type: NameMap<TypeIdx>;
  readonly table: NameMap<TableIdx>;
  readonly memory: NameMap<MemIdx>;
  readonly global: NameMap<GlobalIdx>;
  readonly elem: NameMap<ElemIdx>;
  readonly data: NameMap<DataIdx>;
  readonly field: IndirectNameMap<TypeIdx, FieldIdx>;
  readonly tag: NameMap<TagIdx>;
}

/** The subsections after the module's name, at index id - 1. */
const SUBSECTIONS = [
  'func',
  'local',
  'label',
  'type',
  'table',
  'memory',
  'global',
  'elem',
  'data',
  'field',
  'tag',
] as const;
type Subsection = (typeof SUBSECTIONS)[number];
type Indirect = 'local' | 'label' | 'field';
type Direct = Exclude<Subsection, Indirect>;

type Flat = Map<number, string>;
type Nested = Map<number, Flat>;

function isIndirect(subsection: Subsection): subsection is Indirect {
  return subsection === 'local' || subsection === 'label' || subsection === 'field';
}

function namesFrom(module: string | null, maps: ReadonlyMap<Subsection, Flat | Nested>): Names {
  const all = SUBSECTIONS.map((subsection) => [subsection, maps.get(subsection) ?? new Map()] as const);
  return { module, ...Object.fromEntries(all) } as unknown as Names;
}

export const NO_NAMES: Names = namesFrom(null, new Map());

function readFlat(reader: Reader): Flat {
  return new Map(reader.vec((item) => [item.u32(), item.name()] as const));
}

function readNested(reader: Reader): Nested {
  return new Map(reader.vec((item) => [item.u32(), readFlat(item)] as const));
}

/**
 * Reads the content of a `name` custom section. Subsections of unknown meaning are left out; their order is not checked, as
 * producers differ. Throws `MalformedError` with an offset within `bytes`.
 */
export function decodeNames(bytes: Uint8Array): Names {
  const reader = new Reader(bytes);
  const maps = new Map<Subsection, Flat | Nested>();
  let module: string | null = null;
  while (reader.pos < reader.end) {
    const id = reader.byte();
    const outer = reader.enter(reader.u32());
    const subsection = SUBSECTIONS[id - 1];
    if (id === 0) module = reader.name();
    else if (subsection === undefined) reader.pos = reader.end;
    else maps.set(subsection, isIndirect(subsection) ? readNested(reader) : readFlat(reader));
    reader.leave(outer, 'name subsection size mismatch');
  }
  return namesFrom(module, maps);
}

/** The names a module carries; none where its `name` section is absent or malformed, as names never make a module fail. */
export function namesOf(module: Pick<Module, 'customs'>): Names {
  const section = module.customs.find(({ name }) => name === 'name');
  if (section === undefined) return NO_NAMES;
  try {
    return decodeNames(section.bytes);
  } catch (error) {
    if (error instanceof MalformedError) return NO_NAMES;
    throw error;
  }
}

function sorted<T>(map: ReadonlyMap<number, T>): [number, T][] {
  return [...map].sort(([a], [b]) => a - b);
}

function writeFlat(writer: Writer, map: ReadonlyMap<number, string>): void {
  writer.vec(sorted(map), (out, [index, name]) => {
    out.u32(index);
    out.name(name);
  });
}

function writeNested(writer: Writer, map: ReadonlyMap<number, ReadonlyMap<number, string>>): void {
  writer.vec(sorted(map), (out, [index, inner]) => {
    out.u32(index);
    writeFlat(out, inner);
  });
}

/** The content of a `name` custom section, in the order the format requires. Empty subsections are left out. */
export function encodeNames(names: Names): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  const { module } = names;
  if (module !== null) {
    writer.byte(0);
    writer.sized(() => writer.name(module));
  }
  for (const [index, subsection] of SUBSECTIONS.entries()) {
    if (names[subsection].size === 0) continue;
    writer.byte(index + 1);
    writer.sized(() => {
      if (isIndirect(subsection)) writeNested(writer, names[subsection]);
      else writeFlat(writer, names[subsection]);
    });
  }
  return writer.finish();
}

type IndexOf<S extends Direct> = Names[S] extends NameMap<infer I> ? I : never;

/**
 * Where every index of an index space went: its new index, or null where nothing of the kind is left. A space without an entry
 * stays as it is. `local`, `label` and `field` get the old index of the function or type first; `func` and `type` move what belongs to one.
 */
export type NameRemap = { readonly [S in Direct]?: (index: IndexOf<S>) => number | null } & {
  readonly local?: (func: FuncIdx, local: LocalIdx) => number | null;
  readonly label?: (func: FuncIdx, label: LabelIdx) => number | null;
  readonly field?: (type: TypeIdx, field: FieldIdx) => number | null;
};

function moved<T>(
  map: ReadonlyMap<number, T>,
  to: ((index: number) => number | null) | undefined,
): [number, T, number][] {
  const list: [number, T, number][] = [];
  for (const [index, value] of map) {
    const target = to === undefined ? index : to(index);
    if (target !== null) list.push([target, value, index]);
  }
  return list;
}

/** The same names at other indices. Where two names meet at one index, the later one stays. */
export function remapNames(names: Names, remap: NameRemap): Names {
  const maps = new Map<Subsection, Flat | Nested>();
  for (const subsection of SUBSECTIONS) {
    if (isIndirect(subsection)) {
      const owner = remap[subsection === 'field' ? 'type' : 'func'] as ((index: number) => number | null) | undefined;
      const inner = remap[subsection] as ((owner: number, index: number) => number | null) | undefined;
      const nested: Nested = new Map();
      for (const [target, map, index] of moved<ReadonlyMap<number, string>>(names[subsection], owner)) {
        const entries = moved(map, inner && ((item) => inner(index, item)));
        nested.set(target, new Map(entries.map(([to, name]) => [to, name])));
      }
      maps.set(subsection, nested);
    } else {
      const to = remap[subsection] as ((index: number) => number | null) | undefined;
      maps.set(subsection, new Map(moved<string>(names[subsection], to).map(([target, name]) => [target, name])));
    }
  }
  return namesFrom(names.module, maps);
}
