import { encodeNames, importsOf, NO_NAMES, namesOf } from '../../binary/index.ts';
import {
  type Elem,
  type Export,
  type Func,
  type Global,
  type Import,
  type Module,
  mapEntries,
  type Table,
  type Tag,
} from '../../binary/module.ts';
import type { FuncIdx } from '../../binary/types.ts';
import type { Brand } from '../../lower/brand.ts';
import { Build } from '../../lower/build.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import type { HostSuspensions, Suspensions } from '../analysis.ts';
import { touching, usesExceptions } from '../concern.ts';
import { HostInterface } from '../frames/host.ts';
import { Lowering } from '../frames/lowering.ts';
import { RuntimeState } from '../frames/state.ts';
import type { EpochWord, Poll } from '../polls.ts';
import { Bodies } from './body.ts';
import type { Prepared } from './pass.ts';
import { Refusals } from './refuse.ts';
import { AsyncifyStubs, CHANGES_STATE, HostLowering } from './stubs.ts';

/** The name of an added function that holds the guest's code. */
const body = (func: FuncIdx): string => `${CHANGES_STATE}body ${func}`;

/** The same module with a name section, so that what is added can be found by name. */
export function withNames(module: Module): Module {
  if (hasNames(module)) return module;
  return {
    ...module,
    customs: [...module.customs, { name: 'name', bytes: encodeNames(NO_NAMES), after: 'data', at: -1 }],
  };
}

export function hasNames(module: Module): boolean {
  return module.customs.some(({ name }) => name === 'name');
}

export function withoutNames(module: Module): Module {
  return { ...module, customs: module.customs.filter(({ name }) => name !== 'name') };
}

/** What yield points ask. */
export interface Asks {
  /** Null: there are none. */
  readonly poll: Poll | null;
  readonly epochWord: EpochWord;
  readonly brand: Brand;
}

/** Builds the module that Binaryen's pass is run over: a closed one, with the runtime and a stub for each instrumented function. */
export class Instrumenter {
  readonly instrumented = new Set<FuncIdx>();
  readonly #info: ModuleInfo;
  readonly #build: Build;
  readonly #state: RuntimeState;
  readonly #stubs: AsyncifyStubs;
  readonly #lowering: Lowering;
  readonly #bodies: Bodies;
  readonly #touching: ReadonlySet<FuncIdx>;
  readonly #host: HostInterface;

  /** @throws RefusedError where Asyncify cannot do a function that has to be instrumented */
  constructor(source: ModuleInfo, suspensions: Suspensions, host: HostSuspensions, asks: Asks) {
    this.#info = source;
    const { yields, suspending } = host;
    const { poll, epochWord } = asks;
    const refusals = new Refusals(source, suspensions, yields);
    source.landmarks.forEach((list, at) => {
      const index = (source.importedFuncs + at) as FuncIdx;
      const suspends = list.some(
        ({ instr, index: place }) =>
          suspensions.unwinds(instr) !== null || (instr.op === 'loop' && yields?.loop(index, place) === true),
      );
      if (!suspends && yields?.entry(index) !== true) return;
      refusals.check(source.module.funcs[at] as Func, index);
      this.instrumented.add(index);
    });
    this.#build = new Build(source, asks.brand);
    this.#state = new RuntimeState(this.#build, 'closed', usesExceptions(source), epochWord, { poll });
    // Asyncify's memory has to be the last.
    if (poll === 'epoch') void this.#state.epochMemory;
    this.#stubs = new AsyncifyStubs(this.#state);
    this.#lowering = new Lowering(this.#stubs, suspensions, {
      copies: true,
      suspending,
      weights: null,
      yields: yields === null || poll === null ? null : { points: yields, poll },
    });
    this.#bodies = new Bodies(this.#lowering, this.#stubs, this.instrumented);
    this.#host = new HostInterface(new HostLowering(this.#stubs, this.#lowering), suspending);
    this.#touching = touching(source, 'closed', suspensions);
  }

  run(): Prepared {
    const { module } = this.#info;
    const lowering = this.#lowering;
    const build = this.#build;
    // The pass takes an empty list for none: this one is always there.
    void this.#stubs.yield;
    const funcs = module.funcs.map((func, index) => this.#func(func, (this.#info.importedFuncs + index) as FuncIdx));
    const finished = build.finish({
      imports: module.imports.map((entry) => this.#import(entry)),
      funcs,
      tables: module.tables.map(
        (table): Table => ({
          ...table,
          type: { ...table.type, type: build.ref(table.type.type) },
          init: table.init === null ? null : lowering.expr(table.init),
        }),
      ),
      tags: module.tags.map((tag): Tag => ({ ...tag, type: build.type(tag.type) })),
      globals: module.globals.map(
        (global): Global => ({
          ...global,
          type: { ...global.type, type: build.val(global.type.type) },
          init: lowering.expr(global.init),
        }),
      ),
      exports: [...module.exports.map((entry) => this.#export(entry)), ...this.#host.exports()],
      start: module.start === null ? null : this.#host.startSection(this.#hostEntry(module.start)),
      restructured: this.instrumented,
      elems: module.elems.map(
        (elem): Elem => ({
          ...elem,
          type: build.ref(elem.type),
          init: mapEntries(elem.init, (expr) => lowering.expr(expr)),
          mode: elem.mode.kind === 'active' ? { ...elem.mode, offset: lowering.expr(elem.mode.offset) } : elem.mode,
        }),
      ),
      datas: module.datas.map((data) =>
        data.mode.kind === 'active'
          ? { ...data, mode: { ...data.mode, offset: lowering.expr(data.mode.offset) } }
          : data,
      ),
    });
    return this.#named(finished, build.memory(this.#stubs.area.memory));
  }

  #func(func: Func, index: FuncIdx): Func {
    const build = this.#build;
    const type = build.type(func.type);
    if (index === this.#lowering.yields?.points.paying) return { ...func, type, ...this.#lowering.paying() };
    if (!this.instrumented.has(index)) {
      return { ...func, type, locals: build.vals(func.locals), body: this.#lowering.expr(func.body) };
    }
    const added = build.addFunc(type, body(index));
    build.define(added, this.#bodies.code(func, index, this.#info.funcType(func.type).params.length));
    return { ...func, type, ...this.#stubs.entry(index, added, func.type) };
  }

  #import(entry: Import): Import {
    const { desc } = entry;
    const build = this.#build;
    switch (desc.kind) {
      case 'func':
        return { ...entry, desc: { kind: 'func', type: build.type(desc.type) } };
      case 'table':
        return { ...entry, desc: { kind: 'table', type: { ...desc.type, type: build.ref(desc.type.type) } } };
      case 'memory':
        return entry;
      case 'global':
        return { ...entry, desc: { kind: 'global', type: { ...desc.type, type: build.val(desc.type.type) } } };
      case 'tag':
        return { ...entry, desc: { kind: 'tag', type: build.type(desc.type) } };
      default:
        return desc satisfies never;
    }
  }

  #hostEntry(func: FuncIdx): FuncIdx {
    if (!this.#touching.has(func)) return func;
    return this.#stubs.hostEntry(func, this.#lowering.typeOf(func), `${func}`);
  }

  #export(entry: Export): Export {
    if (entry.kind !== 'func' || entry.index < this.#info.importedFuncs) return entry;
    return { ...entry, index: this.#hostEntry(entry.index as FuncIdx) };
  }

  /** Finds what was added, and gives the bodies names after the guest's. */
  #named(module: Module, area: Prepared['area']): Prepared {
    const names = namesOf(module);
    const imported = importsOf(module, 'func').length;
    const shift = imported - this.#info.importedFuncs;
    const listed = new Set<FuncIdx>();
    const func = new Map(names.func);
    const bodies = new Map([...this.instrumented].map((index) => [body(index), (index + shift) as FuncIdx]));
    const origins = new Map(
      this.#info.module.funcs.map((_, at) => [(imported + at) as FuncIdx, (this.#info.importedFuncs + at) as FuncIdx]),
    );
    for (const [index, name] of names.func) {
      if (index < imported + this.#info.module.funcs.length || !name.startsWith(CHANGES_STATE)) continue;
      listed.add(index);
      const source = bodies.get(name);
      if (source === undefined) continue;
      listed.add(source);
      origins.set(index, (source - shift) as FuncIdx);
      const guest = names.func.get(source);
      if (guest === undefined) func.delete(index);
      else func.set(index, `${guest} (body)`);
    }
    const customs = module.customs.map((custom) =>
      custom.name === 'name' ? { ...custom, bytes: encodeNames({ ...names, func }) } : custom,
    );
    return { module: { ...module, customs }, listed, origins, area };
  }
}
