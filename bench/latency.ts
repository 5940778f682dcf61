import type { Poll } from '../asyncify/instrument/polls.ts';
import { measure } from './child.ts';
import type { Latencies, LatencyJob, Place } from './measure-latency.ts';
import type { Options } from './options.ts';
import { type Summary, summarise } from './stats.ts';
import { lastWords } from './switches.ts';

export interface LatencyRow {
  readonly place: Place;
  readonly poll: Poll;
  /** Milliseconds from raising a signal to the first instruction of its handler; null: signals did not get there. */
  readonly ms: Summary | null;
  readonly crash: string | null;
}

const WAYS: readonly Pick<LatencyRow, 'place' | 'poll'>[] = [
  { place: 'main thread', poll: 'fuel' },
  { place: 'main thread', poll: 'epoch' },
  { place: 'worker', poll: 'fuel' },
  { place: 'worker', poll: 'epoch' },
];
const SIGNALS = 200;
const FEWEST = 50;

/** Signals to a guest that spins, each way of running it in a process of its own. */
export async function measureLatencies({ scale }: Pick<Options, 'scale'>): Promise<LatencyRow[]> {
  const rows: LatencyRow[] = [];
  for (const way of WAYS) {
    const signals = Math.max(FEWEST, Math.round(SIGNALS * scale));
    const ended = await measure<LatencyJob, Latencies>('measure-latency.ts', { ...way, signals });
    const ms = ended.reports[0]?.ms;
    rows.push({
      ...way,
      ms: ms === undefined ? null : summarise(ms),
      crash: ended.crash === null ? null : lastWords(ended),
    });
  }
  return rows;
}
