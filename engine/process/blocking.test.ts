import { describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { EINTR, launch, SA_RESTART, SIGUSR1, SIGUSR2, settle } from './guests.test-data.ts';
import { Process, suspendingImport } from './index.ts';

const exited = (...results: unknown[]) => ({ kind: 'exited', status: 0, results });
const SAY = `(func $say (param $n i32) (call $log (local.get $n))) (elem (table $handlers) (i32.const 2) func $say)`;
const install = (signal: number, flags = 0, mask = 0n): string =>
  `(call $install (i32.const ${signal}) (i32.const 2) (i32.const ${flags}) (i64.const ${mask}))`;
const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
const guest = (...code: string[]): string => `${SAY} (func (export "_start") (result i32) ${code.join('\n')})`;

describe('calls that wait', () => {
  it('sleep for as long as they should, and let the host run', async () => {
    const { process } = await launch(guest('(call $sleep (i32.const 40))'));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const begun = performance.now();
    process.start();
    expect(await process.wait()).toEqual(exited(0));
    clearInterval(timer);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(40);
    expect(ticks).toBeGreaterThan(1);
  });

  it.each([0, SA_RESTART])('nanosleep gives up with EINTR and says what is left, flags %i', async (flags) => {
    const launched = await launch(
      guest(
        install(SIGUSR1, flags),
        '(call $log (call $sleep (i32.const 5000)))',
        '(call $log (i32.wrap_i64 (i64.load (i32.const 64))))',
        '(i32.wrap_i64 (i64.load (i32.const 72)))',
      ),
    );
    const { process, log } = launched;
    process.start();
    await settle(launched);
    process.kill(SIGUSR1);
    const status = await process.wait();
    expect(log).toEqual([10, EINTR, 4]);
    expect(status).toMatchObject({ results: [expect.any(Number)] });
    const nanoseconds = status.kind === 'exited' ? Number(status.results[0]) : Number.NaN;
    expect(nanoseconds).toBeGreaterThan(0);
    expect(nanoseconds).toBeLessThan(1_000_000_000);
  });

  it('give up with EINTR without SA_RESTART', async () => {
    const launched = await launch(guest(install(SIGUSR1), '(call $wait (i32.const 0))'), { restartable: true });
    const { process, log, waits } = launched;
    process.start();
    await settle(launched);
    process.kill(SIGUSR1);
    expect(await process.wait()).toEqual(exited(EINTR));
    expect(log).toEqual([10]);
    expect(waits).toEqual({ begun: 1, cancelled: 1 });
  });

  it('are started again with SA_RESTART', async () => {
    const launched = await launch(guest(install(SIGUSR1, SA_RESTART), '(call $wait (i32.const 0))'), {
      restartable: true,
    });
    const { process, log, waits, answer } = launched;
    process.start();
    for (let round = 0; round < 3; round++) {
      await settle(launched);
      process.kill(SIGUSR1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await settle(launched);
    expect(waits).toEqual({ begun: 4, cancelled: 3 });
    answer(17);
    expect(await process.wait()).toEqual(exited(17));
    expect(log).toEqual([10, 10, 10]);
  });

  it('that cannot be restarted give up in spite of SA_RESTART', async () => {
    const launched = await launch(guest(install(SIGUSR1, SA_RESTART), '(call $wait (i32.const 0))'));
    launched.process.start();
    await settle(launched);
    launched.process.kill(SIGUSR1);
    expect(await launched.process.wait()).toEqual(exited(EINTR));
  });

  it('are decided by the first of several signals', async () => {
    const launched = await launch(guest(install(SIGUSR1, SA_RESTART), install(SIGUSR2), '(call $wait (i32.const 0))'), {
      restartable: true,
    });
    const { process, log, answer } = launched;
    process.start();
    await settle(launched);
    process.kill(SIGUSR2);
    process.kill(SIGUSR1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    answer(5);
    expect(await process.wait()).toEqual(exited(5));
    expect(log).toEqual([12, 10]);
  });

  it('go on where a signal is blocked or ignored', async () => {
    const launched = await launch(
      guest(install(SIGUSR1), `(call $mask (i32.const 0) (i64.const ${bit(SIGUSR1)}))`, '(call $wait (i32.const 0))'),
    );
    const { process, log, waits, answer } = launched;
    process.start();
    await settle(launched);
    process.kill(SIGUSR1);
    process.kill('SIGCHLD');
    await new Promise((resolve) => setTimeout(resolve, 5));
    answer(6);
    expect(await process.wait()).toEqual(exited(6));
    expect(log).toEqual([]);
    expect(waits).toEqual({ begun: 1, cancelled: 0 });
  });

  it('go on after a stop', async () => {
    const launched = await launch(guest('(call $wait (i32.const 0))'));
    const { process, waits, answer } = launched;
    process.start();
    await settle(launched);
    process.stop();
    await new Promise((resolve) => setTimeout(resolve, 5));
    answer(8);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(process.state).toBe('stopped');
    process.continue();
    expect(await process.wait()).toEqual(exited(8));
    expect(waits).toEqual({ begun: 1, cancelled: 0 });
  });

  it('keep their result where they ended before the signal came', async () => {
    const launched = await launch(guest(install(SIGUSR1), '(call $wait (i32.const 0))'));
    const { process, log, answer } = launched;
    process.start();
    await settle(launched);
    answer(9);
    process.kill(SIGUSR1);
    expect(await process.wait()).toEqual(exited(9));
    expect(log).toEqual([10]);
  });

  it('end with the process, by a signal that nobody handles', async () => {
    const launched = await launch(guest('(call $pause)'));
    launched.process.start();
    await settle(launched);
    launched.process.kill('SIGTERM');
    expect(await launched.process.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('miss no signal that was raised just before', async () => {
    const { process, log } = await launch(guest(install(SIGUSR1), '(call $call (i32.const 0))', '(call $pause)'), {
      call: (_, launched) => void launched.process.kill(SIGUSR1),
    });
    process.start();
    // No yield point lies between: the handler runs on the way into pause, and wakes it.
    expect(await process.wait()).toEqual(exited(EINTR));
    expect(log).toEqual([10]);
  });

  it('nest: a handler waits itself, and is interrupted', async () => {
    const launched = await launch(`
      (func $waits (param $n i32) (call $log (call $sleep (i32.const 5000))) (call $log (i32.const 1)))
      (func $say (param $n i32) (call $log (local.get $n)))
      (elem (table $handlers) (i32.const 2) func $waits $say)
      (func (export "_start") (result i32)
        (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (call $install (i32.const 12) (i32.const 3) (i32.const 0) (i64.const 0))
        (call $pause))`);
    const { process, log } = launched;
    process.start();
    await settle(launched);
    process.kill(SIGUSR1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.kill(SIGUSR2);
    expect(await process.wait()).toEqual(exited(EINTR));
    expect(log).toEqual([12, EINTR, 1]);
  });

  it('cannot wait below a host function', async () => {
    const text = `${SAY} (func (export "again") (drop (call $pause)))
      (func (export "_start") (call $call (i32.const 0)))`;
    const { process } = await launch(text, { call: (_, { exports }) => (exports.again as () => void)() });
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'failed', error: { kind: 'cannot-suspend' } });
  });

  it('leave a raised signal pending below a host function, until the next yield point', async () => {
    const text = `${SAY} (func (export "again") (drop (call $raise (i32.const 10))) (call $log (i32.const 1)))
      (func (export "_start") (local $i i32) ${install(SIGUSR1)} (call $call (i32.const 0)) (call $log (i32.const 2))
        (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9)))))`;
    const { process, log } = await launch(text, { call: (_, { exports }) => (exports.again as () => void)() });
    process.start();
    expect(await process.wait()).toEqual(exited());
    expect(log).toEqual([1, 2, 10]);
  });
});

describe('sigsuspend', () => {
  it('waits with another mask, and puts the old one back after the handler', async () => {
    const launched = await launch(
      guest(
        install(SIGUSR1),
        install(SIGUSR2),
        `(call $mask (i32.const 2) (i64.const ${bit(SIGUSR1) | bit(SIGUSR2)}))`,
        '(call $call (i32.const 0))',
        `(i64.store (i32.const 80) (i64.const ${bit(SIGUSR2)}))`,
        '(call $sigsuspend (i32.const 80))',
      ),
      { call: (_, { process }) => void process.kill(SIGUSR2) },
    );
    const { process, log } = launched;
    process.start();
    await settle(launched);
    expect([...process.signals.blocked]).toEqual([SIGUSR2]);
    expect(log).toEqual([]);
    process.kill(SIGUSR1);
    expect(await process.wait()).toEqual(exited(EINTR));
    expect(log).toEqual([10]);
    expect([...process.signals.blocked]).toEqual([SIGUSR1, SIGUSR2]);
  });

  it('leaves later handlers the mask of their own time', async () => {
    const { process } = await launch(
      guest(
        install(SIGUSR1),
        '(call $mask (i32.const 2) (i64.const -1))',
        '(drop (call $raise (i32.const 10)))',
        '(i64.store (i32.const 80) (i64.const 0))',
        '(drop (call $sigsuspend (i32.const 80)))',
        `(call $mask (i32.const 2) (i64.const ${bit(SIGUSR2)}))`,
        '(call $raise (i32.const 10))',
      ),
    );
    process.start();
    expect(await process.wait()).toEqual(exited(0));
    expect([...process.signals.blocked]).toEqual([SIGUSR2]);
  });

  it('delivers what was pending', async () => {
    const { process, log } = await launch(
      guest(
        install(SIGUSR1),
        '(call $mask (i32.const 2) (i64.const -1))',
        '(drop (call $raise (i32.const 10)))',
        '(call $log (i32.const 1))',
        '(i64.store (i32.const 80) (i64.const 0))',
        '(call $sigsuspend (i32.const 80))',
      ),
    );
    process.start();
    expect(await process.wait()).toEqual(exited(EINTR));
    expect(log).toEqual([1, 10]);
  });
});

describe('timers', () => {
  it('alarm sends SIGALRM, which ends the process or wakes pause', async () => {
    const killed = await launch(guest('(drop (call $alarm (i32.const 1)))', '(loop $l (br $l))', '(i32.const 0)'));
    const woken = await launch(guest(install(14), '(drop (call $alarm (i32.const 1)))', '(call $pause)'));
    const begun = performance.now();
    killed.process.start();
    woken.process.start();
    expect(await woken.process.wait()).toEqual(exited(EINTR));
    expect(woken.log).toEqual([14]);
    expect(await killed.process.wait()).toEqual({ kind: 'signaled', signal: 14 });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(999);
    expect(performance.now() - begun).toBeLessThan(1500);
  });

  it('alarm returns what was left, and 0 calls it off', async () => {
    const { process, log } = await launch(
      guest(
        '(call $log (call $alarm (i32.const 100)))',
        '(call $log (call $alarm (i32.const 0)))',
        '(call $alarm (i32.const 0))',
      ),
    );
    process.start();
    expect(await process.wait()).toEqual(exited(0));
    expect(log).toEqual([0, 100]);
  });

  it('setitimer repeats, shows its rest, and ends with the process', async () => {
    const { process, log } = await launch(`
      (global $ticks (mut i32) (i32.const 0))
      (func $tick (param i32) (global.set $ticks (i32.add (global.get $ticks) (i32.const 1))))
      (elem (table $handlers) (i32.const 2) func $tick)
      (func (export "_start") (result i32) ${install(14)}
        (i64.store (i32.const 200) (i64.const 0)) (i64.store (i32.const 208) (i64.const 3000))
        (i64.store (i32.const 216) (i64.const 0)) (i64.store (i32.const 224) (i64.const 5000))
        (call $log (call $setitimer (i32.const 0) (i32.const 200) (i32.const 0)))
        (call $log (call $getitimer (i32.const 0) (i32.const 240)))
        (call $log (i32.wrap_i64 (i64.load (i32.const 248))))
        (call $log (i32.and (i64.gt_s (i64.load (i32.const 264)) (i64.const 0)) (i64.le_s (i64.load (i32.const 264)) (i64.const 5000))))
        (loop $l (br_if $l (i32.lt_u (global.get $ticks) (i32.const 5))))
        (global.get $ticks))`);
    const begun = performance.now();
    process.start();
    expect(await process.wait()).toEqual(exited(5));
    expect(log).toEqual([0, 0, 3000, 1]);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(16);
    expect(process.timer.get()).toEqual({ value: 0, interval: 0 });
  });
});

describe('suspendingImport', () => {
  const text = `(module
    (import "env" "get" (func $get (param i32) (result i64)))
    (func (export "_start") (result i64)
      (block $caught (return (try_table (result i64) (catch_all $caught) (call $get (i32.const 4)))))
      (i64.const -1)))`;
  async function run(func: (signal: AbortSignal, value: number) => Promise<bigint>, act?: (process: Process) => void) {
    const { bytes } = transform(await parseText(text), { linking: 'closed', suspending: ['env.get'] });
    const process = Process.instantiate(new Store(), new WebAssembly.Module(bytes), (self) => ({
      env: { get: suspendingImport(self, 'env.get', func, { interrupted: -4n, placeholder: 0n }) },
    }));
    process.start();
    await new Promise((resolve) => setTimeout(resolve, 5));
    act?.(process);
    return process.wait();
  }

  it('has the guest wait for a promise', async () => {
    expect(await run(async (_, value) => BigInt(value) + 1n)).toEqual(exited(5n));
  });

  it('throws into the guest what the promise is rejected with', async () => {
    expect(await run(() => Promise.reject(new Error('no')))).toEqual(exited(-1n));
  });

  it('says when nobody waits any longer', async () => {
    let aborted = false;
    const status = await run(
      (signal) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      },
      (process) => process.kill('SIGTERM'),
    );
    expect(status).toEqual({ kind: 'signaled', signal: 15 });
    expect(aborted).toBe(true);
  });
});
