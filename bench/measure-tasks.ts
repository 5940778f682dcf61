import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, collect, job, report } from './child.ts';
import { TASK_GROUPS } from './task-cases.ts';

export interface TasksJob {
  readonly group: string;
  /** Names of the cases to measure. */
  readonly cases: readonly string[];
  readonly rounds: number;
  /** What part of the usual number of operations is made. */
  readonly scale: number;
  readonly clock: Clock;
}

export interface TaskSample {
  readonly case: string;
  readonly round: number;
  /** Nanoseconds per operation. */
  readonly ns: number;
}

const WARM_UPS = 4;
/** A measurement of more operations warms up with its neighbours. */
const LARGEST_WARM_UP = 1_000_000;

const { group, cases, rounds, scale, clock } = job<TasksJob>();
const wanted = TASK_GROUPS.find(({ name }) => name === group)?.cases.filter(({ name }) => cases.includes(name)) ?? [];
const subjects = wanted.map((entry) => ({ ...entry, measure: entry.prepare() }));
// Engines replace a running function's code only when it is called again, and compile on other threads.
for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
  for (const { operations, measure } of subjects) {
    if (operations <= LARGEST_WARM_UP) await measure(Math.ceil(operations / 10), clock);
  }
  await delay(40);
}
for (let round = 0; round < rounds; round++) {
  // A different one begins each time, so that none always follows the same other one.
  for (let turn = 0; turn < subjects.length; turn++) {
    const { name, operations, measure } = subjects[(turn + round) % subjects.length]!;
    collect(operations > LARGEST_WARM_UP ? 'major' : 'minor');
    report<TaskSample>({ case: name, round, ns: await measure(Math.ceil(operations * scale), clock) });
  }
}
