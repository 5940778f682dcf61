import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { HOSTILE } from './hostile-cases.ts';
import type { Verdict } from './hostile-worker.ts';

/** For decoding, validating, transforming under both linkings, and the engine's validation; a busy machine takes many times as long as an idle one. */
const LIMIT_MS = 20_000;
/** The heap of a thread that is busy with one of them; an ordinary stack, which deep nesting must not exhaust. */
const LIMITS = { maxOldGenerationSizeMb: 900, maxYoungGenerationSizeMb: 64, stackSizeMb: 1 };

let worker: Worker | null = null;
afterAll(() => worker?.terminate());

/** Judges a case in a thread, which goes on to the next unless this one breaks it. */
async function judge(index: number): Promise<Verdict> {
  worker ??= new Worker(new URL('./hostile-worker.ts', import.meta.url), { resourceLimits: LIMITS });
  const current = worker;
  current.postMessage(index);
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const [verdict] = (await once(current, 'message', { signal })) as [Verdict];
    return verdict;
  } catch (error) {
    worker = null;
    await current.terminate();
    return { misbehaviour: signal.aborted ? `not done within ${LIMIT_MS} ms` : String(error) };
  }
}

describe('hostile modules end in time and memory', () => {
  it.each(HOSTILE.map(({ name, expected }, index) => ({ name, expected, index })))(
    '$name',
    async ({ expected, index }) => {
      const verdict = await judge(index);
      expect(verdict).not.toHaveProperty('misbehaviour');
      if (expected !== 'decided') expect(verdict).toHaveProperty('outcome', expected);
    },
  );
});
