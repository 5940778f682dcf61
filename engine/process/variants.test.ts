import { describe, expect, it } from 'vitest';
import type { TransformOptions } from '../../asyncify/index.ts';
import { DIGEST, digest, launch, SIGUSR1, settle } from './guests.test-data.ts';

const text = `${DIGEST}
  (global $seen (mut i32) (i32.const 0))
  (func $say (param $n i32) (global.set $seen (i32.const 1)) (call $log (local.get $n)))
  (elem (table $handlers) (i32.const 2) func $say)
  (func (export "_start") (result i32) (local $digest i32)
    (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
    (local.set $digest (call $digest (i32.const 500)))
    (call $log (i32.const 1))
    (drop (call $raise (i32.const 10)))
    (call $log (i32.const 2))
    (global.set $seen (i32.const 0))
    (call $call (i32.const 0))
    (if (i32.eqz (global.get $seen)) (then (call $log (i32.const 3))))
    (loop $l (br_if $l (i32.eqz (global.get $seen))))
    (call $log (call $sleep (i32.const 5)))
    (call $log (call $pause))
    (local.get $digest))`;

describe.each<Required<Pick<TransformOptions, 'linking' | 'yields' | 'epochWord'>>>([
  { linking: 'closed', yields: 'fuel', epochWord: 'shared' },
  { linking: 'closed', yields: 'epoch', epochWord: 'shared' },
  { linking: 'closed', yields: 'epoch', epochWord: 'global' },
  { linking: 'linked', yields: 'fuel', epochWord: 'shared' },
  { linking: 'linked', yields: 'epoch', epochWord: 'shared' },
  { linking: 'linked', yields: 'epoch', epochWord: 'global' },
])('a process of a module that is $linking, with $yields polls, its word $epochWord', (options) => {
  it('has handlers in calls, at yield points and in calls that wait', async () => {
    const launched = await launch(text, {
      transform: options,
      call: (_, { process }) => void process.kill(SIGUSR1),
    });
    const { process, log } = launched;
    process.start();
    // It sleeps first; a signal sent in the meantime would cut that short.
    await expect.poll(() => log.length).toBe(6);
    await settle(launched);
    process.kill(SIGUSR1);
    expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [digest(500)] });
    expect(log).toEqual([1, 10, 2, 3, 10, 0, 10, -4]);
  });
});

describe('a process of a module without yield points', () => {
  it('has handlers in calls', async () => {
    const launched = await launch(
      `(func $say (param $n i32) (call $log (local.get $n))) (elem (table $handlers) (i32.const 2) func $say)
       (func (export "_start") (result i32)
         (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0)) (call $pause))`,
      { transform: { yields: 'none' } },
    );
    launched.process.start();
    await settle(launched);
    launched.process.kill(SIGUSR1);
    expect(await launched.process.wait()).toEqual({ kind: 'exited', status: 0, results: [-4] });
  });
});

describe('a guest that spins on the main thread', () => {
  it('has its handler run soon', async () => {
    const latencies: number[] = [];
    let sent = 0;
    const { process } = await launch(
      `(func $h (param $n i32) (call $call (i32.const 0))) (elem (table $handlers) (i32.const 2) func $h)
       (func (export "_start") (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0)) (loop $l (br $l)))`,
      { call: () => void latencies.push(performance.now() - sent) },
    );
    process.start();
    for (let round = 0; round < 20; round++) {
      // The time it is sent at is when a timer was due: it may have been due while the guest ran.
      sent = performance.now() + 3;
      await new Promise((resolve) => setTimeout(resolve, 3));
      process.kill(SIGUSR1);
      await expect.poll(() => latencies.length, { interval: 1 }).toBe(round + 1);
    }
    process.kill('SIGKILL');
    latencies.sort((a, b) => a - b);
    expect(latencies[10]).toBeLessThan(20);
  });
});
