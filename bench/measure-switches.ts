import { setTimeout as delay } from 'node:timers/promises';
import { type Case, GROUPS, scaledN } from './catalogue.ts';
import { type Clock, collect, job, report, stopwatch, verify } from './child.ts';
import { assemble, exported, load, type Run, type Variant } from './load.ts';

export interface SwitchesJob {
  readonly group: string;
  readonly cases: readonly string[];
  readonly variants: readonly Variant[];
  readonly rounds: number;
  /** What part of the usual number of operations a run makes. */
  readonly scale: number;
  readonly clock: Clock;
}

export interface Sample {
  readonly case: string;
  readonly variant: Variant;
  readonly round: number;
  /** Nanoseconds per operation. */
  readonly ns: number;
}

interface Subject {
  readonly entry: Case;
  readonly variant: Variant;
  readonly run: Run;
  readonly n: number;
}

function sample({ entry, variant, run, n }: Subject, clock: Clock): number {
  const expected = entry.expected(n);
  collect('minor');
  const elapsed = stopwatch(clock);
  const result = run(n, entry.size);
  const time = elapsed();
  verify(`${entry.name}, ${variant}`, result, expected);
  return (time * 1e6) / entry.operations(n);
}

async function subjects({ group, cases, variants, scale }: SwitchesJob): Promise<Subject[]> {
  const wanted = GROUPS.find(({ name }) => name === group)?.cases.filter(({ name }) => cases.includes(name)) ?? [];
  const result: Subject[] = [];
  for (const entry of wanted) {
    const bytes = await assemble(entry.program);
    for (const variant of variants) {
      result.push({ entry, variant, run: exported<Run>(load(bytes, variant), 'run'), n: scaledN(entry, scale) });
    }
  }
  return result;
}

const request = job<SwitchesJob>();
const measured = await subjects(request);
// Engines replace a running function's code only when it is called again, and compile on other threads.
for (let warmUp = 0; warmUp < 4; warmUp++) {
  for (const { entry, run, n } of measured) run(entry.program === 'fib' ? n - 4 : Math.ceil(n / 10), entry.size);
  await delay(40);
}
for (let round = 0; round < request.rounds; round++) {
  // A different one begins each time, so that none always follows the same other one.
  for (let turn = 0; turn < measured.length; turn++) {
    const subject = measured[(turn + round) % measured.length]!;
    const ns = sample(subject, request.clock);
    report<Sample>({ case: subject.entry.name, variant: subject.variant, round, ns });
  }
}
