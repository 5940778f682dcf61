import { beforeAll, describe, expect, it } from 'vitest';
import { type BinaryenInstrumenter, loadBinaryen, transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { assemble, type LaunchOptions, launchModule, SUSPENDING, settle } from './guests.test-data.ts';
import { Process, signalImports } from './index.ts';

let binaryen: BinaryenInstrumenter;
beforeAll(async () => {
  binaryen = await loadBinaryen();
});

const WAYS: Record<string, (source: Uint8Array) => Uint8Array<ArrayBuffer>> = {
  'fuel, closed': (source) => transform(source, { yields: 'fuel', linking: 'closed', suspending: SUSPENDING }).bytes,
  'epoch, linked': (source) => transform(source, { yields: 'epoch', linking: 'linked', suspending: SUSPENDING }).bytes,
  'fuel, binaryen': (source) =>
    binaryen.transform(source, { yields: 'fuel', suspending: SUSPENDING, optimizeLevel: 0 }).bytes,
  'epoch, binaryen': (source) =>
    binaryen.transform(source, { yields: 'epoch', suspending: SUSPENDING, optimizeLevel: 2 }).bytes,
};

/** A guest whose start function is the given one. */
const starting = (body: string): string => `
  (func $h (param i32) (call $log (local.get 0)))
  (elem (table $handlers) (i32.const 2) func $h)
  (global $seen (export "seen") (mut i32) (i32.const 0))
  (func $first ${body} (global.set $seen (i32.add (global.get $seen) (i32.const 1))))
  (start $first)
  (func (export "before") (call $log (i32.const 100)))
  (func (export "other") (result i32) (i32.const 8))
  (func (export "_start") (result i32) (call $log (i32.const 101)) (global.get $seen))`;

describe.each(Object.keys(WAYS))('a start function, %s', (way) => {
  const launch = async (body: string, options: LaunchOptions = {}) =>
    launchModule(new WebAssembly.Module((WAYS[way] as (typeof WAYS)[string])(await assemble(starting(body)))), options);

  it('runs before the entry, and after it what is to come first', async () => {
    const { process, log } = await launch('(call $log (i32.const 1))', { before: ['before'] });
    expect(log).toEqual([]);
    process.start();
    expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [1] });
    expect(log).toEqual([1, 100, 101]);
  });

  it('is ended by time limits and by signals', async () => {
    const limited = await launch('(loop $l (br $l))', { limits: { wall: 40 } });
    limited.process.start();
    expect(await limited.process.wait()).toEqual({ kind: 'timed-out', limit: 'wall' });
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const { process, log } = await launch('(call $log (i32.const 1)) (loop $l (br $l))');
      process.start();
      await expect.poll(() => log).toEqual([1]);
      process.kill(signal);
      expect(await process.wait()).toMatchObject({ kind: 'signaled' });
    }
  });

  it('waits, and has handlers run meanwhile', async () => {
    const launched = await launch(`
      (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
      (call $log (call $wait (i32.const 0))) (call $log (call $wait (i32.const 0)))`);
    const { process, log, answer } = launched;
    process.start();
    await settle(launched);
    process.kill('SIGUSR1');
    await expect.poll(() => log).toEqual([10, -4]);
    await settle(launched);
    answer(3);
    expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [1] });
    expect(log).toEqual([10, -4, 3, 101]);
  });

  it('that traps, or throws what an import has thrown, is how the process has failed', async () => {
    const trapped = await launch('unreachable');
    trapped.process.start();
    expect(await trapped.process.wait()).toMatchObject({ kind: 'failed', error: expect.any(WebAssembly.RuntimeError) });
    const error = new Error('thrown');
    const thrown = await launch('(call $call (i32.const 0))', {
      call: () => {
        throw error;
      },
    });
    thrown.process.start();
    expect(await thrown.process.wait()).toEqual({ kind: 'failed', error });
    expect(thrown.log).toEqual([]);
  });

  it('is taken away and put back with what follows, and runs once', async () => {
    const { process, log } = await launch('(call $log (call $wait (i32.const 0)))');
    await process.ready();
    expect(process.run().pause).toBe('blocked');
    const taken = process.suspend();
    expect(taken.entry).toBe('(start)');
    process.fresh('other').resume();
    const other = process.suspend();
    other.drop();
    taken.resume();
    process.drop();
    process.fresh('other').resume();
    while (!process.run().finished) await process.ready();
    expect(process.status).toEqual({ kind: 'exited', status: 0, results: [8] });
    expect(log).toEqual([]);
  });

  it('comes before a computation that takes the place of the entry', async () => {
    const { process, log } = await launch('(call $log (i32.const 1))');
    process.fresh('other').resume();
    do await process.ready();
    while (!process.run().finished);
    expect(process.status).toEqual({ kind: 'exited', status: 0, results: [8] });
    expect(log).toEqual([1]);
  });

  it('runs at instantiation where no process is to run it', async () => {
    const module = new WebAssembly.Module(
      (WAYS[way] as (typeof WAYS)[string])(await assemble(starting('(call $log (i32.const 1))'))),
    );
    const log: number[] = [];
    const process = new Process();
    const env = { log: (value: number) => void log.push(value), call: () => {}, wait: () => 0 };
    const { instance } = new Store().instantiate(module, { ...signalImports(process), env });
    expect(log).toEqual([1]);
    process.attach(module, instance);
    process.start();
    expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [1] });
    expect(log).toEqual([1, 101]);
  });
});

it('a start function that is an import runs as one', async () => {
  const text = `(import "env" "first" (func $first)) (func (export "_start") (result i32) (i32.const 4)) (start $first)`;
  const source = await parseText(`(module ${text})`);
  for (const yields of ['fuel', 'none'] as const) {
    const bytes = transform(source, { linking: 'closed', yields, suspending: ['env.first'] }).bytes;
    const done: (() => void)[] = [];
    const process: Process = Process.instantiate(new Store(), new WebAssembly.Module(bytes), (self) => ({
      env: {
        first: () =>
          self.block('env.first', {
            start: (end) => {
              done.push(end);
              return () => {};
            },
            interrupted: () => undefined,
          }),
      },
    }));
    process.start();
    await expect.poll(() => process.state).toBe('blocked');
    done[0]?.();
    expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [4] });
  }
});
