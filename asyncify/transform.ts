import { refuseRuntimeTypes } from './admission.ts';
import {
  decode,
  type EncodableModule,
  encode,
  type FuncIdx,
  type Instr,
  importsOf,
  type SubType,
} from './binary/index.ts';
import type { Module } from './binary/module.ts';
import { RefusedError } from './errors.ts';
import { analyse, type HostSuspensions, type Suspensions } from './instrument/analysis.ts';
import { isConcerned } from './instrument/concern.ts';
import { nativeWeights } from './instrument/depth.ts';
import type { Linking } from './instrument/frames/state.ts';
import { type Host, Transformer } from './instrument/frames/transformer.ts';
import type { EpochWord, Poll, YieldPoints } from './instrument/polls.ts';
import { simplified } from './instrument/simplify.ts';
import { type BulkLimits, lowerWork } from './instrument/work/lower.ts';
import { checkOutput, checkSize } from './limits.ts';
import { type AtomicsOptions, lowerAtomics, SUSPENDING_ATOMICS } from './lower/atomics.ts';
import { type Brand, brandFor } from './lower/brand.ts';
import { RUNTIME_MODULE } from './lower/interface.ts';
import { lowerLegacyExceptions, usesLegacyExceptions } from './lower/legacy.ts';
import { inBoth, inSource, type Origins } from './lower/origins.ts';
import { type HostFrame, lowerTransparent, type TransparentOptions } from './lower/transparent/index.ts';
import { describeOutput, refuseTransformed, withManifest } from './manifest.ts';
import { type ModuleInfo, validate } from './validate/index.ts';

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
