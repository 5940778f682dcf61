import { describe, expect, it } from 'vitest';
import { transform } from '../../../asyncify/index.ts';
import { Store, SuspensionError, TrapError } from '../../../continuations/index.ts';
import { parseText } from '../../../spec-tests/runner/index.ts';
import { type GuestInstance, instantiate, RoundRobinPolicy, Suspending, sleep } from '../index.ts';
import { thrown, virtual } from '../scheduler.test-data.ts';
import { compile, FRAMES, load } from './guest.test-data.ts';

type Makers = Readonly<Record<string, (...args: never[]) => object>>;

/** Hands over continuations of several types, in every state. */
const HANDING = `
  (type $add (func (param i32 i64) (result i32 i64)))
  (type $add-cont (cont $add))
  (type $rest (func (param i64) (result i32 i64)))
  (type $rest-cont (cont $rest))
  (type $run (func (result i32)))
  (type $run-cont (cont $run))
  (type $refs (func (param externref (ref i31)) (result externref (ref null $run-cont))))
  (type $refs-cont (cont $refs))
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "take" (func $take (param (ref null $run-cont))))
  (tag $t (param i32) (result i32))
  (table (export "table") 2 (ref null $run-cont))
  (global $kept (export "kept") (mut (ref null $run-cont)) (ref.null $run-cont))
  (elem declare func $sum $both $twice $refs $lost)
  (func $sum (type $add) (call $wait (local.get 0)) (i64.add (local.get 1) (i64.const 1)))
  (func (export "sum") (result (ref $add-cont)) (cont.new $add-cont (ref.func $sum)))
  (func (export "bound") (param i32) (result (ref $rest-cont))
    (cont.bind $add-cont $rest-cont (local.get 0) (cont.new $add-cont (ref.func $sum))))
  (func $twice (type $run)
    (i32.add (suspend $t (i32.const 20)) (call $wait (i32.const 2))))
  (func $lost (type $run) (suspend $t (i32.const 1)))
  (func (export "lost") (result (ref $run-cont)) (cont.new $run-cont (ref.func $lost)))
  (type $answer (func (param i32) (result i32)))
  (type $answer-cont (cont $answer))
  ;; suspended: what it goes on with is its argument
  (func (export "suspended") (result (ref null $answer-cont))
    (block $h (result i32 (ref $answer-cont))
      (resume $run-cont (on $t $h) (cont.new $run-cont (ref.func $twice)))
      (drop) (return (ref.null $answer-cont)))
    (return))
  (func $both (type $run) (call $wait (i32.const 7)))
  (func (export "give") (call $take (cont.new $run-cont (ref.func $both))))
  (func (export "keep")
    (global.set $kept (cont.new $run-cont (ref.func $both)))
    (table.set (i32.const 1) (cont.new $run-cont (ref.func $both))))
  (func (export "use") (param (ref null $run-cont)) (result i32) (resume $run-cont (local.get 0)))
  (func $refs (type $refs) (drop (call $wait (i32.const 1))) (local.get 0) (cont.new $run-cont (ref.func $both)))
  (func (export "refs") (result (ref $refs-cont)) (cont.new $refs-cont (ref.func $refs)))`;

const env = (take: (cont: object) => void = () => {}) => ({
  env: { wait: new Suspending((n: number) => sleep(n).map(() => n * 10)), take },
});
const suspending = ['env.wait'];

describe.each(FRAMES)('continuation objects that a guest hands over, %s', (build) => {
  it('run as tasks, with the arguments and results of their type', async () => {
    const scheduler = virtual();
    const { exports } = await load<Makers>(scheduler, HANDING, env(), build, { suspending });
    const tasks = [
      scheduler.spawn(exports.sum?.() as object, [4, 1n]),
      scheduler.spawn<[number, bigint]>(exports.bound?.(5 as never) as object, [2n], { name: 'bound' }),
      scheduler.spawn(exports.suspended?.() as object, [1]),
    ];
    scheduler.run();
    expect(tasks.map(({ result }) => result)).toEqual([[40, 2n], [50, 3n], 21]);
    expect(tasks.map(({ name }) => name)).toEqual(['continuation 1', 'bound', 'continuation 3']);
  });

  it('come as arguments of imports, in globals and tables, and from other tasks', async () => {
    const scheduler = virtual();
    const taken: object[] = [];
    const { exports } = await load<Makers>(
      scheduler,
      HANDING,
      env((cont) => taken.push(cont)),
      build,
      { suspending },
    );
    exports.give?.();
    exports.keep?.();
    const { kept, table } = exports as unknown as { kept: WebAssembly.Global; table: WebAssembly.Table };
    const value = { a: 'value' };
    const refs = scheduler.spawn<[unknown, object]>(exports.refs?.() as object, [value, 3]);
    scheduler.run();
    expect(refs.result?.[0]).toBe(value);
    const conts = [...taken, kept.value as object, table.get(1) as object, refs.result?.[1] as object];
    const tasks = conts.map((cont) => scheduler.spawn(cont));
    scheduler.run();
    expect(tasks.map(({ result }) => result)).toEqual([70, 70, 70, 70]);
  });

  it('are consumed by it: a second use traps, and fails that task alone', async () => {
    const scheduler = virtual();
    const { exports } = await load<Makers>(scheduler, HANDING, env(), build, { suspending });
    const cont = exports.sum?.() as object;
    const [first, second] = [scheduler.spawn(cont, [1, 1n]), scheduler.spawn(cont, [2, 2n])];
    const third = exports.lost?.() as object;
    const lost = scheduler.spawn(third);
    expect(() => exports.use?.(third as never)).toThrow('continuation already consumed');
    scheduler.run();
    expect(first.result).toEqual([10, 2n]);
    expect(second.outcome).toMatchObject({ kind: 'failed', error: { message: 'continuation already consumed' } });
    expect((second.outcome as { error?: unknown }).error).toBeInstanceOf(TrapError);
    // Nothing of the task handles the guest's own tag.
    expect((lost.outcome as { error?: unknown }).error).toBeInstanceOf(SuspensionError);
  });

  it('are left as they are where they cannot be spawned', async () => {
    const scheduler = virtual();
    const { exports } = await load<Makers>(scheduler, HANDING, env(), build, { suspending });
    const cont = exports.sum?.() as object;
    expect(() => scheduler.spawn(cont, ['no number' as never, 1])).toThrow(TypeError);
    expect(thrown(() => scheduler.spawn(cont, 3 as never))).toBe('bad-argument');
    for (const value of [null, undefined, {}, [], 5, 'text', Symbol('s'), new WeakMap()]) {
      expect(thrown(() => scheduler.spawn(value as never))).toBe('bad-argument');
      expect(thrown(() => scheduler.spawn(cont, [1, 1n], { guest: (value ?? {}) as object }))).toBe('bad-argument');
    }
    expect(thrown(() => virtual().spawn(cont, [1, 1n]))).toBe('bad-argument');
    const task = scheduler.spawn(cont, [1, 1n]);
    scheduler.run();
    expect(task.result).toEqual([10, 2n]);
  });

  it('run in the instance that they come from', async () => {
    const scheduler = virtual();
    const guests: GuestInstance<Makers>[] = [];
    const module = await compile(HANDING, build, { suspending });
    for (const factor of [10, 100]) {
      const imports = { env: { take: () => {}, wait: new Suspending((n: number) => sleep(n).map(() => n * factor)) } };
      guests.push(instantiate<Makers>(scheduler, new Store(), module, imports));
    }
    const fresh = guests.map(({ exports }) => scheduler.spawn(exports.sum?.() as object, [4, 1n]));
    const other = guests[1]?.exports.sum?.() as object;
    expect(thrown(() => scheduler.spawn(other, [1, 1n], { guest: guests[0] as object }))).toBe('bad-argument');
    // One that has begun does not show where it belongs.
    const begun = guests.map(({ exports }) => exports.suspended?.() as object);
    expect(thrown(() => scheduler.spawn(begun[0] as object, [1]))).toBe('bad-argument');
    const named = begun.map((cont, index) => scheduler.spawn(cont, [1], { guest: guests[index] as object }));
    scheduler.run();
    expect(fresh.map(({ result }) => result)).toEqual([
      [40, 2n],
      [400, 2n],
    ]);
    expect(named.map(({ result }) => result)).toEqual([21, 201]);
  });

  it('of subtypes, and where only "cont" is said', async () => {
    const scheduler = virtual();
    const text = `
      (rec (type $base (sub (func (param (ref i31)) (result anyref)))) (type $base-cont (sub (cont $base))))
      (rec (type $sub (sub $base (func (param anyref) (result (ref i31))))) (type $sub-cont (sub $base-cont (cont $sub))))
      (type $v (func (param v128))) (type $v-cont (cont $v))
      (elem declare func $f $v)
      (func $f (type $sub) (ref.i31 (i32.add (i32.const 1) (i31.get_s (ref.cast (ref i31) (local.get 0))))))
      (func $v (type $v))
      (func (export "as-base") (result (ref $base-cont)) (cont.new $sub-cont (ref.func $f)))
      (func (export "any") (result (ref cont)) (cont.new $sub-cont (ref.func $f)))
      (func (export "vector") (result (ref null $v-cont)) (cont.new $v-cont (ref.func $v)))`;
    const { exports } = await load<Makers>(scheduler, text, {}, build, { suspending: [] });
    const tasks = ['as-base', 'any'].map((name) => scheduler.spawn(exports[name]?.() as object, [4]));
    expect(thrown(() => scheduler.spawn(exports.vector?.() as object, [0]))).toBe('bad-argument');
    scheduler.run();
    expect(tasks.map(({ result }) => result)).toEqual([5, 5]);
  });

  it('have slices of their own where there are yield points, and a shadow stack', async () => {
    const scheduler = virtual({ policy: new RoundRobinPolicy({ slice: 2 }) });
    let order = '';
    const text = `
      (type $f (func (param i32))) (type $c (cont $f))
      (import "env" "log" (func $log (param i32)))
      (memory (export "memory") 1)
      (global $sp (export "__stack_pointer") (mut i32) (i32.const 1024))
      (elem declare func $work)
      (func $work (type $f) (local $n i32)
        (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
        (i32.store (global.get $sp) (local.get 0))
        (local.set $n (i32.const 5))
        (loop $l
          (call $log (i32.load (global.get $sp)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (global.set $sp (i32.add (global.get $sp) (i32.const 16))))
      (func (export "work") (result (ref $c)) (cont.new $c (ref.func $work)))`;
    const log = (id: number): void => {
      order += id;
    };
    const { exports } = await load<Makers>(scheduler, text, { env: { log } }, build, {
      suspending: [],
      yields: 'fuel',
    });
    for (const id of [1, 2]) scheduler.spawn(exports.work?.() as object, [id]);
    const cont = exports.work?.() as object;
    expect(thrown(() => scheduler.spawn(cont, [3], { stackSize: 0 }))).toBe('bad-argument');
    scheduler.spawn(cont, [3]);
    scheduler.run();
    expect([...order].sort().join('')).toBe('111112222233333');
    expect(order).toMatch(/^1+2+3+1/);
  });
});

it('nothing is added to modules that hand over no continuation', async () => {
  const exported = async (text: string): Promise<string[]> => {
    const { bytes } = transform(await parseText(`(module (type $f (func)) (type $c (cont $f)) ${text})`), {
      suspending: [],
    });
    return WebAssembly.Module.exports(new WebAssembly.Module(bytes))
      .map(({ name }) => name)
      .filter((name) => name.startsWith('bobbin:cont'));
  };
  expect(
    await exported('(func (export "run") (resume $c (cont.new $c (ref.func 0)))) (table 1 (ref null $c))'),
  ).toEqual([]);
  expect(await exported('(func (export "run") (result (ref null $c)) (ref.null $c))')).toHaveLength(3);
});

it('linked instances of one store run what comes of either', async () => {
  const store = new Store();
  const scheduler = virtual();
  const library = await load<Makers>(
    scheduler,
    `(type $f (func (param i32) (result i32))) (type $c (cont $f))
     (import "env" "wait" (func $wait (type $f))) (elem declare func $wait)
     (func (export "make") (result (ref $c)) (cont.new $c (ref.func $wait)))`,
    env(),
    'linked',
    { suspending, store },
  );
  const user = await load<Makers>(
    scheduler,
    `(type $f (func (param i32) (result i32))) (type $c (cont $f))
     (type $g (func (result i32))) (type $cg (cont $g))
     (import "lib" "make" (func $make (result (ref $c))))
     (func (export "bound") (result (ref $cg)) (cont.bind $c $cg (i32.const 3) (call $make)))`,
    { lib: library.exports },
    'linked',
    { suspending: [], store },
  );
  const tasks = [
    scheduler.spawn(library.exports.make?.() as object, [2]),
    scheduler.spawn(user.exports.bound?.() as object),
  ];
  scheduler.run();
  expect(tasks.map(({ result }) => result)).toEqual([20, 30]);
});
