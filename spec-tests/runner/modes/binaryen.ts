import { RefusedError, transform } from '../../../asyncify/index.ts';
import { loadBinaryen } from '../../../asyncify/instrument/binaryen/index.ts';
import type { Poll } from '../../../asyncify/instrument/polls.ts';
import { Store } from '../../../continuations/index.ts';
import { chaosStore } from './chaos.ts';
import { classify } from './frames.ts';
import type { Mode, ModeStore } from './mode.ts';

export interface BinaryenModes {
  /** As `frames-yield`, by Binaryen's Asyncify pass. */
  readonly yieldMode: Mode;
  /** As `frames-chaos`. */
  readonly chaosMode: Mode;
  /** How many modules went through the pass since the modes were made. */
  taken(): number;
  /** How many modules the pass could not do, by reason; they were instrumented with frames. */
  refused(): ReadonlyMap<string, number>;
}

/** The modes of Binaryen's instrumenter; they take some time to load. */
export async function loadBinaryenModes(): Promise<BinaryenModes> {
  const instrumenter = await loadBinaryen();
  const refused = new Map<string, number>();
  let taken = 0;
  const instrument = (bytes: Uint8Array, yields: Poll): Uint8Array<ArrayBuffer> => {
    try {
      const result = instrumenter.transform(bytes, { yields, suspending: [] }).bytes;
      taken++;
      return result;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const reason = error.message.replace(/ \(at byte .*/, '').replace(/\d+/g, 'N');
      refused.set(reason, (refused.get(reason) ?? 0) + 1);
      return transform(bytes, { yields }).bytes;
    }
  };
  const yieldStore = (): ModeStore<WebAssembly.Module> => {
    const store = new Store();
    return {
      compile: (bytes) => new WebAssembly.Module(instrument(bytes, 'epoch')),
      instantiate: (module, imports) => store.instantiate(module, imports).exports,
      classify,
    };
  };
  return {
    yieldMode: { name: 'binaryen-yield', createStore: () => yieldStore() as ModeStore },
    chaosMode: {
      name: 'binaryen-chaos',
      createStore: () => chaosStore((bytes) => instrument(bytes, 'fuel')) as ModeStore,
    },
    taken: () => taken,
    refused: () => refused,
  };
}
