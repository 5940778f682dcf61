import { describe, expect, it } from 'vitest';
import { Store } from '../../../continuations/index.ts';
import {
  Channel,
  giveWay,
  instantiate,
  LotteryPolicy,
  Mutex,
  PriorityPolicy,
  RoundRobinPolicy,
  Scheduler,
  Suspending,
  select,
  sleep,
  TaskGroup,
} from '../index.ts';
import { virtual } from '../scheduler.test-data.ts';
import { BUILDS, compile, FRAMES, load } from './guest.test-data.ts';

type Run = (n: number) => void;

describe.each(BUILDS)('tasks of a guest, %s', (build) => {
  const COUNT = `
    (import "env" "log" (func $log (param i32)))
    (global $total (export "total") (mut i32) (i32.const 0))
    (func (export "count") (param $id i32) (param $n i32) (result i32)
      (loop $l
        (global.set $total (i32.add (global.get $total) (i32.const 1)))
        (call $log (local.get $id))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $id))`;

  it('share slices by their polls, the same each time', async () => {
    const schedule = async (): Promise<string> => {
      let order = '';
      const scheduler = virtual({ policy: new RoundRobinPolicy({ slice: 3 }) });
      const log = (id: number): void => {
        order += id;
      };
      const { exports } = await load(scheduler, COUNT, { env: { log } }, build, { suspending: [], yields: 'fuel' });
      const tasks = [1, 2].map((id) => scheduler.spawn(exports.count as (a: number, b: number) => number, [id, 9]));
      scheduler.run();
      expect(tasks.map((task) => task.result)).toEqual([1, 2]);
      return order;
    };
    const order = await schedule();
    expect(order).toMatch(/^(1{1,3}2{1,3}){3,}[12]*$/);
    expect(await schedule()).toBe(order);
  });

  it('use mutexes, channels and sleep through suspending imports, with host tasks', async () => {
    const scheduler = virtual({ policy: new LotteryPolicy({ slice: 1 }), seed: 4 });
    const mutex = new Mutex('guest');
    const channel = new Channel<number>(2);
    const text = `
      (import "env" "lock" (func $lock)) (import "env" "unlock" (func $unlock))
      (import "env" "send" (func $send (param i32))) (import "env" "sleep" (func $sleep (param i32)))
      (global $n (export "n") (mut i32) (i32.const 0))
      (func (export "worker") (param $rounds i32) (local $seen i32)
        (loop $l
          (call $lock)
          (local.set $seen (global.get $n))
          (call $sleep (i32.const 1))
          (global.set $n (i32.add (local.get $seen) (i32.const 1)))
          (call $unlock)
          (call $send (local.get $seen))
          (br_if $l (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))`;
    const env = {
      lock: new Suspending(() => mutex.lock()),
      unlock: () => mutex.unlock(),
      send: new Suspending((value: number) => channel.send(value)),
      sleep: new Suspending((time: number) => sleep(time)),
    };
    const options = { suspending: ['env.lock', 'env.send', 'env.sleep'], yields: 'fuel' } as const;
    const { exports } = await load(scheduler, text, { env }, build, options);
    const workers = [1, 2, 3, 4].map(() => scheduler.spawn(exports.worker as unknown as Run, [5]));
    const reader = scheduler.spawn(function* () {
      const got: number[] = [];
      while (got.length < 20) got.push((yield* channel.receive()).value ?? -1);
      return got;
    });
    scheduler.run();
    expect(workers.every((task) => task.state === 'done')).toBe(true);
    expect((exports as unknown as { n: WebAssembly.Global }).n.value).toBe(20);
    expect([...(reader.result ?? [])].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('give way to each other and to host tasks', async () => {
    const scheduler = virtual();
    let order = '';
    const env = {
      yield: new Suspending(() => giveWay()),
      log: (id: number) => {
        order += id;
      },
    };
    const text = `(import "env" "yield" (func $yield)) (import "env" "log" (func $log (param i32)))
      (func (export "run") (param $id i32)
        (call $log (local.get $id)) (call $yield) (call $log (local.get $id)) (call $yield) (call $log (local.get $id)))`;
    const { exports } = await load(scheduler, text, { env }, build, { suspending: ['env.yield'] });
    for (const id of [1, 2]) scheduler.spawn(exports.run as unknown as Run, [id]);
    scheduler.spawn(function* () {
      order += 'h';
      yield* giveWay();
      order += 'h';
      yield;
      order += 'h';
      yield* select({ way: giveWay() });
      order += '.';
    });
    scheduler.run();
    expect(order).toBe('12h12h12h.');
  });

  it('end alone where they trap or overflow the stack', async () => {
    const scheduler = new Scheduler();
    const text = `
      (import "env" "pause" (func $pause))
      (func (export "trap") (call $pause) (unreachable))
      (func $deep (param $n i32) (result i32)
        (call $pause)
        (i32.add (i32.const 1) (call $deep (i32.add (local.get $n) (i32.const 1)))))
      (func $fast (param $n i32) (result i32) (i32.add (i32.const 1) (call $fast (i32.add (local.get $n) (i32.const 1)))))
      (func (export "native") (result i32) (call $pause) (call $fast (i32.const 0)))
      (func (export "fine") (result i32) (call $pause) (call $pause) (call $pause) (i32.const 3))`;
    const env = { pause: new Suspending(() => Promise.resolve()) };
    const { exports } = await load(scheduler, text, { env }, build);
    const fine = [1, 2].map(() => scheduler.spawn(exports.fine as () => number));
    const trap = scheduler.spawn(exports.trap as () => number);
    const native = scheduler.spawn(exports.native as () => number);
    await expect(trap.join()).rejects.toBeInstanceOf(WebAssembly.RuntimeError);
    await expect(native.join()).rejects.toBeInstanceOf(RangeError);
    expect(await Promise.all(fine.map((task) => task.join()))).toEqual([3, 3]);
    expect(await scheduler.spawn(exports.fine as () => number).join()).toBe(3);
  });

  it('can be cancelled at a yield point and in a call, and never run again', async () => {
    const scheduler = new Scheduler({ policy: new RoundRobinPolicy({ slice: 50 }) });
    let ticks = 0;
    const env = {
      tick: () => void ticks++,
      wait: new Suspending(() => new Promise(() => {})),
    };
    const text = `
      (import "env" "tick" (func $tick)) (import "env" "wait" (func $wait))
      (func (export "spin") (loop $l (call $tick) (br $l)))
      (func (export "wait") (call $wait) (call $tick))`;
    const { exports } = await load(scheduler, text, { env }, build, { suspending: ['env.wait'], yields: 'fuel' });
    const spin = scheduler.spawn(exports.spin as () => number);
    const waits = scheduler.spawn(exports.wait as () => number);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(waits.blockedOn).toBe('the promise of env.wait');
    spin.cancel('a');
    waits.cancel('b');
    await expect(spin.join()).rejects.toBe('a');
    await expect(waits.join()).rejects.toBe('b');
    const before = ticks;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(before).toBeGreaterThan(0);
    expect(ticks).toBe(before);
  });

  it('that compute let the event loop run, whatever the policy', async () => {
    const scheduler = new Scheduler({ turn: 3 });
    const text = '(func (export "spin") (param $n i32) (loop $l (br $l)))';
    const { exports } = await load(scheduler, text, {}, build, { yields: 'fuel' });
    const task = scheduler.spawn(exports.spin as unknown as Run, [0]);
    let turns = 0;
    await new Promise<void>((resolve) => {
      const interval = setInterval(() => {
        if (++turns < 5) return;
        clearInterval(interval);
        resolve();
      }, 1);
    });
    expect(task.state).toBe('runnable');
    task.cancel('enough');
    await expect(task.join()).rejects.toBe('enough');
  });

  it('give way to one of a higher priority that wakes', async () => {
    const scheduler = new Scheduler({ policy: new PriorityPolicy({ slice: 1000 }) });
    let awake = false;
    const env = { done: () => (awake ? 1 : 0) };
    const text = `(import "env" "done" (func $done (result i32)))
      (func (export "until") (param i32) (loop $l (br_if $l (i32.eqz (call $done)))))`;
    const { exports } = await load(scheduler, text, { env }, build, { suspending: [], yields: 'fuel' });
    const low = scheduler.spawn(exports.until as unknown as Run, [0]);
    const high = scheduler.spawn(
      function* () {
        yield* sleep(10);
        awake = true;
      },
      [],
      { priority: 1 },
    );
    await Promise.all([low.join(), high.join()]);
    expect(awake).toBe(true);
  });
});

describe.each(FRAMES)('clean-up in a guest, %s', (build) => {
  const CLEAN = `
    (import "env" "wait" (func $wait (param i32))) (import "env" "log" (func $log (param i32)))
    (func $inner (param $n i32)
      (call $wait (local.get $n))
      (call $wait (i32.add (local.get $n) (i32.const 1))))
    (func (export "run") (param $n i32)
      (block $caught (result exnref)
        (try_table (catch_all_ref $caught)
          (call $inner (i32.const 0))
          (call $inner (i32.const 2))
          (call $inner (i32.const 4)))
        (call $log (i32.const 100))
        (return))
      (call $wait (i32.const 50))
      (call $log (i32.const 200))
      (throw_ref))`;

  it.each([0, 1, 2, 3, 4, 5])('runs wherever a task is cancelled: at wait %i', async (at) => {
    const scheduler = virtual();
    const log: number[] = [];
    let waits = 0;
    const env = {
      wait: new Suspending((place: number) => {
        waits++;
        return sleep(place === 50 ? 3 : 1);
      }),
      log: (value: number) => void log.push(value),
    };
    const { exports } = await load(scheduler, CLEAN, { env }, build, { suspending: ['env.wait'] });
    const task = scheduler.spawn(exports.run as unknown as Run, [0]);
    const reason = new Error('cancelled');
    scheduler.spawn(function* () {
      yield* sleep(at + 0.5);
      expect(task.cancel(reason)).toBe(true);
    });
    scheduler.run();
    expect(log).toEqual([200]);
    expect(task.outcome).toEqual({ kind: 'cancelled', reason });
    expect(scheduler.now()).toBe(at + 3.5);
    expect(waits).toBe(at + 2);
  });

  it('can tell by a tag why, and may go on', async () => {
    const scheduler = virtual();
    const text = `
      (import "env" "wait" (func $wait)) (tag $stop (export "stop") (param i32))
      (func (export "run") (result i32)
        (block $h (result i32)
          (try_table (catch $stop $h) (call $wait) (call $wait))
          (i32.const -1)))`;
    const env = { wait: new Suspending(() => sleep(10)) };
    const { exports } = await load<{ run: () => number; stop: WebAssembly.Tag }>(scheduler, text, { env }, build);
    const task = scheduler.spawn(exports.run);
    scheduler.spawn(() => task.cancel(new WebAssembly.Exception(exports.stop, [42])));
    const other = scheduler.spawn(exports.run);
    scheduler.run();
    expect(task.outcome).toEqual({ kind: 'done', value: 42 });
    expect(other.result).toBe(-1);
  });

  it('runs in a group whose host task fails', async () => {
    const scheduler = virtual();
    const log: number[] = [];
    const env = {
      wait: new Suspending((n: number) => sleep(n === 50 ? 1 : 10)),
      log: (value: number) => void log.push(value),
    };
    const { exports } = await load(scheduler, CLEAN, { env }, build, { suspending: ['env.wait'] });
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup();
      for (let n = 0; n < 3; n++) scheduler.spawn(exports.run as unknown as Run, [n], { group });
      yield* sleep(1);
      throw new Error('parent');
    });
    scheduler.run();
    expect(log).toEqual([200, 200, 200]);
    expect(parent.outcome).toMatchObject({ kind: 'failed', error: { message: 'parent' } });
  });

  it('a continuation that a module hands over runs as a task, by the function that resumes it', async () => {
    const scheduler = virtual();
    const text = `
      (type $f (func (result i32))) (type $c (cont $f))
      (import "env" "wait" (func $wait (param i32) (result i32)))
      (tag $yield)
      (func $body (result i32) (suspend $yield) (call $wait (i32.const 5)))
      (elem declare func $body)
      (func (export "make") (result (ref $c)) (cont.new $c (ref.func $body)))
      (func (export "run") (param $k (ref null $c)) (result i32)
        (loop $l
          (block $on (result (ref $c)) (return (resume $c (on $yield $on) (local.get $k))))
          (local.set $k)
          (br $l))
        (unreachable))`;
    const env = { wait: new Suspending((n: number) => sleep(n).map(() => n)) };
    const { exports } = await load<{ make: () => object; run: (k: object) => number }>(scheduler, text, { env }, build);
    const tasks = [exports.make(), exports.make()].map((continuation) => scheduler.spawn(exports.run, [continuation]));
    const twice = exports.make();
    const first = scheduler.spawn(exports.run, [twice]);
    const second = scheduler.spawn(exports.run, [twice]);
    scheduler.run();
    expect(tasks.map((task) => task.result)).toEqual([5, 5]);
    expect(first.result).toBe(5);
    expect(second.outcome).toMatchObject({ kind: 'failed', error: { message: 'continuation already consumed' } });
    expect(scheduler.now()).toBe(5);
  });
});

describe('instances', () => {
  it('linked with each other: a task is suspended through both', async () => {
    const scheduler = virtual();
    const store = new Store();
    const lower = await compile(
      `(import "env" "wait" (func $wait (param i32) (result i32)))
       (func (export "twice") (param $n i32) (result i32)
         (i32.add (call $wait (local.get $n)) (call $wait (local.get $n))))`,
      'linked',
    );
    const upper = await compile(
      `(import "lower" "twice" (func $twice (param i32) (result i32)))
       (func (export "run") (param $n i32) (result i32) (i32.add (call $twice (local.get $n)) (i32.const 1)))`,
      'linked',
      { suspending: ['lower.*'] },
    );
    const env = { wait: new Suspending((n: number) => sleep(n).map(() => n)) };
    const first = instantiate(scheduler, store, lower, { env });
    const second = instantiate<{ run: (n: number) => number }>(scheduler, store, upper, {
      lower: first.exports as never,
    });
    const tasks = [3, 2, 1].map((n) => scheduler.spawn(second.exports.run, [n]));
    scheduler.run();
    expect(tasks.map((task) => task.result)).toEqual([7, 5, 3]);
    expect(scheduler.now()).toBe(6);
  });

  it('with epoch polls in a global run to the end', async () => {
    const scheduler = virtual();
    const text = `(func (export "sum") (param $n i32) (result i32) (local $s i32)
      (loop $l (local.set $s (i32.add (local.get $s) (local.get $n)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (local.get $s))`;
    const { exports } = await load<{ sum: (n: number) => number }>(scheduler, text, {}, 'closed', { yields: 'epoch' });
    const task = scheduler.spawn(exports.sum, [1000]);
    scheduler.run();
    expect(task.result).toBe(500_500);
  });

  it('that were not transformed for a host are refused', async () => {
    const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(() => instantiate(virtual(), new Store(), module)).toThrow(expect.objectContaining({ kind: 'not-hosted' }));
  });

  it('refuse arguments that cannot be converted, before there is a task', async () => {
    const scheduler = virtual();
    const { exports } = await load<{ f: (n: bigint) => number }>(
      scheduler,
      '(func (export "f") (param i64))',
      {},
      'closed',
    );
    expect(() => scheduler.spawn(exports.f, [3 as never])).toThrow(TypeError);
    expect(scheduler.size).toBe(0);
  });
});
