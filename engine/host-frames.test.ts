import { describe, expect, it } from 'vitest';
import { parseText } from '../spec-tests/runner/index.ts';
import { Engine, type Imports, type Linking, SuspensionError, TrapError } from './index.ts';

type Calls = Readonly<Record<string, (...args: number[]) => number>>;

/** What happens where the host stands between Wasm frames (DESIGN: "a suspension never crosses a host frame"). */
const program = await parseText(
  `(module
  (type $f (func (result i32)))
  (type $c (cont $f))
  (import "host" "call" (func $host (param i32) (result i32)))
  (import "js" "tag" (tag $js (param externref)))
  (tag $t (param i32))
  (tag $own)
  (table $kept 4 (ref null $c))
  (memory (export "memory") 1)
  (global $seen (export "seen") (mut i32) (i32.const 0))

  (func $generator (type $f)
    (suspend $t (i32.const 10))
    (suspend $t (i32.const 20))
    (i32.const 30))
  ;; Runs a continuation to its end: 100 for each suspension, plus the payloads, plus the result.
  (func $drain (param $k (ref null $c)) (result i32)
    (local $sum i32)
    (loop $next (result i32)
      (block $suspended (result i32 (ref $c))
        (return (i32.add (local.get $sum) (resume $c (on $t $suspended) (local.get $k)))))
      (local.set $k)
      (local.set $sum (i32.add (local.get $sum)))
      (local.set $sum (i32.add (local.get $sum) (i32.const 100)))
      (br $next)))
  (func (export "generate") (result i32) (call $drain (cont.new $c (ref.func $generator))))

  ;; Calls the host between two suspensions.
  (func $calls-host (type $f)
    (local $got i32)
    (suspend $t (i32.const 1))
    (local.set $got (call $host (i32.const 7)))
    (suspend $t (i32.const 2))
    (local.get $got))
  (func (export "around-host") (result i32) (call $drain (cont.new $c (ref.func $calls-host))))

  ;; Suspends, though only the host may have called it.
  (func (export "suspend") (param $payload i32) (result i32)
    (suspend $t (local.get $payload))
    (i32.const 99))

  ;; The same, in the reach of a catch_all that must not see it.
  (func (export "suspend-caught") (result i32)
    (block $caught
      (try_table (catch_all $caught) (suspend $t (i32.const 5)))
      (return (i32.const 1)))
    (i32.const 2))
  (func $calls-host-caught (type $f)
    (block $caught
      (return (try_table (result i32) (catch_all $caught) (call $host (i32.const 3)))))
    (i32.const -1))
  (func (export "catch-around-host") (result i32) (call $drain (cont.new $c (ref.func $calls-host-caught))))

  ;; The handler stands outside of the resume: what the host throws has to cross it.
  (func (export "catch-around-resume") (result i32)
    (block $caught
      (return (try_table (result i32) (catch_all $caught) (call $drain (cont.new $c (ref.func $calls-host))))))
    (i32.const -2))
  (func (export "catch-js") (result externref)
    (block $caught (result externref)
      (drop (try_table (result i32) (catch $js $caught) (call $drain (cont.new $c (ref.func $calls-host)))))
      (ref.null extern)))

  ;; The handler stands in a frame that was saved and re-entered before the host throws.
  (func $deep (type $f)
    (suspend $t (i32.const 1))
    (call $host (i32.const 9)))
  (func $reentered (type $f)
    (local $sum i32)
    (block $caught
      (try_table (catch_all $caught)
        (local.set $sum (i32.const 40))
        (return (call $deep))))
    (suspend $t (i32.const 3))
    (i32.add (local.get $sum) (i32.const 2)))
  (func (export "catch-reentered") (result i32) (call $drain (cont.new $c (ref.func $reentered))))
  (func $reentered-js (type $f)
    (block $caught (result externref)
      (return (try_table (result i32) (catch $js $caught) (call $deep))))
    (if (result i32) (ref.is_null) (then (i32.const -3)) (else (suspend $t (i32.const 6)) (i32.const 60))))
  (func (export "catch-js-reentered") (result i32) (call $drain (cont.new $c (ref.func $reentered-js))))
  (func $not-caught (type $f)
    (try_table (call $deep) (return))
    (unreachable))
  (func (export "rethrow-reentered") (result i32) (call $drain (cont.new $c (ref.func $not-caught))))

  ;; Traps of several kinds in a continuation, after a suspension.
  (func $traps (type $f)
    (suspend $t (i32.const 1))
    (block $caught
      (try_table (catch_all $caught)
        (return (i32.div_u (i32.const 1) (i32.load (i32.const 1000))))))
    (global.set $seen (i32.const 1))
    (i32.const -4))
  (func (export "trap") (result i32)
    (block $caught
      (return (try_table (result i32) (catch_all $caught) (call $drain (cont.new $c (ref.func $traps))))))
    (global.set $seen (i32.const 1))
    (i32.const -5))
  (func $resumes-null (type $f)
    (suspend $t (i32.const 1))
    (block $caught
      (try_table (catch_all $caught) (return (resume $c (ref.null $c)))))
    (global.set $seen (i32.const 1))
    (i32.const -6))
  (func (export "own-trap") (result i32) (call $drain (cont.new $c (ref.func $resumes-null))))
  (func $overflows (type $f)
    (i32.add (i32.const 1) (call $overflows)))
  (func $overflows-later (type $f)
    (suspend $t (i32.const 1))
    (call $overflows))
  (func (export "overflow") (result i32) (call $drain (cont.new $c (ref.func $overflows-later))))
  (func $throws (type $f)
    (suspend $t (i32.const 1))
    (throw $own))
  (func (export "throw") (result i32) (call $drain (cont.new $c (ref.func $throws))))

  ;; Keeps a suspended continuation from one call to the next.
  (func (export "keep") (param $at i32)
    (local $k (ref null $c))
    (block $suspended (result i32 (ref $c))
      (drop (resume $c (on $t $suspended) (cont.new $c (ref.func $calls-host))))
      (unreachable))
    (local.set $k)
    (drop)
    (table.set $kept (local.get $at) (local.get $k)))
  (func (export "finish") (param $at i32) (result i32) (call $drain (table.get $kept (local.get $at))))
  (elem declare func $generator $calls-host $calls-host-caught $reentered $reentered-js $deep $not-caught $traps
    $resumes-null $overflows-later $throws)
)`,
);

/** `JSTag` is not in every TypeScript library yet. */
const jsTag = (WebAssembly as unknown as { JSTag?: object }).JSTag;

describe.each<Linking>(['closed', 'linked'])('host frames, %s', (linking) => {
  function start(host: (value: number, wasm: Calls) => number): Calls {
    const imports: Imports = { host: { call: (value: number) => host(value, wasm) }, js: { tag: jsTag } };
    const wasm: Calls = new Engine().compile(program, { linking }).instantiate<Calls>(imports).exports;
    return wasm;
  }
  /** Holds that everything still works, and from a fresh start. */
  function expectUsable(wasm: Calls): void {
    expect(wasm.generate?.()).toBe(260);
  }
  const call = (wasm: Calls, name: string, ...args: number[]): unknown => wasm[name]?.(...args);
  function thrownBy(wasm: Calls, name: string, ...args: number[]): unknown {
    try {
      return { returned: call(wasm, name, ...args) };
    } catch (error) {
      return error;
    }
  }

  it('nest: Wasm, host, Wasm, each with continuations of its own', () => {
    let depth = 0;
    const wasm = start((value, inner) => {
      if (depth === 5) return value;
      depth++;
      return Number(inner['around-host']?.()) + Number(inner.generate?.());
    });
    // 203 for what the two suspensions bring, and 260 for the generator: five times each, and once more outside.
    expect(wasm['around-host']?.()).toBe(6 * 203 + 5 * 260 + 7);
  });

  it('let no suspension pass', () => {
    let error: unknown;
    const wasm = start((value, inner) => {
      error = thrownBy(inner, 'suspend', value);
      return 1;
    });
    expect(wasm['around-host']?.()).toBe(204);
    expect(error).toBeInstanceOf(SuspensionError);
    expect(error).toMatchObject({ kind: 'suspension', message: 'unhandled tag' });
    expectUsable(wasm);
  });

  it('pass an unhandled suspension on as an error that catch_all does not see', () => {
    const wasm = start((value, inner) => Number(inner.suspend?.(value)));
    expect(thrownBy(wasm, 'suspend', 1)).toBeInstanceOf(SuspensionError);
    expect(thrownBy(wasm, 'suspend-caught')).toBeInstanceOf(SuspensionError);
    expect(thrownBy(wasm, 'catch-around-host')).toBeInstanceOf(SuspensionError);
    expect(thrownBy(wasm, 'catch-reentered')).toBeInstanceOf(SuspensionError);
    expectUsable(wasm);
  });

  it('throw exceptions that Wasm catches inside the continuation', () => {
    const wasm = start(() => {
      throw new Error('from the host');
    });
    expect(wasm['catch-around-host']?.()).toBe(-1);
    expectUsable(wasm);
  });

  it('throw exceptions that cross resume', () => {
    const wasm = start(() => {
      throw new Error('from the host');
    });
    expect(wasm['catch-around-resume']?.()).toBe(-2);
    expectUsable(wasm);
  });

  it('throw exceptions that reach the host again, the same object', () => {
    const thrown = new Error('from the host');
    const wasm = start(() => {
      throw thrown;
    });
    expect(thrownBy(wasm, 'around-host')).toBe(thrown);
    expect(thrownBy(wasm, 'rethrow-reentered')).toBe(thrown);
    expectUsable(wasm);
  });

  it('throw exceptions that a re-entered frame catches', () => {
    const wasm = start(() => {
      throw new Error('from the host');
    });
    expect(wasm['catch-reentered']?.()).toBe(100 + 1 + 100 + 3 + 42);
    expectUsable(wasm);
  });

  it.skipIf(jsTag === undefined)('throw exceptions that Wasm catches by WebAssembly.JSTag, with their value', () => {
    const thrown = { any: 'value' };
    const wasm = start(() => {
      throw thrown;
    });
    expect(wasm['catch-js']?.()).toBe(thrown);
    expect(wasm['catch-js-reentered']?.()).toBe(100 + 1 + 100 + 6 + 60);
    expectUsable(wasm);
  });

  it('cannot make Wasm catch a trap', () => {
    const wasm = start((value) => value);
    const before = (wasm as unknown as { seen: WebAssembly.Global }).seen;
    const error = thrownBy(wasm, 'trap');
    expect(error).toBeInstanceOf(WebAssembly.RuntimeError);
    expect(error).not.toBeInstanceOf(TrapError);
    expect(thrownBy(wasm, 'own-trap')).toMatchObject({ kind: 'trap', message: 'null continuation reference' });
    expect(before.value).toBe(0);
    expectUsable(wasm);
  });

  it('leave the instance usable after an exception, a trap, an unhandled suspension and a stack overflow', () => {
    const wasm = start((value) => value);
    for (let round = 0; round < 3; round++) {
      for (const name of ['throw', 'trap', 'own-trap', 'overflow', 'suspend-caught']) {
        expect(thrownBy(wasm, name)).toBeInstanceOf(name === 'throw' ? WebAssembly.Exception : Error);
        expectUsable(wasm);
        expect(wasm['around-host']?.()).toBe(210);
      }
    }
  });

  it.each(['throw', 'trap', 'own-trap', 'overflow', 'suspend', 'suspend-caught'])(
    'that swallow the failure of "%s" leave the outer continuation as it was',
    (name) => {
      const wasm = start((value, inner) => {
        expect(thrownBy(inner, name)).toBeInstanceOf(name === 'throw' ? WebAssembly.Exception : Error);
        return value;
      });
      expect(wasm['around-host']?.()).toBe(210);
      // The same with handlers in frames that were re-entered.
      expect(wasm['catch-reentered']?.()).toBe(110);
      expectUsable(wasm);
    },
  );

  it('let one continuation be finished from within another', () => {
    let finish = true;
    const wasm = start((value, inner) => {
      if (!finish) return value;
      finish = false;
      return Number(inner.finish?.(0));
    });
    wasm.keep?.(0);
    wasm.keep?.(1);
    expect(wasm.finish?.(1)).toBe(100 + 2 + 100 + 2 + 7);
    expect(thrownBy(wasm, 'finish', 0)).toMatchObject({ message: 'continuation already consumed' });
  });
});
