import { describe, expect, it } from 'vitest';
import { decode, encode, transform } from '../asyncify/index.ts';
import { Store } from '../continuations/index.ts';
import packageJson from '../package.json' with { type: 'json' };
import { parseText } from '../spec-tests/runner/index.ts';
import {
  BobbinError,
  Engine,
  ExhaustionError,
  explain,
  InvalidError,
  type Linking,
  loadBinaryen,
  MalformedError,
  ManifestError,
  type Module,
  Process,
  RefusedError,
  Runtime,
  SuspensionError,
  TrapError,
} from './index.ts';

const counter = await parseText(`(module
  (type $f (func)) (type $c (cont $f))
  (tag $yield (export "yield") (param i32))
  (func $count (export "count")
    (local $i i32)
    (loop $l
      (suspend $yield (local.get $i))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5)))))
  (func $sum (export "sum") (result i32) (local $sum i32) (local $k (ref null $c))
    (local.set $k (cont.new $c (ref.func $count)))
    (loop $l
      (block $on (result i32 (ref $c))
        (resume $c (on $yield $on) (local.get $k))
        (return (local.get $sum)))
      (local.set $k)
      (local.set $sum (i32.add (local.get $sum)))
      (br $l))
    (unreachable))
  (global $started (export "started") (mut i32) (i32.const 0))
  (func $start (global.set $started (call $sum)))
  (start $start)
  (memory (export "memory") 1)
  (func (export "plain") (result i32) (i32.const 7)))`);

type Counter = { sum(): number; count(): void; plain(): number; started: WebAssembly.Global };

describe.each<Linking>(['closed', 'linked'])('Engine, %s', (linking) => {
  it('runs a module, its start function included', () => {
    const { exports } = new Engine().compile(counter, { linking }).instantiate<Counter>();
    expect(exports.started.value).toBe(10);
    expect(exports.sum()).toBe(10);
    expect(exports.plain()).toBe(7);
    expect(() => exports.count()).toThrow(SuspensionError);
    expect(exports.sum()).toBe(10);
  });

  it('compiles without blocking', async () => {
    const module = await new Engine().compileAsync(counter.slice().buffer, { linking });
    expect(module.instantiate<Counter>().exports.sum()).toBe(10);
  });

  it('shows what the program imports and exports, and nothing of the runtime', () => {
    const module = new Engine().compile(counter, { linking });
    const expected = ['yield', 'count', 'sum', 'started', 'memory', 'plain'];
    expect(module.imports).toEqual([]);
    expect(module.exports.map(({ name }) => name)).toEqual(expected);
    const { exports } = module.instantiate();
    expect(Object.keys(exports)).toEqual(expected);
    expect(Object.isFrozen(exports)).toBe(true);
  });

  it('loads modules that were transformed before', async () => {
    const { bytes } = transform(counter, { linking });
    expect(new Engine().load(bytes).instantiate<Counter>().exports.sum()).toBe(10);
    expect(new Runtime().load(bytes).instantiate<Counter>().exports.sum()).toBe(10);
    expect((await new Runtime().loadAsync(bytes)).instantiate<Counter>().exports.sum()).toBe(10);
    expect(() => new Engine().compile(bytes)).toThrow(RefusedError);
  });

  it('ends a stack that outgrows the frame limit', async () => {
    const bytes = await parseText(`(module
      (type $f (func (param i32))) (type $c (cont $f)) (type $g (func)) (type $d (cont $g))
      (tag $t)
      (func $deep (param $n i32)
        (suspend $t)
        (if (local.get $n) (then (call $deep (i32.sub (local.get $n) (i32.const 1))) (suspend $t))))
      (func (export "run") (param $n i32) (local $k (ref null $d))
        (local.set $k (cont.bind $c $d (local.get $n) (cont.new $c (ref.func $deep))))
        (loop $l
          (block $on (result (ref $d)) (resume $d (on $t $on) (local.get $k)) (return))
          (local.set $k)
          (br $l)))
      (func (export "run-caught") (param $n i32)
        (block $caught (try_table (catch_all $caught) (call 1 (local.get $n)))))
      (elem declare func $deep))`);
    const instance = new Engine({ frameLimit: 1000 })
      .compile(bytes, { linking })
      .instantiate<{ run(n: number): void; 'run-caught'(n: number): void }>();
    instance.exports.run(900);
    expect(() => instance.exports.run(1100)).toThrow(ExhaustionError);
    expect(() => instance.exports['run-caught'](1100)).toThrow(ExhaustionError);
    instance.exports.run(900);
    new Engine().compile(bytes, { linking }).instantiate<{ run(n: number): void }>().exports.run(100_000);
  });
});

describe('Engine', () => {
  it('links modules with each other: suspensions pass between instances', async () => {
    const engine = new Engine();
    const first = engine.compile(counter).instantiate();
    const second = engine.compile(
      await parseText(`(module
        (type $f (func)) (type $c (cont $f))
        (import "counter" "count" (func $count))
        (import "counter" "yield" (tag $yield (param i32)))
        (func $twice (call $count) (call $count))
        (func (export "product") (result i32) (local $sum i32) (local $k (ref null $c))
          (local.set $k (cont.new $c (ref.func $twice)))
          (loop $l
            (block $on (result i32 (ref $c))
              (resume $c (on $yield $on) (local.get $k))
              (return (local.get $sum)))
            (local.set $k)
            (local.set $sum (i32.add (local.get $sum)))
            (br $l))
          (unreachable))
        (elem declare func $twice))`),
    );
    expect(second.imports).toHaveLength(2);
    const { exports } = second.instantiate<{ product(): number }>({ counter: first.exports });
    expect(exports.product()).toBe(20);
  });

  it('rejects what is no module, with the place', () => {
    const engine = new Engine();
    expect(() => engine.compile(counter.subarray(0, -3))).toThrow(MalformedError);
    expect(() => engine.compile(new Uint8Array([0, 1, 2]))).toThrow(BobbinError);
    // (func (result i32)) with an empty body
    const invalid = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b];
    expect(() => engine.compile(Uint8Array.from(invalid))).toThrow(InvalidError);
    expect(() => engine.compile(Uint8Array.from(invalid))).toThrow(expect.objectContaining({ offset: 24, func: 0 }));
  });

  it('fails to link as the JavaScript API does', async () => {
    const module = new Engine().compile(
      await parseText('(module (import "a" "f" (func)) (tag $t) (func (export "g") (suspend $t)))'),
    );
    expect(() => module.instantiate()).toThrow(TypeError);
    expect(() => module.instantiate({ a: {} })).toThrow(WebAssembly.LinkError);
    expect(() => module.instantiate({ a: { f: 1 } })).toThrow(WebAssembly.LinkError);
  });

  it('refuses a frame limit that is none', () => {
    for (const frameLimit of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      expect(() => new Engine({ frameLimit })).toThrow(RangeError);
    }
  });

  it('words traps as the reference interpreter does', async () => {
    const module = await parseText(`(module
      (type $f (func)) (type $c (cont $f))
      (global $k (mut (ref null $c)) (ref.null $c))
      (func $f)
      (func (export "null") (resume $c (ref.null $c)))
      (func (export "consumed")
        (global.set $k (cont.new $c (ref.func $f)))
        (resume $c (global.get $k))
        (resume $c (global.get $k)))
      (elem declare func $f))`);
    const { exports } = new Engine().compile(module).instantiate<{ null(): void; consumed(): void }>();
    expect(() => exports.null()).toThrow(TrapError);
    expect(() => exports.null()).toThrow('null continuation reference');
    expect(() => exports.consumed()).toThrow('continuation already consumed');
  });
});

describe('Module.manifest', () => {
  const memory = { address: 'i32', min: 1, max: null, shared: false, import: null, export: 'memory' };
  const host = {
    poll: 'fuel',
    epochWord: null,
    suspending: [],
    entries: ['count', 'sum', 'plain'],
    memories: [memory],
    nativeWaits: false,
  };

  it('says how a module was transformed', async () => {
    const engine = new Engine();
    const brand = expect.any(Uint8Array);
    const manifest = {
      format: 3,
      brand,
      version: packageJson.version,
      linking: 'closed',
      instrumenter: 'frames',
      host: null,
    };
    expect(engine.compile(counter, { linking: 'closed' }).manifest).toEqual(manifest);
    expect(engine.compile(counter, { linking: 'closed', yields: 'fuel' }).manifest).toEqual({ ...manifest, host });
    expect(engine.compile(await parseText('(module (func (export "f")))')).manifest).toBeNull();
  });

  it('comes back from bytes that were transformed before, which the engine refuses to transform', async () => {
    const { bytes } = transform(counter);
    const module = await new Runtime().loadAsync(bytes);
    expect(module.manifest).toMatchObject({ linking: 'linked', host: null });
    expect(module.instantiate<Counter>().exports.sum()).toBe(10);
    expect(() => new Engine().compile(bytes)).toThrow('the module was transformed before (at byte 8)');
  });

  it('is what a runtime goes by: others than it knows are refused', async () => {
    const runtime = new Runtime();
    const module = decode(transform(counter).bytes);
    const [section, ...others] = module.customs;
    const other = { ...section!, bytes: Uint8Array.of(1, 0) };
    const cases = [
      [[other, ...others], 'unsupported', "the module's manifest has format 1, and this version of Bobbin reads 3"],
      [[{ ...other, bytes: Uint8Array.of() }, ...others], 'malformed', 'malformed manifest: unexpected end'],
      [[section!, ...module.customs], 'malformed', 'the module has 2 custom sections "bobbin"'],
      [others, 'missing', 'the module imports from "bobbin" and has no manifest'],
    ] as const;
    for (const [customs, problem, message] of cases) {
      const bytes = encode({ ...module, customs });
      const matching = expect.objectContaining({ kind: 'manifest', problem });
      expect(() => runtime.load(bytes)).toThrow(matching);
      expect(() => runtime.load(bytes)).toThrow(message);
      await expect(runtime.loadAsync(bytes)).rejects.toThrow(matching);
      expect(() => new Store().instantiate(new WebAssembly.Module(bytes))).toThrow(ManifestError);
      expect(() => Process.instantiate(new Store(), new WebAssembly.Module(bytes))).toThrow(ManifestError);
    }
  });
});

describe('the instrumenter of Binaryen', async () => {
  const plain = await parseText(
    '(module (func (export "f") (result i32) (loop (br_if 0 (i32.const 0))) (i32.const 7)))',
  );
  const run = (module: Module): number => module.instantiate<{ f(): number }>().exports.f();

  it('is loaded where it can be waited for', async () => {
    const module = await new Engine().compileAsync(plain, { instrumenter: 'binaryen', yields: 'epoch' });
    expect(module.manifest).toMatchObject({ instrumenter: 'binaryen', host: { poll: 'epoch', entries: ['f'] } });
    expect(run(module)).toBe(7);
    expect((await new Engine().compileAsync(plain, { instrumenter: 'frames' })).manifest).toBeNull();
  });

  it('can be given loaded', async () => {
    const instrumenter = await loadBinaryen();
    for (const module of [
      new Engine().compile(plain, { instrumenter, optimizeLevel: 0 }),
      await new Engine().compileAsync(plain, { instrumenter, yields: 'fuel', linking: 'closed' }),
    ]) {
      expect(module.manifest).toMatchObject({ instrumenter: 'binaryen', linking: 'closed' });
      expect(run(module)).toBe(7);
    }
  });

  it('cannot be waited for by compile, and does not link', async () => {
    const engine = new Engine();
    expect(() => engine.compile(plain, { instrumenter: 'binaryen' as never })).toThrow(
      new TypeError('Binaryen has to be loaded: give compile what loadBinaryen() resolves to, or use compileAsync'),
    );
    expect(() => engine.compile(plain, { instrumenter: 'magic' as never })).toThrow(
      new TypeError('no instrumenter "magic"'),
    );
    await expect(engine.compileAsync(plain, { instrumenter: 'binaryen', linking: 'linked' as never })).rejects.toThrow(
      new TypeError(`Binaryen's instrumenter makes closed modules only, not "linked" ones`),
    );
  });
});

describe('explain', () => {
  it('names functions and the instructions they suspend at', () => {
    const explained = explain(counter, { linking: 'closed' });
    expect(explained.map(({ func }) => func)).toEqual([{ index: 0, name: 'count' }]);
    expect(explained[0]?.chain).toEqual([
      { func: { index: 0, name: 'count' }, instruction: 'suspend 0', offset: expect.any(Number), reason: 'suspends' },
    ]);
    const offset = explained[0]?.chain[0]?.offset ?? 0;
    // The opcode of suspend is there.
    expect(counter[offset]).toBe(0xe2);
  });

  it('has nothing to say about plain WebAssembly', async () => {
    expect(explain(await parseText('(module (func))'))).toEqual([]);
  });
});
