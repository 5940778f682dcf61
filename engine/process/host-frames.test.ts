import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BinaryenInstrumenter, loadBinaryen, type TransformOptions, transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { assemble, type Launched, type LaunchOptions, launchModule, SUSPENDING } from './guests.test-data.ts';
import { Process, ProcessEndedError, RemoteProcess, signalImports } from './index.ts';
import type { WorkerJob } from './remote.worker.test-data.ts';

let binaryen: BinaryenInstrumenter;
beforeAll(async () => {
  binaryen = await loadBinaryen();
});

const frames = (options: TransformOptions) => (source: Uint8Array) =>
  transform(source, { suspending: SUSPENDING, ...options }).bytes;
const byBinaryen = (yields: 'fuel' | 'epoch') => (source: Uint8Array) =>
  binaryen.transform(source, { yields, suspending: SUSPENDING, optimizeLevel: 0 }).bytes;
const WAYS: Record<string, (source: Uint8Array) => Uint8Array<ArrayBuffer>> = {
  'fuel, closed': frames({ yields: 'fuel', linking: 'closed' }),
  'fuel, linked': frames({ yields: 'fuel', linking: 'linked' }),
  'epoch, closed': frames({ yields: 'epoch', linking: 'closed' }),
  'epoch, linked': frames({ yields: 'epoch', linking: 'linked' }),
  'fuel, binaryen': byBinaryen('fuel'),
  'epoch, binaryen': byBinaryen('epoch'),
};

/** Calls itself through the host, `depth` times, and computes for ever in there. */
const NESTED = `
  (global $n (export "n") (mut i32) (i32.const 0))
  (func $enter (export "enter") (param $depth i32)
    (if (local.get $depth) (then (call $call (i32.sub (local.get $depth) (i32.const 1)))))
    (loop $l (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (if (i32.eq (global.get $n) (i32.const 1000)) (then (call $log (i32.const 1))))
      (br $l)))
  (func (export "after") (result i32) (i32.const 5))
  (func (export "_start") (call $enter (i32.const 3)) (loop $l (br $l)))`;

/** The host function between: it swallows what it gets, and calls again. */
function swallowing(errors: unknown[]): NonNullable<LaunchOptions['call']> {
  return (depth, { exports }) => {
    for (const again of [depth, 0]) {
      try {
        (exports.enter as (depth: number) => void)(again);
        errors.push('returned');
      } catch (error) {
        errors.push(error);
      }
    }
  };
}

async function ended(launched: Launched): Promise<unknown> {
  launched.process.start();
  return launched.process.wait();
}

describe.each(Object.keys(WAYS))('a guest that computes below host frames, %s', (way) => {
  const compile = async (text: string) =>
    new WebAssembly.Module((WAYS[way] as (typeof WAYS)[string])(await assemble(text)));

  /** Each of the three host functions swallowed two errors. */
  function expectTold(errors: readonly unknown[]): void {
    expect(errors).toHaveLength(6);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ProcessEndedError);
      expect(error).toMatchObject({ name: 'ProcessEndedError', kind: 'process-ended' });
    }
  }

  it.each([
    ['wall', { wall: 250 }],
    ['cpu', { cpu: 40 }],
  ] as const)('is ended by its limit of %s time', async (limit, limits) => {
    const errors: unknown[] = [];
    const launched = launchModule(await compile(NESTED), { limits, call: swallowing(errors) });
    expect(await ended(launched)).toEqual({ kind: 'timed-out', limit });
    expect(launched.process.timedOut).toBe(limit);
    expectTold(errors);
    expect(launched.log).toContain(1);
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGABRT'])('is ended by %s that an import sends', async (signal) => {
    const errors: unknown[] = [];
    const module = await compile(NESTED);
    const self: Process = new Process();
    const nested = swallowing(errors);
    let exports: WebAssembly.Exports = {};
    const env = {
      log: () => self.kill(signal),
      call: (depth: number) => nested(depth, { exports } as Launched),
      wait: () => 0,
    };
    const { instance } = new Store().instantiate(module, { ...signalImports(self), env });
    ({ exports } = instance);
    self.attach(module, instance);
    self.start();
    expect(await self.wait()).toMatchObject({ kind: 'signaled' });
    expectTold(errors);
  });

  it('is ended by exit, and has what it computes dropped', async () => {
    for (const how of ['exit', 'drop'] as const) {
      const errors: unknown[] = [];
      const nested = swallowing(errors);
      const launched: Launched = launchModule(await compile(NESTED), {
        call: (depth, given) => {
          if (depth > 0) return nested(depth, given);
          if (how === 'exit') return given.process.exit(7);
          given.process.drop();
          return nested(0, given);
        },
      });
      const { process } = launched;
      process.start();
      if (how === 'drop') {
        await expect.poll(() => process.state).toBe('suspended');
        process.fresh('after').resume();
        expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [5] });
        expectTold(errors);
      } else {
        expect(await process.wait()).toEqual({ kind: 'exited', status: 7, results: [] });
        for (const error of errors) expect(error).toBeInstanceOf(ProcessEndedError);
      }
    }
  });

  it('has its handler run once the host frames are gone', async () => {
    const order: string[] = [];
    const text = `
      (func $h (param i32) (call $log (i32.const 2)))
      (elem (table $handlers) (i32.const 2) func $h)
      (func (export "enter") (param $n i32) (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
      (func (export "_start")
        (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (call $call (i32.const 200000)) (call $log (i32.const 1)) (loop $l (br $l)))`;
    const launched: Launched = launchModule(await compile(text), {
      call: (rounds, { process, exports }) => {
        process.kill('SIGUSR1');
        (exports.enter as (rounds: number) => void)(rounds);
        order.push('host');
      },
    });
    const { process, log } = launched;
    process.start();
    await expect.poll(() => log).toEqual([1, 2]);
    expect(order).toEqual(['host']);
    process.kill('SIGKILL');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('is ended by another thread', async () => {
    const module = await compile(NESTED);
    const endings = [
      { options: {}, status: { kind: 'signaled', signal: 9 } },
      { options: { limits: { wall: 50 } }, status: { kind: 'timed-out', limit: 'wall' } },
    ];
    for (const { options, status } of endings) {
      const remote = new RemoteProcess();
      const workerData: WorkerJob = { module, controls: [remote.control], options, times: new SharedArrayBuffer(8) };
      const worker = new Worker(new URL('remote.worker.test-data.ts', import.meta.url), {
        workerData,
        transferList: [remote.control.port as never],
      });
      if (status.kind === 'signaled') {
        await once(worker, 'message');
        remote.kill('SIGKILL');
      }
      expect(await remote.wait()).toEqual(status);
      await worker.terminate();
    }
  });

  it('gives the host its turn between calls that take long, and looks at the clock', async () => {
    let calls = 0;
    const busy = (milliseconds: number): void => {
      const until = performance.now() + milliseconds;
      while (performance.now() < until);
      calls++;
    };
    const module = await compile('(func (export "_start") (loop $l (call $call (i32.const 25)) (br $l)))');
    const killed = launchModule(module, { call: busy });
    killed.process.start();
    setTimeout(() => killed.process.kill('SIGKILL'), 60);
    expect(await killed.process.wait()).toEqual({ kind: 'signaled', signal: 9 });
    expect(calls).toBeLessThan(6);
    calls = 0;
    const limited = launchModule(module, { call: busy, limits: { cpu: 60 } });
    expect(await ended(limited)).toEqual({ kind: 'timed-out', limit: 'cpu' });
    expect(calls).toBeLessThan(6);
  });
});

describe('what ends a guest', () => {
  it('is seen by no handler of its', async () => {
    const text = `
      (global $caught (export "caught") (mut i32) (i32.const 0))
      (func (export "enter") (param i32) (loop $l (br $l)))
      (func (export "_start")
        (block $caught (try_table (catch_all $caught) (call $call (i32.const 0)) (return)))
        (global.set $caught (i32.const 1)) (loop $l (br $l)))`;
    for (const yields of ['fuel', 'epoch'] as const) {
      for (const linking of ['closed', 'linked'] as const) {
        const module = new WebAssembly.Module(frames({ yields, linking })(await assemble(text)));
        const launched = launchModule(module, {
          limits: { wall: 100 },
          call: (_, { exports }) => (exports.enter as (n: number) => void)(0),
        });
        expect(await ended(launched)).toEqual({ kind: 'timed-out', limit: 'wall' });
        expect((launched.exports.caught as WebAssembly.Global).value).toBe(0);
      }
    }
  });

  it('ends the process that runs another within an import, whatever that runs', async () => {
    const module = new WebAssembly.Module(frames({ yields: 'fuel', linking: 'closed' })(await assemble(NESTED)));
    const errors: unknown[] = [];
    const inner = launchModule(module, { call: swallowing(errors) });
    const outer = launchModule(module, { limits: { wall: 250 }, call: () => void inner.process.run() });
    expect(await ended(outer)).toEqual({ kind: 'timed-out', limit: 'wall' });
    expectAll(errors);
    // Its own frames that no host function is below of were not touched.
    expect(inner.process.status).toBeNull();
  });

  it('counts the same polls whatever a host frame did between', async () => {
    const text = `
      (func (export "enter") (param $n i32) (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
      (global $n (export "n") (mut i32) (i32.const 0))
      (func (export "_start") (loop $l (call $call (i32.const 70000)) (global.set $n (i32.add (global.get $n) (i32.const 1))) (br $l)))`;
    const module = new WebAssembly.Module(frames({ yields: 'fuel', linking: 'closed' })(await assemble(text)));
    const rounds: unknown[] = [];
    for (let run = 0; run < 2; run++) {
      const { process, exports } = launchModule(module, {
        call: (n, given) => (given.exports.enter as (n: number) => void)(n),
      });
      const seen = [];
      for (let slice = 0; slice < 5; slice++) {
        process.run({ fuel: 100_000 });
        seen.push((exports.n as WebAssembly.Global).value);
      }
      rounds.push(seen);
    }
    expect(rounds[0]).toEqual(rounds[1]);
  });
});

function expectAll(errors: readonly unknown[]): void {
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors) expect(error).toBeInstanceOf(ProcessEndedError);
}
