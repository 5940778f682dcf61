import { type EncodableModule, type FuncIdx, importsOf, refType, type TypeIdx } from '../../binary/index.ts';
import {
  type Elem,
  type Export,
  type Expr,
  type Func,
  type Global,
  type Import,
  mapEntries,
  type Table,
  type Tag,
} from '../../binary/module.ts';
import { checkCount } from '../../limits.ts';
import { Asm } from '../../lower/asm.ts';
import type { Brand } from '../../lower/brand.ts';
import { Build, type Code, type LinkableFunc, type Replacements } from '../../lower/build.ts';
import { HIDDEN_EXPORTS, handlesOf } from '../../lower/interface.ts';
import { T } from '../../lower/runtime-types.ts';
import type { Landmark, ModuleInfo } from '../../validate/index.ts';
import type { HostSuspensions, Suspensions } from '../analysis.ts';
import { touching, usesExceptions } from '../concern.ts';
import type { EpochWord, Poll, YieldPoints } from '../polls.ts';
import { calls } from './checks.ts';
import { translateFunction } from './function.ts';
import { continuationParams, Handles, handlesContinuations } from './handles.ts';
import { HostInterface } from './host.ts';
import { Lowering } from './lowering.ts';
import { type Linking, RuntimeState } from './state.ts';
import { Stubs } from './stubs.ts';

/** What the host may suspend, and by which polls. */
export interface Host extends HostSuspensions {
  readonly poll: Poll | 'none';
}

/** What the output is like. */
export interface Form {
  readonly linking: Linking;
  readonly epochWord: EpochWord;
  readonly checks: boolean;
  readonly copies: boolean;
  readonly brand: Brand;
  /** How much of the native stack the functions take that count it; null: none does. */
  readonly weights: ReadonlyMap<FuncIdx, number> | null;
}

/** Makes the output of one module. */
export class Transformer {
  readonly instrumented = new Set<FuncIdx>();
  readonly #info: ModuleInfo;
  readonly #build: Build;
  readonly #state: RuntimeState;
  readonly #stubs: Stubs;
  readonly #lowering: Lowering;
  readonly #touching: ReadonlySet<FuncIdx>;
  /** Functions that are translated, not copied: the instrumented ones, and those that handle suspensions. */
  readonly #restructured = new Set<FuncIdx>();
  readonly #host: HostInterface | null;
  readonly #handles: Handles;
  readonly #hostEntries = new Map<FuncIdx, FuncIdx>();

  constructor(info: ModuleInfo, suspensions: Suspensions, form: Form, host: Host | null, points: YieldPoints | null) {
    const { linking, epochWord, checks, copies, brand, weights } = form;
    this.#info = info;
    const yields = points;
    info.landmarks.forEach((list, at) => {
      const index = (info.importedFuncs + at) as FuncIdx;
      const polls = ({ instr, index: place }: Landmark): boolean =>
        instr.op === 'loop' && yields?.loop(index, place) === true;
      if (yields?.entry(index) || list.some((mark) => suspensions.unwinds(mark.instr) !== null || polls(mark))) {
        this.instrumented.add(index);
      }
      if (this.instrumented.has(index) || list.some(({ instr }) => instr.op.startsWith('resume')))
        this.#restructured.add(index);
    });
    // Each has a function that re-enters it. Without this check the largest modules would be refused only after all the work.
    checkCount('functions', info.funcTypes.length + this.instrumented.size);
    const poll = host?.poll === 'fuel' || host?.poll === 'epoch' ? host.poll : null;
    this.#build = new Build(info, brand, 'compiled');
    this.#state = new RuntimeState(this.#build, linking, linking === 'linked' || usesExceptions(info), epochWord, {
      poll,
      suspending: (host?.suspending.size ?? 0) > 0,
      deep: weights !== null,
      checks,
    });
    this.#stubs = new Stubs(this.#state);
    this.#handles = new Handles(this.#state);
    this.#lowering = new Lowering(this.#stubs, suspensions, {
      copies,
      suspending: host?.suspending ?? new Set(),
      yields: yields === null ? null : { points: yields, poll: host?.poll ?? 'none' },
      weights,
    });
    this.#host = host === null ? null : new HostInterface(this.#lowering, host.suspending);
    this.#touching = touching(info, linking, suspensions);
  }

  run(): EncodableModule {
    const { module } = this.#info;
    const lowering = this.#lowering;
    importsOf(module, 'func').forEach(({ desc }, index) => {
      if (!handlesContinuations(this.#info, desc.type)) return;
      const name = handlesOf(index, continuationParams(this.#info, desc.type));
      this.#build.importGlobal(name, { type: 'i32', mutable: false });
    });
    const funcs = module.funcs.map((func, index) => this.#func(func, (this.#info.importedFuncs + index) as FuncIdx));
    const parts: Replacements<LinkableFunc> = {
      imports: module.imports.map((entry) => this.#import(entry)),
      funcs,
      tables: module.tables.map(
        (table): Table => ({
          ...table,
          type: { ...table.type, type: this.#build.ref(table.type.type) },
          init: table.init === null ? null : lowering.expr(table.init),
        }),
      ),
      tags: module.tags.map((tag): Tag => ({ ...tag, type: this.#tagType(tag.type) })),
      globals: module.globals.map(
        (global): Global => ({
          ...global,
          type: { ...global.type, type: this.#build.val(global.type.type) },
          init: lowering.expr(global.init),
        }),
      ),
      exports: [...module.exports.flatMap((entry) => this.#export(entry)), ...(this.#host?.exports() ?? [])],
      start: module.start === null ? null : this.#start(module.start),
      restructured: this.#restructured,
      elems: module.elems.map(
        (elem): Elem => ({
          ...elem,
          type: this.#build.ref(elem.type),
          init: mapEntries(elem.init, (expr) => lowering.expr(expr)),
          mode: elem.mode.kind === 'active' ? { ...elem.mode, offset: lowering.expr(elem.mode.offset) } : elem.mode,
        }),
      ),
      datas: module.datas.map((data) =>
        data.mode.kind === 'active'
          ? { ...data, mode: { ...data.mode, offset: lowering.expr(data.mode.offset) } }
          : data,
      ),
    };
    this.#state.checks?.finish();
    return this.#build.link(parts);
  }

  #func(func: Func, index: FuncIdx): LinkableFunc {
    return this.#build.compiled(func, this.#code(func, index));
  }

  #code(func: Func, index: FuncIdx): Code {
    if (index === this.#lowering.yields?.points.paying) return this.#lowering.paying();
    if (this.#restructured.has(index)) return translateFunction(this.#lowering, index);
    return { locals: this.#build.vals(func.locals), body: this.#copied(func.body) };
  }

  #copied(body: Expr): Expr {
    const { checks } = this.#state;
    if (checks === null) return this.#lowering.expr(body);
    const asm = new Asm();
    checks.guest(asm, false);
    for (const instr of body) {
      asm.push(this.#lowering.simple(instr));
      if (calls(instr.op)) checks.guest(asm, false);
    }
    return asm.out;
  }

  #import(entry: Import): Import {
    const { desc } = entry;
    switch (desc.kind) {
      case 'func':
        return { ...entry, desc: { kind: 'func', type: this.#build.type(desc.type) } };
      case 'table':
        return { ...entry, desc: { kind: 'table', type: { ...desc.type, type: this.#build.ref(desc.type.type) } } };
      case 'memory':
        return entry;
      case 'global':
        return { ...entry, desc: { kind: 'global', type: { ...desc.type, type: this.#build.val(desc.type.type) } } };
      case 'tag':
        return { ...entry, desc: { kind: 'tag', type: this.#tagType(desc.type) } };
      default:
        return desc satisfies never;
    }
  }

  /** Plain tags have no results: a control tag's stand-in names the whole type in a parameter no program can write. */
  #tagType(source: TypeIdx): TypeIdx {
    if (this.#info.funcType(source).results.length === 0) return this.#build.type(source);
    return this.#build.funcType([refType(this.#build.type(source), true), refType(T.stack, true)], []);
  }

  #start(func: FuncIdx): FuncIdx {
    const entry = this.#hostEntry(func);
    return this.#host?.startSection(entry) ?? entry;
  }

  #hostEntry(func: FuncIdx): FuncIdx {
    const known = this.#hostEntries.get(func);
    if (known !== undefined) return known;
    const source = this.#lowering.typeOf(func);
    const entered = this.#touching.has(func) ? this.#stubs.hostEntry(func, source, `${func}`) : func;
    const entry = handlesContinuations(this.#info, source) ? this.#handles.entry(entered, source) : entered;
    this.#hostEntries.set(func, entry);
    return entry;
  }

  #export(entry: Export): Export[] {
    const linked = this.#state.linking === 'linked';
    if (entry.kind === 'tag' && linked) {
      const companion = this.#state.tag(entry.index);
      return [entry, { name: HIDDEN_EXPORTS.tag + entry.name, kind: 'global', index: companion, at: -1 }];
    }
    if (entry.kind !== 'func' || entry.index < this.#info.importedFuncs) return [entry];
    const func = entry.index as FuncIdx;
    const host = this.#hostEntry(func);
    const exported = { ...entry, index: host };
    if (host === func || !linked) return [exported];
    return [
      exported,
      { name: HIDDEN_EXPORTS.raw + entry.name, kind: 'func', index: this.#lowering.referenced(func), at: -1 },
    ];
  }
}
