import {
  DeadlinePolicy,
  type DeadlockError,
  FairPolicy,
  FifoPolicy,
  hostClock,
  LotteryPolicy,
  type Policy,
  PriorityPolicy,
  RoundRobinPolicy,
  type SchedulerOptions,
  VirtualClock,
} from '../scheduler/index.ts';
import { UsageError } from './command.ts';

/** The options of the command line that say how the threads of a program take turns. */
export const THREAD_OPTIONS = {
  policy: { type: 'string' },
  seed: { type: 'string' },
  'virtual-time': { type: 'boolean', default: false },
} as const;
export interface ThreadValues {
  readonly policy?: string | undefined;
  readonly seed?: string | undefined;
  readonly 'virtual-time': boolean;
}

/** How the threads of a program are scheduled. */
export interface Scheduling {
  readonly options: SchedulerOptions;
  /** Time stands still while a thread can run. */
  readonly isVirtual: boolean;
}

type Slice = { readonly slice?: number };
const POLICIES: Readonly<Record<string, (slice: Slice) => Policy>> = {
  fifo: () => new FifoPolicy(),
  'round-robin': (slice) => new RoundRobinPolicy(slice),
  priority: (slice) => new PriorityPolicy(slice),
  fair: (slice) => new FairPolicy(slice),
  deadline: (slice) => new DeadlinePolicy(slice),
  lottery: (slice) => new LotteryPolicy(slice),
};

const MAX = Number.MAX_SAFE_INTEGER;

/** Throws {@link UsageError}. */
export function scheduling(values: ThreadValues): Scheduling {
  const { policy: text = 'round-robin', seed = '0' } = values;
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const polls = colon < 0 ? undefined : text.slice(colon + 1);
  const make = POLICIES[name];
  if (make === undefined) throw new UsageError(`--policy is ${Object.keys(POLICIES).join(', ')}, not "${name}"`);
  const slice = Number(polls);
  if (polls !== undefined && (name === 'fifo' || !/^[0-9]+$/.test(polls) || slice < 1 || slice > MAX)) {
    const problem = name === 'fifo' ? 'has no slices' : `takes its slice in polls, 1 or more, and not "${polls}"`;
    throw new UsageError(`--policy ${name} ${problem}`);
  }
  if (!/^-?[0-9]+$/.test(seed) || Math.abs(Number(seed)) > MAX)
    throw new UsageError(`--seed is a number, not "${seed}"`);
  const isVirtual = values['virtual-time'];
  return {
    options: {
      policy: make(polls === undefined ? {} : { slice }),
      clock: isVirtual ? new VirtualClock() : hostClock,
      seed: Number(seed),
    },
    isVirtual,
  };
}

/** Whether any of them was given: then also a program without threads is run by a scheduler. */
export const isScheduled = (values: ThreadValues): boolean =>
  values.policy !== undefined || values.seed !== undefined || values['virtual-time'];

/** What is said where all threads wait for each other. */
export function deadlockReport({ tasks }: DeadlockError): string {
  const lines = tasks.map(({ name, blockedOn, backtrace }) => {
    const frames = backtrace.map((frame) => `\n      at ${frame}`).join('');
    return `  ${name} waits for ${blockedOn}${frames}`;
  });
  return `deadlock: no thread can go on\n${lines.join('\n')}`;
}
