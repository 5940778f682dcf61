import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { transform } from '../asyncify/index.ts';
import { loadBinaryen } from '../asyncify/instrument/binaryen/index.ts';
import { Store } from '../continuations/index.ts';
import { pointer } from '../engine/process/memory.ts';
import {
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type SchedulerOptions,
  type TraceEvent,
  VirtualClock,
} from '../engine/scheduler/index.ts';
import { suspendingThreads, Threads } from '../engine/threads/index.ts';
import { type GuestName, wasmPath } from './assemblyscript/sources.ts';

const binaryen = await loadBinaryen();
const instrumenters = {
  frames: (source: Uint8Array) =>
    transform(source, { linking: 'closed', yields: 'fuel', suspending: suspendingThreads }),
  binaryen: (source: Uint8Array) => binaryen.transform(source, { yields: 'fuel', suspending: suspendingThreads }),
};
type Instrumenter = keyof typeof instrumenters;

interface Run {
  readonly threads: Threads;
  readonly scheduler: Scheduler;
  readonly trace: readonly TraceEvent[];
  readonly log: readonly number[];
  output(): string;
}

const compiled = new Map<string, WebAssembly.Module>();

function launch(guest: GuestName, instrumenter: Instrumenter, options: SchedulerOptions): Run {
  const key = `${guest} ${instrumenter}`;
  const module =
    compiled.get(key) ?? new WebAssembly.Module(instrumenters[instrumenter](readFileSync(wasmPath(guest))).bytes);
  compiled.set(key, module);
  const trace: TraceEvent[] = [];
  const log: number[] = [];
  let output = '';
  const scheduler = new Scheduler({ ...options, onTrace: (event) => void trace.push(event) });
  const threads = Threads.instantiate(scheduler, new Store(), module, (process) => ({
    env: { log: (value: number) => void log.push(value) },
    wasi_snapshot_preview1: {
      fd_write: (fd: number, parts: number, count: number, written: number) => {
        const { memory } = process.guest;
        if (memory === null) throw new Error('no memory');
        expect([fd, count]).toEqual([1, 1]);
        const part = memory.view(pointer(parts), 8);
        const size = part.getUint32(4, true);
        output += new TextDecoder().decode(memory.copy(pointer(part.getUint32(0, true)), size));
        memory.view(pointer(written), 4).setUint32(0, size, true);
        return 0;
      },
    },
  }));
  threads.start();
  return { threads, scheduler, trace, log, output: () => output };
}

const POLICIES: readonly { readonly name: string; readonly sliced: boolean; readonly make: () => Policy }[] = [
  { name: 'FIFO', sliced: false, make: () => new FifoPolicy() },
  { name: 'round robin with slices', sliced: true, make: () => new RoundRobinPolicy({ slice: 2 }) },
  { name: 'a seeded lottery', sliced: true, make: () => new LotteryPolicy({ slice: 2, seed: 11 }) },
];

const primes = (() => {
  const found: number[] = [];
  for (let n = 2; found.length < 100; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return `${found.join('\n')}\n`;
})();

describe.each(['frames', 'binaryen'] as const)('a pipeline of 100 stages in AssemblyScript, by %s', (instrumenter) => {
  it.each(POLICIES)('finds 100 primes under $name', async ({ make }) => {
    const { threads, output } = launch('pipeline', instrumenter, { policy: make() });
    expect(await threads.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(output()).toBe(primes);
  });

  it.each(POLICIES)('makes the same trace each time in virtual time, under $name', ({ make, sliced }) => {
    const trace = (): readonly TraceEvent[] => {
      const run = launch('pipeline', instrumenter, { policy: make(), clock: new VirtualClock(), seed: 3 });
      run.scheduler.run();
      expect(run.threads.process.status).toMatchObject({ kind: 'exited', status: 0 });
      expect(run.output()).toBe(primes);
      return run.trace;
    };
    const first = trace();
    expect(trace()).toEqual(first);
    const names = new Set(first.map(({ name }) => name));
    for (let stage = 1; stage <= 100; stage++) expect(names).toContain(`stage ${stage}`);
    expect(first.some((event) => event.kind === 'stop' && event.reason === 'preempted')).toBe(sliced);
  });
});

const [EAGAIN, EBUSY, EINVAL, EPIPE, EDEADLK, ETIMEDOUT, ESRCH] = [-11, -16, -22, -32, -35, -110, -3];

describe.each(['frames', 'binaryen'] as const)('the AssemblyScript bindings of threads, by %s', (instrumenter) => {
  it('do what they say', () => {
    const { scheduler, log, threads } = launch('threads', instrumenter, { clock: new VirtualClock() });
    scheduler.run();
    expect(threads.process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(log).toEqual([
      // Threads: their numbers, names, results; joining what is not there, oneself; the end by `exitThread`.
      ...[1, 0, 0, 42, ESRCH, EDEADLK, 0, 256],
      // What is each thread's own.
      ...[0, 7081, 0, 7092, 7, 0, 0],
      // Sending signals, parking, sleeping, detaching.
      ...[0, ETIMEDOUT, 0, 0, 0, 0, EINVAL],
      // Conditions, barriers and wait groups.
      ...[0, 0, 0, 0, 1],
      // Mutexes, a semaphore and their limits.
      ...[EDEADLK, ETIMEDOUT, 0, EBUSY, ETIMEDOUT, -1, 0, ETIMEDOUT, EBUSY, 0, 0, EINVAL],
      ...[EAGAIN, 0, 0, 0, 0, 0, 0, EINVAL, 3000, 0, 0, EINVAL],
      // Channels of numbers and references.
      ...[1, 5, 1, 2021, 1, 1, 0, EPIPE, EPIPE, 0, 0, EAGAIN, ETIMEDOUT, 1, -2],
      // One of several.
      ...[1, EINVAL, 1, EAGAIN, ETIMEDOUT, 0, 1, 9, 7, 0, 0],
      // Each subscriber gets each value.
      ...[0, 0, 0, EAGAIN, ETIMEDOUT, 1, 1, 5, 0, 1, 6, 0, EPIPE],
      // No object was spoilt.
      0,
    ]);
  });
  it('allocate while others do, however short the slices', () => {
    const policy = new RoundRobinPolicy({ slice: 1 });
    const { scheduler, log, threads, trace } = launch('threads', instrumenter, { clock: new VirtualClock(), policy });
    scheduler.run();
    expect(threads.process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(log.at(-1)).toBe(0);
    expect(trace.filter((event) => event.kind === 'stop' && event.reason === 'preempted').length).toBeGreaterThan(1000);
  });
});
