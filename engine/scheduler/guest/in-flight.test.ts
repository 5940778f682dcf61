import { describe, expect, it } from 'vitest';
import { Scheduler, Suspending, type SuspendingCall, seeded } from '../index.ts';
import { BUILDS, load } from './guest.test-data.ts';

const CALLS = 10_000;

/** Calls twice, deep in recursion, and adds the results to what it keeps in its locals. */
const TEXT = `
  (import "env" "ask" (func $ask (param i32 i32) (result f64)))
  (func $deep (param $id i32) (param $depth i32) (result f64)
    (if (result f64) (local.get $depth)
      (then
        (f64.add
          (f64.convert_i32_u (local.get $depth))
          (call $deep (local.get $id) (i32.sub (local.get $depth) (i32.const 1)))))
      (else
        (f64.add
          (call $ask (local.get $id) (i32.const 0))
          (call $ask (local.get $id) (i32.const 1))))))
  (func (export "run") (param $id i32) (result f64)
    (call $deep (local.get $id) (i32.rem_u (local.get $id) (i32.const 7))))
  (func (export "plain") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))`;

describe.each(BUILDS)('suspending host calls, %s', (build) => {
  it('10,000 in flight in one instance end in random order, some of them rejected or aborted', async () => {
    const scheduler = new Scheduler();
    const random = seeded(20_240);
    const waiting: {
      readonly id: number;
      readonly which: number;
      readonly resolve: (value: number) => void;
      readonly reject: (error: Error) => void;
    }[] = [];
    const aborted = new Set<number>();
    let most = 0;
    const ask = new Suspending(function (this: SuspendingCall, id: number, which: number) {
      this.signal.addEventListener('abort', () => aborted.add(id));
      return new Promise<number>((resolve, reject) => {
        waiting.push({ id, which, resolve, reject });
        most = Math.max(most, waiting.length);
      });
    });
    const { exports } = await load<Record<'run' | 'plain', (n: number) => number>>(
      scheduler,
      TEXT,
      { env: { ask } },
      build,
    );
    const tasks = Array.from({ length: CALLS }, (_, id) => scheduler.spawn(exports.run, [id], { name: `call ${id}` }));
    scheduler.run();
    expect(waiting).toHaveLength(CALLS);

    const rejected = new Set<number>();
    const cancelled = new Set<number>();
    const value = (id: number, which: number): number => id * 2.5 + which;
    while (waiting.length > 0) {
      const at = Math.floor(random() * waiting.length);
      const call = waiting[at] as (typeof waiting)[number];
      waiting[at] = waiting.at(-1) as (typeof waiting)[number];
      waiting.pop();
      const { id, which } = call;
      const chance = random();
      if (chance < 0.02) {
        rejected.add(id);
        call.reject(new Error(`no answer for ${id}`));
      } else if (chance < 0.04) {
        cancelled.add(id);
        tasks[id]?.cancel(new Error(`no need of ${id}`));
        call.resolve(-1);
      } else call.resolve(value(id, which));
      if (random() < 0.01) {
        expect(exports.plain(id)).toBe(id * 3);
        await new Promise((resolve) => setTimeout(resolve, 0));
      } else if (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.allSettled(tasks.map((task) => task.join()));
    expect(most).toBe(CALLS);
    expect(Math.min(rejected.size, cancelled.size)).toBeGreaterThan(100);
    expect([...aborted].sort()).toEqual([...cancelled].sort());
    for (const [id, task] of tasks.entries()) {
      const depth = id % 7;
      const expected = rejected.has(id)
        ? { kind: 'failed', error: { message: `no answer for ${id}` } }
        : cancelled.has(id)
          ? { kind: 'cancelled', reason: { message: `no need of ${id}` } }
          : { kind: 'done', value: (depth * (depth + 1)) / 2 + value(id, 0) + value(id, 1) };
      expect(task.outcome).toMatchObject(expected);
    }
    expect(scheduler.size).toBe(0);
  });
});
