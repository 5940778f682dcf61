import {
  Channel,
  FifoPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  sleep,
  type Task,
  VirtualClock,
} from '../engine/scheduler/index.ts';
import { type Clock, stopwatch, verify } from './child.ts';
import { type Answer, hasIntegration, integrated, taskModule } from './task-guest.ts';

/** Makes about this many operations, sees that they were the right ones, and returns the nanoseconds of each. */
export type Measure = (operations: number, clock: Clock) => Promise<number>;

export interface TaskCase {
  readonly name: string;
  /** How many operations one measurement makes. */
  readonly operations: number;
  /** The case of the same group that it is compared with. */
  readonly against: string | null;
  readonly prepare: () => Measure;
}

export interface TaskGroupOfCases {
  readonly name: string;
  readonly cases: readonly TaskCase[];
}

const MILLION = 1_000_000;
export const COUNTS = [2, 100, 10_000, MILLION] as const;
/** The number of tasks that the others are compared with. */
export const USUAL = 100;
export const JSPI = 'JSPI';
export const OURS = 'tasks of a scheduler';

const POLICIES = {
  FIFO: () => new FifoPolicy(),
  'round robin': () => new RoundRobinPolicy({ slice: 1 }),
} as const satisfies Record<string, () => Policy>;
export type PolicyName = keyof typeof POLICIES;
export const WHO = ['guest', 'guest with shadow stacks', 'host'] as const;
export type Who = (typeof WHO)[number];

export const switchesName = (who: Who, policy: PolicyName): string => `task switches, ${who}, ${policy}`;
export const countName = (count: number): string => `${count.toLocaleString('en-US')} tasks`;
export const CALLS = 'suspending calls of tasks, resolved at once';
export const IN_FLIGHT = '10,000 suspending calls of tasks in flight';

const sumBelow = (n: number): bigint => (BigInt(n) * BigInt(n - 1)) / 2n;

/** Everybody's turns before and after those that are measured: nobody begins or ends meanwhile. */
const MARGIN = 2;

/** Where the tasks of all cases of a group run: a program has one scheduler, and seldom more than one instance of a guest. */
interface Place {
  readonly scheduler: Scheduler;
  /** How many turns tasks have had. */
  readonly counted: () => bigint;
  /** A task that has n turns. */
  readonly spawn: (n: number) => Task;
}

function place(who: Who, policy: PolicyName): Place {
  const scheduler = new Scheduler({ policy: POLICIES[policy](), clock: new VirtualClock() });
  if (who === 'host') {
    let total = 0;
    const body = function* (n: number) {
      for (let at = 0; at < n; at++) {
        total++;
        yield;
      }
    };
    return { scheduler, counted: () => BigInt(total), spawn: (n) => scheduler.spawn(body, [n]) };
  }
  const module = taskModule(policy === 'FIFO' ? 'none' : 'fuel', who === 'guest with shadow stacks');
  const { yields, spins, count } = module.load(scheduler);
  const body = policy === 'FIFO' ? yields : spins;
  return { scheduler, counted: () => count.value as bigint, spawn: (n) => scheduler.spawn(body, [n]) };
}

/** Has one of `count` tasks measure how long it takes until all have had so many turns. */
function switches(who: Who, policy: PolicyName, count: number, shared: () => Place): TaskCase {
  return {
    name: countName(count),
    operations: Math.max(MILLION, 3 * count),
    against: count === USUAL ? null : countName(USUAL),
    prepare: () => async (operations, clock) => {
      const turns = Math.ceil(operations / count);
      const { scheduler, counted, spawn } = shared();
      const measuring = scheduler.spawn(function* () {
        for (let turn = 0; turn < MARGIN; turn++) yield;
        const before = counted();
        const elapsed = stopwatch(clock);
        for (let turn = 0; turn < turns; turn++) yield;
        return { ms: elapsed(), switches: counted() - before };
      });
      for (let task = 1; task < count; task++) spawn(turns + 2 * MARGIN);
      scheduler.run();
      const { result } = measuring;
      verify(`${switchesName(who, policy)}, ${count}`, result?.switches ?? -1n, BigInt(turns * (count - 1)));
      return ((result?.ms ?? 0) * 1e6) / (turns * count);
    },
  };
}

/** One after the other. */
function spawnAndJoin(who: 'guest' | 'host'): TaskCase {
  return {
    name: who,
    operations: 200_000,
    against: null,
    prepare: () => {
      const scheduler = new Scheduler({ clock: new VirtualClock() });
      const { one } = taskModule('none', false).load(scheduler);
      return async (operations, clock) => {
        const func = who === 'guest' ? one : () => 1;
        const joining = scheduler.spawn(function* () {
          let sum = 0;
          for (let at = 0; at < operations; at++) sum += yield* scheduler.spawn(func).joined;
          return sum;
        });
        const elapsed = stopwatch(clock);
        scheduler.run();
        const ms = elapsed();
        verify(`spawn + join, ${who}`, BigInt(joining.result ?? -1), BigInt(operations));
        return (ms * 1e6) / operations;
      };
    },
  };
}

function* ping(n: number, to: Channel<number>, from: Channel<number>) {
  let sum = 0n;
  for (let at = 0; at < n; at++) {
    yield* to.send(at);
    sum += BigInt((yield* from.receive()).value ?? -1);
  }
  return sum;
}

function* pong(n: number, to: Channel<number>, from: Channel<number>) {
  for (let at = 0; at < n; at++) yield* to.send((yield* from.receive()).value ?? -1);
}

function roundTrips(who: 'guest' | 'host'): TaskCase {
  return {
    name: who,
    operations: 200_000,
    against: null,
    prepare: () => {
      const scheduler = new Scheduler({ clock: new VirtualClock() });
      const exports = taskModule('none', false).load(scheduler);
      return async (operations, clock) => {
        let first: Task<bigint>;
        if (who === 'guest') {
          first = scheduler.spawn(exports.ping, [operations]);
          scheduler.spawn(exports.pong, [operations]);
        } else {
          const [there, back] = [new Channel<number>(), new Channel<number>()];
          first = scheduler.spawn(ping, [operations, there, back]);
          scheduler.spawn(pong, [operations, back, there]);
        }
        const elapsed = stopwatch(clock);
        scheduler.run();
        const ms = elapsed();
        verify(`round trips, ${who}`, first.result ?? -1n, sumBelow(operations));
        return (ms * 1e6) / operations;
      };
    },
  };
}

const SLEEPERS = 10_000;
/** Milliseconds. */
const LONGEST_SLEEP = 50;

function sleeps(kind: 'virtual' | 'real'): TaskCase {
  return {
    name: `${kind} time`,
    operations: kind === 'virtual' ? 10 * SLEEPERS : 2 * SLEEPERS,
    against: null,
    prepare: () => async (operations, clock) => {
      const scheduler = new Scheduler(kind === 'virtual' ? { clock: new VirtualClock() } : {});
      const turns = Math.max(1, Math.round(operations / SLEEPERS));
      let woken = 0;
      const body = function* (id: number) {
        for (let turn = 0; turn < turns; turn++) {
          yield* sleep((id * 7919) % LONGEST_SLEEP);
          woken++;
        }
      };
      // Real time passes in any case: what is measured is the work.
      const elapsed = stopwatch(kind === 'virtual' ? clock : 'cpu');
      const tasks = Array.from({ length: SLEEPERS }, (_, id) => scheduler.spawn(body, [id]));
      if (kind === 'virtual') scheduler.run();
      else await Promise.all(tasks.map((task) => task.join()));
      const ms = elapsed();
      verify(`sleeps, ${kind}`, BigInt(woken), BigInt(turns * SLEEPERS));
      return (ms * 1e6) / (turns * SLEEPERS);
    },
  };
}

type Ask = (tasks: number, n: number) => Promise<bigint[]>;

/** Calls `asks` in so many tasks at once, of a scheduler or of the engine's own. */
function asking(who: string, answer: Answer): Ask {
  if (who === JSPI) {
    const ask = integrated(answer);
    return (tasks, n) => Promise.all(Array.from({ length: tasks }, () => ask(n)));
  }
  const scheduler = new Scheduler();
  const { asks } = taskModule('none', false).load(scheduler, answer);
  return (tasks, n) => Promise.all(Array.from({ length: tasks }, () => scheduler.spawn(asks, [n]).join()));
}

function resolvedAtOnce(who: string): TaskCase {
  return {
    name: who,
    operations: 200_000,
    against: who === JSPI ? null : JSPI,
    prepare: () => {
      const ask = asking(who, (value) => Promise.resolve(value));
      return async (operations, clock) => {
        const elapsed = stopwatch(clock);
        const [sum] = await ask(1, operations);
        const ms = elapsed();
        verify(`${CALLS}, ${who}`, sum ?? -1n, sumBelow(operations));
        return (ms * 1e6) / operations;
      };
    },
  };
}

const FLYING = 10_000;

/** A permutation of so many numbers that is the same each time. */
function shuffled(length: number): number[] {
  const order = Array.from({ length }, (_, index) => index);
  let state = 1;
  for (let at = length - 1; at > 0; at--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}

/** All of them wait; then they are answered in an order of their own, and ask again. */
function inFlight(who: string): TaskCase {
  return {
    name: who,
    operations: 5 * FLYING,
    against: who === JSPI ? null : JSPI,
    prepare: () => {
      const order = shuffled(FLYING);
      let waiting: (() => void)[] = [];
      const ask = asking(who, (value) => {
        return new Promise((resolve) => {
          waiting.push(() => resolve(value));
          if (waiting.length < FLYING) return;
          const all = waiting;
          waiting = [];
          for (const index of order) all[index]?.();
        });
      });
      return async (operations, clock) => {
        const turns = Math.max(1, Math.round(operations / FLYING));
        const elapsed = stopwatch(clock);
        const sums = await ask(FLYING, turns);
        const ms = elapsed();
        const total = sums.reduce((sum, each) => sum + each, 0n);
        verify(`${IN_FLIGHT}, ${who}`, total, sumBelow(turns) * BigInt(FLYING));
        return (ms * 1e6) / (turns * FLYING);
      };
    },
  };
}

const callers = hasIntegration ? [JSPI, OURS] : [OURS];

export const TASK_GROUPS: readonly TaskGroupOfCases[] = [
  ...WHO.flatMap((who) =>
    (Object.keys(POLICIES) as PolicyName[]).map((policy) => {
      let made: Place | undefined;
      const shared = (): Place => {
        made ??= place(who, policy);
        return made;
      };
      return { name: switchesName(who, policy), cases: COUNTS.map((count) => switches(who, policy, count, shared)) };
    }),
  ),
  { name: 'task spawn + join', cases: [spawnAndJoin('guest'), spawnAndJoin('host')] },
  { name: 'task round trip over a channel', cases: [roundTrips('guest'), roundTrips('host')] },
  { name: '10,000 sleeping tasks, a sleep', cases: [sleeps('virtual'), sleeps('real')] },
  { name: CALLS, cases: callers.map(resolvedAtOnce) },
  { name: IN_FLIGHT, cases: callers.map(inFlight) },
];
