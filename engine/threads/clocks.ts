import type { ProcessClock } from '../process/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import type { Clocks } from '../wasi/index.ts';

/** The clock of a scheduler, for a process whose threads are its tasks. */
export function schedulerClock(scheduler: Scheduler): ProcessClock {
  const { timers } = scheduler.home;
  return {
    now: () => scheduler.now(),
    at: (time, run) => {
      const timer = timers.set(time, run);
      return () => timers.clear(timer);
    },
  };
}

/**
 * The same as a guest's clocks of WASI, for the option `clocks` of `suspendingWasi`.
 *
 * @param epoch what the real-time clock shows when the scheduler's shows 0, in milliseconds since 1970
 */
export function schedulerClocks(scheduler: Scheduler, epoch = 0): Clocks {
  const clock = schedulerClock(scheduler);
  const nanoseconds = (): bigint => BigInt(Math.round(clock.now() * 1e6));
  return {
    realtime: () => BigInt(Math.round(epoch * 1e6)) + nanoseconds(),
    monotonic: nanoseconds,
    after: (milliseconds, wake) => clock.at(clock.now() + milliseconds, wake),
  };
}
