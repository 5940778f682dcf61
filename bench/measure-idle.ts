import { Scheduler, sleep } from '../engine/scheduler/index.ts';
import { collect, job, report, verify } from './child.ts';
import { taskModule } from './task-guest.ts';

export interface IdleJob {
  readonly who: 'guest' | 'host';
  readonly count: number;
}

export interface Idle {
  readonly count: number;
  /** What each idle task takes: on the engine's heap, and of the process's resident memory. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

const { who, count } = job<IdleJob>();
const scheduler = new Scheduler();
const { asks } = taskModule('none', false).load(scheduler, () => sleep(Number.POSITIVE_INFINITY));
const body = who === 'guest' ? asks : waits;
function* waits(): Generator {
  yield* sleep(Number.POSITIVE_INFINITY);
}
const release = scheduler.hold();
scheduler.spawn(body, [1]);
scheduler.run();
collect('major');
const before = process.memoryUsage();
for (let task = 0; task < count; task++) scheduler.spawn(body, [1]);
scheduler.run();
verify(`idle tasks, ${who}`, BigInt(scheduler.size), BigInt(count + 1));
collect('major');
const { heapUsed, rss } = process.memoryUsage();
report<Idle>({
  count,
  heapBytes: (heapUsed - before.heapUsed) / count,
  residentBytes: (rss - before.rss) / count,
});
release();
process.exit(0);
