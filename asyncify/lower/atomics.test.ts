import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { type Imports, Store } from '../../continuations/index.ts';
import { importsOf } from '../binary/module.ts';
import { namesOf } from '../binary/names.ts';
import { type AtomicsOptions, decode, RefusedError, type TransformOptions, transform } from '../index.ts';
import { Guest } from '../instrument/binaryen/guest.test-data.ts';
import { type BinaryenOptions, loadBinaryen } from '../instrument/binaryen/index.ts';
import type { Poll } from '../instrument/polls.ts';
import { type Manifest, manifestAmong } from '../manifest.ts';

const binaryen = await loadBinaryen();
type Options = AtomicsOptions & { readonly yields?: Poll | 'none'; readonly suspending?: readonly string[] };
const WAYS = {
  closed: (bytes: Uint8Array, options: Options) => transform(bytes, { ...options, linking: 'closed' }),
  linked: (bytes: Uint8Array, options: Options) => transform(bytes, options),
  'binaryen -O0': (bytes: Uint8Array, options: Options) =>
    binaryen.transform(bytes, {
      yields: 'none',
      suspending: [],
      ...options,
      optimizeLevel: 0,
    } satisfies BinaryenOptions),
  'binaryen -O2': (bytes: Uint8Array, options: Options) =>
    binaryen.transform(bytes, { yields: 'none', suspending: [], ...options } satisfies BinaryenOptions),
} as const;
type Way = keyof typeof WAYS;
const ways = Object.keys(WAYS) as Way[];
const POLLS = ['none', 'fuel', 'epoch'] as const;

const manifestIn = (bytes: Uint8Array): Manifest | null =>
  manifestAmong(decode(bytes).customs.flatMap(({ name, bytes }) => (name === 'bobbin' ? [bytes] : [])));

type Callable = (...args: readonly unknown[]) => unknown;
type Call = readonly [name: string, ...args: unknown[]];

/** A host that writes down its calls, and lets every wait time out at once. */
class Host {
  readonly calls: Call[] = [];
  readonly imports: Imports = {
    'bobbin:atomics': {
      wait32: (...args: unknown[]) => this.#call('wait32', args, 2),
      wait64: (...args: unknown[]) => this.#call('wait64', args, 2),
      notify: (...args: unknown[]) => this.#call('notify', args, 0),
    },
  };
  #call(name: string, args: readonly unknown[], result: number): number {
    this.calls.push([name, ...args]);
    return result;
  }
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
}

const OPS = {
  wait32: '(memory.atomic.wait32 MEMARG (local.get 0) (i32.wrap_i64 (local.get 1)) (i64.const 0))',
  wait64: '(memory.atomic.wait64 MEMARG (local.get 0) (local.get 1) (i64.const 0))',
  notify: '(memory.atomic.notify MEMARG (local.get 0) (i32.wrap_i64 (local.get 1)))',
};
type Op = keyof typeof OPS;

describe.each(ways)('lowered atomics do what the instructions do: %s', (way) => {
  it.each([
    ['i32', 'shared'],
    ['i64', 'shared'],
    ['i32', ''],
    ['i64', ''],
  ] as const)('%s memory, %s', async (address, shared) => {
    const offsets = [0n, 4n, 65_528n, 65_532n, 0xffff_fff8n, ...(address === 'i64' ? [0xffff_ffff_ffff_fff8n] : [])];
    const sites = offsets.flatMap((offset) => (Object.keys(OPS) as Op[]).map((op) => ({ op, offset })));
    const funcs = sites.map(
      ({ op, offset }) => `(func (export "${op} ${offset}") (param ${address} i64) (result i32)
        ${OPS[op].replace('MEMARG', `$m offset=${offset}`)})`,
    );
    const source = (await parse(`(module (memory $other 1)
      (memory $m ${address === 'i64' ? 'i64' : ''} 1 1 ${shared})
      (data (memory $m) (${address}.const 8) "\\01\\02\\03\\04\\05\\06\\07\\08") ${funcs.join('\n')})`)) as Uint8Array<ArrayBuffer>;
    const native = new WebAssembly.Instance(new WebAssembly.Module(source)).exports;
    const modes: readonly Options[] = [
      { atomicWaits: 'suspending' },
      { atomicWaits: 'suspending', sharedMemories: 'plain', yields: 'epoch' },
    ];
    for (const options of modes) {
      const host = new Host();
      const module = new WebAssembly.Module(WAYS[way](source, options).bytes);
      const { exports } = new Store().instantiate(module, host.imports);
      const found: unknown[] = [];
      const expected: unknown[] = [];
      const calls: Call[] = [];
      for (const { op, offset } of sites) {
        for (const at of [0, 1, 2, 4, 6, 8, 65_524, 65_528, 65_532, 65_535, 65_536, -4, -8]) {
          for (const operand of [0n, 0x0403_0201n, 0x0807_0605_0403_0201n]) {
            const args = [address === 'i64' ? BigInt(at) : at, operand];
            const name = `${op} ${offset}`;
            const result = outcome(() => (native[name] as Callable)(...args));
            expected.push([name, args, result]);
            found.push([name, args, outcome(() => (exports[name] as Callable)(...args))]);
            if (shared === '' || typeof result !== 'number' || result === 1) continue;
            const place = BigInt.asUintN(address === 'i64' ? 64 : 32, BigInt(at)) + offset;
            if (op === 'notify') calls.push([op, 1, place, Number(BigInt.asIntN(32, operand))]);
            else calls.push([op, 1, place, op === 'wait32' ? Number(BigInt.asIntN(32, operand)) : operand, 0n]);
          }
        }
      }
      expect(found).toEqual(expected);
      expect(host.calls).toEqual(calls);
    }
  });
});

/** A guest with everything that functions are named by, in front of and behind the waits. */
const guest = `(module $m
  (import "env" "first" (func $first (result i32)))
  (import "env" "memory" (memory $imported 1 2 shared))
  (import "env" "second" (func $second (param i32) (result i32)))
  (type $op (func (result i32)))
  (memory $own (export "own") 1 1 shared)
  (memory $plain 1)
  (table $t 3 funcref) (elem (table $t) (i32.const 0) func $first $twice $wait) (elem declare func $wait)
  (global $ref (export "ref") funcref (ref.func $notify))
  (global $started (export "started") (mut i32) (i32.const 0))
  (func $begin (global.set $started (i32.const 7)))
  (start $begin)
  (export "again" (func $second))
  (func $wait (export "wait") (result i32)
    (block $changed (br_if $changed (i32.const 0)))
    (memory.atomic.wait32 $imported offset=12 (i32.const 4) (i32.const 0) (i64.const -1)))
  (func $notify (export "notify") (param $count i32) (result i32)
    (memory.atomic.notify $own (i32.const 40) (local.get $count)))
  (func $twice (export "twice") (result i32) (local $i i32)
    (i32.add
      (i32.mul (call $second (call $wait)) (i32.const 100))
      (i32.mul (call_indirect (type $op) (i32.const 2)) (i32.const 10)))
    (i32.add (memory.atomic.wait64 $own (i32.const 8) (i64.const 0) (i64.const 5_000)))
    (loop $more (br_if $more (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100)))))
  (func (export "call") (param i32) (result i32) (call_indirect (type $op) (local.get 0))))`;
const source = await parse(guest);

describe.each(ways)('a guest that waits, %s', (way) => {
  it.each(POLLS)('is suspended in its waits, and linked as before: %s', (yields) => {
    for (const sharedMemories of ['keep', 'plain'] as const) {
      const { bytes } = WAYS[way](source, { yields, atomicWaits: 'suspending', sharedMemories });
      const calls: Call[] = [];
      const shared = sharedMemories === 'keep';
      const wait = (name: string, func: number, result: number) => {
        return (...args: unknown[]) => {
          calls.push([name, ...args]);
          guest.block(func, result);
          return 9;
        };
      };
      const guest: Guest = new Guest(bytes, {
        env: {
          first: () => 3,
          second: (value: number) => value + 1,
          memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared }),
        },
        'bobbin:atomics': {
          wait32: wait('wait32', 2, 0),
          wait64: wait('wait64', 3, 2),
          notify: (...args: unknown[]) => calls.push(['notify', ...args]),
        },
      });
      expect((guest.exports.started as WebAssembly.Global).value).toBe(7);
      expect((guest.exports.again as Callable)(4)).toBe(5);
      expect((guest.exports.call as Callable)(0)).toBe(3);
      expect(guest.run('twice', [])).toBe(102);
      expect(guest.blocks).toBe(3);
      const first = ['wait32', 0, 16n, 0, -1n];
      expect(calls.splice(0)).toEqual([first, first, ['wait64', 1, 8n, 0n, 5000n]]);
      expect(guest.yields > 0).toBe(yields === 'fuel');
      // Outside of any continuation the host may only answer at once.
      expect((guest.exports.wait as Callable)()).toBe(9);
      calls.length = 0;
      expect((guest.exports.notify as Callable)(-1)).toBe(1);
      expect(((guest.exports.ref as WebAssembly.Global).value as Callable)(3)).toBe(2);
      expect(calls).toEqual([
        ['notify', 1, 40n, -1],
        ['notify', 1, 40n, 3],
      ]);
      expect((guest.exports.own as WebAssembly.Memory).buffer instanceof ArrayBuffer).toBe(!shared);
    }
  });

  it('says in its manifest what the host has to make and to wait in', () => {
    for (const sharedMemories of ['keep', 'plain'] as const) {
      const manifest = manifestIn(WAYS[way](source, { atomicWaits: 'suspending', sharedMemories }).bytes);
      const type = { address: 'i32', min: 1, shared: sharedMemories === 'keep' };
      expect(manifest?.host?.suspending).toEqual([
        { module: 'bobbin:atomics', name: 'wait32' },
        { module: 'bobbin:atomics', name: 'wait64' },
      ]);
      expect(manifest?.host?.memories).toEqual([
        { ...type, max: 2, import: { module: 'env', name: 'memory' }, export: null },
        { ...type, max: 1, import: null, export: 'own' },
        { ...type, max: null, shared: false, import: null, export: null },
      ]);
    }
  });

  it('is explained in terms of the source', () => {
    const { instrumented } = WAYS[way](source, { atomicWaits: 'suspending' });
    const module = decode(source);
    const names = namesOf(module).func;
    const own = module.funcs.flatMap(({ body }) => body);
    const explained = Object.fromEntries(
      instrumented.map(({ func, chain }) => [
        names.get(func) ?? func,
        chain.map((step) => `${names.get(step.func)} ${step.instr?.op}: ${step.text}`),
      ]),
    );
    for (const { chain } of instrumented)
      for (const { instr } of chain) if (instr !== null) expect(own).toContainEqual(instr);
    expect(explained).toMatchObject({ wait: ['wait memory.atomic.wait32: waits'] });
    if (way === 'linked') {
      // There any import may suspend.
      expect(explained.notify).toEqual(['notify memory.atomic.notify: notifies by an import that may suspend']);
      expect(explained.twice?.at(-1)).toBe('second undefined: is imported and may suspend');
    } else {
      expect(explained.notify).toBeUndefined();
      expect(explained.twice?.at(-1)).toMatch(/memory\.atomic\.wait(32|64): waits$/);
    }
  });

  it('keeps its names, and has some for what is added', () => {
    const { bytes } = WAYS[way](source, { atomicWaits: 'suspending' });
    const module = decode(bytes);
    const names = namesOf(module).func;
    const imports = importsOf(module, 'func').map((entry, index) => [
      entry.module,
      entry.name,
      names.get(index as never),
    ]);
    expect(imports.slice(0, 5)).toEqual([
      ['env', 'first', 'first'],
      ['env', 'second', 'second'],
      ['bobbin:atomics', 'wait32', 'bobbin:atomics.wait32'],
      ['bobbin:atomics', 'wait64', 'bobbin:atomics.wait64'],
      ['bobbin:atomics', 'notify', 'bobbin:atomics.notify'],
    ]);
    const all = [...names.values()];
    // Only the start section calls that one, by way of a function that Binaryen's optimiser has it become part of.
    const begin = way === 'binaryen -O2' ? [] : ['begin'];
    for (const name of [...begin, 'wait', 'notify', 'twice']) expect(all).toContain(name);
    expect(all.some((name) => name.startsWith('memory.atomic.wait32'))).toBe(true);
  });
});

describe('atomicWaits and sharedMemories', () => {
  it.each(ways)('leave instructions as they are where they are told to, %s', async (way) => {
    const bytes = await parse(`(module (import "m" "f" (func $f)) (memory 1 1 shared) (memory 1)
      (func (export "f") (call $f) (drop (memory.atomic.wait32 0 (i32.const 0) (i32.const 0) (i64.const 0))))
      (func (export "g") (result i32) (memory.atomic.wait64 1 (i32.const 0) (i64.const 0) (i64.const 0))))`);
    const ops = (options: Options): string[] =>
      decode(WAYS[way](bytes, { suspending: ['m.f'], ...options }).bytes)
        .funcs.flatMap(({ body }) => body.map(({ op }) => op))
        .filter((op) => op.startsWith('memory.atomic'));
    const waits = (options: Options): boolean | undefined =>
      manifestIn(WAYS[way](bytes, { suspending: ['m.f'], ...options }).bytes)?.host?.nativeWaits;
    expect([waits({}), waits({ atomicWaits: 'suspending' })]).toEqual([true, false]);
    expect(new Set(ops({}))).toEqual(new Set(['memory.atomic.wait32', 'memory.atomic.wait64']));
    expect(new Set(ops({ atomicWaits: 'suspending' }))).toEqual(new Set(['memory.atomic.wait64']));
  });

  it('change nothing in a module without atomics, or without shared memories', async () => {
    const bytes = await parse(
      '(module (memory (export "m") 1) (func (export "f") (result i32) (i32.atomic.load (i32.const 0))))',
    );
    expect(transform(bytes, { sharedMemories: 'plain' }).changed).toBe(false);
    const { exports } = new Store().instantiate(
      new WebAssembly.Module(transform(bytes, { atomicWaits: 'suspending' }).bytes),
    );
    expect((exports.f as Callable)()).toBe(0);
  });

  it.each(ways)('make a memory plain that nobody waits on, %s', async (way) => {
    const bytes = await parse(`(module (memory (export "m") 1 3 shared) (func (export "f") (result i32)
      (drop (memory.grow (i32.const 1))) (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 5)))
      (drop (memory.atomic.notify (i32.const 0) (i32.const 1))) (i32.add (memory.size) (i32.atomic.load (i32.const 4)))))`);
    const { bytes: plain, changed } = WAYS[way](bytes, { sharedMemories: 'plain' });
    expect(changed).toBe(true);
    expect(decode(plain).imports.filter(({ module }) => module !== 'bobbin')).toEqual([]);
    const { exports } = new Store().instantiate(new WebAssembly.Module(plain));
    expect((exports.f as Callable)()).toBe(7);
    const memory = exports.m as WebAssembly.Memory;
    expect(memory.buffer).toBeInstanceOf(ArrayBuffer);
    expect(() => memory.grow(2)).toThrow(RangeError);
    expect(() => transform(plain)).toThrow('transformed before');
  });

  it.each(ways)('refuse native waits on a memory that becomes plain, %s', async (way) => {
    const text = (op: string): string => `(module (import "m" "f" (func $f)) (memory 1) (memory $s 1 1 shared) (func)
      (func (drop (memory.atomic.notify $s (i32.const 0) (i32.const 1))) (drop (${op}))))`;
    const ops = {
      'memory.atomic.wait32': 'memory.atomic.wait32 $s (i32.const 0) (i32.const 0) (i64.const 0)',
      'memory.atomic.wait64': 'memory.atomic.wait64 $s (i32.const 0) (i64.const 0) (i64.const 0)',
    };
    for (const [instruction, op] of Object.entries(ops)) {
      const bytes = await parse(text(op));
      const offset = decode(bytes).funcs[1]?.body.find((instr) => instr.op === instruction)?.at;
      const error = (() => {
        try {
          return WAYS[way](bytes, { sharedMemories: 'plain' });
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toBeInstanceOf(RefusedError);
      expect(error).toMatchObject({ kind: 'refused', offset, func: 2, instruction });
      expect((error as Error).message).toBe(
        `a wait on a memory that becomes plain would trap: it needs atomicWaits: 'suspending' (at byte ${offset}, function 2, ${instruction})`,
      );
      expect(WAYS[way](bytes, { sharedMemories: 'plain', atomicWaits: 'suspending' }).changed).toBe(true);
    }
    const other = await parse(text(ops['memory.atomic.wait32'].replace('$s', '0')));
    expect(WAYS[way](other, { sharedMemories: 'plain' }).changed).toBe(true);
  });

  it('name the function of the source where a later step refuses one', async () => {
    const wait = '(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))';
    const bytes = await parse(`(module (memory 1 1 shared) (func $a ${wait})
      (func $b (local $r externref) (call $a) (drop (local.get $r))))`);
    const offset = decode(bytes).funcs[1]?.body.find(({ op }) => op === 'local.get')?.at;
    const options = { yields: 'none', suspending: [], atomicWaits: 'suspending' } as const;
    expect(() => binaryen.transform(bytes, options)).toThrow(
      expect.objectContaining({
        offset,
        func: 1,
        message: `Asyncify cannot save references: local 0 is (ref null extern) (at byte ${offset}, function 1, local.get)`,
      }),
    );
  });

  it('work beside legacy exceptions, switching and continuations', async () => {
    const text = `(module (type $f (func (result i32))) (type $c (cont $f)) (tag $t) (tag $e (param i32)) (memory 1 1 shared)
      (func $body (type $f) (local $n i32)
        (suspend $t)
        (local.set $n (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 7)))
        (suspend $t)
        (throw $e (local.get $n)))
      (elem declare func $body)
      (func (export "run") (result i32) (local $k (ref null $c)) (local $times i32)
        (local.set $k (cont.new $c (ref.func $body)))
        try (result i32)
          (loop $again (result i32)
            (block $h (result (ref $c))
              (return (resume $c (on $t $h) (local.get $k))))
            (local.set $k)
            (local.set $times (i32.add (local.get $times) (i32.const 10)))
            (br $again))
        catch $e
          (i32.add (local.get $times))
        end))`;
    const bytes = await parse(text);
    const options: TransformOptions = { atomicWaits: 'suspending', sharedMemories: 'plain', yields: 'fuel' };
    for (const linking of ['closed', 'linked'] as const) {
      const guest: Guest = new Guest(transform(bytes, { ...options, linking }).bytes, {
        'bobbin:atomics': { wait32: () => guest.block(0, 2) },
      });
      expect(guest.run('run', [])).toBe(22);
      expect(guest.blocks).toBe(1);
    }
  });
});
