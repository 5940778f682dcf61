import { type Clock, job, report, stopwatch, verify } from './child.ts';
import { assemble, exported, load, type Run, type Variant } from './load.ts';

export interface AbandonedJob {
  readonly variant: Variant;
  readonly count: number;
  readonly step: number;
  readonly clock: Clock;
}

export interface Abandoned {
  readonly count: number;
  /** Bytes, without a collection having been asked for. */
  readonly resident: number;
  readonly heap: number;
  /** Nanoseconds to create, suspend and drop one. */
  readonly ns: number;
}

const { variant, count, step, clock } = job<AbandonedJob>();
const run = exported<Run>(load(await assemble('abandon'), variant), 'run');
let time = 0;
for (let made = 0; made < count; ) {
  const part = Math.min(step, count - made);
  const elapsed = stopwatch(clock);
  const sum = run(part, 0);
  time += elapsed();
  verify(`abandoned continuations, ${variant}`, sum, (BigInt(part) * BigInt(part + 1)) / 2n);
  made += part;
  const { rss, heapUsed } = process.memoryUsage();
  report<Abandoned>({ count: made, resident: rss, heap: heapUsed, ns: (time * 1e6) / made });
}
