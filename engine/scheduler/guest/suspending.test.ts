import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canSuspend, promising, Scheduler, Suspending, type SuspendingCall, settled, sleep } from '../index.ts';
import { rejection, thrown, virtual } from '../scheduler.test-data.ts';
import { BUILDS, FRAMES, load } from './guest.test-data.ts';

type Number1 = (n: number) => number;

/** Adds up what the import returns for n, n - 1, …, 1. */
const SUM = `
  (import "env" "get" (func $get (param i32) (result i32)))
  (func $sum (export "sum") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (call $get (local.get $n)) (call $sum (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "plain") (param $n i32) (result i32) (i32.mul (local.get $n) (i32.const 3)))`;

describe.each(BUILDS)('suspending imports of a guest, %s', (build) => {
  it('return at once, with a promise, with an operation', async () => {
    const scheduler = new Scheduler();
    const get = new Suspending((n: number) => {
      if (n % 3 === 0) return n * 10;
      return n % 3 === 1 ? Promise.resolve(n * 10) : sleep(1).map(() => n * 10);
    });
    const { exports } = await load<{ sum: Number1 }>(scheduler, SUM, { env: { get } }, build);
    const sum = promising(exports.sum);
    expect(await Promise.all([sum(3), sum(10), sum(0), sum(1)])).toEqual([60, 550, 0, 10]);
  });

  it('can be under way in any number and finish in any order, in one instance', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(6), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        async (sizes, draws) => {
          const scheduler = new Scheduler();
          const waiting: { readonly n: number; readonly resolve: (value: number) => void }[] = [];
          const get = new Suspending((n: number) => new Promise<number>((resolve) => waiting.push({ n, resolve })));
          const { exports } = await load<{ sum: Number1; plain: Number1 }>(scheduler, SUM, { env: { get } }, build);
          const tasks = sizes.map((size) => scheduler.spawn(exports.sum, [size]));
          scheduler.run();
          expect(waiting.length).toBe(sizes.filter((size) => size > 0).length);
          while (waiting.length > 0) {
            const index = (draws.next().value as number) % waiting.length;
            const { n, resolve } = waiting[index] as (typeof waiting)[number];
            waiting.splice(index, 1);
            resolve(n);
            await Promise.resolve();
            await Promise.resolve();
            scheduler.run();
            expect(exports.plain(n)).toBe(n * 3);
          }
          const results = await Promise.all(tasks.map((task) => task.join()));
          expect(results).toEqual(sizes.map((size) => (size * (size + 1)) / 2));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('10,000 in flight in one instance', async () => {
    const scheduler = new Scheduler();
    const resolves: (() => void)[] = [];
    const get = new Suspending((n: number) => new Promise<number>((resolve) => resolves.push(() => resolve(n))));
    const { exports } = await load<{ sum: Number1 }>(scheduler, SUM, { env: { get } }, build);
    const calls = Array.from({ length: 10_000 }, () => promising(exports.sum)(1));
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (resolves.length < 10_000) await new Promise((resolve) => setTimeout(resolve, 1));
    for (let step = 0; step < 10_000; step++) resolves[(step * 7919) % 10_000]?.();
    expect((await Promise.all(calls)).every((result) => result === 1)).toBe(true);
  });

  it('refuse to wait where nothing can be suspended', async () => {
    const scheduler = new Scheduler();
    const legal: boolean[] = [];
    let nested: (() => unknown) | null = null;
    const imports = {
      env: {
        get: new Suspending((n: number) => {
          legal.push(canSuspend());
          return n === 1 ? Promise.reject(new Error('not looked at')) : n;
        }),
        call: () => nested?.(),
      },
    };
    const text = `${SUM} (import "env" "call" (func $call)) (func (export "nest") (call $call))`.replace(
      /^(.*?)(\(func \$sum[\s\S]*?)(\(import "env" "call" \(func \$call\)\))/s,
      '$1$3$2',
    );
    const { exports } = await load<{ sum: Number1; nest: () => void }>(scheduler, text, imports, build);
    expect(thrown(() => exports.sum(1))).toBe('cannot-suspend');
    nested = () => exports.sum(1);
    expect(await rejection(promising(exports.nest)())).toBe('cannot-suspend');
    expect(legal).toEqual([false, false]);
    expect(await promising(exports.sum)(0)).toBe(0);
    expect(exports.sum(0)).toBe(0);
    expect(await rejection(promising(exports.sum)(1))).toBe('another error');
    expect(legal).toEqual([false, false, true]);
    expect(canSuspend()).toBe(false);
  });

  it('have results of every type', async () => {
    const scheduler = new Scheduler();
    const text = `
      (import "env" "long" (func $long (result i64)))
      (import "env" "double" (func $double (result f64)))
      (import "env" "extern" (func $extern (result externref)))
      (import "env" "func" (func $func (result funcref)))
      (import "env" "none" (func $none))
      (import "env" "many" (func $many (result i32 i64 funcref externref)))
      (func (export "long") (result i64) (call $long))
      (func (export "double") (result f64) (call $double))
      (func (export "extern") (result externref) (call $extern))
      (func $f (export "func") (result i32) (call $none) (ref.is_null (call $func)))
      (func (export "many") (result i32 i64 funcref externref) (call $many))`;
    const later = (value: unknown) => new Suspending(() => Promise.resolve(value));
    // One result that is an array is not several.
    const object = ['in an array'];
    const env = {
      long: later(1n << 40n),
      double: later(0.5),
      extern: later(object),
      func: later(null),
      none: later('ignored'),
      many: later([1, 2n, null, object]),
    };
    const refused = build === 'binaryen';
    const { exports } = await load(scheduler, refused ? withoutReferences(text) : text, { env }, build);
    expect(await promising(exports.long as never)()).toBe(1n << 40n);
    expect(await promising(exports.double as never)()).toBe(0.5);
    if (refused) return;
    expect(await promising(exports.extern as never)()).toBe(object);
    expect(await promising(exports.func as never)()).toBe(1);
    expect(await promising(exports.many as never)()).toEqual([1, 2n, null, object]);
  });

  it('throw what is no value of their type at the call', async () => {
    const scheduler = new Scheduler();
    const get = new Suspending(() => Promise.resolve(Symbol('no number')));
    const { exports } = await load<{ sum: Number1 }>(scheduler, SUM, { env: { get } }, build);
    await expect(promising(exports.sum)(1)).rejects.toBeInstanceOf(TypeError);
    expect(await promising(exports.sum)(0)).toBe(0);
  });

  it('get a signal that is aborted where their task is cancelled, and only then', async () => {
    const scheduler = new Scheduler();
    const controller = new AbortController();
    const seen: AbortSignal[] = [];
    const get = new Suspending(function (this: SuspendingCall, n: number) {
      seen.push(this.signal);
      expect(this.task?.name).toBe('call');
      return n === 2 ? Promise.resolve(1) : new Promise(() => {});
    });
    const { exports } = await load<{ sum: Number1 }>(scheduler, SUM, { env: { get } }, build);
    const call = promising(exports.sum, { signal: controller.signal, name: 'call' })(2);
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort(new Error('no more'));
    await expect(call).rejects.toThrow('no more');
    expect(seen.map((signal) => signal.aborted)).toEqual([false, true]);
  });

  it('say where a task waits that is in a deadlock', async () => {
    const scheduler = virtual();
    const get = new Suspending(() => sleep(Number.POSITIVE_INFINITY));
    const { exports } = await load<{ sum: Number1 }>(scheduler, SUM, { env: { get } }, build);
    const task = scheduler.spawn(exports.sum, [1]);
    await expect(task.join()).rejects.toMatchObject({
      kind: 'deadlock',
      tasks: [
        {
          name: 'sum 1',
          blockedOn: 'sleep of Infinity ms',
          backtrace: ['env.get (import)', 'sum (exported function)'],
        },
      ],
    });
  });
});

const withoutReferences = (text: string): string => text.replace(/^.*(ref|funcref).*$/gm, '');

describe.each(FRAMES)('rejections in a guest, %s', (build) => {
  it('are exceptions at the call, that the guest can catch', async () => {
    const scheduler = new Scheduler();
    const text = `
      (import "env" "get" (func $get (param i32) (result i32)))
      (import "js" "tag" (tag $js (param externref)))
      (func (export "caught") (param $n i32) (result i32)
        (block $all (return (try_table (result i32) (catch_all $all) (call $get (local.get $n)))))
        (i32.const -1))
      (func (export "value") (param $n i32) (result externref)
        (block $h (result externref)
          (drop (try_table (result i32) (catch $js $h) (call $get (local.get $n)))) (ref.null extern)))
      (func (export "passed") (param $n i32) (result i32) (call $get (local.get $n)))`;
    const error = new Error('rejected');
    const get = new Suspending((n: number) => (n === 0 ? Promise.resolve(5) : settled(Promise.reject(error))));
    const js = { tag: (WebAssembly as unknown as { JSTag: object }).JSTag };
    const { exports } = await load(scheduler, text, { env: { get }, js }, build);
    expect(await promising(exports.caught as Number1)(0)).toBe(5);
    expect(await promising(exports.caught as Number1)(1)).toBe(-1);
    expect(await promising(exports.value as Number1)(1)).toBe(error);
    await expect(promising(exports.passed as Number1)(1)).rejects.toBe(error);
  });
});

describe('Suspending and promising', () => {
  it('refuse what does not fit', async () => {
    const scheduler = new Scheduler();
    expect(() => new Suspending(3 as never)).toThrow(TypeError);
    expect(() => promising(() => 1)).toThrow(TypeError);
    expect(() => promising(undefined as never)).toThrow(TypeError);
    const get = new Suspending(() => 1);
    expect(await rejection(load(scheduler, SUM, { env: { get } }, 'closed', { suspending: [] }))).toBe(
      'not-suspending',
    );
    const twice = `(import "env" "get" (func (param i32))) ${SUM}`;
    expect(await rejection(load(scheduler, twice, { env: { get } }, 'closed'))).toBe('not-suspending');
    const bad = new Suspending(() => 1, { placeholder: 5n });
    expect(await rejection(load(scheduler, SUM, { env: { get: bad } }, 'closed'))).toBe('placeholder');
    const text =
      '(type $f (func)) (import "env" "get" (func $get (result (ref $f)))) (func (export "f") (drop (call $get)))';
    expect(await rejection(load(scheduler, text, { env: { get } }, 'closed'))).toBe('placeholder');
  });

  it('take a placeholder for results that cannot be null', async () => {
    const scheduler = new Scheduler();
    const text = `(type $f (func (result i32))) (import "env" "get" (func $get (result (ref $f))))
      (func (export "seven") (result i32) (i32.const 7))
      (func (export "call") (result i32) (call_ref $f (call $get)))`;
    const seven = (await load<{ seven: () => number }>(scheduler, text, { env: { get: () => null } }, 'closed')).exports
      .seven;
    const get = new Suspending(() => Promise.resolve(seven), { placeholder: seven });
    const { exports } = await load<{ call: () => number }>(scheduler, text, { env: { get } }, 'closed');
    expect(await promising(exports.call)()).toBe(7);
  });
});
