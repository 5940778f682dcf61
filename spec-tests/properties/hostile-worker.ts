import { parentPort } from 'node:worker_threads';
import { HOSTILE } from './hostile-cases.ts';
import { outcomeOf } from './outcome.ts';

/** What a case came to: its outcome, or what the transform did wrong. */
export type Verdict = { readonly outcome: string; readonly ms: number } | { readonly misbehaviour: string };

parentPort?.on('message', (index: number) => {
  parentPort?.postMessage(judge(index));
});

function judge(index: number): Verdict {
  const bytes = HOSTILE[index]?.make() ?? new Uint8Array();
  const start = performance.now();
  try {
    const outcome = outcomeOf(bytes);
    return { outcome, ms: performance.now() - start };
  } catch (error) {
    return { misbehaviour: error instanceof Error ? error.message : String(error) };
  }
}
