import { describe, expect, it } from 'vitest';
import type { Linking } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import {
  currentTask,
  giveWay,
  instantiate,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  Suspending,
  sleep,
} from '../../engine/scheduler/index.ts';
import { compile, deterministic, EXPECTED, example, POLICIES, switches } from './load.test-data.ts';

const names = Object.keys(EXPECTED);
const binaries = new Map<string, Uint8Array>();
for (const name of [...names, 'library', 'program']) binaries.set(name, await example(name));
const module = (name: string, linking: Linking, suspending?: readonly string[]): WebAssembly.Module =>
  compile(binaries.get(name) as Uint8Array, linking, suspending);

type Main = { run(): void };

/** Runs each program twice at once in one instance, beside a host task. */
function runAll(linking: Linking, policy: Policy, suspends: boolean) {
  const { scheduler, trace } = deterministic(policy);
  const logs = new Map<string, number[]>();
  const record = (value: number): void => {
    const name = currentTask()?.name ?? '';
    logs.set(name, [...(logs.get(name) ?? []), value]);
  };
  const waiting = new Suspending((value: number) => {
    record(value);
    if (value % 3 === 0) return sleep(1 + (Math.abs(value) % 5));
    return value % 3 === 1 ? giveWay() : undefined;
  });
  const host = { log: suspends ? waiting : record };
  for (const name of names) {
    const guest = module(name, linking, suspends ? ['host.*'] : []);
    const { exports } = instantiate<Main>(scheduler, new Store(), guest, { host });
    for (const which of ['first', 'second']) scheduler.spawn(exports.run, [], { name: `${name} ${which}` });
  }
  const ticker = scheduler.spawn(function* ticker() {
    for (let ticks = 0; ticks < 50; ticks++) yield* sleep(1);
    return scheduler.now();
  });
  scheduler.run();
  expect(ticker.result).toBeGreaterThanOrEqual(50);
  return { logs, trace };
}

describe.each(['closed', 'linked'] as const)('programs with schedulers of their own, as tasks, %s', (linking) => {
  const cases = Object.keys(POLICIES).flatMap((policy) => [[policy, false] as const, [policy, true] as const]);
  it.each(cases)('under %s, log that suspends: %s', (name, suspends) => {
    const run = () => runAll(linking, POLICIES[name]?.() as Policy, suspends);
    const { logs, trace } = run();
    for (const program of names) {
      for (const which of ['first', 'second']) expect(logs.get(`${program} ${which}`)).toEqual(EXPECTED[program]);
    }
    // Those that neither wait nor have slices run through.
    const least = suspends ? 300 : name === 'fifo' ? names.length * 2 : 200;
    expect(switches(trace)).toBeGreaterThanOrEqual(least);
    expect(run()).toEqual({ logs, trace });
  });
});

describe('a scheduler written in Wasm, linked as a library', () => {
  const numbers = [4, 9973, 15, 7, 21, 1013, 2, 9, 9967, 25, 1, 97];
  const primes = [2, 7, 97, 1013, 9967, 9973];

  async function load(hostedLibrary: boolean, scheduler: Scheduler, found: (prime: number) => void) {
    const store = new Store();
    const library = hostedLibrary
      ? instantiate(scheduler, store, module('library', 'linked', []))
      : store.instantiate(module('library', 'linked'));
    const left = [...numbers];
    const number = new Suspending((worker: number) => {
      const next = left.shift() ?? 0;
      return worker % 2 === 0 ? next : sleep(worker * 7).map(() => next);
    });
    const host = { number, prime: (_: number, prime: number) => found(prime) };
    const imports = { scheduler: library.exports, host };
    return instantiate<{ main(workers: number): number }>(
      scheduler,
      store,
      module('program', 'linked', ['host.number']),
      imports,
    ).exports;
  }

  it.each(Object.keys(POLICIES))(
    'runs the continuations of a program, which wait in host calls: %s',
    async (policy) => {
      for (const hosted of [true, false]) {
        const run = async () => {
          const { scheduler, trace } = deterministic(POLICIES[policy]?.() as Policy);
          const found: number[] = [];
          const { main } = await load(hosted, scheduler, (prime) => found.push(prime));
          const task = scheduler.spawn(main, [7]);
          const ticks = scheduler.spawn(function* () {
            for (let count = 0; ; count++) {
              if (task.outcome !== null) return count;
              yield* sleep(1);
            }
          });
          scheduler.run();
          expect(found.toSorted((a, b) => a - b)).toEqual(primes);
          // A call that waits has all of the program wait: its scheduler does not know of it.
          expect(ticks.result).toBeGreaterThan(40);
          expect(task.result).toBeGreaterThan(100);
          return { found, trace };
        };
        expect(await run()).toEqual(await run());
      }
    },
  );

  it('in one task for each program, and none disturbs another', async () => {
    const scheduler = new Scheduler({ policy: new RoundRobinPolicy({ slice: 5 }) });
    const found = Array.from({ length: 5 }, (): number[] => []);
    const tasks = await Promise.all(
      found.map(async (list) => scheduler.spawn((await load(true, scheduler, (prime) => list.push(prime))).main, [3])),
    );
    await Promise.all(tasks.map((task) => task.join()));
    for (const list of found) expect(list.toSorted((a, b) => a - b)).toEqual(primes);
  });
});
