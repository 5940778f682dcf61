import { Scheduler, type Task, VirtualClock } from '../engine/scheduler/index.ts';
import { type Clock, job, report, stopwatch, verify } from './child.ts';
import type { Who } from './task-cases.ts';
import { taskModule } from './task-guest.ts';

export interface MillionJob {
  readonly who: Who;
  readonly count: number;
  readonly clock: Clock;
}

export interface Million {
  readonly count: number;
  readonly seconds: number;
  /** Bytes: the most that were resident. */
  readonly peak: number;
}

/** How often each gives way. */
const TURNS = 10;

const { who, count, clock } = job<MillionJob>();
const scheduler = new Scheduler({ clock: new VirtualClock() });
function* host(n: number) {
  for (let at = 0; at < n; at++) yield;
  return n;
}
const spawn = ((): (() => Task<number>) => {
  if (who === 'host') return () => scheduler.spawn(host, [TURNS]);
  const { yields } = taskModule('none', who === 'guest with shadow stacks').load(scheduler);
  return () => scheduler.spawn(yields, [TURNS]);
})();
const elapsed = stopwatch(clock);
const joining = scheduler.spawn(function* () {
  const tasks = Array.from({ length: count }, spawn);
  let turns = 0;
  for (const task of tasks) turns += yield* task.joined;
  return turns;
});
scheduler.run();
const seconds = elapsed() / 1000;
verify(`${count} tasks, ${who}`, BigInt(joining.result ?? -1), BigInt(count * TURNS));
report<Million>({ count, seconds, peak: process.resourceUsage().maxRSS * 1024 });
