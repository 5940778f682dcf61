import { type CompiledFunc, type EncodableModule, encodeNames, namesOf, remapNames } from '../binary/index.ts';
import {
  type Expr,
  type Func,
  type Global,
  type GlobalType,
  type Import,
  type Limits,
  type Memory,
  type Module,
  mapEntries,
  type Tag,
} from '../binary/module.ts';
import { type Moves, type ObjectBody, ObjectCode } from '../binary/object-code.ts';
import type { Instr } from '../binary/opcodes.ts';
import { opcodeOf } from '../binary/opcodes.ts';
import type {
  AbstractHeapType,
  FuncIdx,
  FuncType,
  GlobalIdx,
  HeapType,
  MemIdx,
  RecGroup,
  RefType,
  StorageType,
  SubType,
  TagIdx,
  TypeIdx,
  ValType,
} from '../binary/types.ts';
import { isRef, refType } from '../binary/types.ts';
import type { InvalidWhere } from '../errors.ts';
import { ENGINE_LIMITS, refuseBody } from '../limits.ts';
import type { ModuleInfo } from '../validate/index.ts';
import type { Brand } from './brand.ts';
import { RUNTIME_MODULE } from './interface.ts';
import { RUNTIME_TYPES, runtimeGroup, T } from './runtime-types.ts';

// Functions, globals and memories the transform adds are numbered from here until `finish` knows how many imports there are.
const ADDED = 0x1000_0000;

export interface Code {
  readonly locals: readonly ValType[];
  readonly body: readonly Instr[];
}

interface AddedFunc {
  readonly type: TypeIdx;
  readonly name: string;
  code: Code | ObjectBody | null;
}

/** Tells types apart. */
function typeKey({ final, supers, comp }: SubType): string {
  let key = `${final ? '' : 'open '}${supers.join()} ${comp.kind}`;
  switch (comp.kind) {
    case 'func':
      for (const type of comp.params) key += ` ${valKey(type)}`;
      key += ' ->';
      for (const type of comp.results) key += ` ${valKey(type)}`;
      return key;
    case 'struct':
      for (const { type, mutable } of comp.fields) key += `${mutable ? ' mut ' : ' '}${valKey(type)}`;
      return key;
    case 'array':
      return `${key}${comp.field.mutable ? ' mut ' : ' '}${valKey(comp.field.type)}`;
    case 'cont':
      return `${key} ${comp.type}`;
    default:
      return comp satisfies never;
  }
}
const valKey = (type: StorageType): string => (isRef(type) ? `(${type.nullable ? 'null ' : ''}${type.heap})` : type);

/** The parts of the source module that lowering replaces; everything else is carried over. */
export interface Replacements<F = Func>
  extends Pick<Module, 'tables' | 'tags' | 'globals' | 'exports' | 'elems' | 'datas' | 'imports'> {
  readonly funcs: readonly F[];
  readonly start: FuncIdx | null;
  /** Functions whose blocks are no longer the source's: their label names are dropped. */
  readonly restructured?: ReadonlySet<FuncIdx>;
}

/**
 * A module under construction. Source types keep their order behind the runtime's; what is added (types, functions,
 * globals, imports) gets indices at once, and `finish` moves everything to its final index.
 */
export class Build {
  readonly info: ModuleInfo;
  readonly #brand: Brand;
  readonly #groups: RecGroup[] = [];
  #typeCount: number;
  readonly #typeKeys = new Map<string, TypeIdx>();
  readonly #funcs: AddedFunc[] = [];
  readonly #importedFuncs: { name: string; type: TypeIdx }[] = [];
  readonly #importedGlobals: { name: string; type: GlobalType }[] = [];
  readonly #globals: { type: GlobalType; init: readonly Instr[] }[] = [];
  readonly #importedMemories: { name: string; type: Limits }[] = [];
  readonly #memories: Limits[] = [];
  readonly #globalKeys = new Map<string, GlobalIdx>();
  readonly #declared = new Set<FuncIdx>();
  #dummyTag: Tag | null = null;
  readonly #object: ObjectCode | null;

  /**
   * @param form `compiled`: functions are put into the binary format as they are defined, and `link` makes the module; otherwise their
   * instructions are kept for `finish`
   */
  constructor(info: ModuleInfo, brand: Brand, form: 'compiled' | 'instructions' = 'instructions') {
    this.info = info;
    this.#brand = brand;
    this.#object = form === 'compiled' ? new ObjectCode() : null;
    this.#typeCount = RUNTIME_TYPES + info.types.length;
  }

  /** Where a source type stands in the output. */
  type(source: TypeIdx): TypeIdx {
    return (source + RUNTIME_TYPES) as TypeIdx;
  }
  heap(source: HeapType): HeapType {
    if (typeof source === 'number') return this.type(source);
    if (source === 'cont') return T.cont;
    return source === 'nocont' ? 'none' : (source satisfies AbstractHeapType);
  }
  ref(source: RefType): RefType {
    return refType(this.heap(source.heap), source.nullable);
  }
  val(source: ValType): ValType {
    return isRef(source) ? this.ref(source) : source;
  }
  vals(source: readonly ValType[]): ValType[] {
    return source.map((type) => this.val(type));
  }
  storage(source: StorageType): StorageType {
    return isRef(source) ? this.ref(source) : source;
  }

  /** The output signature of a source function type. */
  signature(source: TypeIdx): { readonly params: readonly ValType[]; readonly results: readonly ValType[] } {
    const { params, results } = this.info.funcType(source);
    return { params: this.vals(params), results: this.vals(results) };
  }

  /** A type of output types, in a recursion group of its own; equal ones are made once. */
  addType(sub: SubType): TypeIdx {
    const key = typeKey(sub);
    const known = this.#typeKeys.get(key);
    if (known !== undefined) return known;
    this.#groups.push([sub]);
    const index = this.#typeCount++ as TypeIdx;
    this.#typeKeys.set(key, index);
    return index;
  }
  funcType(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    return this.addType({ final: true, supers: [], comp: { kind: 'func', params, results } satisfies FuncType });
  }
  /** The type a function of this signature has: a source function's own, so that references to it keep theirs. */
  funcTypeOf(func: FuncIdx, signature: Pick<FuncType, 'params' | 'results'>): TypeIdx {
    const source = this.info.funcTypes[func];
    return source === undefined ? this.funcType(signature.params, signature.results) : this.type(source);
  }
  /** Reserves a function; `define` gives it its code. */
  addFunc(type: TypeIdx, name: string): FuncIdx {
    this.#funcs.push({ type, name, code: null });
    return (ADDED + 0x800_0000 + this.#funcs.length - 1) as FuncIdx;
  }
  define(func: FuncIdx, code: Code): void {
    const added = this.#funcs[func - ADDED - 0x800_0000];
    if (added === undefined) throw new RangeError('not a function of this build');
    added.code = this.#object === null ? code : this.#object.add(code.locals, code.body);
  }
  /** A function of the source's, of a source type, with its code in the output. */
  compiled({ type, at }: Func, { locals, body }: Code): LinkableFunc {
    if (this.#object === null) throw new RangeError('not a build of compiled functions');
    return { type: this.type(type), at, code: this.#object.add(locals, body) };
  }
  addGlobal(type: GlobalType, init: readonly Instr[], key?: string): GlobalIdx {
    const known = key === undefined ? undefined : this.#globalKeys.get(key);
    if (known !== undefined) return known;
    this.#globals.push({ type, init });
    const index = (ADDED + 0x800_0000 + this.#globals.length - 1) as GlobalIdx;
    if (key !== undefined) this.#globalKeys.set(key, index);
    return index;
  }
  importFunc(name: string, type: TypeIdx): FuncIdx {
    this.#importedFuncs.push({ name, type });
    return (ADDED + this.#importedFuncs.length - 1) as FuncIdx;
  }
  importGlobal(name: string, type: GlobalType): GlobalIdx {
    const key = `import ${name}`;
    const known = this.#globalKeys.get(key);
    if (known !== undefined) return known;
    this.#importedGlobals.push({ name, type });
    const index = (ADDED + this.#importedGlobals.length - 1) as GlobalIdx;
    this.#globalKeys.set(key, index);
    return index;
  }
  /** A memory behind the source's, whose indices stay as they are: engines are fastest with the first. */
  addMemory(type: Limits): MemIdx {
    this.#memories.push(type);
    return (ADDED + 0x800_0000 + this.#memories.length - 1) as MemIdx;
  }
  importMemory(name: string, type: Limits): MemIdx {
    this.#importedMemories.push({ name, type });
    return (ADDED + this.#importedMemories.length - 1) as MemIdx;
  }
  /** Where a memory stands in the output, once all imports are known. */
  memory(index: MemIdx): MemIdx {
    const { info } = this;
    const map = this.#mapper(info.importedMemories, info.module.memories.length, this.#importedMemories.length);
    return map(index) as MemIdx;
  }
  /** A tag without parameters that no program can name. */
  dummyTag(): TagIdx {
    this.#dummyTag ??= { type: this.funcType([], []), at: -1 };
    return this.info.tags.length as TagIdx;
  }
  /** Lets `ref.func` name a function that nothing else declares. */
  declare(func: FuncIdx): FuncIdx {
    this.#declared.add(func);
    return func;
  }

  #mapper(imported: number, defined: number, addedImports: number): (index: number) => number {
    return (index) => {
      if (index < imported) return index;
      if (index < ADDED) return index + addedImports;
      const added = index - ADDED;
      return added < 0x800_0000 ? imported + added : imported + addedImports + defined + added - 0x800_0000;
    };
  }

  /** The finished module of a build that keeps instructions. The parts given hold output types and the indices handed out by this build. */
  finish(parts: Replacements): Module {
    const moved = this.#moved();
    const expr = (code: Expr): Instr[] => code.map((instr) => relocate(instr, moved));
    const added = this.#funcs.map(({ type, code, name }): Func => {
      if (code === null || 'write' in code) throw new Error(`function ${name} was reserved and never defined`);
      return { type, locals: code.locals, body: expr(code.body), at: -1, endAt: -1 };
    });
    const funcs = [...parts.funcs.map((entry) => ({ ...entry, body: expr(entry.body) })), ...added];
    return { ...this.#around(parts, moved), funcs };
  }

  /** The same for a build of compiled functions. */
  link(parts: Replacements<LinkableFunc>): EncodableModule {
    const moved = this.#moved();
    const linked = (type: TypeIdx, code: ObjectBody, where: InvalidWhere): CompiledFunc => ({
      type,
      write: (writer) => {
        const start = writer.length;
        const hints = code.write(writer, moved);
        if (writer.length - start > ENGINE_LIMITS.body) refuseBody(where);
        return hints;
      },
    });
    const added = this.#funcs.map(({ type, code, name }) => {
      if (code === null || !('write' in code)) throw new Error(`function ${name} was reserved and never defined`);
      return linked(type, code, { offset: 0 });
    });
    const { importedFuncs } = this.info;
    const funcs = parts.funcs.map(({ type, code, at }, index) =>
      linked(type, code, { offset: at, func: importedFuncs + index }),
    );
    for (const func of added) funcs.push(func);
    return { ...this.#around(parts, moved), funcs };
  }

  #moved(): Moved {
    const { info } = this;
    const source = info.module;
    return {
      func: this.#mapper(info.importedFuncs, source.funcs.length, this.#importedFuncs.length),
      global: this.#mapper(info.importedGlobals, source.globals.length, this.#importedGlobals.length),
      memory: (index) => this.memory(index as MemIdx),
    };
  }

  /** Everything but the functions. */
  #around(parts: Replacements<unknown>, moved: Moved): Omit<Module, 'funcs'> {
    const { func } = moved;
    const source = this.info.module;
    const expr = (code: Expr): Instr[] => code.map((instr) => relocate(instr, moved));
    const imports: Import[] = [
      ...parts.imports,
      ...this.#importedFuncs.map(
        ({ name, type }): Import => ({ module: RUNTIME_MODULE, name, at: -1, desc: { kind: 'func', type } }),
      ),
      ...this.#importedGlobals.map(
        ({ name, type }): Import => ({ module: RUNTIME_MODULE, name, at: -1, desc: { kind: 'global', type } }),
      ),
      ...this.#importedMemories.map(
        ({ name, type }): Import => ({ module: RUNTIME_MODULE, name, at: -1, desc: { kind: 'memory', type } }),
      ),
    ];
    const declared = [...this.#declared];
    const exprs = (list: readonly Global[]): Global[] => list.map((entry) => ({ ...entry, init: expr(entry.init) }));
    return {
      recGroups: [
        runtimeGroup(this.#brand),
        ...source.recGroups.map((group) => group.map((sub) => this.#subType(sub))),
        ...this.#groups,
      ],
      imports,
      tables: parts.tables.map((table) => ({ ...table, init: table.init === null ? null : expr(table.init) })),
      memories: [...source.memories, ...this.#memories.map((type): Memory => ({ type, at: -1 }))],
      tags: this.#dummyTag === null ? parts.tags : [...parts.tags, this.#dummyTag],
      globals: [
        ...exprs(parts.globals),
        ...this.#globals.map(({ type, init }): Global => ({ type, init: expr(init), at: -1 })),
      ],
      exports: parts.exports.map((entry) => ({
        ...entry,
        index: entry.kind === 'table' || entry.kind === 'tag' ? entry.index : moved[entry.kind](entry.index),
      })),
      start: parts.start === null ? null : (func(parts.start) as FuncIdx),
      startAt: source.startAt,
      elems: [
        ...parts.elems.map((elem) => ({
          ...elem,
          init: mapEntries(elem.init, expr),
          mode: elem.mode.kind === 'active' ? { ...elem.mode, offset: expr(elem.mode.offset) } : elem.mode,
        })),
        ...(declared.length === 0
          ? []
          : [
              {
                type: refType('func', false),
                init: declared.map((index) => [{ op: 'ref.func', at: -1, func: func(index) as FuncIdx } as Instr]),
                mode: { kind: 'declarative' } as const,
                at: -1,
              },
            ]),
      ],
      datas: parts.datas.map((data) =>
        data.mode.kind === 'active'
          ? { ...data, mode: { ...data.mode, target: this.memory(data.mode.target), offset: expr(data.mode.offset) } }
          : data,
      ),
      dataCount: source.dataCount,
      // Metadata of code speaks of offsets that are gone.
      customs: source.customs
        .filter(({ name }) => !name.startsWith('metadata.code.'))
        .map((custom) =>
          custom.name === 'name'
            ? { ...custom, bytes: this.#names(custom.bytes, moved, parts.restructured ?? new Set()) }
            : custom,
        ),
    };
  }

  #names(bytes: Uint8Array, { func, global, memory }: Moved, restructured: ReadonlySet<FuncIdx>): Uint8Array {
    const names = remapNames(namesOf({ customs: [{ name: 'name', bytes, after: 'data', at: -1 }] }), {
      func: (index) => func(index) as FuncIdx,
      global: (index) => global(index) as GlobalIdx,
      memory: (index) => memory(index) as MemIdx,
      type: (index) => this.type(index),
      label: (owner, index) => (restructured.has(owner) ? null : index),
    });
    const added = this.#funcs.map(({ name }, index) => [func(ADDED + 0x800_0000 + index) as FuncIdx, name] as const);
    return encodeNames({ ...names, func: new Map([...names.func, ...added]) });
  }

  #subType({ final, supers, comp }: SubType): SubType {
    const mapped = supers.map((type) => this.type(type));
    switch (comp.kind) {
      case 'func':
        return {
          final,
          supers: mapped,
          comp: { kind: 'func', params: this.vals(comp.params), results: this.vals(comp.results) },
        };
      case 'struct':
        return {
          final,
          supers: mapped,
          comp: {
            kind: 'struct',
            fields: comp.fields.map(({ type, mutable }) => ({ type: this.storage(type), mutable })),
          },
        };
      case 'array':
        return {
          final,
          supers: mapped,
          comp: { kind: 'array', field: { type: this.storage(comp.field.type), mutable: comp.field.mutable } },
        };
      case 'cont':
        return {
          final,
          supers: mapped.length > 0 ? mapped : [T.cont],
          comp: {
            kind: 'struct',
            // The body also keeps (cont $f1) and (cont $f2) apart and their subtyping covariant.
            fields: [
              { type: refType(T.stack, true), mutable: true },
              { type: refType(this.type(comp.type), true), mutable: false },
            ],
          },
        };
      default:
        return comp satisfies never;
    }
  }
}

/** Where the indices of a space are in the output. */
export type Moved = Moves;

/** A function of the output before it is known where others are. */
export interface LinkableFunc {
  readonly type: TypeIdx;
  /** Offset of the source's body. */
  readonly at: number;
  readonly code: ObjectBody;
}

const relocated = new Map<string, boolean>();
/** The instruction with its functions, globals and memories at their new indices. */
export function relocate(instr: Instr, { func, global, memory }: Moved): Instr {
  let touched = relocated.get(instr.op);
  if (touched === undefined) {
    const { immediates } = opcodeOf(instr.op);
    touched = ['func', 'global', 'memarg', 'memory'].some((kind) => immediates.includes(kind as never));
    relocated.set(instr.op, touched);
  }
  if (!touched) return instr;
  if ('func' in instr) {
    const index = func(instr.func) as FuncIdx;
    return index === instr.func ? instr : { ...instr, func: index };
  }
  if ('global' in instr) {
    const index = global(instr.global) as GlobalIdx;
    return index === instr.global ? instr : { ...instr, global: index };
  }
  if ('memarg' in instr) {
    const { memarg } = instr;
    const index = memory(memarg.memory) as MemIdx;
    return index === memarg.memory ? instr : ({ ...instr, memarg: { ...memarg, memory: index } } as Instr);
  }
  if ('memory' in instr) {
    const index = memory(instr.memory) as MemIdx;
    if ('memory2' in instr) return { ...instr, memory: index, memory2: memory(instr.memory2) as MemIdx } as Instr;
    return index === instr.memory ? instr : ({ ...instr, memory: index } as Instr);
  }
  return instr;
}
