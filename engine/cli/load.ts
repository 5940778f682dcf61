import {
  type AtomicsOptions,
  type BinaryenOptions,
  loadBinaryen,
  type Transformed,
  transformModule,
} from '../../asyncify/index.ts';
import { suspendingImports } from '../process/index.ts';
import { suspendingThreads } from '../threads/index.ts';
import { suspendingWasiImports } from '../wasi/index.ts';
import { CommandError, choice, type Io, UsageError } from './command.ts';
import type { Input } from './input.ts';

const INSTRUMENTERS = ['frames', 'binaryen'] as const;
const POLLS = ['fuel', 'epoch', 'none'] as const;
const DEPTHS = ['heap', 'native'] as const;
const LEVELS = ['0', '1', '2', '3'] as const;

/** The options of the command line that say how a module is made interruptible. */
export const PROCESS_OPTIONS = {
  instrumenter: { type: 'string' },
  yield: { type: 'string' },
  optimize: { type: 'string' },
  depth: { type: 'string' },
} as const;
export type ProcessValues = { readonly [name in keyof typeof PROCESS_OPTIONS]?: string | undefined };

/** The options of the command line about atomic instructions. */
export const ATOMICS_OPTIONS = { 'atomic-waits': { type: 'string' }, 'shared-memories': { type: 'string' } } as const;
export type AtomicsValues = { readonly [name in keyof typeof ATOMICS_OPTIONS]?: string | undefined };

/** Throws {@link UsageError}. */
export function atomicsTransform(values: AtomicsValues): AtomicsOptions {
  const { 'atomic-waits': waits = 'native', 'shared-memories': memories = 'keep' } = values;
  return {
    atomicWaits: choice('atomic-waits', waits, ['native', 'suspending']),
    sharedMemories: choice('shared-memories', memories, ['keep', 'plain']),
  };
}

/** What there is to do with atomics where all threads of a program run on this one: its shared memories need not be shared. */
export function greenAtomics({ imports, memories }: Input['module']): AtomicsOptions {
  const isShared =
    memories.some(({ type }) => type.shared) || imports.some(({ desc }) => desc.kind === 'memory' && desc.type.shared);
  return isShared ? { atomicWaits: 'suspending', sharedMemories: 'plain' } : {};
}

/** How a module becomes one that a process can run. */
export interface ProcessTransform extends AtomicsOptions {
  readonly instrumenter: (typeof INSTRUMENTERS)[number];
  readonly yields: (typeof POLLS)[number];
  readonly depth?: (typeof DEPTHS)[number];
  /** Of Binaryen's optimiser. */
  readonly optimizeLevel?: NonNullable<BinaryenOptions['optimizeLevel']>;
  /** Imports that suspend beside those of WASI, `bobbin:signal` and `bobbin:threads`, `module.name` or `module.*`. */
  readonly suspending?: readonly string[];
  /** Imports that only call back; default: Emscripten's. */
  readonly transparent?: readonly string[];
}

/** What `--transparent` says; `none` stands for none at all. */
export function transparentNames(names: readonly string[] | undefined): Pick<ProcessTransform, 'transparent'> {
  return names === undefined ? {} : { transparent: names.filter((name) => name !== 'none') };
}

/** Throws {@link UsageError}. */
export function processTransform({ instrumenter, yield: yields, optimize, depth }: ProcessValues): ProcessTransform {
  const chosen = choice('instrumenter', instrumenter ?? 'frames', INSTRUMENTERS);
  if (optimize !== undefined && chosen !== 'binaryen') throw new UsageError('--optimize needs --instrumenter binaryen');
  return {
    instrumenter: chosen,
    yields: choice('yield', yields ?? 'fuel', POLLS),
    ...depthTransform({ depth }),
    ...(optimize === undefined ? {} : { optimizeLevel: LEVELS.indexOf(choice('optimize', optimize, LEVELS)) as 0 }),
  };
}

/** What bounds recursion, where that is said. Throws {@link UsageError}. */
export function depthTransform({ depth }: ProcessValues): Pick<ProcessTransform, 'depth'> {
  return depth === undefined ? {} : { depth: choice('depth', depth, DEPTHS) };
}

/** Below this many bytes Binaryen is done before anybody asks what takes so long. */
const BIG = 200_000;

/**
 * Makes of a module what a process can run.
 *
 * @throws RefusedError, InvalidError for what cannot be transformed; CommandError without the package for it
 */
export async function transformForProcess(
  { bytes, module }: Input,
  { instrumenter, optimizeLevel, suspending: more = [], ...options }: ProcessTransform,
  io: Io,
): Promise<Transformed> {
  const suspending = [...suspendingImports, ...suspendingThreads, ...suspendingWasiImports, ...more];
  if (instrumenter === 'frames') return transformModule(module, bytes, { ...options, linking: 'closed', suspending });
  const binaryen = await binaryenOf();
  return binaryen.transform(bytes, {
    ...options,
    suspending,
    ...(optimizeLevel === undefined ? {} : { optimizeLevel }),
    ...(io.isTerminal && bytes.length > BIG ? { onProgress: (step) => io.err(`${step}...\n`) } : {}),
  });
}

async function binaryenOf(): ReturnType<typeof loadBinaryen> {
  try {
    return await loadBinaryen();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      throw new CommandError('the package "binaryen" is not installed');
    }
    throw error;
  }
}
