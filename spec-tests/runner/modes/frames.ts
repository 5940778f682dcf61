import {
  decode,
  encode,
  InvalidError,
  MalformedError,
  type Transformed,
  transform,
  validate,
} from '../../../asyncify/index.ts';
import { ExhaustionError, Store, SuspensionError, TrapError } from '../../../continuations/index.ts';
import type { Failure, Mode, ModeStore, Phase, Tally } from './mode.ts';
import { classifyEngineError } from './native.ts';

/** Decoded, validated and encoded again by us, run by the engine. */
export const roundtripMode: Mode = {
  name: 'roundtrip',
  createStore: (): ModeStore<WebAssembly.Module> => ({
    compile(bytes) {
      const module = decode(bytes);
      validate(module);
      return new WebAssembly.Module(encode(module));
    },
    instantiate: (module, imports) => new WebAssembly.Instance(module, imports as WebAssembly.Imports).exports,
    classify,
  }),
};

/** Transformed as linked modules, and run on our runtime. */
export const framesMode: Mode = {
  name: 'frames',
  createStore: (_, tally) => frames((bytes) => transform(bytes, { linking: 'linked' }), tally),
};

/** The same as closed modules; the modules of a script that links them are linked all the same. */
export const closedMode: Mode = {
  name: 'closed',
  createStore: ({ links }, tally) =>
    frames((bytes) => transform(bytes, { linking: links ? 'linked' : 'closed' }), tally),
};

/** As `frames`, made for size: every function is there once, and no call is gone. */
export const sizeMode: Mode = {
  name: 'frames-size',
  createStore: (_, tally) => frames((bytes) => transform(bytes, { linking: 'linked', optimize: 'size' }), tally),
};

/** As `frames`, with yield points in every module; the epoch is never set. */
export const yieldMode: Mode = {
  name: 'frames-yield',
  createStore: (_, tally) => frames((bytes) => transform(bytes, { yields: 'epoch' }), tally),
};

/** A store of modules that are transformed in one way. */
export function frames(instrument: (bytes: Uint8Array) => Transformed, tally: Tally, store = new Store()): ModeStore {
  return {
    compile: (bytes) => new WebAssembly.Module(counted(instrument(bytes), tally)),
    instantiate: (module: WebAssembly.Module, imports) => store.instantiate(module, imports).exports,
    classify,
  } satisfies ModeStore<WebAssembly.Module> as ModeStore;
}

/** The bytes of a transformed module, which the tally counts. */
export function counted({ bytes, changed, instrumented }: Transformed, tally: Tally): Uint8Array<ArrayBuffer> {
  tally.modules++;
  if (changed) tally.changed++;
  tally.functions += instrumented.length;
  return bytes;
}

/** Tells our failures from the engine's. */
export function classify(error: unknown, phase: Phase): Failure {
  if (error instanceof MalformedError) return { kind: 'malformed', message: error.message };
  if (error instanceof InvalidError) return { kind: 'invalid', message: error.message };
  if (error instanceof TrapError) return { kind: 'trap', message: error.message, ours: true };
  if (error instanceof SuspensionError) return { kind: 'suspension', message: error.message };
  if (error instanceof ExhaustionError) return { kind: 'exhaustion', message: error.message, ours: true };
  const failure = classifyEngineError(error, phase);
  // Our own decoder and validator have accepted what the engine rejects here: that is a mistake of ours.
  return failure.kind === 'rejected' ? { kind: 'bug', message: failure.message } : failure;
}
