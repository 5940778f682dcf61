import { describe, expect, it } from 'vitest';
import { mallocStacks, Suspending, sleep } from '../index.ts';
import { rejection, thrown, virtual } from '../scheduler.test-data.ts';
import { BUILDS, load } from './guest.test-data.ts';

/** Keeps numbers on its shadow stack while it waits; `use` takes this many bytes of it. */
const TEXT = `
  (import "env" "wait" (func $wait (param i32)))
  (memory (export "memory") 1 60)
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 60000))
  (global $heap (mut i32) (i32.const 1024))
  (func $frame (export "frame") (param $n i32) (param $value i32) (result i32) (local $at i32) (local $result i32)
    (local.set $at (i32.sub (global.get $sp) (i32.const 16)))
    (global.set $sp (local.get $at))
    (i32.store (local.get $at) (local.get $value))
    (call $wait (local.get $n))
    (if (local.get $n) (then (local.set $result
      (call $frame (i32.sub (local.get $n) (i32.const 1)) (i32.add (local.get $value) (i32.const 1))))))
    (local.set $result (i32.add (local.get $result) (i32.load (local.get $at))))
    (global.set $sp (i32.add (local.get $at) (i32.const 16)))
    (local.get $result))
  (func (export "use") (param $bytes i32)
    (global.set $sp (i32.sub (global.get $sp) (local.get $bytes)))
    (call $wait (i32.const 1))
    (global.set $sp (i32.add (global.get $sp) (local.get $bytes))))
  (func (export "scribble") (param $bytes i32)
    (i32.store (i32.sub (global.get $sp) (local.get $bytes)) (i32.const 1))
    (call $wait (i32.const 1)))
  (func (export "scribble-trap") (param $bytes i32)
    (i32.store (i32.sub (global.get $sp) (local.get $bytes)) (i32.const 1))
    (unreachable))
  (func (export "malloc") (param $bytes i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (i32.and (i32.add (local.get $bytes) (i32.const 15)) (i32.const -16)))))
  (func (export "free") (param i32))`;

type Guest = {
  frame: (n: number, value: number) => number;
  use: (bytes: number) => void;
  scribble: (bytes: number) => void;
  'scribble-trap': (bytes: number) => void;
  memory: WebAssembly.Memory;
  __stack_pointer: WebAssembly.Global;
};

const sum = (n: number, value: number): number => ((n + 1) * (2 * value + n)) / 2;

describe.each(BUILDS)('shadow stacks, %s', (build) => {
  const env = { wait: new Suspending((n: number) => sleep((n * 7) % 5)) };

  it.each([
    { name: 'by growing', options: {} },
    { name: "by the guest's malloc", options: { stacks: mallocStacks, stackSize: 1024 } },
  ])('belong to one task each: $name', async ({ options }) => {
    const scheduler = virtual();
    const { exports } = await load<Guest>(scheduler, TEXT, { env }, build, options);
    const tasks = Array.from({ length: 40 }, (_, index) => scheduler.spawn(exports.frame, [index % 9, index * 100]));
    scheduler.spawn(function* () {
      for (let i = 0; i < 10; i++) {
        yield* sleep(1);
        // Between the tasks, the guest is as it was.
        expect(exports.__stack_pointer.value).toBe(60_000);
      }
    });
    scheduler.run();
    expect(tasks.map((task) => task.result)).toEqual(tasks.map((_, index) => sum(index % 9, index * 100)));
  });

  it('are used again', async () => {
    const scheduler = virtual();
    const { exports } = await load<Guest>(scheduler, TEXT, { env }, build);
    for (let round = 0; round < 200; round++) {
      const task = scheduler.spawn(exports.frame, [2, round]);
      if (round % 2 === 0) task.cancel();
      scheduler.run();
    }
    expect(exports.memory.buffer.byteLength).toBeLessThan(20 * 65_536);
  });

  it('that are left end their task alone, with an error of its name', async () => {
    const scheduler = virtual();
    const { exports } = await load<Guest>(scheduler, TEXT, { env }, build, { stackSize: 256 });
    const fine = scheduler.spawn(exports.use, [256]);
    const over = scheduler.spawn(exports.use, [257]);
    const large = scheduler.spawn(exports.use, [1000], { stackSize: 1008 });
    const scribbles = scheduler.spawn(exports.scribble, [260]);
    const traps = scheduler.spawn(exports['scribble-trap'], [260]);
    scheduler.run();
    expect(fine.state).toBe('done');
    expect(large.state).toBe('done');
    for (const task of [over, scribbles, traps]) {
      expect(task.outcome).toMatchObject({ kind: 'failed', error: { kind: 'stack-overflow' } });
    }
    expect(over.outcome).toMatchObject({ error: { message: '"use" has left its shadow stack of 256 bytes' } });
    expect(traps.outcome).toMatchObject({ error: { cause: expect.any(WebAssembly.RuntimeError) } });
    expect(exports.__stack_pointer.value).toBe(60_000);
  });

  it('that cannot be are refused', async () => {
    const scheduler = virtual();
    const { exports } = await load<Guest>(scheduler, TEXT, { env }, build);
    for (const stackSize of [0, -1, 1.5, Number.NaN, 2 ** 40]) {
      expect(thrown(() => scheduler.spawn(exports.use, [0], { stackSize }))).toBe('bad-argument');
    }
    expect(thrown(() => scheduler.spawn(exports.use, [0], { stackSize: 2 ** 30 }))).toBe('no-memory');
    const tasks = [];
    while (thrown(() => tasks.push(scheduler.spawn(exports.frame, [1, 0]))) === 'nothing');
    expect(tasks.length).toBeGreaterThan(10);
    expect(thrown(() => scheduler.spawn(exports.frame, [1, 0]))).toBe('no-memory');
    scheduler.run();
    expect(scheduler.size).toBe(0);
    expect(thrown(() => scheduler.spawn(exports.frame, [1, 0]))).toBe('nothing');
    expect(await rejection(load(scheduler, TEXT, { env }, build, { stackSize: 0 }))).toBe('bad-argument');
    const stacks = () => ({ allocate: () => 8, free: () => {} });
    const bad = await load<Guest>(scheduler, TEXT, { env }, build, { stacks });
    expect(thrown(() => scheduler.spawn(bad.exports.use, [0]))).toBe('bad-argument');
  });
});
