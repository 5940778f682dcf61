import { describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { type Imports, Store } from '../../continuations/index.ts';
import {
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type TraceEvent,
  VirtualClock,
} from '../../engine/scheduler/index.ts';
import { Threads } from '../../engine/threads/index.ts';
import { suspendingWasi, suspendingWasiImports } from '../../engine/wasi/index.ts';
import { type Poll, read, World } from './world.test-data.ts';

// What a C compiler and its linker make of a program for wasi-threads. It would print another sum if the start functions of its
// instances set up the memory more than once, or if threads had their thread-local variables in common.

const binaryen = await loadBinaryen();
const INSTRUMENTERS = ['frames', 'binaryen'] as const;
const POLICIES: Readonly<Record<string, () => Policy>> = {
  FIFO: () => new FifoPolicy(),
  'round robin': () => new RoundRobinPolicy({ slice: 1000 }),
  'round robin, slices of a poll': () => new RoundRobinPolicy({ slice: 1 }),
  'seeded lottery': () => new LotteryPolicy({ slice: 5, seed: 3 }),
};

interface Build {
  readonly instrumenter: (typeof INSTRUMENTERS)[number];
  readonly sharedMemories: 'keep' | 'plain';
  readonly yields?: Poll | 'none';
}

const modules = new Map<string, WebAssembly.Module>();

function moduleOf({ instrumenter, sharedMemories, yields = 'fuel' }: Build): WebAssembly.Module {
  const key = [instrumenter, sharedMemories, yields].join();
  let module = modules.get(key);
  if (module === undefined) {
    const how = { yields, sharedMemories, atomicWaits: 'suspending', suspending: suspendingWasiImports } as const;
    const { bytes } =
      instrumenter === 'frames'
        ? transform(read('wasi-threads'), { ...how, linking: 'closed' })
        : binaryen.transform(read('wasi-threads'), { ...how, optimizeLevel: 1 });
    module = new WebAssembly.Module(bytes);
    modules.set(key, module);
  }
  return module;
}

/** Runs it to its end in virtual time. */
async function run(build: Build, policy: Policy, ...args: string[]) {
  const world = new World(['wasi-threads', ...args]);
  const trace: TraceEvent[] = [];
  const clock = new VirtualClock();
  const scheduler = new Scheduler({ clock, policy, seed: 7, onTrace: (event) => void trace.push(event) });
  const threads = Threads.instantiate(scheduler, new Store(), moduleOf(build), (process) => ({
    wasi_snapshot_preview1: suspendingWasi(process, world.wasi.wasiImport) as Imports[string],
  }));
  world.attach(threads.exports);
  const status = await threads.start().join();
  return { status, out: world.out, memory: world.memory?.buffer, trace };
}

const ended = { status: { kind: 'exited', status: 0, results: [] }, out: 'sum 500500\n' };

describe.each(INSTRUMENTERS)('a C program for wasi-threads, %s', (instrumenter) => {
  describe.each(['keep', 'plain'] as const)('shared memories: %s', (sharedMemories) => {
    const build: Build = { instrumenter, sharedMemories };

    it.each(Object.entries(POLICIES))('adds up what its workers are given, %s', async (_, policy) => {
      const { memory, ...rest } = await run(build, policy());
      expect(rest).toMatchObject(ended);
      expect(memory).toBeInstanceOf(sharedMemories === 'keep' ? SharedArrayBuffer : ArrayBuffer);
      expect(new Set(rest.trace.map(({ name }) => name)).size).toBe(5);
    });

    it('goes on where its main thread looks for their end without waiting', async () => {
      for (const slice of [1, 100])
        expect(await run(build, new RoundRobinPolicy({ slice }), 'spin')).toMatchObject(ended);
    });

    it('does the same without yield points, and with those of an epoch', async () => {
      for (const yields of ['none', 'epoch'] as const) {
        expect(await run({ ...build, yields }, new FifoPolicy())).toMatchObject(ended);
      }
      expect(await run({ ...build, yields: 'epoch' }, new RoundRobinPolicy(), 'spin')).toMatchObject(ended);
    });
  });

  it.each(Object.entries(POLICIES))('has the same trace twice, and with both memories, %s', async (_, policy) => {
    const [first, second, plain] = [
      await run({ instrumenter, sharedMemories: 'keep' }, policy()),
      await run({ instrumenter, sharedMemories: 'keep' }, policy()),
      await run({ instrumenter, sharedMemories: 'plain' }, policy()),
    ];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
    expect(plain.trace).toEqual(first.trace);
  });
});
