import { RefusedError, type Transformed, transform } from '../../../asyncify/index.ts';
import { loadBinaryen } from '../../../asyncify/instrument/binaryen/index.ts';
import type { Poll } from '../../../asyncify/instrument/polls.ts';
import { chaosStore } from './chaos.ts';
import { frames } from './frames.ts';
import type { Mode, Tally } from './mode.ts';

export interface BinaryenModes {
  /** As `frames-yield`, by Binaryen's Asyncify pass and its optimiser as it works by default. */
  readonly yieldMode: Mode;
  /** As `frames-chaos`, without the optimiser, which takes most of the time. */
  readonly chaosMode: Mode;
}

/**
 * The modes of Binaryen's instrumenter, which takes some time to load. Modules that it refuses are instrumented with frames,
 * and counted by reason.
 */
export async function loadBinaryenModes(): Promise<BinaryenModes> {
  const instrumenter = await loadBinaryen();
  const instrument = (bytes: Uint8Array, yields: Poll, optimizeLevel: 0 | 2, tally: Tally): Transformed => {
    try {
      return instrumenter.transform(bytes, { yields, suspending: [], optimizeLevel });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const reason = reasonOf(error.message);
      tally.refused.set(reason, (tally.refused.get(reason) ?? 0) + 1);
      return transform(bytes, { yields });
    }
  };
  return {
    yieldMode: {
      name: 'binaryen-yield',
      createStore: (_, tally) => frames((bytes) => instrument(bytes, 'epoch', 2, tally), tally),
    },
    chaosMode: {
      name: 'binaryen-chaos',
      createStore: (_, tally) => chaosStore((bytes) => instrument(bytes, 'fuel', 0, tally), tally),
    },
  };
}

/** The message without what is different from module to module: where it is, and the names and numbers of types and the like. */
function reasonOf(message: string): string {
  return message
    .replace(/ \(at byte .*/s, '')
    .replace(/: type \d+|: tag \d+/, '')
    .replace(/\b\d+\b/g, 'N');
}
