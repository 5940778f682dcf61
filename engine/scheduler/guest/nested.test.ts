import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { InvariantChecker } from '../../../continuations/checks.ts';
import { Store } from '../../../continuations/index.ts';
import { giveWay, RoundRobinPolicy, Suspending, sleep } from '../index.ts';
import { virtual } from '../scheduler.test-data.ts';
import { FRAMES, load } from './guest.test-data.ts';

type Number1 = (n: number) => number;

describe.each(FRAMES)('waits within continuations of a guest, %s', (build) => {
  // The import's results go to whoever resumed the continuation; that a second one is suspended meanwhile must not matter.
  const TAILS = `
    (type $f (func (param i32) (result i32))) (type $c (cont $f))
    (type $g (func)) (type $cg (cont $g))
    (type $two (func (param i32) (result i32 i64))) (type $c2 (cont $two))
    (import "env" "wait" (func $wait (type $f)))
    (import "env" "both" (func $both (type $two)))
    (tag $t)
    (global $held (mut (ref null $cg)) (ref.null $cg))
    (elem declare func $wait $tail $late $call $suspends $both)
    (func $tail (type $f) (return_call $wait (local.get 0)))
    ;; By then it has a frame of its own, from which it is re-entered.
    (func $late (type $f) (return_call $wait (call $wait (local.get 0))))
    (func $call (type $f) (i32.add (i32.const 1) (call $wait (local.get 0))))
    (func $deep (param i32)
      (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (suspend $t))))
    (func $suspends (call $deep (i32.const 3)))
    (func $hold
      (block $h (result (ref $cg))
        (resume $cg (on $t $h) (cont.new $cg (ref.func $suspends))) (return))
      (global.set $held))
    (func $run (param i32 (ref $f)) (result i32)
      (call $hold)
      (i32.add (i32.const 1000) (resume $c (local.get 0) (cont.new $c (local.get 1)))))
    (func (export "import") (type $f) (call $run (local.get 0) (ref.func $wait)))
    (func (export "tail") (type $f) (call $run (local.get 0) (ref.func $tail)))
    (func (export "late") (type $f) (call $run (local.get 0) (ref.func $late)))
    (func (export "call") (type $f) (call $run (local.get 0) (ref.func $call)))
    (func (export "both") (type $two) (resume $c2 (local.get 0) (cont.new $c2 (ref.func $both))))
    (func (export "caught") (type $f)
      (block $h
        (return (try_table (result i32) (catch_all $h) (call $run (local.get 0) (ref.func $tail)))))
      (i32.const -1))
    (func (export "rest") (resume $cg (global.get $held)))`;

  it.each([
    ['import', 1020],
    ['tail', 1020],
    ['late', 1200],
    ['call', 1021],
  ] as const)('in the last call of a body: %s', async (name, expected) => {
    const scheduler = virtual();
    let calls = 0;
    const wait = new Suspending((n: number) => sleep(++calls).map(() => n * 10));
    const both = new Suspending((n: number) => sleep(1).map(() => [n, 5n]));
    const checker = new InvariantChecker();
    const store = new Store({ checks: checker });
    const options = { store, checks: true };
    const { exports } = await load<Record<string, Number1>>(scheduler, TAILS, { env: { wait, both } }, build, options);
    const task = scheduler.spawn(exports[name] as Number1, [2]);
    const other = scheduler.spawn(exports.both as Number1, [9]);
    scheduler.run();
    expect(task.outcome).toEqual({ kind: 'done', value: expected });
    expect(other.result).toEqual([9, 5n]);
    expect(calls).toBe(name === 'late' ? 2 : 1);
    // The stack that was suspended meanwhile is whole.
    expect(() => exports.rest?.(0)).not.toThrow();
    expect(checker.violation).toBeNull();
    expect(checker.counts.get('captured')).toBeGreaterThan(1);
  });

  it('throw there what they are rejected with, or what the task is cancelled with', async () => {
    const scheduler = virtual();
    const wait = new Suspending((n: number) =>
      sleep(n).map(() => {
        throw new Error('rejected');
      }),
    );
    const { exports } = await load<Record<string, Number1>>(scheduler, TAILS, { env: { wait, both: wait } }, build);
    const tasks = ['tail', 'caught', 'tail', 'caught'].map((name) => scheduler.spawn(exports[name] as Number1, [2]));
    scheduler.spawn(function* () {
      yield* sleep(1);
      for (const task of tasks.slice(2)) task.cancel(new Error('cancelled'));
    });
    scheduler.run();
    expect(tasks.map(({ outcome }) => outcome)).toMatchObject([
      { kind: 'failed', error: { message: 'rejected' } },
      { kind: 'done', value: -1 },
      { kind: 'cancelled', reason: { message: 'cancelled' } },
      { kind: 'done', value: -1 },
    ]);
  });

  // Three children, which wait and take turns. Where an exception comes from one, the scheduler throws it into the others.
  const CHILDREN = `
    (type $body (func (param i32))) (type $new (cont $body))
    (type $rest (func)) (type $cont (cont $rest))
    (import "env" "wait" (func $wait (param i32)))
    (import "env" "log" (func $log (param i32)))
    (tag $turn)
    (elem declare func $child)
    (table $queue 3 (ref null $cont))
    (func $child (type $body)
      (block $caught (result exnref)
        (try_table (catch_all_ref $caught)
          (call $wait (local.get 0))
          (suspend $turn)
          (call $wait (local.get 0))
          (call $log (local.get 0))
          (return))
        (unreachable))
      (call $log (i32.add (i32.const 10) (local.get 0)))
      (call $wait (i32.const 9))
      (call $log (i32.add (i32.const 20) (local.get 0)))
      (throw_ref))
    (func $rounds (local $index i32) (local $left i32) (local $cont (ref null $cont))
      (loop $round
        (local.set $index (i32.const 0))
        (local.set $left (i32.const 0))
        (loop $next
          (local.set $cont (table.get $queue (local.get $index)))
          (table.set $queue (local.get $index) (ref.null $cont))
          (if (i32.eqz (ref.is_null (local.get $cont)))
            (then
              (block $done
                (block $turned (result (ref $cont))
                  (resume $cont (on $turn $turned) (local.get $cont))
                  (br $done))
                (local.set $cont)
                (table.set $queue (local.get $index) (local.get $cont))
                (local.set $left (i32.const 1)))))
          (br_if $next (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 3))))
        (br_if $round (local.get $left))))
    (func (export "run") (param i32) (result i32) (local $index i32) (local $exception exnref) (local $cont (ref null $cont))
      (loop $next
        (table.set $queue (local.get $index) (cont.bind $new $cont (local.get $index) (cont.new $new (ref.func $child))))
        (br_if $next (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 3))))
      (block $caught (result exnref)
        (try_table (catch_all_ref $caught) (call $rounds) (return (i32.const 0)))
        (unreachable))
      (local.set $exception)
      (local.set $index (i32.const 3))
      (loop $next
        (local.set $index (i32.sub (local.get $index) (i32.const 1)))
        (local.set $cont (table.get $queue (local.get $index)))
        (if (i32.eqz (ref.is_null (local.get $cont)))
          (then (block $ended (try_table (catch_all $ended)
            (resume_throw_ref $cont (local.get $exception) (local.get $cont))))))
        (br_if $next (local.get $index)))
      (call $log (i32.const 30))
      (throw_ref (local.get $exception)))`;

  it("clean up in all continuations where a guest's scheduler passes on that its task is cancelled", async () => {
    const outcomes = new Set<string>();
    for (let time = 0; time < 10; time++) {
      const scheduler = virtual({ policy: new RoundRobinPolicy({ slice: 2 }) });
      const log: number[] = [];
      const env = {
        wait: new Suspending((n: number) => (n === 0 ? giveWay() : sleep(n))),
        log: (n: number) => void log.push(n),
      };
      const { exports } = await load<{ run: Number1 }>(scheduler, CHILDREN, { env }, build, {
        suspending: ['env.wait'],
        yields: 'fuel',
      });
      const task = scheduler.spawn(exports.run, [0]);
      scheduler.spawn(function* () {
        yield* sleep(time + 0.5);
        task.cancel(new Error('cancelled'));
      });
      scheduler.run();
      const done = log.filter((n) => n < 10);
      const begun = log.filter((n) => n >= 10 && n < 20).map((n) => n - 10);
      const over = log.filter((n) => n >= 20 && n < 30).map((n) => n - 20);
      expect(over).toEqual(begun);
      expect(new Set([...done, ...begun]).size).toBe(done.length + begun.length);
      if (task.state === 'done') expect(done).toEqual([0, 1, 2]);
      else expect(log.at(-1)).toBe(30);
      outcomes.add(`${task.state}: ${log}`);
    }
    // While the first waits for the first time the others have not begun, and have nothing to clean up.
    expect([...outcomes]).toEqual([
      'cancelled: 11,21,10,20,30',
      'cancelled: 12,22,11,21,10,20,30',
      'cancelled: 0,11,21,12,22,30',
      'cancelled: 0,1,12,22,30',
      'done: 0,1,2',
    ]);
  });

  it('keep nothing alive once the task is cancelled', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const text = `
      (type $f (func (param externref))) (type $c (cont $f))
      (import "env" "make" (func $make (result externref)))
      (import "env" "wait" (func $wait))
      (import "env" "use" (func $use (param externref)))
      (elem declare func $inner)
      (func $inner (type $f) (call $wait) (call $use (local.get 0)))
      (func (export "run") (param i32) (result i32) (local $own externref)
        (local.set $own (call $make))
        (resume $c (call $make) (cont.new $c (ref.func $inner)))
        (call $use (local.get $own))
        (i32.const 1))`;
    const scheduler = virtual();
    const made: WeakRef<object>[] = [];
    const env = {
      make: () => {
        const object = { some: 'object' };
        made.push(new WeakRef(object));
        return object;
      },
      wait: new Suspending(() => sleep(1000)),
      use: () => {
        throw new Error('it has gone on');
      },
    };
    const { exports } = await load<{ run: Number1 }>(scheduler, text, { env }, build, { suspending: ['env.wait'] });
    const tasks = Array.from({ length: 20 }, () => scheduler.spawn(exports.run, [0]));
    scheduler.spawn(function* () {
      yield* sleep(1);
      for (const task of tasks) task.cancel();
    });
    scheduler.run();
    expect(tasks.every(({ state }) => state === 'cancelled')).toBe(true);
    expect(made).toHaveLength(40);
    await new Promise((resolve) => setTimeout(resolve, 1));
    collect();
    const alive = made.filter((reference) => reference.deref() !== undefined);
    // The last stack that ran stays known to the instance until the next one does.
    expect(alive.length).toBeLessThanOrEqual(2);
    // The tasks are still there.
    expect(tasks).toHaveLength(20);
  });
});
