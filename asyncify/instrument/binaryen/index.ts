import { refuseRuntimeTypes } from '../../admission.ts';
import { decode, importsOf } from '../../binary/index.ts';
import type { Import } from '../../binary/module.ts';
import { RefusedError } from '../../errors.ts';
import type { AtomicsOptions } from '../../lower/atomics.ts';
import { type Brand, brandFor } from '../../lower/brand.ts';
import { lowerLegacyExceptions, usesLegacyExceptions } from '../../lower/legacy.ts';
import { inBoth, inSource, type Origins } from '../../lower/origins.ts';
import { type HostFrame, hostCalls, type TransparentOptions } from '../../lower/transparent/index.ts';
import { describeOutput, refuseTransformed, withManifest } from '../../manifest.ts';
import {
  bulkOption,
  checkNames,
  DEFAULT_EPOCH_WORD,
  encoded,
  explained,
  hostOf,
  lowerForHost,
  type Transformed,
} from '../../transform.ts';
import { type ModuleInfo, validate } from '../../validate/index.ts';
import { analyse, type HostSuspensions } from '../analysis.ts';
import type { EpochWord, Poll } from '../polls.ts';
import { type BulkLimits, lowerWork } from '../work/lower.ts';
import { hasNames, Instrumenter, withNames, withoutNames } from './instrument.ts';
import { runAsyncify, type Step } from './pass.ts';
import { refuseSwitching, refuseTags } from './refuse.ts';

export interface BinaryenOptions extends AtomicsOptions, TransparentOptions {
  /** Yield points, and what they ask. */
  readonly yields: Poll | 'none';
  /** Where the word of `epoch` polls lies. Default `shared`. */
  readonly epochWord?: EpochWord;
  /** Imported functions whose calls the host may suspend: `module.name`, or `module.*` for all of a module. */
  readonly suspending: readonly string[];
  /** How hard Binaryen's optimiser works, as in `wasm-opt -O0` to `-O3`. Default 2. (-O4 cannot do references.) */
  readonly optimizeLevel?: 0 | 1 | 2 | 3;
  /** How much it prefers small code: 0 (default) to 2. */
  readonly shrinkLevel?: 0 | 1 | 2;
  /** Only `native`: the pass unwinds activations, and enters them all again. */
  readonly depth?: 'heap' | 'native';
  /** As for `transform`. */
  readonly brand?: Uint8Array;
  /** For tests: how bulk instructions are cut. */
  readonly bulkLimits?: BulkLimits;
  /** Is told what begins. */
  readonly onProgress?: (step: Progress) => void;
}
export type Progress = 'analyse' | Step;

/** The instrumenter, loaded. */
export interface BinaryenInstrumenter {
  /** See `transformWithBinaryen`. */
  transform(bytes: Uint8Array, options: BinaryenOptions): Transformed;
}

/** Loads Binaryen, 15 MB; for where `transformWithBinaryen` cannot be waited for. */
export async function loadBinaryen(): Promise<BinaryenInstrumenter> {
  const { default: binaryen } = await import('binaryen');
  return { transform: (bytes, options) => instrument(binaryen, bytes, options) };
}

/**
 * Turns a module without stack switching into one whose functions the host can suspend, as `transform` does with `closed`
 * linking, by means of Binaryen's Asyncify pass. Saves numbers only. The output has a second memory, for Asyncify.
 *
 * @throws MalformedError, InvalidError for bytes that are no valid module
 * @throws RefusedError for what the pass cannot do, and for a module that was transformed before
 * @throws RangeError for a level that is none
 */
export async function transformWithBinaryen(bytes: Uint8Array, options: BinaryenOptions): Promise<Transformed> {
  return (await loadBinaryen()).transform(bytes, options);
}

function instrument(
  binaryen: Parameters<typeof runAsyncify>[0],
  bytes: Uint8Array,
  options: BinaryenOptions,
): Transformed {
  const optimizeLevel = level(options.optimizeLevel ?? 2, 3, 'optimizeLevel');
  const shrinkLevel = level(options.shrinkLevel ?? 0, 2, 'shrinkLevel');
  options.onProgress?.('analyse');
  if (options.depth === 'heap') {
    throw new RefusedError('depth bounded by memory needs the frames instrumenter', {
      offset: 0,
    });
  }
  const source = decode(bytes);
  refuseTransformed(source);
  refuseRuntimeTypes(source.recGroups);
  const brand = brandFor(options.brand, 'closed', bytes);
  const info = validate(withNames(source));
  refuseSwitching(info);
  refuseTags(info);
  const { valid, origins } = lowerForHost(info, { ...options, transparent: [] });
  const hostFrames = hostFramesOf(info, options);
  const levels = { optimizeLevel, shrinkLevel };
  return inSource(origins, () => ({
    ...instrumentValid(binaryen, valid, { ...options, brand, named: hasNames(source) }, levels, origins),
    hostFrames,
  }));
}

type Output = Omit<Transformed, 'hostFrames'>;
/** `named`: the source has names. */
type BrandedOptions = BinaryenOptions & { readonly brand: Brand; readonly named: boolean };

/** @param origins where atomics have been lowered already: what the source was */
function instrumentValid(
  binaryen: Parameters<typeof runAsyncify>[0],
  valid: ModuleInfo,
  options: BrandedOptions,
  levels: { readonly optimizeLevel: number; readonly shrinkLevel: number },
  origins: Origins | undefined,
): Output {
  const { yields } = options;
  const info = usesLegacyExceptions(valid) ? validate(lowerLegacyExceptions(valid)) : valid;
  checkNames(info.module);
  if (yields === 'none')
    return instrumentHosted(
      binaryen,
      info,
      options,
      hostOf(info, { ...options, depth: 'native' }, null),
      levels,
      origins,
    );
  const work = lowerWork(info, { poll: yields, linking: 'closed', references: false, ...bulkOption(options) });
  const host = hostOf(work.info, { ...options, depth: 'native' }, work.points);
  return inSource(work.origins, () =>
    instrumentHosted(binaryen, work.info, options, host, levels, inBoth(origins, work.origins)),
  );
}

function instrumentHosted(
  binaryen: Parameters<typeof runAsyncify>[0],
  info: ModuleInfo,
  options: BrandedOptions,
  host: HostSuspensions,
  levels: { readonly optimizeLevel: number; readonly shrinkLevel: number },
  origins: Origins | undefined,
): Output {
  const { yields, onProgress } = options;
  const suspensions = analyse(info, 'closed', host);
  const epochWord = options.epochWord ?? DEFAULT_EPOCH_WORD;
  const instrumenter = new Instrumenter(info, suspensions, host, {
    poll: yields === 'none' ? null : yields,
    epochWord,
    brand: options.brand,
  });
  const output = runAsyncify(binaryen, instrumenter.run(), {
    ...levels,
    onStep: (step) => onProgress?.(step),
  });
  const how = { linking: 'closed', instrumenter: 'binaryen', brand: options.brand } as const;
  const manifest = describeOutput(info, how, { ...host, poll: yields, epochWord });
  return {
    bytes: encoded(withManifest(options.named ? output : withoutNames(output), manifest)),
    changed: true,
    instrumented: explained(instrumenter.instrumented, suspensions, origins),
  };
}

/** The host's frames stay where the pass is used: what stands for them catches exceptions. @throws RefusedError where they were named */
function hostFramesOf(info: ModuleInfo, { transparent }: BinaryenOptions): HostFrame[] {
  const calls = hostCalls(info, transparent);
  const [named] = transparent === undefined ? [] : calls;
  if (named !== undefined) {
    const { module, name, at } = importsOf(info.module, 'func')[named.func] as Import;
    const reason = `import "${module}" "${name}" cannot be transparent: ${NO_HANDLERS}`;
    throw new RefusedError(reason, { offset: at });
  }
  return calls.map(({ func }) => ({ func, kept: NO_HANDLERS }));
}
const NO_HANDLERS = 'Asyncify cannot do exception handlers in a function that may suspend';

function level(value: number, max: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${name} must be an integer from 0 to ${max}`);
}
