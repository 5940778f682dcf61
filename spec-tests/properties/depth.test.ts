import { describe, expect, it } from 'vitest';
import { type Linking, type TransformOptions, transform } from '../../asyncify/index.ts';
import { InvariantChecker } from '../../continuations/checks.ts';
import { ExhaustionError, Store, type StoreOptions } from '../../continuations/index.ts';
import { Process } from '../../engine/index.ts';
import { parseText } from '../runner/index.ts';
import { LINKINGS } from './outcome.ts';

/** Many more activations than a default stack of any engine has room for. */
const DEEP = 60_000;
const POLLS = ['none', 'fuel', 'epoch'] as const;

const PROGRAM = `(module
  (type $sum (func (param i32) (result i64)))
  (type $cont (cont $sum))
  (type $pair (func (param i32 externref) (result i64 externref f64)))
  (type $void (func))
  (type $start (cont $void))
  (type $rest (func (result i64)))
  (type $more (cont $rest))
  (import "host" "back" (func $back (param i32) (result i64)))
  (tag $thrown (param i32 i64))
  (tag $yield)
  (table $table (export "table") 2 2 funcref)
  (global $kept (mut i64) (i64.const 0))
  (elem (table $table) (i32.const 0) func $indirect $raw)
  (elem declare func $reference $below $through)

  (func $sum (export "sum") (param i32) (result i64)
    (if (i32.eqz (local.get 0)) (then (return (i64.const 0))))
    (i64.add (call $sum (i32.sub (local.get 0) (i32.const 1))) (i64.extend_i32_u (local.get 0))))

  (func $long (export "long") (param $n i32) (result i64) (local $a i64) (local $b f64) (local $c f32)
    (local.set $b (f64.convert_i32_u (local.get $n)))
    (local.set $c (f32.convert_i32_u (i32.rem_u (local.get $n) (i32.const 64))))
    (if (i32.eqz (local.get $n)) (then (return (i64.const 0))))
    (local.set $a (call $long (i32.sub (local.get $n) (i32.const 1))))
    (if (f64.ne (local.get $b) (f64.convert_i32_u (local.get $n))) (then (unreachable)))
    (if (f32.ne (local.get $c) (f32.convert_i32_u (i32.rem_u (local.get $n) (i32.const 64)))) (then (unreachable)))
    ${'(global.set $kept (i64.add (global.get $kept) (i64.const 1)))\n'.repeat(40)}
    (i64.add (local.get $a) (i64.extend_i32_u (local.get $n))))

  (func $even (export "mutual") (param i32) (result i64)
    (if (result i64) (i32.eqz (local.get 0))
      (then (i64.const 0))
      (else (i64.add (i64.extend_i32_u (local.get 0)) (call $odd (i32.sub (local.get 0) (i32.const 1)))))))
  (func $odd (param i32) (result i64)
    (if (result i64) (i32.eqz (local.get 0))
      (then (i64.const 0))
      (else (i64.add (call $even (i32.sub (local.get 0) (i32.const 1))) (i64.extend_i32_u (local.get 0))))))

  (func $indirect (export "indirect") (param i32) (result i64)
    (if (result i64) (i32.eqz (local.get 0))
      (then (i64.const 0))
      (else (i64.add (i64.extend_i32_u (local.get 0))
        (call_indirect $table (type $sum) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))))

  (func $reference (export "reference") (param i32) (result i64)
    (if (result i64) (i32.eqz (local.get 0))
      (then (i64.const 0))
      (else (i64.add (i64.extend_i32_u (local.get 0))
        (call_ref $sum (i32.sub (local.get 0) (i32.const 1)) (ref.func $reference))))))

  (func $values (export "values") (type $pair) (param $n i32) (param $x externref) (result i64 externref f64)
    (local $half f64)
    (if (i32.eqz (local.get $n)) (then (return (i64.const 0) (local.get $x) (f64.const 0))))
    (call $values (i32.sub (local.get $n) (i32.const 1)) (local.get $x))
    (local.set $half (f64.add (f64.const 0.5)))
    (local.set $x)
    (i64.add (i64.extend_i32_u (local.get $n)))
    (local.get $x)
    (local.get $half))

  ;; Thrown at the bottom, and again at every thousandth call on the way up.
  (func $throw (param $n i32) (result i64) (local $more i64)
    (if (i32.eqz (local.get $n)) (then (throw $thrown (i32.const 0) (i64.const 0))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 1000)))
      (then
        (block $caught (result i32 i64)
          (drop (try_table (result i64) (catch $thrown $caught)
            (call $throw (i32.sub (local.get $n) (i32.const 1)))))
          (unreachable))
        (local.set $more)
        (throw $thrown (i32.add (i32.const 1)) (i64.add (local.get $more) (i64.extend_i32_u (local.get $n))))))
    (i64.add (i64.const 1) (call $throw (i32.sub (local.get $n) (i32.const 1)))))
  (func (export "throw") (param $n i32) (result i32 i64)
    (block $caught (result i32 i64)
      (return (i32.const -1) (try_table (result i64) (catch $thrown $caught) (call $throw (local.get $n))))))
  ;; What throws does not give back what it took of the native stack.
  (func (export "throw often") (param $n i32) (result i32) (local $times i32)
    (loop $again
      (block $caught (result i32 i64)
        (drop (try_table (result i64) (catch $thrown $caught) (call $throw (i32.const 999))))
        (unreachable))
      drop drop
      (local.set $times (i32.add (local.get $times) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $times) (local.get $n))))
    (local.get $times))

  ;; A continuation that is suspended at the bottom, and gone on with from elsewhere.
  (func $below (param $n i32) (result i64)
    (if (i32.eqz (local.get $n)) (then (suspend $yield) (return (i64.const 0))))
    (i64.add (i64.extend_i32_u (local.get $n)) (call $below (i32.sub (local.get $n) (i32.const 1)))))
  (func $finish (param $k (ref $more)) (param $n i32) (result i64)
    (if (result i64) (local.get $n)
      (then (i64.add (i64.const 1) (call $finish (local.get $k) (i32.sub (local.get $n) (i32.const 1)))))
      (else (resume $more (local.get $k)))))
  (func (export "suspended") (param $n i32) (result i64)
    (block $yielded (result (ref $more))
      (return (resume $cont (on $yield $yielded) (local.get $n) (cont.new $cont (ref.func $below)))))
    (call $finish (local.get $n)))

  ;; Every other activation is a driver's.
  (func $through (export "through") (param $n i32) (result i64)
    (if (result i64) (i32.eqz (local.get $n))
      (then (i64.const 0))
      (else (i64.add (i64.extend_i32_u (local.get $n))
        (resume $cont (i32.sub (local.get $n) (i32.const 1)) (cont.new $cont (ref.func $through)))))))

  ;; Up and down around the depth at which activations become frames.
  (func $wave (param $n i32) (param $branch i32) (result i64)
    (if (i32.eqz (local.get $n)) (then (return (i64.const 1))))
    (if (result i64) (i32.eqz (local.get $branch))
      (then (i64.add (i64.const 1) (call $wave (i32.sub (local.get $n) (i32.const 1)) (i32.const 15))))
      (else (i64.add (call $wave (i32.const 0) (i32.const 0))
        (call $wave (local.get $n) (i32.sub (local.get $branch) (i32.const 1)))))))
  (func (export "wave") (param i32) (result i64) (call $wave (local.get 0) (i32.const 0)))

  ;; A long way, the host, and as long a way again.
  (func $host (export "host") (param $n i32) (param $calls i32) (result i64)
    (if (i32.eqz (local.get $n))
      (then
        (if (local.get $calls) (then (return (call $back (i32.sub (local.get $calls) (i32.const 1))))))
        (return (i64.const 0))))
    (i64.add (i64.const 1) (call $host (i32.sub (local.get $n) (i32.const 1)) (local.get $calls))))

  (func $raw (param i32) (result i64) (call $sum (local.get 0))))`;

interface Exports {
  readonly table: WebAssembly.Table;
  readonly values: (n: number, x: unknown) => [bigint, unknown, number];
  readonly throw: (n: number) => [number, bigint];
  readonly host: (n: number, calls: number) => bigint;
  readonly [name: string]: unknown;
}
type Sum = (n: number) => bigint;

const binary = parseText(PROGRAM).then((bytes) => new Uint8Array(bytes));

async function load(how: TransformOptions, options: StoreOptions = {}, n = DEEP): Promise<Exports> {
  const { bytes } = transform(await binary, how);
  const imports = { host: { back: (calls: number) => exports.host(n, calls) } };
  const exports = new Store(options).instantiate(new WebAssembly.Module(bytes), imports).exports as unknown as Exports;
  return exports;
}

const sum = (n: number): bigint => (BigInt(n) * BigInt(n + 1)) / 2n;
const SUMS = ['sum', 'long', 'mutual', 'indirect', 'reference', 'suspended', 'through'];
const value = (name: string, n: number): bigint => sum(n) + (name === 'suspended' ? BigInt(n) : 0n);

describe.each(LINKINGS)('depth, %s', (linking: Linking) => {
  describe.each(POLLS)('polls: %s', (yields) => {
    const how = { linking, yields, depth: 'heap' } as const;

    it.each(SUMS)('%s', async (name) => {
      const exports = await load(how);
      for (const n of [0, 1, 1000, DEEP, 10]) expect((exports[name] as Sum)(n)).toBe(value(name, n));
    });

    it('returns several values and references', async () => {
      const { values } = await load(how);
      const object = {};
      expect(values(DEEP, object)).toEqual([sum(DEEP), object, DEEP / 2]);
    });

    it('throws from the bottom, through those that catch', async () => {
      const exports = await load(how);
      const caught = DEEP / 1000;
      expect(exports.throw(DEEP + 1)).toEqual([caught, 1000n * sum(caught)]);
      expect((exports['throw often'] as (n: number) => number)(300)).toBe(300);
      expect((exports.sum as Sum)(DEEP)).toBe(sum(DEEP));
    });

    it('goes up and down', async () => {
      const { wave } = await load(how);
      expect((wave as Sum)(3000)).toBe(BigInt(3000 * 16 - 15 + 1));
    });

    it('goes through the host', async () => {
      const { host } = await load(how);
      expect(host(DEEP, 2)).toBe(BigInt(3 * DEEP));
    });

    it('ends at the limits of frames and of bytes', async () => {
      for (const limit of [{ frameLimit: 30_000 }, { stackLimit: 1_000_000 }]) {
        const exports = await load(how, limit);
        for (const name of ['sum', 'long', 'mutual', 'indirect']) {
          expect(() => (exports[name] as Sum)(1_000_000), name).toThrow(ExhaustionError);
          expect((exports[name] as Sum)(1000)).toBe(sum(1000));
        }
      }
    });

    it('keeps the invariants of the runtime', async () => {
      const checks = new InvariantChecker();
      const n = 300;
      const exports = await load({ ...how, checks: true }, { checks, nativeStack: 4096 }, n);
      for (const name of SUMS) expect((exports[name] as Sum)(n)).toBe(value(name, n));
      expect(exports.host(n, 3)).toBe(BigInt(4 * n));
      expect(exports.throw(1001)).toEqual([1, 1000n]);
      expect(checks.violation).toBe(null);
      expect(checks.counts.get('based')).toBeGreaterThan(10);
    });
  });

  it('is a million where that is asked for', async () => {
    const exports = await load({ linking, depth: 'heap' });
    expect((exports.sum as Sum)(1_000_000)).toBe(sum(1_000_000));
    expect((exports.indirect as Sum)(1_000_000)).toBe(sum(1_000_000));
  });

  it("is the engine's where it is not", async () => {
    for (const how of [{ linking }, { linking, yields: 'fuel', depth: 'native' }] as const) {
      const exports = await load(how);
      expect(() => (exports.sum as Sum)(1_000_000)).toThrow(RangeError);
    }
  });

  it("is the engine's in what the host takes out of a table", async () => {
    const { table } = await load({ linking, depth: 'heap' });
    const raw = table.get(1) as Sum;
    expect(raw(1000)).toBe(sum(1000));
    expect(() => raw(1_000_000)).toThrow(RangeError);
    expect(raw(1000)).toBe(sum(1000));
  });
});

it("is the engine's in a store of which a linked module does not know of it", async () => {
  const store = new Store();
  const imports = { host: { back: () => 0n } };
  const load = async (how: TransformOptions): Promise<Exports> => {
    const { bytes } = transform(await binary, how);
    return store.instantiate(new WebAssembly.Module(bytes), imports).exports as unknown as Exports;
  };
  const deep = await load({ depth: 'heap' });
  expect((deep.sum as Sum)(DEEP)).toBe(sum(DEEP));
  await load({});
  expect((deep.sum as Sum)(1000)).toBe(sum(1000));
  expect(() => (deep.sum as Sum)(1_000_000)).toThrow(RangeError);
});

it('refuses limits that are none', () => {
  for (const stackLimit of [0, -1, 1.5, Number.NaN, 2 ** 36])
    expect(() => new Store({ stackLimit })).toThrow(RangeError);
  for (const nativeStack of [-1, 1.5, Number.NaN, 2 ** 25])
    expect(() => new Store({ nativeStack })).toThrow(RangeError);
});

it.each(['fuel', 'epoch', 'none'] as const)("is memory's in a process, %s", async (yields) => {
  const { bytes } = transform(await binary, { linking: 'closed', yields, depth: 'heap', suspending: [] });
  const module = new WebAssembly.Module(bytes);
  const process = Process.instantiate(
    new Store(),
    module,
    { host: { back: () => 0n } },
    { entry: 'sum', args: [DEEP] },
  );
  await process.ready();
  process.start();
  expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [sum(DEEP)] });
});
