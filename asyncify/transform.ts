import { refuseRuntimeTypes } from './admission.ts';
import {
  decode,
  type EncodableModule,
  encode,
  type FuncIdx,
  type Instr,
  importsOf,
  refType,
  type SubType,
  type TypeIdx,
} from './binary/index.ts';
import {
  type Elem,
  type Export,
  type Expr,
  type Func,
  type Global,
  type Import,
  type Module,
  mapEntries,
  type Table,
  type Tag,
} from './binary/module.ts';
import { RefusedError } from './errors.ts';
import { analyse, type HostSuspensions, type Suspensions } from './instrument/analysis.ts';
import { isConcerned, touching, usesExceptions } from './instrument/concern.ts';
import { nativeWeights } from './instrument/depth.ts';
import { calls } from './instrument/frames/checks.ts';
import { translateFunction } from './instrument/frames/function.ts';
import { continuationParams, Handles, handlesContinuations } from './instrument/frames/handles.ts';
import { HostInterface } from './instrument/frames/host.ts';
import { Lowering } from './instrument/frames/lowering.ts';
import { type Linking, RuntimeState } from './instrument/frames/state.ts';
import { Stubs } from './instrument/frames/stubs.ts';
import type { EpochWord, Poll, YieldPoints } from './instrument/polls.ts';
import { simplified } from './instrument/simplify.ts';
import { type BulkLimits, lowerWork } from './instrument/work/lower.ts';
import { checkCount, checkOutput, checkSize } from './limits.ts';
import { Asm } from './lower/asm.ts';
import { type AtomicsOptions, lowerAtomics, SUSPENDING_ATOMICS } from './lower/atomics.ts';
import { type Brand, brandFor } from './lower/brand.ts';
import { Build, type Code, type LinkableFunc, type Replacements } from './lower/build.ts';
import { HIDDEN_EXPORTS, handlesOf, RUNTIME_MODULE } from './lower/interface.ts';
import { lowerLegacyExceptions, usesLegacyExceptions } from './lower/legacy.ts';
import { inBoth, inSource, type Origins } from './lower/origins.ts';
import { T } from './lower/runtime-types.ts';
import { type HostFrame, lowerTransparent, type TransparentOptions } from './lower/transparent/index.ts';
import { describeOutput, refuseTransformed, withManifest } from './manifest.ts';
import { type Landmark, type ModuleInfo, validate } from './validate/index.ts';

export const DEFAULT_EPOCH_WORD: EpochWord = 'shared';

export interface TransformOptions extends AtomicsOptions, TransparentOptions {
  /**
   * `linked` (the default): the output links with other transformed modules of its store, and suspensions pass between
   * them. `closed`: it links with the host only, and is a little faster; a suspension meeting an import is unhandled, and no other
   * closed module may be handed its continuation objects.
   */
  readonly linking?: Linking;
  /** Yield points for guests that the host interrupts (engine/, Process), and what they ask. Default `none`. */
  readonly yields?: Poll | 'none';
  /**
   * Where the word of `epoch` polls lies: in a `shared` memory (the default), so that other threads can set it and a guest that
   * computes lets the host run; or in a `global`, which only the guest's own imports can set while it runs.
   */
  readonly epochWord?: EpochWord;
  /** Imported functions whose calls the host may suspend: `module.name`, or `module.*` for all of a module. */
  readonly suspending?: readonly string[];
  /**
   * 16 bytes that the types of the runtime are branded with in the output (docs/architecture.md): linked modules have to have the same
   * ones. Default: for linked modules a constant; for closed ones a hash of the module. `Engine` and `Runtime.load` write their
   * own, which nobody knows, in its place.
   */
  readonly brand?: Uint8Array;
  /**
   * What the output is made for. `speed` (the default): short functions are also part of their callers, or there twice; a trace
   * of the engine's may lack them. `size`: each function is there once.
   */
  readonly optimize?: 'speed' | 'size';
  /**
   * What bounds recursion. `heap`: memory (the limits of StoreOptions): activations become frames before the engine's stack is full.
   * `native`: the engine's stack, as without the transform. Default `heap` for modules with yield points, `native` for others.
   */
  readonly depth?: 'heap' | 'native';
  /**
   * For tests: the output shows the runtime's state at every transition to the checker its store was given (continuations/checks.ts),
   * and links with no other store. Default false, which costs nothing.
   */
  readonly checks?: boolean;
  /** For tests: how bulk instructions are cut. */
  readonly bulkLimits?: BulkLimits;
}

/** One instrumented function and why it is: the chain of functions down to the one that suspends. */
export interface Explanation {
  readonly func: FuncIdx;
  readonly chain: readonly { readonly func: FuncIdx; readonly instr: Instr | null; readonly text: string }[];
}

export interface Transformed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** False: the module needs nothing of the runtime and the bytes are the ones that went in. */
  readonly changed: boolean;
  readonly instrumented: readonly Explanation[];
  /** The imported functions that are taken for such as only call back, and whether their frames are gone. */
  readonly hostFrames: readonly HostFrame[];
}

/**
 * Turns a module that may use stack switching into plain Wasm 3.0 that runs on the runtime in `continuations/`.
 *
 * @throws MalformedError, InvalidError for bytes that are no valid module
 * @throws RefusedError for a valid module that cannot be translated, for one that was transformed before, and for one that declares the
 * runtime's types
 * @throws RangeError for a `brand` of another length
 */
export function transform(bytes: Uint8Array, options: TransformOptions = {}): Transformed {
  return transformModule(decode(bytes), bytes, options);
}

/** The same for a module that is decoded already; `bytes` is what it was decoded from. */
export function transformModule(source: Module, bytes: Uint8Array, options: TransformOptions = {}): Transformed {
  refuseTransformed(source);
  refuseRuntimeTypes(source.recGroups);
  const info = validate(source);
  const { valid, origins, hostFrames } = lowerForHost(info, options);
  return inSource(origins, () => ({ ...transformValid(valid, bytes, options, origins), hostFrames }));
}

/** What a module is made before it is analysed. */
export interface ForHost {
  readonly valid: ModuleInfo;
  /** What the source was; undefined: it is the source. */
  readonly origins: Origins | undefined;
  readonly hostFrames: readonly HostFrame[];
}

/** The steps that make calls of the host, or take them away. */
export function lowerForHost(info: ModuleInfo, options: TransformOptions): ForHost {
  const atomics = lowerAtomics(info, options);
  const valid = atomics === null ? info : validate(atomics.module);
  const none = { lowered: null, frames: [] };
  const asked = options.transparent !== undefined || isHosted(options);
  const { lowered, frames } = asked ? lowerTransparent(valid, options) : none;
  const hostFrames = atomics === null ? frames : frames.filter(({ func }) => func < info.importedFuncs);
  if (lowered === null) return { valid, origins: atomics?.origins, hostFrames };
  const origins = atomics === null ? lowered.origins : inBoth(atomics.origins, lowered.origins);
  return { valid: validate(lowered.module), origins, hostFrames };
}

/** Whether a host can suspend the module. */
function isHosted({ suspending, yields, atomicWaits }: TransformOptions): boolean {
  return suspending !== undefined || (yields ?? 'none') !== 'none' || (atomicWaits ?? 'native') !== 'native';
}

/** @param origins where something has been lowered already: what the source was */
function transformValid(
  valid: ModuleInfo,
  bytes: Uint8Array,
  options: TransformOptions,
  origins: Origins | undefined,
): Output {
  const linking = options.linking ?? 'linked';
  const branded = (): BrandedOptions => ({ ...options, brand: brandFor(options.brand, linking, bytes) });
  const { yields: poll = 'none' } = options;
  const hosted = isHosted(options);
  const concerned = (info: ModuleInfo, suspensions: Suspensions): boolean =>
    hosted || origins !== undefined || isConcerned(info, suspensions, linking);
  const analysed = (info: ModuleInfo): Suspensions => analyse(info, linking, hostOf(info, options, null));
  const isLegacy = usesLegacyExceptions(valid) && (hosted || concerned(valid, analysed(valid)));
  const speed = options.optimize !== 'size' && options.checks !== true;
  const info = simplified(isLegacy ? validate(lowerLegacyExceptions(valid)) : valid, linking, speed);
  if (poll !== 'none') {
    const work = lowerWork(info, { poll, linking, references: true, ...bulkOption(options) });
    const host = { ...hostOf(work.info, options, work.points), poll };
    return inSource(work.origins, () => transformHosted(work.info, branded(), host, inBoth(origins, work.origins)));
  }
  const host = hostOf(info, options, null);
  if (hosted) return transformHosted(info, branded(), { ...host, poll }, origins);
  const suspensions = analyse(info, linking, host);
  if (!concerned(info, suspensions)) return { bytes: new Uint8Array(bytes), changed: false, instrumented: [] };
  return transformConcerned(info, branded(), suspensions, { host: null, points: host.yields }, origins);
}

type Output = Omit<Transformed, 'hostFrames'>;
type BrandedOptions = TransformOptions & { readonly brand: Brand };

/** For a module that the host can suspend. */
function transformHosted(info: ModuleInfo, options: BrandedOptions, host: Host, origins: Origins | undefined): Output {
  const suspensions = analyse(info, options.linking ?? 'linked', host);
  return transformConcerned(info, options, suspensions, { host, points: host.yields }, origins);
}

function transformConcerned(
  info: ModuleInfo,
  options: BrandedOptions,
  suspensions: Suspensions,
  { host, points }: { readonly host: Host | null; readonly points: YieldPoints | null },
  origins: Origins | undefined,
): Output {
  checkNames(info.module);
  checkDepth(info);
  const linking = options.linking ?? 'linked';
  const epochWord = options.epochWord ?? DEFAULT_EPOCH_WORD;
  const { brand, checks = false, optimize } = options;
  const weights = isDeep(options) ? nativeWeights(info) : null;
  const form = { linking, epochWord, checks, copies: optimize !== 'size', brand, weights };
  const transformer = new Transformer(info, suspensions, form, host, points);
  const how = { linking, instrumenter: 'frames', brand } as const;
  const manifest = describeOutput(info, how, host && { ...host, epochWord });
  return {
    bytes: encoded(withManifest(transformer.run(), manifest)),
    changed: true,
    instrumented: explained(transformer.instrumented, suspensions, origins),
  };
}

/** Whether recursion is bounded by memory. */
export function isDeep({ yields, depth }: Pick<TransformOptions, 'yields' | 'depth'>): boolean {
  return (depth ?? ((yields ?? 'none') === 'none' ? 'native' : 'heap')) === 'heap';
}

/** The bytes of an output. @throws RefusedError where engines do not take it */
export function encoded(output: EncodableModule): Uint8Array<ArrayBuffer> {
  checkOutput(output);
  const bytes = encode(output);
  checkSize(bytes.length);
  return bytes;
}

/** What the host may suspend, by the options. */
export function hostOf(info: ModuleInfo, options: TransformOptions, yields: YieldPoints | null): HostSuspensions {
  const { suspending, atomicWaits } = options;
  const named = new Set([...(suspending ?? []), ...(atomicWaits === 'suspending' ? SUSPENDING_ATOMICS : [])]);
  const matching = importsOf(info.module, 'func').flatMap(({ module, name }, index) =>
    named.has(`${module}.${name}`) || named.has(`${module}.*`) ? [index as FuncIdx] : [],
  );
  return { yields: isDeep(options) ? withCounting(info, yields) : yields, suspending: new Set(matching) };
}

/** Functions look at their entry as well whether room is left on the native stack. */
function withCounting(info: ModuleInfo, yields: YieldPoints | null): YieldPoints {
  const counting = nativeWeights(info);
  const none: YieldPoints = { entry: () => false, loop: () => false, cost: () => 1, paying: null };
  const points = yields ?? none;
  return { ...points, entry: (func) => counting.has(func) || points.entry(func) };
}

/** How bulk instructions are cut, where that is said. */
export function bulkOption({ bulkLimits }: Pick<TransformOptions, 'bulkLimits'>): { readonly bulk?: BulkLimits } {
  return bulkLimits === undefined ? {} : { bulk: bulkLimits };
}

/** Why functions are instrumented, in terms of the source. */
export function explained(
  instrumented: ReadonlySet<FuncIdx>,
  suspensions: Suspensions,
  origins: Origins | undefined,
): Explanation[] {
  return [...instrumented].flatMap((index) => {
    const func = origins === undefined ? index : origins.func(index);
    if (func === null) return [];
    return {
      func,
      // Only when asked for: chains can be as long as the module has functions.
      get chain() {
        return chainOf(suspensions, index, origins);
      },
    };
  });
}

function chainOf(suspensions: Suspensions, start: FuncIdx, origins: Origins | undefined): Explanation['chain'] {
  const chain: { func: FuncIdx; instr: Instr | null; text: string }[] = [];
  const seen = new Set<FuncIdx>();
  for (let index: FuncIdx | null = start; index !== null && !seen.has(index); ) {
    seen.add(index);
    const reason = suspensions.reason(index);
    const func = origins === undefined ? index : origins.func(index);
    if (reason === null) break;
    index = reason.via;
    // What was added says no more than the instruction it stands for.
    if (func === null) continue;
    const instr = reason.instr === null ? null : (origins?.instr(reason.instr) ?? reason.instr);
    chain.push({ func, instr, text: (reason.instr && origins?.text(reason.instr)) ?? reason.text });
  }
  return chain;
}

/** Engines allow 63 levels of subtyping, and a lowered continuation type stands one level deeper. */
function checkDepth(info: ModuleInfo): void {
  for (const sub of info.types) {
    if (sub.comp.kind !== 'cont') continue;
    let depth = 0;
    for (let type: SubType | undefined = sub; type !== undefined; type = info.types[type.supers[0] ?? -1]) depth++;
    if (depth > 63) throw new RefusedError('continuation type is 63 subtypes deep', { offset: sub.at ?? -1 });
  }
}

export function checkNames(module: Module): void {
  for (const { module: from, name, at } of module.imports) {
    if (from === RUNTIME_MODULE)
      throw new RefusedError(`import "${from}" "${name}": the name is the runtime's`, { offset: at });
    // What transformed modules export for the runtime is nobody else's.
    if (name.startsWith('bobbin:'))
      throw new RefusedError(`import "${from}" "${name}": the name is the runtime's`, { offset: at });
  }
  for (const { name, at } of module.exports) {
    if (name.startsWith('bobbin:'))
      throw new RefusedError(`export "${name}": the name is the runtime's`, { offset: at });
  }
}

interface Host extends HostSuspensions {
  readonly poll: Poll | 'none';
}

/** What the output is like. */
interface Form {
  readonly linking: Linking;
  readonly epochWord: EpochWord;
  readonly checks: boolean;
  readonly copies: boolean;
  readonly brand: Brand;
  /** How much of the native stack the functions take that count it; null: none does. */
  readonly weights: ReadonlyMap<FuncIdx, number> | null;
}

class Transformer {
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
