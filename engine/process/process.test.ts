import { describe, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { DIGEST, digest, launch, launchBytes, SIGUSR1, settle } from './guests.test-data.ts';
import { ProcessError, statusCode } from './index.ts';

const FOREVER = '(func (export "_start") (loop $l (br $l)))';
const COUNTER = `${DIGEST}
  (func (export "_start") (result i32) (call $digest (i32.const 100000)))
  (func (export "other") (param i32) (result i32) (call $digest (local.get 0)))`;
const exited = (...results: unknown[]) => ({ kind: 'exited', status: 0, results });

describe('Process, slices', () => {
  it('run until the budget is used up, and say when the guest has finished', async () => {
    const { process } = await launch(COUNTER);
    let slices = 0;
    for (let slice = process.run({ fuel: 1000 }); !slice.finished; slice = process.run({ fuel: 1000 })) {
      expect(slice).toEqual({ finished: false, pause: 'yielded' });
      slices++;
    }
    expect(slices).toBe(99);
    expect(process.run({ fuel: 1 })).toEqual({ finished: true, pause: 'ended' });
    expect(await process.wait()).toEqual(exited(digest(100_000)));
  });

  it.each([
    ['(param externref i32) (result externref)', '(local.get 0)', [[1, 2]], exited([1, 2])],
    ['(param externref i32) (result externref i32)', '(local.get 0) (local.get 1)', [[1, 2], 3], exited([1, 2], 3)],
    ['', '', [], exited()],
  ])('end with what the entry has returned: %s', async (type, body, args, ended) => {
    const { process } = await launch(`(func (export "_start") ${type} ${body})`, { args });
    expect(process.run({ fuel: 1000 }).finished).toBe(true);
    expect(await process.wait()).toEqual(ended);
  });

  it('are deterministic: the same budget yields at the same instruction', async () => {
    const text = `(global $i (export "i") (mut i32) (i32.const 0))
      (func (export "_start") (loop $l (global.set $i (i32.add (global.get $i) (i32.const 1))) (br $l)))`;
    const { process, exports } = await launch(text);
    const seen: unknown[] = [];
    for (const fuel of [1, 1, 7, 100, 3]) {
      process.run({ fuel });
      seen.push((exports.i as WebAssembly.Global).value);
    }
    const at = seen.map(Number);
    expect(at.slice(1).map((value, index) => value - (at[index] ?? 0))).toEqual([1, 7, 100, 3]);
  });

  it('keep their budget when a signal has the guest yield in between', async () => {
    const { process, exports, log } = await launch(
      `(global $i (export "i") (mut i32) (i32.const 0))
       (func $say (param $n i32) (call $log (global.get $i))) (elem (table $handlers) (i32.const 2) func $say)
       (func (export "_start") (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
         (loop $l
           (global.set $i (i32.add (global.get $i) (i32.const 1)))
           (if (i32.eq (global.get $i) (i32.const 3)) (then (call $call (i32.const 0))))
           (br $l)))`,
      { call: (_, launched) => void launched.process.kill(SIGUSR1) },
    );
    expect(process.run({ fuel: 5000 }).pause).toBe('yielded');
    expect(log).toEqual([3]);
    expect((exports.i as WebAssembly.Global).value).toBe(5000);
  });

  it('refuse a budget that is none, and processes that run by themselves', async () => {
    const { process } = await launch(FOREVER);
    for (const fuel of [0, -1, 1.5, Number.NaN, 2 ** 31]) expect(() => process.run({ fuel })).toThrow(RangeError);
    process.start();
    expect(() => process.run()).toThrow(ProcessError);
    expect(() => process.start()).toThrow(ProcessError);
    process.kill('SIGKILL');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('without a budget last about as long as they should', async () => {
    const { process } = await launch(FOREVER, { slice: 10 });
    const times: number[] = [];
    for (let slice = 0; slice < 30; slice++) {
      const begun = performance.now();
      expect(process.run().pause).toBe('yielded');
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    expect(times[15]).toBeGreaterThan(3);
    expect(times[15]).toBeLessThan(30);
  });

  it('let a process with nothing to do wait until it can go on', async () => {
    const launched = await launch(
      '(func (export "_start") (result i32) (i32.add (call $wait (i32.const 0)) (call $wait (i32.const 0))))',
    );
    const { process, answer } = launched;
    expect(process.run()).toEqual({ finished: false, pause: 'blocked' });
    expect(process.run()).toEqual({ finished: false, pause: 'blocked' });
    setTimeout(() => answer(17), 2);
    await process.ready();
    expect(process.run().finished).toBe(false);
    // Answered before anyone waits for it.
    answer(18);
    await process.ready();
    expect(process.run().finished).toBe(true);
    expect(process.status).toEqual(exited(35));
  });
});

describe('Process, started', () => {
  it('lets timers run while the guest computes', async () => {
    const { process } = await launch(FOREVER);
    const begun = performance.now();
    let ticks = 0;
    const timer = setInterval(() => {
      if (++ticks === 5) process.kill('SIGTERM');
    }, 5);
    process.start();
    const status = await process.wait();
    clearInterval(timer);
    expect(status).toEqual({ kind: 'signaled', signal: 15 });
    expect(statusCode(status)).toBe(143);
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it('passes arguments and results', async () => {
    const { process } = await launch(COUNTER, { entry: 'other', args: [5000] });
    process.start();
    const status = await process.wait();
    expect(status).toEqual(exited(digest(5000)));
    expect(statusCode(status)).toBe(0);
    expect(process.kill('SIGINT')).toBe(false);
    expect(process.kill(0)).toBe(false);
    expect(process.state).toBe('ended');
  });

  it('runs several guests side by side', async () => {
    const launched = await Promise.all(Array.from({ length: 5 }, () => launch(COUNTER, { slice: 1 })));
    for (const { process } of launched) process.start();
    for (const { process } of launched) expect(await process.wait()).toEqual(exited(digest(100_000)));
    expect(new Set(launched.map(({ process }) => process.pid)).size).toBe(5);
  });

  it('interrupts recursion too', async () => {
    const { process } = await launch(`(func $f (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
      (func (export "_start") (result i32) (call $f (i32.const 3000)))`);
    let yields = 0;
    while (!process.run({ fuel: 100 }).finished) yields++;
    expect(yields).toBe(30);
    expect(process.status).toEqual(exited(3000));
  });
});

describe('Process, stopping', () => {
  it('stops and continues a guest', async () => {
    const stops: number[] = [];
    const launched = await launch(COUNTER, { onStop: (signal) => stops.push(signal) });
    const { process } = launched;
    process.run({ fuel: 10 });
    process.stop();
    expect(process.run({ fuel: 10 }).pause).toBe('stopped');
    expect(process.state).toBe('stopped');
    expect(process.run({ fuel: 1_000_000 }).finished).toBe(false);
    process.continue();
    expect(process.run({ fuel: 1_000_000 }).finished).toBe(true);
    expect(process.status).toEqual(exited(digest(100_000)));
    expect(stops).toEqual([19]);
  });

  it.each(['now', 'later'])('is not wanted by the host: the guest goes on, without SIGCONT, %s', async (when) => {
    const goes: (() => void)[] = [];
    const onStop = (_: number, goOn: () => void): void => {
      if (when === 'now') goOn();
      goes.push(goOn);
    };
    const text = `(func $h (param i32) (call $log (local.get 0))) (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (call $install (i32.const 18) (i32.const 2) (i32.const 0) (i64.const 0)) (loop $l (br $l)))`;
    const { process, log } = await launch(text, { onStop });
    process.start();
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill('SIGTSTP');
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (when === 'later') expect(process.state).toBe('stopped');
    expect(goes).toHaveLength(1);
    goes[0]?.();
    expect(process.state).toBe('ready');
    process.kill('SIGCONT');
    await expect.poll(() => log).toEqual([18]);
    process.kill('SIGSTOP');
    await expect.poll(() => goes.length).toBe(2);
    if (when === 'later') process.kill('SIGTERM');
    goes[1]?.();
    goes[1]?.();
    process.kill('SIGTERM');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 15 });
    goes[1]?.();
  });

  it('is done by SIGTSTP too while the guest runs by itself, and undone by SIGCONT', async () => {
    const { process } = await launch(FOREVER);
    process.start();
    process.kill('SIGTSTP');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(process.state).toBe('stopped');
    // Other signals wait until it goes on, but SIGKILL does not.
    process.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(process.state).toBe('stopped');
    process.continue();
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('does not protect from SIGKILL', async () => {
    const { process } = await launch(FOREVER);
    process.run({ fuel: 10 });
    process.stop();
    process.run({ fuel: 10 });
    process.kill(9);
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });
});

describe('Interrupted', () => {
  it('can be looked at and resumed', async () => {
    const { process } = await launch(COUNTER);
    process.run({ fuel: 10 });
    const interrupted = process.suspend();
    expect(process.state).toBe('suspended');
    expect(process.run({ fuel: 10 })).toEqual({ finished: false, pause: 'idle' });
    expect(interrupted).toMatchObject({
      entry: '_start',
      at: 'yield-point',
      waitsIn: null,
      handlers: [],
      stackPointer: 32768,
      isUsable: true,
    });
    interrupted.resume();
    expect(interrupted.isUsable).toBe(false);
    expect(() => interrupted.resume()).toThrow(ProcessError);
    expect(process.run({ fuel: 1_000_000 }).finished).toBe(true);
    expect(process.status).toEqual(exited(digest(100_000)));
  });

  it('can be dropped, and another one resumed in its place', async () => {
    const { process } = await launch(COUNTER);
    process.run({ fuel: 10 });
    process.suspend().drop();
    const other = process.fresh('other', 77);
    expect(other).toMatchObject({ entry: 'other', at: 'start' });
    other.resume();
    expect(process.run({ fuel: 1_000_000 }).finished).toBe(true);
    expect(process.status).toEqual(exited(digest(77)));
  });

  it('can be resumed later, after another one ran a while', async () => {
    const entry = { entry: 'other', args: [30_000_000] };
    const { process } = await launch(`${COUNTER} (func (export "spin") (loop $l (br $l)))`, entry);
    process.start();
    await new Promise((resolve) => setTimeout(resolve, 0));
    const first = process.suspend();
    process.fresh('spin').resume();
    expect(() => first.resume()).toThrow(/another computation/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.suspend().drop();
    first.resume();
    expect(await process.wait()).toEqual(exited(digest(30_000_000)));
  });

  it('shows the call it waits in; dropping gives that up', async () => {
    const launched = await launch('(func (export "_start") (result i32) (call $wait (i32.const 0)))');
    const { process, waits } = launched;
    process.run();
    const interrupted = process.suspend();
    expect(interrupted).toMatchObject({ at: 'call', waitsIn: 'env.wait' });
    interrupted.drop();
    interrupted.drop();
    expect(waits).toEqual({ begun: 1, cancelled: 1 });
    expect(() => process.suspend()).toThrow(ProcessError);
    expect(() => process.fresh('nothing')).toThrow(/no function "nothing"/);
    // A signal still ends a process that computes nothing.
    process.kill('SIGINT');
    expect(statusCode(await process.wait())).toBe(130);
    expect(() => process.fresh('_start').resume()).toThrow(/has ended/);
  });
});

describe('Process, memory and failures', () => {
  it('leaves the memory as it is over an interruption', async () => {
    const { process, exports } = await launch(`
      (func $h (param i32) (nop)) (func $i (param i32 i32 i32) (loop $l (br_if $l (i32.const 0))))
      (elem (table $handlers) (i32.const 2) func $h $i)
      (func (export "_start") (local $n i32)
        (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (call $install (i32.const 12) (i32.const 3) (i32.const 4) (i64.const 0))
        (memory.fill (i32.const 4096) (i32.const 0x5a) (i32.const 61440))
        (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000)))))`);
    process.run({ fuel: 10 });
    const memory = exports.memory as WebAssembly.Memory;
    const before = new Uint8Array(memory.buffer).slice();
    for (let round = 0; round < 20; round++) {
      process.kill(round % 2 === 0 ? 10 : 12);
      process.run({ fuel: 3 });
      process.run({ fuel: 3 });
      expect(Buffer.compare(before, new Uint8Array(memory.buffer))).toBe(0);
    }
    expect(process.run({ fuel: 10_000 }).finished).toBe(true);
    expect(Buffer.compare(before, new Uint8Array(memory.buffer))).toBe(0);
  });

  it('is interrupted at 100,000 polls in a row, a handler each time, and computes the same', async () => {
    const { process, exports } = await launch(`${DIGEST}
      (global $count (export "count") (mut i32) (i32.const 0))
      (func $h (param i32) (global.set $count (i32.add (global.get $count) (i32.const 1))))
      (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (result i32)
        (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (call $digest (i32.const 100001)))`);
    let slices = 0;
    while (!process.run({ fuel: 1 }).finished) {
      slices++;
      process.kill(SIGUSR1);
    }
    expect(slices).toBe(100_000);
    expect((exports.count as WebAssembly.Global).value).toBe(100_000);
    expect(process.status).toEqual(exited(digest(100_001)));
  });

  it('reports a trap, and leaves other processes running', async () => {
    const other = await launch(COUNTER, { slice: 1 });
    const trapping = await launch('(func (export "_start") (drop (i32.div_u (i32.const 1) (i32.const 0))))');
    const inHandler = await launch(`(func $h (param i32) unreachable) (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (drop (call $raise (i32.const 10))))`);
    for (const { process } of [other, trapping, inHandler]) process.start();
    for (const { process } of [trapping, inHandler]) {
      const status = await process.wait();
      expect(status).toMatchObject({ kind: 'failed', error: expect.any(WebAssembly.RuntimeError) });
      expect(statusCode(status)).toBe(134);
    }
    expect(await other.process.wait()).toEqual(exited(digest(100_000)));
  });

  it('reports an error of an import', async () => {
    const error = new Error('from the host');
    const { process } = await launch('(func (export "_start") (call $call (i32.const 1)))', {
      call: () => {
        throw error;
      },
    });
    process.start();
    expect(await process.wait()).toEqual({ kind: 'failed', error });
  });

  it('ends by exit from within an import, which no catch_all stops', async () => {
    const text =
      '(func (export "_start") (block $b (try_table (catch_all $b) (call $call (i32.const 1)))) (loop $l (br $l)))';
    const { process } = await launch(text, { call: (_, launched) => launched.process.exit(300) });
    process.start();
    const status = await process.wait();
    expect(status).toEqual({ kind: 'exited', status: 300, results: [] });
    expect(statusCode(status)).toBe(44);
  });

  it('cannot be run, suspended or resumed from within its own imports', async () => {
    const errors: unknown[] = [];
    const { process } = await launch('(func (export "_start") (call $call (i32.const 1)))', {
      call: (_, launched) => {
        for (const run of [() => launched.process.run(), () => launched.process.suspend()]) {
          expect(launched.process.state).toBe('running');
          try {
            run();
          } catch (error) {
            errors.push(error);
          }
        }
      },
    });
    process.run();
    expect(errors).toEqual([expect.any(ProcessError), expect.any(ProcessError)]);
    expect(process.status).toEqual(exited());
  });
});

describe('Process.attach', () => {
  const signals = '(import "bobbin:signal" "sigaction" (func (param i32 i32 i32) (result i32)))';
  const start = '(func (export "_start"))';
  it.each([
    ['no-entry', '(func (export "main"))', {}],
    ['no-memory', `${signals} ${start}`, {}],
    ['no-dispatcher', `${signals} (memory (export "memory") 1) ${start}`, {}],
    ['no-stack-pointer', start, { stackPointer: '__stack_pointer' }],
    ['no-stack-pointer', `${start} (global (export "sp") (mut i64) (i64.const 0))`, { stackPointer: 'sp' }],
    ['no-stack-pointer', `${start} (global (export "sp") i32 (i32.const 0))`, { stackPointer: 'sp' }],
    ['not-hosted', start, { transform: { yields: 'none', suspending: undefined } }],
    [
      'not-suspending',
      `(import "bobbin:signal" "pause" (func (result i32))) (memory (export "memory") 1) ${start}`,
      { transform: { suspending: [] } },
    ],
  ] as const)('refuses a guest: %s', async (kind, text, options) => {
    const bytes = await parseText(`(module ${text})`);
    let error: unknown;
    try {
      launchBytes(bytes, options as Parameters<typeof launchBytes>[1]);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ProcessError);
    expect(error).toMatchObject({ kind });
  });

  it('settles with a started guest that waits', async () => {
    const launched = await launch('(func (export "_start") (result i32) (call $wait (i32.const 0)))');
    launched.process.start();
    await settle(launched);
    launched.answer(3);
    expect(await launched.process.wait()).toEqual(exited(3));
  });
});
