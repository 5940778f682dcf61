import type { FuncIdx, GlobalIdx, RefType, TableIdx, TagIdx, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { isRef, refType } from '../../asyncify/binary/types.ts';
import type { Rng } from './rng.ts';
import { nonNull, nullable, Types } from './types.ts';

export interface GenerateOptions {
  /** With `switch`. */
  readonly switch: boolean;
  /** With `resume_throw_ref`. */
  readonly throwRef: boolean;
  /** With continuations that are resumed by a supertype of their type. */
  readonly supertypes: boolean;
  /** With counters of the interesting things that happen, in exported globals `stat:…`. */
  readonly stats: boolean;
}

export interface Tag {
  readonly index: TagIdx;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}
/** Continuations that switch among each other: `cont`'s parameters are `values` and a reference to `cont`. */
export interface Ring {
  readonly tag: Tag;
  readonly cont: TypeIdx;
  readonly values: readonly ValType[];
}
/** A function of the module that is being made; its body is made later. */
export interface Plan {
  readonly index: FuncIdx;
  readonly type: TypeIdx;
}
export interface Place {
  readonly index: number;
  readonly type: ValType;
}

export const IMPORTED_FUNCS = 4;
const MAX_FUNCS = 12;
export const LOG = 0 as FuncIdx;
export const LOG64 = 1 as FuncIdx;
/** May throw, and may call the module's `reenter`. */
export const POKE = 2 as FuncIdx;
/** May be suspended by the host. */
export const WAIT = 3 as FuncIdx;
export const FUNC_TABLE = 0 as TableIdx;
/** Entries of each table of continuations. */
export const CONT_SLOTS = 4;

export const STATS = [
  'suspends',
  'resumed',
  'handled',
  'forwarded1',
  'forwarded2',
  'heapHandled',
  'switches',
  'reenteredThrows',
  'binds',
  'resumeThrows',
  'caught',
] as const;
export type Stat = (typeof STATS)[number];
/** What the counters need besides: see stats.ts. */
export const STAT_STATE = ['depth', 'suspendDepth', 'suspendId', 'lastId', 'time'] as const;

/** What the functions of one module share while they are made. */
export class World {
  readonly rng: Rng;
  readonly options: GenerateOptions;
  readonly types = new Types();
  readonly simd: boolean;
  /** What happens when the fuel is used up. */
  readonly outOfFuel: 'trap' | 'return';
  readonly struct: TypeIdx;
  readonly subStruct: TypeIdx;
  readonly array: TypeIdx;
  readonly simpleFunc: TypeIdx;
  /** A continuation type that is open, and a subtype of it. */
  readonly openCont: TypeIdx;
  readonly subCont: TypeIdx;
  /** What continuations of the latter call. */
  readonly subFunc: TypeIdx;
  /** The results of the continuations that everything else runs under. */
  readonly mainResults: readonly ValType[];
  readonly controlTags: readonly Tag[];
  readonly throwTags: readonly Tag[];
  readonly rings: readonly Ring[];
  readonly tags: Tag[] = [];
  readonly plans: Plan[] = [];
  readonly globals: ValType[] = [];
  readonly tables: RefType[] = [];
  readonly fuel: GlobalIdx;
  readonly stats = new Map<string, GlobalIdx>();
  /** Instructions of the bodies that are made. */
  size = 0;
  readonly #contTables = new Map<TypeIdx, TableIdx>();
  #byType = new Map<TypeIdx, Plan[]>();

  constructor(rng: Rng, options: GenerateOptions) {
    this.rng = rng;
    this.options = options;
    this.simd = rng.chance(0.3);
    this.outOfFuel = rng.chance(0.75) ? 'return' : 'trap';
    const { types } = this;
    this.struct = types.group((first) => [
      {
        final: false,
        supers: [],
        comp: {
          kind: 'struct',
          fields: [
            { type: 'i32', mutable: true },
            { type: nullable('any'), mutable: true },
          ],
        },
      },
      {
        final: true,
        supers: [first as TypeIdx],
        comp: {
          kind: 'struct',
          fields: [
            { type: 'i32', mutable: true },
            { type: nullable('any'), mutable: true },
            { type: 'i64', mutable: true },
          ],
        },
      },
    ]);
    this.subStruct = (this.struct + 1) as TypeIdx;
    this.array = types.group(() => [
      { final: true, supers: [], comp: { kind: 'array', field: { type: 'i32', mutable: true } } },
    ]);
    this.simpleFunc = types.func(['i32'], ['i32']);
    this.fuel = this.global('i32');
    for (const name of [...STATS, ...STAT_STATE]) this.stats.set(name, this.global('i32'));
    for (const type of ['i32', 'i64', nullable('any'), nullable('func'), nullable(this.struct)] as const) {
      this.global(type);
    }
    this.tables.push(nullable('func') as RefType);
    this.mainResults = this.#someTypes(
      rng.weighted([
        [1, 0],
        [4, 1],
        [3, 2],
      ]),
      false,
    );
    types.contOf([], this.mainResults);
    this.openCont = (this.#openConts() + 1) as TypeIdx;
    this.subCont = (this.openCont + 2) as TypeIdx;
    this.subFunc = (this.openCont + 1) as TypeIdx;
    types.contOf(['i32'], ['i32']);
    // The imported one.
    const boom = this.#tag([], []);
    this.controlTags = [
      this.#tag(['i32'], ['i32']),
      this.#tag(this.#someTypes(rng.int(3), true), this.#someTypes(rng.int(3), true)),
      this.#tag(this.#someTypes(rng.int(3), true), this.#someTypes(1, true)),
      this.#tag(this.#someTypes(rng.int(2), true), []),
    ];
    this.throwTags = [
      this.#tag(['i32'], []),
      this.#tag(this.#someTypes(rng.int(3), true), []),
      this.controlTags[3] as Tag,
      boom,
    ];
    this.rings = options.switch ? rng.list(1 + rng.int(2), () => this.#ring()) : [];
  }

  global(type: ValType): GlobalIdx {
    this.globals.push(type);
    return (this.globals.length - 1) as GlobalIdx;
  }

  /** Globals of a type. */
  globalsOf(type: ValType): GlobalIdx[] {
    const first = this.fuel + 1 + this.stats.size;
    return this.globals.flatMap((has, at) => (at >= first && has === type ? [at as GlobalIdx] : []));
  }

  /** A global for continuations of a type, where there are not too many already. */
  contGlobal(cont: TypeIdx): GlobalIdx | null {
    const type = nullable(cont);
    const known = this.globalsOf(type);
    if (known[0] !== undefined) return known[0];
    return this.globals.length < 40 ? this.global(type) : null;
  }

  /** A table for continuations of a type, where there are not too many already. */
  contTable(cont: TypeIdx): TableIdx | null {
    const known = this.#contTables.get(cont);
    if (known !== undefined) return known;
    if (this.tables.length > 4) return null;
    this.tables.push(nullable(cont) as RefType);
    const made = (this.tables.length - 1) as TableIdx;
    this.#contTables.set(cont, made);
    return made;
  }

  /** A function of this type: one there is, or a new one. */
  func(type: TypeIdx): Plan {
    const known = this.#byType.get(type);
    if (known !== undefined && (this.full || this.rng.chance(0.7))) return this.rng.pick(known);
    return this.plan(type);
  }

  /** Whether a function of this type costs nothing: there is one, or there is room for one. */
  affords(type: TypeIdx): boolean {
    return !this.full || this.#byType.has(type);
  }

  /** A new function that only the host calls. */
  entry(type: TypeIdx): Plan {
    const made: Plan = { index: (IMPORTED_FUNCS + this.plans.length) as FuncIdx, type };
    this.plans.push(made);
    return made;
  }

  plan(type: TypeIdx): Plan {
    const made = this.entry(type);
    const list = this.#byType.get(type);
    if (list === undefined) this.#byType.set(type, [made]);
    else list.push(made);
    return made;
  }

  /** Whether no more functions should be made than must be. */
  get full(): boolean {
    return this.plans.length >= MAX_FUNCS;
  }

  isRing(type: ValType): boolean {
    return isRef(type) && this.rings.some((ring) => ring.cont === type.heap);
  }

  someType(conts: boolean): ValType {
    const { rng } = this;
    return rng.weighted<ValType>([
      [12, 'i32'],
      [6, 'i64'],
      [1, 'f32'],
      [2, 'f64'],
      [this.simd ? 4 : 0, 'v128'],
      [2, nullable('any')],
      [1, nullable('eq')],
      [1, nullable('func')],
      [1, nullable('extern')],
      [1, nullable('exn')],
      [1, nullable('i31')],
      [1, nonNull('i31')],
      [1, nonNull('any')],
      [1, nonNull('func')],
      [1, nullable(this.struct)],
      [2, nonNull(this.struct)],
      [1, nonNull(this.subStruct)],
      [1, nullable(this.array)],
      [1, nonNull(this.array)],
      [1, nullable(this.simpleFunc)],
      [1, nonNull(this.simpleFunc)],
      [conts ? 2 : 0, nullable(this.types.contOf([], this.mainResults ?? []))],
      [conts ? 1 : 0, nonNull(this.types.contOf(['i32'], ['i32']))],
      [conts && this.openCont !== undefined ? 1 : 0, nullable(this.openCont)],
    ]);
  }

  #someTypes(count: number, conts: boolean): ValType[] {
    return this.rng.list(count, () => this.someType(conts));
  }

  someTypes(count: number): ValType[] {
    return this.#someTypes(count, true);
  }

  /** Two function types and two continuation types, the last two of them subtypes of the first two. */
  #openConts(): TypeIdx {
    const results = this.mainResults;
    const narrow = (type: ValType): ValType => {
      if (!isRef(type)) return type;
      return refType(
        type.heap === 'any' ? 'i31' : type.heap === this.struct ? this.subStruct : type.heap,
        type.nullable,
      );
    };
    return this.types.group((at) => [
      { final: false, supers: [], comp: { kind: 'func', params: [], results } },
      { final: false, supers: [], comp: { kind: 'cont', type: at as TypeIdx } },
      { final: true, supers: [at as TypeIdx], comp: { kind: 'func', params: [], results: results.map(narrow) } },
      { final: true, supers: [(at + 1) as TypeIdx], comp: { kind: 'cont', type: (at + 2) as TypeIdx } },
    ]);
  }

  #tag(params: readonly ValType[], results: readonly ValType[]): Tag {
    this.types.func(params, results);
    const made: Tag = { index: this.tags.length as TagIdx, params, results };
    this.tags.push(made);
    return made;
  }

  #ring(): Ring {
    const results = this.rng.chance(0.8) ? this.mainResults : this.#someTypes(1, false);
    const values = this.#someTypes(this.rng.int(3), true);
    const first = this.types.group((at) => [
      {
        final: true,
        supers: [],
        comp: { kind: 'func', params: [...values, nullable((at + 1) as TypeIdx)], results },
      },
      { final: true, supers: [], comp: { kind: 'cont', type: at as TypeIdx } },
    ]);
    return { tag: this.#tag([], results), cont: (first + 1) as TypeIdx, values };
  }
}
