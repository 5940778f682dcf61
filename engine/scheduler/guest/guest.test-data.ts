import { type TransformOptions, transform } from '../../../asyncify/index.ts';
import { loadBinaryen } from '../../../asyncify/instrument/binaryen/index.ts';
import { type Imports, Store } from '../../../continuations/index.ts';
import { parseText } from '../../../spec-tests/runner/index.ts';
import { type GuestInstance, type InstantiateOptions, instantiate, type Scheduler } from '../index.ts';

export type Build = 'closed' | 'linked' | 'binaryen';
export const FRAMES: readonly Build[] = ['closed', 'linked'];
export const BUILDS: readonly Build[] = [...FRAMES, 'binaryen'];

export type Calls = Readonly<Record<string, (...args: never[]) => number>>;

export interface LoadOptions extends InstantiateOptions {
  readonly suspending?: readonly string[];
  readonly yields?: TransformOptions['yields'];
  readonly epochWord?: TransformOptions['epochWord'];
  /** Default: a new one. */
  readonly store?: Store;
  /** The output shows the runtime's state to the checker of its store. */
  readonly checks?: boolean;
}

const binaryen = await loadBinaryen();

export async function compile(text: string, build: Build, options: LoadOptions = {}): Promise<WebAssembly.Module> {
  const { suspending = ['env.*'], yields = 'none', epochWord = 'global', checks = false } = options;
  const source = await parseText(`(module ${text})`);
  const { bytes } =
    build === 'binaryen'
      ? binaryen.transform(source, { suspending, yields, optimizeLevel: 0 })
      : transform(source, { linking: build, suspending, yields, epochWord, checks });
  return new WebAssembly.Module(bytes);
}

/** An instance of a guest written as text; every import from `env` may suspend. */
export async function load<E extends object = Calls>(
  scheduler: Scheduler,
  text: string,
  imports: Imports,
  build: Build,
  options: LoadOptions = {},
): Promise<GuestInstance<E>> {
  return instantiate<E>(scheduler, options.store ?? new Store(), await compile(text, build, options), imports, options);
}
