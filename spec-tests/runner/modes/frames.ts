import {
  decode,
  encode,
  InvalidError,
  type Linking,
  MalformedError,
  transform,
  validate,
} from '../../../asyncify/index.ts';
import { ExhaustionError, Store, SuspensionError, TrapError } from '../../../continuations/index.ts';
import type { Failure, Mode, ModeStore, Phase } from './mode.ts';
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
export const framesMode: Mode = { name: 'frames', createStore: () => frames('linked') };

/** The same as closed modules; the modules of a script that links them are linked all the same. */
export const closedMode: Mode = { name: 'closed', createStore: ({ links }) => frames(links ? 'linked' : 'closed') };

function frames(linking: Linking): ModeStore<WebAssembly.Module> {
  const store = new Store();
  return {
    compile: (bytes) => new WebAssembly.Module(transform(bytes, { linking }).bytes),
    instantiate: (module, imports) => store.instantiate(module, imports).exports,
    classify,
  };
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
