import {
  DeadlinePolicy,
  FairPolicy,
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  PriorityPolicy,
  RoundRobinPolicy,
  Scheduler,
  SchedulerError,
  type SchedulerErrorKind,
  type SchedulerOptions,
  VirtualClock,
} from './index.ts';

/** One of each, with slices short enough to matter. */
export const POLICIES: Readonly<Record<string, () => Policy>> = {
  fifo: () => new FifoPolicy(),
  'round robin': () => new RoundRobinPolicy({ slice: 2 }),
  priority: () => new PriorityPolicy({ slice: 3 }),
  fair: () => new FairPolicy({ slice: 2 }),
  deadline: () => new DeadlinePolicy(),
  lottery: () => new LotteryPolicy({ slice: 1 }),
};

/** A scheduler in virtual time. */
export const virtual = (options: SchedulerOptions = {}): Scheduler =>
  new Scheduler({ clock: new VirtualClock(), ...options });

/** The kind of the error that a function throws. */
export function thrown(run: () => unknown): SchedulerErrorKind | 'another error' | 'nothing' {
  try {
    run();
  } catch (error) {
    return error instanceof SchedulerError ? error.kind : 'another error';
  }
  return 'nothing';
}

/** The kind of the error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<SchedulerErrorKind | 'another error' | 'nothing'> {
  try {
    await promise;
  } catch (error) {
    return error instanceof SchedulerError ? error.kind : 'another error';
  }
  return 'nothing';
}
