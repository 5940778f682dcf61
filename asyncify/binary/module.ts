import type { Instr } from './opcodes.ts';
import type { FuncIdx, MemIdx, RecGroup, RefType, SubType, TableIdx, TypeIdx, ValType } from './types.ts';

/** An instruction sequence without its final `end`. */
export type Expr = readonly Instr[];

export interface Limits {
  readonly address: 'i32' | 'i64';
  readonly min: bigint;
  readonly max: bigint | null;
  readonly shared: boolean;
}
export interface TableType {
  readonly type: RefType;
  readonly limits: Limits;
}
export interface GlobalType {
  readonly type: ValType;
  readonly mutable: boolean;
}

export type ExternType =
  | { readonly kind: 'func'; readonly type: TypeIdx }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: Limits }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: TypeIdx };
export type ExternKind = ExternType['kind'];

/** `at` is always the byte offset in the module, -1 for what the transform made. */
export interface Import {
  readonly module: string;
  readonly name: string;
  readonly desc: ExternType;
  readonly at: number;
}
export interface Func {
  readonly type: TypeIdx;
  /** One entry a declared local; parameters are not among them. */
  readonly locals: readonly ValType[];
  /** Types of declared runs of no locals; encoding drops them. */
  readonly emptyRuns?: readonly ValType[];
  /**
   * A decoded module keeps its bodies as bytes, and decodes one each time this is read: so read it once where it is needed, and keep
   * no more than a few. A copy of such a function by `{ ...func }` has no body of its own.
   */
  readonly body: Expr;
  /** Offset of the body's first byte (the locals' count). */
  readonly at: number;
  /** Offset of the final `end`. */
  readonly endAt: number;
}
export interface Table {
  readonly type: TableType;
  readonly init: Expr | null;
  readonly at: number;
}
export interface Memory {
  readonly type: Limits;
  readonly at: number;
}
export interface Global {
  readonly type: GlobalType;
  readonly init: Expr;
  readonly at: number;
}
export interface Tag {
  readonly type: TypeIdx;
  readonly at: number;
}
export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
  readonly at: number;
}
export type SegmentMode<Target> =
  | { readonly kind: 'passive' }
  | { readonly kind: 'declarative' }
  | { readonly kind: 'active'; readonly target: Target; readonly offset: Expr };
export interface Elem {
  readonly type: RefType;
  /** One entry each. Equal entries of a decoded module are the same object: a segment can have ten million of them. */
  readonly init: readonly Expr[];
  readonly mode: SegmentMode<TableIdx>;
  readonly at: number;
}
export interface Data {
  readonly bytes: Uint8Array;
  readonly mode: Exclude<SegmentMode<MemIdx>, { kind: 'declarative' }>;
  readonly at: number;
}

/** The known sections in their required order; a custom section remembers the one it follows. */
export const SECTIONS = [
  'start-of-module',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'tag',
  'global',
  'export',
  'start',
  'elem',
  'datacount',
  'code',
  'data',
] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface CustomSection {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly after: SectionName;
  readonly at: number;
}

/** A decoded module; every index space starts with the imports of its kind. */
export interface Module {
  readonly recGroups: readonly RecGroup[];
  readonly imports: readonly Import[];
  readonly funcs: readonly Func[];
  readonly tables: readonly Table[];
  readonly memories: readonly Memory[];
  readonly tags: readonly Tag[];
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly start: FuncIdx | null;
  /** Offset of the start section's index. */
  readonly startAt: number;
  readonly elems: readonly Elem[];
  readonly datas: readonly Data[];
  /** Whether a data count section is present (it must be, where code names a data segment). */
  readonly dataCount: boolean;
  readonly customs: readonly CustomSection[];
}

export type ImportOf<K extends ExternKind> = Import & { readonly desc: Extract<ExternType, { kind: K }> };

/** The imports of one kind, in index order. */
export function importsOf<K extends ExternKind>(module: Pick<Module, 'imports'>, kind: K): ImportOf<K>[] {
  return module.imports.filter((entry): entry is ImportOf<K> => entry.desc.kind === kind);
}

/** What `map` makes of every entry of an element segment, asked once for all that are the same object. */
export function mapEntries(init: readonly Expr[], map: (expr: Expr) => Expr): Expr[] {
  const known = new Map<Expr, Expr>();
  return init.map((entry) => {
    let output = known.get(entry);
    if (output === undefined) {
      output = map(entry);
      known.set(entry, output);
    }
    return output;
  });
}

/** The types of a module by type index: its recursion groups, flattened. */
export function subTypes(module: Pick<Module, 'recGroups'>): readonly SubType[] {
  return module.recGroups.flat();
}
