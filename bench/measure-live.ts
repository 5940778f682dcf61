import { type Clock, collect, job, report, stopwatch, verify } from './child.ts';
import { assemble, exported, load, type Variant } from './load.ts';

export interface LiveJob {
  readonly variant: Variant;
  readonly count: number;
  /** How many are made between two reports. */
  readonly step: number;
  readonly clock: Clock;
}

export interface Live {
  readonly count: number;
  /** What each of them takes: on the engine's heap, and of the process's resident memory. */
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Nanoseconds to create and suspend one; and to resume and finish one, once all have been. */
  readonly createNs: number;
  readonly finishNs: number | null;
}

const { variant, count, step, clock } = job<LiveJob>();
const exports = load(await assemble('live'), variant);
const create = exported<(at: number, end: number) => void>(exports, 'create');
exported<(count: number) => void>(exports, 'reserve')(count);
collect('major');
const before = process.memoryUsage();
let time = 0;
const state = (made: number): Live => {
  const { heapUsed, rss } = process.memoryUsage();
  return {
    count: made,
    heapBytes: (heapUsed - before.heapUsed) / made,
    residentBytes: (rss - before.rss) / made,
    createNs: (time * 1e6) / made,
    finishNs: null,
  };
};
for (let made = 0; made < count; ) {
  const end = Math.min(made + step, count);
  const elapsed = stopwatch(clock);
  create(made, end);
  time += elapsed();
  made = end;
  report(state(made));
}
// What counts is what is alive, not what has not been collected yet.
collect('major');
const all = state(count);
const elapsed = stopwatch(clock);
const total = exported<(count: number) => bigint>(exports, 'finish')(count);
const finishNs = (elapsed() * 1e6) / count;
verify(`live continuations, ${variant}`, total, BigInt(count) * BigInt(count - 1));
report<Live>({ ...all, finishNs });
