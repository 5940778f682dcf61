import { describe, expect, it } from 'vitest';
import { ExhaustionError, Store } from '../../../continuations/index.ts';
import { decode, namesOf } from '../../binary/index.ts';
import { transform } from '../../index.ts';
import { assemble, Guest, WAYS, type Way, ways } from './guest.test-data.ts';
import { type Progress, transformWithBinaryen } from './index.ts';

type Call = (...args: unknown[]) => unknown;
const levels = WAYS.filter((way): way is Exclude<Way, 'frames'> => way !== 'frames');

const asking = `(module
  (import "host" "plain" (func $plain (param i32) (result i32)))
  (import "host" "ask" (func $ask (param i64) (result f64 i64)))
  (import "host" "sleep" (func $sleep))
  (type $sleeps (func))
  (table (export "table") 4 funcref)
  (elem (i32.const 0) $sleep $naps $work)
  (global $woken (mut i32) (i32.const 0))
  (func $naps (type $sleeps) (call $sleep) (call $sleep))
  (func $work (type $sleeps)
    (call $sleep)
    (global.set $woken (i32.add (global.get $woken) (i32.const 1))))
  (func (export "ask") (param $n i32) (result f64 i64)
    (local $f f64) (local $i i64)
    (loop $again
      (call $ask (i64.extend_i32_s (call $plain (local.get $n))))
      (local.set $i (i64.add (local.get $i)))
      (local.set $f (f64.add (local.get $f)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $f) (local.get $i))
  (func (export "indirect") (param $which i32) (result i32)
    (call_indirect (type $sleeps) (local.get $which))
    (global.get $woken))
  (func (export "tail") (param $n i64) (result f64 i64) (return_call $ask (local.get $n))))`;

const suspending = ['host.ask', 'host.sleep'];

async function asker(way: Way, blocks: boolean): Promise<{ guest: Guest; calls: unknown[] }> {
  const calls: unknown[] = [];
  let guest: Guest | null = null;
  const host = {
    plain: (n: number) => {
      calls.push(n);
      return n * 3;
    },
    ask: (n: bigint) => {
      calls.push(n);
      const results = [Number(n) / 4, n + 1n];
      if (blocks) guest?.block(1, ...results);
      return results;
    },
    sleep: () => {
      calls.push('sleep');
      if (blocks) guest?.block(2);
    },
  };
  guest = await Guest.make(way, asking, { suspending, imports: { host } });
  return { guest, calls };
}

describe.each(WAYS)('suspending imports, %s', (way) => {
  it.each([
    ['ask', [1], 1],
    ['ask', [5], 5],
    ['indirect', [0], 1],
    ['indirect', [1], 2],
    ['indirect', [2], 1],
    ['tail', [9n], 1],
  ])('%s(%o) is called and suspended, with the same calls and results', async (name, args, times) => {
    const straight = await asker(way, false);
    const expected = (straight.guest.exports[name] as Call)(...args);
    const { guest, calls } = await asker(way, true);
    expect(guest.run(name, args)).toEqual(expected);
    expect(guest.blocks).toBe(times);
    expect(calls).toEqual(straight.calls);
  });

  it('does not ask the table again when it goes on', async () => {
    const { guest } = await asker(way, true);
    const table = guest.exports.table as WebAssembly.Table;
    const result = guest.run('indirect', [2], { between: () => table.set(2, null) });
    expect(result).toBe(1);
    expect(() => guest.run('indirect', [2])).toThrow(WebAssembly.RuntimeError);
    // What trapped left nothing behind.
    expect(guest.run('indirect', [1])).toBe(1);
  });

  it('keeps several continuations apart, and drops them', async () => {
    const { guest } = await asker(way, false);
    guest.fuel = 0;
    const [first, second] = [guest.start('ask', 3), guest.start('ask', 2)];
    guest.resume(first);
    guest.resume(second);
    guest.resume(guest.start('ask', 8));
    guest.fuel = 1000;
    expect(guest.resume(second)).toBe(0);
    expect(guest.results('ask')).toEqual([2.25, 11n]);
    expect(guest.resume(first)).toBe(0);
    expect(guest.results('ask')).toEqual([4.5, 21n]);
  });
});

const deep = `(module
  (memory (export "memory") 1)
  (func $wait (param $n i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func $down (export "down") (param $depth i32) (param $a i64) (param $b f64) (result i64)
    (i32.store (i32.and (local.get $depth) (i32.const 0xfffc)) (local.get $depth))
    (if (i32.eqz (local.get $depth))
      (then (call $wait (i32.const 4)) (return (i64.const 1))))
    (i64.add
      (i64.mul (local.get $a) (i64.const 3))
      (i64.add
        (i64.trunc_f64_s (local.get $b))
        (call $down
          (i32.sub (local.get $depth) (i32.const 1))
          (i64.add (local.get $a) (i64.const 1))
          (f64.add (local.get $b) (f64.const 0.5)))))))`;

describe.each(WAYS)('nested calls, %s', (way) => {
  it('are interrupted at their bottom, and memory stays as it is', async () => {
    const plain = new WebAssembly.Module((await assemble(deep)) as Uint8Array<ArrayBuffer>);
    // What is not optimised needs more of the engine's stack.
    const depth = way === 'binaryen -O0' ? 1500 : 5000;
    const expected = (new WebAssembly.Instance(plain).exports.down as Call)(depth, 7n, 1.5);
    const guest = await Guest.make(way, deep);
    const memory = (): Uint8Array => new Uint8Array((guest.exports.memory as WebAssembly.Memory).buffer).slice();
    const seen: Uint8Array[] = [];
    const result = guest.run('down', [depth, 7n, 1.5], { fuel: depth + 1, between: () => seen.push(memory()) });
    expect(result).toBe(expected);
    expect(seen).toHaveLength(1);
    expect(memory()).toEqual(seen[0]);
    for (const fuel of [0, 100])
      expect(guest.run('down', [300, 7n, 1.5], { fuel })).toBe(guest.run('down', [300, 7n, 1.5]));
  });

  it('end at the limit of frames, and the guest goes on', async () => {
    const bytes = ways[way](await assemble(deep), { yields: 'fuel', suspending: [] });
    const guest = new Guest(bytes, {}, new Store({ frameLimit: 100 }));
    expect(() => guest.run('down', [200, 1n, 1], { fuel: 201 })).toThrow(ExhaustionError);
    expect(guest.run('down', [50, 1n, 1], { fuel: 51 })).toBe((guest.exports.down as Call)(50, 1n, 1));
  });
});

/** A function with so many live locals that its frame takes more than a page. */
const large = (locals: number): string => `(module
  (func $wait (param $n i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "sum") (param $n i64) (result i64)
    (local ${'i64 '.repeat(locals)})
    ${Array.from({ length: locals }, (_, at) => `(local.set ${at + 1} (i64.mul (local.get 0) (i64.const ${at})))`).join('\n')}
    (call $wait (i32.const 3))
    (local.get 0)
    ${Array.from({ length: locals }, (_, at) => `(i64.add (local.get ${at + 1}))`).join('\n')}))`;

it('a frame has room however large it is', async () => {
  const guest = await Guest.make('binaryen -O0', large(9000));
  expect(guest.run('sum', [3n])).toBe(3n + 3n * ((9000n * 8999n) / 2n));
  expect(guest.yields).toBe(2);
});

it.each(levels)('exceptions and traps leave frames, %s', async (way) => {
  const text = `(module
    (import "host" "maybe" (func $maybe))
    (tag $t (export "t") (param i32))
    (func $loops (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "throws") (param i32) (result i32) (call $loops (i32.const 3)) (throw $t (local.get 0)))
    (func (export "traps") (param i32) (result i32) (call $loops (i32.const 3)) (i32.div_u (i32.const 1) (i32.const 0)))
    (func (export "host") (param i32) (result i32) (call $loops (i32.const 3)) (call $maybe) (i32.const 4))
    (func (export "fine") (param i32) (result i32) (call $loops (i32.const 3)) (local.get 0)))`;
  const host = {
    maybe: () => {
      throw new TypeError('from the host');
    },
  };
  const guest = await Guest.make(way, text, { imports: { host } });
  expect(() => guest.run('throws', [3])).toThrow(WebAssembly.Exception);
  expect(guest.run('fine', [5])).toBe(5);
  expect(() => guest.run('traps', [3])).toThrow(WebAssembly.RuntimeError);
  expect(guest.run('fine', [6])).toBe(6);
  expect(() => guest.run('host', [3])).toThrow(new TypeError('from the host'));
  expect(guest.run('fine', [7])).toBe(7);
});

it('keeps imports, exports, names and custom sections as they are', async () => {
  const text = `(module $guest
    (import "asyncify" "start_unwind" (func $own-import))
    (import "env" "unused" (func $unused (param i32)))
    (import "env" "none" (global $none i32))
    (func $main (export "asyncify_stop_unwind") (param $n i32) (result i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (call $helper (local.get $n)))
    (func $helper (param $x i32) (result i32) (call $own-import) (local.get $x))
    (memory (export "asyncify_memory") 1)
    (export "again" (func $main))
    (@custom "note" "content"))`;
  const bytes = await assemble(text);
  for (const optimizeLevel of [0, 1, 2, 3] as const) {
    const steps: Progress[] = [];
    const output = await transformWithBinaryen(bytes, {
      yields: 'fuel',
      suspending: [],
      optimizeLevel,
      onProgress: (step) => steps.push(step),
    });
    expect(steps).toEqual(['analyse', 'asyncify', 'optimize', 'finish']);
    const frames = transform(bytes, { linking: 'closed', yields: 'fuel', suspending: [] });
    expect(output.instrumented).toEqual(frames.instrumented);
    const compiled = new WebAssembly.Module(output.bytes);
    const reference = new WebAssembly.Module(frames.bytes);
    const own = ({ module }: { module: string }): boolean => module !== 'bobbin';
    expect(WebAssembly.Module.imports(compiled).filter(own)).toEqual(WebAssembly.Module.imports(reference).filter(own));
    expect(WebAssembly.Module.exports(compiled)).toEqual(WebAssembly.Module.exports(reference));
    expect(WebAssembly.Module.customSections(compiled, 'note').map((each) => new TextDecoder().decode(each))).toEqual([
      'content',
    ]);
    const names = namesOf(decode(output.bytes));
    expect(names.module).toBe('guest');
    expect([...names.func.values()]).toContain('main');
    let calls = 0;
    const guest = new Guest(output.bytes, {
      asyncify: {
        start_unwind: () => {
          calls++;
        },
      },
      env: { unused: () => {}, none: 1 },
    });
    expect(guest.run('asyncify_stop_unwind', [5])).toBe(0);
    expect([guest.yields, calls]).toEqual([4, 1]);
    expect(() => new Guest(output.bytes, { asyncify: { start_unwind: () => {} }, env: { none: 1 } })).toThrow(
      WebAssembly.LinkError,
    );
  }
});
