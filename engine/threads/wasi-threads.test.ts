import { describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import {
  DeadlockError,
  FifoPolicy,
  hostClock,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type TraceEvent,
} from '../scheduler/index.ts';
import { Threads } from './index.ts';
import { BUILDS, COUNTER, compile, guest, host, MEMORY, play, repeat } from './wasi-threads.test-data.ts';

const POLICIES: readonly (readonly [string, () => Policy])[] = [
  ['FIFO', () => new FifoPolicy()],
  ['round robin', () => new RoundRobinPolicy({ slice: 7 })],
  ['lottery', () => new LotteryPolicy({ slice: 5, seed: 11 })],
];
const ALL = BUILDS.flatMap((build) => POLICIES.map(([name, policy]) => [build, name, policy] as const));

const exited = { kind: 'exited', status: 0, results: [] };

/** 4 threads put 1 to 50 into a ring of 8 words, 3 others take them; who takes 0 ends. */
const RING = 256;
const QUEUE = guest(
  `${repeat('(i32.const 4)', '(call $spawned (i32.const 50))')} ${repeat('(i32.const 3)', '(call $spawned (i32.const 0))')}
   (call $join (i32.const 4))
   ${repeat('(i32.const 3)', '(call $put (i32.const 0))')}
   (call $join (i32.const 7))
   (call $log (i32.load (i32.const 48)))`,
  `(if (local.get $arg)
     (then ${repeat('(local.get $arg)', '(call $put (i32.add (local.get $i) (i32.const 1)))')})
     (else (loop $more
       (if (local.tee $j (call $take)) (then
         (drop (i32.atomic.rmw.add (i32.const 48) (local.get $j)))
         (br $more))))))
   (call $out)`,
  `(func $slot (param $word i32) (result i32) (local $index i32)
     (i32.store (local.get $word)
       (i32.and (i32.add (local.tee $index (i32.load (local.get $word))) (i32.const 1)) (i32.const 7)))
     (i32.add (i32.const ${RING}) (i32.shl (local.get $index) (i32.const 2))))
   (func $put (param $value i32)
     (call $lock (i32.const 4))
     (loop $full
       (if (i32.eq (i32.load (i32.const 32)) (i32.const 8)) (then
         (call $wait (i32.const 20) (i32.const 4)) (br $full))))
     (i32.store (call $slot (i32.const 36)) (local.get $value))
     (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
     (call $signal (i32.const 24))
     (call $unlock (i32.const 4)))
   (func $take (result i32) (local $value i32)
     (call $lock (i32.const 4))
     (loop $empty
       (if (i32.eqz (i32.load (i32.const 32))) (then
         (call $wait (i32.const 24) (i32.const 4)) (br $empty))))
     (local.set $value (i32.load (call $slot (i32.const 40))))
     (i32.store (i32.const 32) (i32.sub (i32.load (i32.const 32)) (i32.const 1)))
     (call $signal (i32.const 20))
     (call $unlock (i32.const 4))
     (local.get $value))`,
);

/** A trace without the host's turns, which depend on how long the calls of imports take. */
function scheduled(trace: readonly TraceEvent[]): TraceEvent[] {
  const result: TraceEvent[] = [];
  let polls = 0;
  let isInterrupted = false;
  for (const event of trace) {
    if (event.kind === 'stop' && event.reason === 'interrupted') {
      polls += event.polls;
      isInterrupted = true;
    } else if (isInterrupted && event.kind === 'run') isInterrupted = false;
    else if (event.kind === 'stop') {
      result.push({ ...event, polls: event.polls + polls });
      polls = 0;
    } else result.push(event);
  }
  return result;
}

describe('pthread programs', () => {
  it.each(ALL)('100 threads count under a mutex: %s, %s', async (build, _, policy) => {
    for (const sharedMemories of ['keep', 'plain'] as const) {
      const hosted = await play(COUNTER, { build, policy: policy(), sharedMemories });
      expect(hosted.process.status).toEqual(exited);
      expect(hosted.log).toEqual([2000]);
      expect(hosted.threads.size).toBe(0);
    }
  });

  it('were not right without the mutex', async () => {
    const racing = COUNTER.replaceAll(/\(call \$(un)?lock \(i32\.const 4\)\)/g, '');
    expect((await play(racing, { policy: new FifoPolicy() })).log).toEqual([2000]);
    expect((await play(racing, { policy: new RoundRobinPolicy({ slice: 7 }) })).log[0]).toBeLessThan(2000);
  });

  it.each(ALL)('a bounded queue with conditions: %s, %s', async (build, _, policy) => {
    const hosted = await play(QUEUE, { build, policy: policy() });
    expect(hosted.process.status).toEqual(exited);
    expect(hosted.log).toEqual([4 * ((50 * 51) / 2)]);
  });

  it.each(BUILDS)('make the same trace twice in virtual time: %s', async (build) => {
    for (const text of [COUNTER, QUEUE]) {
      const run = () => play(text, { build, policy: new LotteryPolicy({ slice: 5 }), seed: 3 });
      const trace = scheduled((await run()).trace);
      expect(trace.length).toBeGreaterThan(500);
      expect(scheduled((await run()).trace)).toEqual(trace);
    }
  });

  it.each(BUILDS)('run without yield points, where they wait and do not spin: %s', async (build) => {
    for (const yields of ['none', 'epoch'] as const) {
      const hosted = await host(QUEUE, { build, yields, clock: hostClock });
      expect(await hosted.task.join()).toEqual(exited);
      expect(hosted.log).toEqual([5100]);
    }
  });
});

describe('thread-spawn', () => {
  it.each(BUILDS)('runs an instance over the same memory for each thread: %s', async (build) => {
    const text = guest(
      `(i32.store (i32.const 64) (i32.const 5))
       (call $log (call $spawn (i32.const 10))) (call $log (call $spawn (i32.const 20)))
       (call $join (i32.const 2)) (call $log (global.get $id)) (call $log (i32.load (i32.const 64)))`,
      `(drop (i32.atomic.rmw.add (i32.const 64) (local.get $arg)))
       (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.mul (i64.extend_i32_u (local.get $arg)) (i64.const 1000000))))
       (call $log (i32.eq (global.get $id) (local.get $tid))) (call $out)`,
    );
    const { log, scheduler, trace } = await play(text, { build });
    expect(log.slice(0, 2).every((tid) => tid >= 1 && tid <= 0x1fff_ffff)).toBe(true);
    expect(log[0]).not.toBe(log[1]);
    expect(log.slice(2)).toEqual([1, 1, 1, 35]);
    expect(scheduler.now()).toBe(20);
    const names = new Set(trace.map(({ name }) => name));
    expect([...names]).toEqual(['main', `thread ${log[0]}`, `thread ${log[1]}`]);
  });

  it('is told minus an error where there are too many', async () => {
    const text = guest(
      `(call $log (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)))
       (call $log (i32.lt_s (call $spawn (i32.const 0)) (i32.const 0)))
       (call $join (i32.const 1))
       (call $log (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)))
       (call $join (i32.const 2))`,
      '(call $out)',
    );
    const { log, process } = await play(text, { limit: 2 });
    expect(process.status).toEqual(exited);
    expect(log).toEqual([1, 1, 1]);
  });

  it('is told minus an error where the engine has no room for an instance', async () => {
    class Full extends Store {
      #made = 0;
      override instantiate(...args: Parameters<Store['instantiate']>) {
        if (++this.#made > 1)
          throw new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory');
        return super.instantiate(...args);
      }
    }
    const module = await compile(guest('(call $log (call $spawn (i32.const 0)))', ''));
    const log: number[] = [];
    const env = { log: (value: number) => log.push(value), now: () => 0, exit: () => {} };
    const scheduler = new Scheduler();
    const task = Threads.instantiate(scheduler, new Full(), module, { env }).start();
    scheduler.run();
    expect(task.result).toEqual(exited);
    expect(log).toEqual([-11]);
  });

  it('is for threads only', async () => {
    const text = guest('', '', '(func (export "spawn") (result i32) (call $spawn (i32.const 0)))');
    const module = await compile(text);
    const env = { log: () => {}, now: () => 0, exit: () => {} };
    const store = new Store();
    let exports: Readonly<Record<string, unknown>> = {};
    const instantiate = store.instantiate.bind(store);
    store.instantiate = (...args) => {
      const linked = instantiate(...args);
      exports = linked.exports;
      return linked;
    };
    Threads.instantiate(new Scheduler(), store, module, { env });
    expect(exports.spawn as () => number).toThrow(expect.objectContaining({ name: 'ProcessError', kind: 'state' }));
  });

  it('ends its threads with the main thread', async () => {
    const text = guest(
      '(call $spawned (i32.const 0)) (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 3000000)))',
      '(loop $l (call $log (i32.const 1)) (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 1000000))) (br $l))',
    );
    const { log, process, threads } = await play(text);
    expect(process.status).toEqual(exited);
    expect(log.length).toBeGreaterThanOrEqual(3);
    expect(log.length).toBeLessThanOrEqual(4);
    expect(threads.size).toBe(0);
  });

  it.each(BUILDS)('lets spin loops be broken by others, where there are yield points: %s', async (build) => {
    const text = guest(
      `(call $spawned (i32.const 0)) (call $spawned (i32.const 1))
       (loop $spin (br_if $spin (i32.ne (i32.atomic.load (i32.const 12)) (i32.const 2)))) (call $log (i32.const 7))`,
      '(loop $spin (br_if $spin (i32.ne (i32.atomic.load (i32.const 12)) (local.get $arg)))) (drop (i32.atomic.rmw.add (i32.const 12) (i32.const 1)))',
    );
    for (const policy of [new RoundRobinPolicy({ slice: 100 }), new LotteryPolicy({ slice: 10, seed: 5 })]) {
      const { log, process } = await play(text, { build, policy });
      expect(process.status).toEqual(exited);
      expect(log).toEqual([7]);
    }
  });
});

describe('waits', () => {
  const main = (body: string, thread = '(call $out)', extra = ''): string => guest(body, thread, extra);

  it('time out by the clock of the scheduler', async () => {
    const text = main(
      `(call $log (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 2500000000))) (call $log (call $now))
       (call $log (memory.atomic.wait64 (i32.const 0) (i64.const 0) (i64.const 0))) (call $log (call $now))
       (call $log (memory.atomic.wait64 (i32.const 0) (i64.const 1) (i64.const -1)))`,
    );
    expect((await play(text)).log).toEqual([2, 2500, 2, 2500, 1]);
  });

  it('take real time with a real clock', async () => {
    const text = main('(call $log (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 30000000)))');
    const start = performance.now();
    const hosted = await host(text, { clock: hostClock });
    expect(await hosted.task.join()).toEqual(exited);
    expect(hosted.log).toEqual([2]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(29);
  });

  it.each(BUILDS)('are woken in the order they came, at their address only, and as many as told: %s', async (build) => {
    const text = main(
      `${repeat('(i32.const 6)', '(call $spawned (local.get $i))')}
       (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
       (call $log (memory.atomic.notify (i32.const 100) (i32.const 0)))
       (call $log (memory.atomic.notify (i32.const 104) (i32.const 1)))
       (call $log (memory.atomic.notify (i32.const 92) (i32.const -1)))
       (call $log (memory.atomic.notify offset=4 (i32.const 96) (i32.const 2)))
       (call $join (i32.const 3))
       (call $log (memory.atomic.notify (i32.const 100) (i32.const -1)))
       (call $join (i32.const 6))
       (call $log (memory.atomic.notify (i32.const 100) (i32.const -1)))`,
      `(if (i32.eq (local.get $arg) (i32.const 3))
         (then (call $log (i32.add (i32.const 30) (memory.atomic.wait64 (i32.const 104) (i64.const 0) (i64.const -1)))))
         (else (call $log (i32.add (i32.mul (local.get $arg) (i32.const 10))
           (memory.atomic.wait32 offset=60 (i32.const 40) (i32.const 0) (i64.const -1))))))
       (call $out)`,
    );
    expect((await play(text, { build, policy: new FifoPolicy() })).log).toEqual([
      0, 1, 0, 2, 30, 0, 10, 3, 20, 40, 50, 0,
    ]);
  });

  it('leave the queue where they time out: a notify goes to the next', async () => {
    const text = main(
      `(call $spawned (i32.const 1)) (call $spawned (i32.const -1))
       (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 5000000)))
       (call $log (memory.atomic.notify (i32.const 100) (i32.const 1)))
       (call $join (i32.const 2))`,
      `(call $log (memory.atomic.wait32 (i32.const 100) (i32.const 0) (i64.mul (i64.extend_i32_s (local.get $arg)) (i64.const 1000000))))
       (call $out)`,
    );
    expect((await play(text)).log).toEqual([2, 1, 0]);
  });

  it('are kept apart by memory', async () => {
    const text = guest(
      `(call $spawned (i32.const 0))
       (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
       (call $log (memory.atomic.notify $own (i32.const 16) (i32.const -1)))
       (call $log (memory.atomic.notify $hidden (i32.const 16) (i32.const -1)))
       (call $log (memory.atomic.notify $other (i32.const 16) (i32.const -1)))
       (call $join (i32.const 1))`,
      '(call $log (memory.atomic.wait32 $same (i32.const 16) (i32.const 0) (i64.const -1))) (call $out)',
      '(memory $own (export "own") 1 1 shared) (memory $hidden 1 1 shared)',
      `${MEMORY} (import "env" "other" (memory $other 1 1 shared)) (import "env" "same" (memory $same 1 1 shared))`,
    );
    const same = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const { log } = await play(text, { imports: { env: { other: same, same } } });
    expect(log).toEqual([0, 0, 1, 0]);
  });

  it('in a memory of 64-bit addresses', async () => {
    const text = `(module (import "env" "big" (memory $big i64 1 2 shared)) (import "env" "log" (func $log (param i32)))
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (func (export "_start")
        (drop (call $spawn (i32.const 0)))
        (call $log (memory.atomic.wait64 (i64.const 8) (i64.const 0) (i64.const -1))))
      (func (export "wasi_thread_start") (param i32 i32)
        (call $log (memory.atomic.notify offset=4 (i64.const 4) (i32.const 1)))))`;
    for (const sharedMemories of ['keep', 'plain'] as const) {
      expect((await play(text, { sharedMemories })).log).toEqual([1, 0]);
    }
  });

  it('are refused where a host function stands between the frames', async () => {
    const text = (memory: string): string =>
      guest(
        '(call $log (i32.const 1)) (call $again)',
        '',
        `(func (export "inner") (call $log (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000))))`,
        `${memory} (import "env" "again" (func $again))`,
      );
    const store = new Store();
    const imported: (() => void)[] = [];
    const module = await compile(text(MEMORY));
    const env = { log: () => {}, now: () => 0, exit: () => {}, again: () => imported[0]?.() };
    const instantiate = store.instantiate.bind(store);
    store.instantiate = (...args) => {
      const linked = instantiate(...args);
      imported.push(linked.exports.inner as () => void);
      return linked;
    };
    const scheduler = new Scheduler();
    const task = Threads.instantiate(scheduler, store, module, { env }).start();
    scheduler.run();
    expect(task.result).toMatchObject({
      kind: 'failed',
      error: {
        kind: 'cannot-suspend',
        message: 'bobbin:atomics.wait32 cannot wait: a host function is between it and its process',
      },
    });
  });

  it('for ever are a deadlock, which is reported with each thread', async () => {
    const text = main(
      '(call $spawned (i32.const 0)) (call $join (i32.const 1))',
      '(drop (memory.atomic.wait32 (i32.const 100) (i32.const 0) (i64.const -1)))',
    );
    const hosted = await host(text);
    let error: unknown;
    try {
      hosted.scheduler.run();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DeadlockError);
    expect((error as DeadlockError).tasks).toMatchObject([
      { name: 'main', blockedOn: 'memory.atomic.notify at 0x8' },
      { name: 'thread 2', blockedOn: 'memory.atomic.notify at 0x64' },
    ]);
    expect((error as DeadlockError).message).toContain('bobbin:atomics.wait32 (import)');
  });
});

describe('the end of a process', () => {
  const others = (ending: string): string =>
    guest(
      `(call $spawned (i32.const 0)) (call $spawned (i32.const 1)) (call $join (i32.const 3))`,
      `(if (local.get $arg)
         (then (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000))) ${ending}))
       (drop (memory.atomic.wait32 (i32.const 100) (i32.const 0) (i64.const -1))) (call $log (i32.const 1))`,
    );

  it.each(BUILDS)('comes with a trap in any thread: %s', async (build) => {
    const failures: unknown[] = [];
    const { process, log, task, threads } = await play(others('unreachable'), {
      build,
      onFailure: (error) => failures.push(error),
    });
    expect(process.status).toMatchObject({ kind: 'failed', error: { message: 'unreachable' } });
    expect(await task.join()).toBe(process.status);
    expect(threads.size).toBe(0);
    expect({ log, failures }).toEqual({ log: [], failures: [] });
  });

  it.each(BUILDS)('comes with proc_exit in any thread: %s', async (build) => {
    const { process, log, threads } = await play(others('(call $exit (i32.const 9))'), { build });
    expect(process.status).toEqual({ kind: 'exited', status: 9, results: [] });
    expect(threads.size).toBe(0);
    expect(log).toEqual([]);
  });

  it('comes with a signal for it', async () => {
    const hosted = await host(others('nop'));
    expect(() => hosted.scheduler.run()).toThrow(DeadlockError);
    hosted.process.kill('SIGTERM');
    hosted.scheduler.run();
    expect(hosted.process.status).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('comes where a thread is cancelled', async () => {
    const hosted = await host(others('nop'));
    expect(() => hosted.scheduler.run()).toThrow(DeadlockError);
    const reason = new Error('enough');
    hosted.threads.get(2).task.cancel(reason);
    hosted.scheduler.run();
    expect(hosted.process.status).toEqual({ kind: 'failed', error: reason });
  });

  it('comes where a thread is cancelled before it has begun', async () => {
    const module = await compile(
      guest(
        '(call $spawned (i32.const 0)) (call $cancel) (call $join (i32.const 2))',
        '',
        '',
        `(import "env" "cancel" (func $cancel)) ${MEMORY}`,
      ),
    );
    const scheduler = new Scheduler();
    const none = (): number => 0;
    const threads: Threads = Threads.instantiate(scheduler, new Store(), module, {
      env: { log: none, now: none, exit: none, cancel: () => void threads.get(2).task.cancel(new Error('enough')) },
    });
    threads.start();
    scheduler.run();
    expect(threads.process.status).toMatchObject({ kind: 'failed', error: { kind: 'cancelled' } });
    expect(threads.size).toBe(0);
  });
});
