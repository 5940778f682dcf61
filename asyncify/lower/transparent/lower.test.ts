import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { type Imports, Store } from '../../../continuations/index.ts';
import { decode, RefusedError, type TransformOptions, transform, transformWithBinaryen } from '../../index.ts';
import { Glue, guest, type Style, THROWN } from './glue.test-data.ts';

type Callable = (...args: unknown[]) => unknown;
const SIGNATURES = ['ii', 'vii', 'jij', 'd', 'v'];

/** Functions that calls go to through the host, and exports that call them: `run_SIG(index, arguments…)`. */
const PROGRAM = guest(
  SIGNATURES,
  ['$double', '$store', '$wide', '$half', '$nothing', '$number', '$error', '$trap', '$deep', '$leak', '$unlike'],
  `
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $store (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func $wide (param i32 i64) (result i64) (i64.shl (local.get 1) (i64.extend_i32_u (local.get 0))))
  (func $half (result f64) (f64.const 0.5))
  (func $nothing)
  (func $frame (result i32) (local $frame i32)
    (local.set $frame (i32.sub (global.get $sp) (i32.const 48)))
    (global.set $sp (local.get $frame))
    (local.get $frame))
  (func $number (param i32) (result i32)
    (drop (call $frame)) (call $throwNumber (local.get 0)) (i32.const 1))
  (func $error (drop (call $frame)) (call $throwError))
  (func $trap (param i32 i32) (drop (call $frame)) (i32.store (i32.const -1) (i32.const 0)))
  (func $deep (param $n i32) (result i32)
    (local $frame i32) (local $threw i32)
    (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
    (if (i32.eqz (local.get $n)) (then (call $throwNumber (i32.const 7))))
    (i32.store (i32.const 1024) (i32.const 0))
    (drop (call $invoke_ii (i32.const 9) (i32.sub (local.get $n) (i32.const 1))))
    (local.set $threw (i32.load (i32.const 1024)))
    (i32.store (i32.const 1024) (i32.const 0))
    (call $log (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $threw)))
    (if (i32.eq (local.get $frame) (global.get $sp)) (then) (else (call $log (i32.const -99))))
    (if (i32.rem_u (local.get $n) (i32.const 3)) (then (call $throwNumber (local.get $n))))
    (global.set $sp (i32.add (local.get $frame) (i32.const 16)))
    (local.get $n))
  (func $leak (drop (call $frame)))
  (func $unlike (param f64) (result f64) (local.get 0))
  (func (export "run_ii") (param i32 i32) (result i32) (call $invoke_ii (local.get 0) (local.get 1)))
  (func (export "run_vii") (param i32 i32 i32) (call $invoke_vii (local.get 0) (local.get 1) (local.get 2)))
  (func (export "run_jij") (param i32 i32 i64) (result i64) (call $invoke_jij (local.get 0) (local.get 1) (local.get 2)))
  (func (export "run_d") (param i32) (result f64) (call $invoke_d (local.get 0)))
  (func (export "run_v") (param i32) (return_call $invoke_v (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))`,
);

interface Running {
  readonly glue: Glue;
  readonly exports: WebAssembly.Exports;
}

function instantiate(bytes: Uint8Array, style: Style, more: Imports = {}): Running {
  const glue = new Glue(style);
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const { instance } = new Store().instantiate(module, { ...glue.imports(SIGNATURES), ...more });
  glue.attach(instance.exports);
  return { glue, exports: instance.exports };
}

/** A result, or what kind of error came out; and what is left behind. */
function outcome({ exports }: Running, name: string, args: readonly unknown[]): unknown {
  const after = (): unknown[] => ['stackSave', 'threw'].map((what) => (exports[what] as Callable)());
  try {
    return [(exports[name] as Callable)(...args), ...after()];
  } catch (error) {
    if (error === THROWN || typeof error === 'number') return [error, ...after()];
    return (error as Error).constructor.name;
  }
}

const TABLE_SIZE = 12;
const CALLS: readonly (readonly [string, ...unknown[]])[] = [
  ['run_ii', 1, 21],
  ['run_vii', 2, 2000, 5],
  ['load', 2000],
  ['run_jij', 3, 33, 5n],
  ['run_d', 4],
  ['run_v', 5],
  ['run_ii', 6, 3],
  ['run_v', 7],
  ['run_ii', 9, 7],
  ['run_v', 10],
  // No function there, one of another type, and places that there are not.
  ['run_ii', 0, 1],
  ['run_ii', 11, 1],
  ['run_d', 1],
  ['run_ii', -1, 1],
  ['run_v', 1000],
  ['run_jij', 0, 1, 1n],
];

const native = await parse(PROGRAM.replaceAll('dynCall_', 'call_'));
const made = (options: TransformOptions = {}): Uint8Array =>
  transform(native, { linking: 'closed', suspending: [], ...options }).bytes;

describe.each([
  ['table', 'exported'],
  ['mirror', 'exported'],
  ['mirror', 'absent'],
  ['dynCall', 'exported'],
] as const)('calls without the host do what they did: %s, dynCall_* %s', (style, exported) => {
  const source = exported === 'absent' ? PROGRAM.replaceAll('dynCall_', 'call_') : PROGRAM;

  it.each([
    ['fuel', { yields: 'fuel' }],
    ['epoch', { yields: 'epoch' }],
    ['no polls', {}],
    ['linked', { linking: 'linked', yields: 'fuel' }],
  ] as const)('%s', async (_, options) => {
    const bytes = await parse(source);
    const before = instantiate(bytes, style);
    const after = instantiate(transform(bytes, { linking: 'closed', suspending: [], ...options }).bytes, style);
    for (const [name, ...args] of CALLS) {
      before.glue.log.length = 0;
      after.glue.log.length = 0;
      expect(outcome(after, name, args), `${name}(${args.join()})`).toEqual(outcome(before, name, args));
      const quiet = before.glue.log.every((entry) => !Array.isArray(entry) || entry[0] !== 'caught');
      // The host is only asked where something is thrown, with the stack as it was; otherwise not at all.
      const isCall = args[0] !== undefined && Number(args[0]) > 0 && Number(args[0]) < 11 && name !== 'load';
      if (quiet && isCall && name !== 'run_d') expect(after.glue.log).toEqual([]);
      // Traps are not caught on the way: the host functions do not see them.
      const isTrap = before.glue.log.some((entry) => Array.isArray(entry) && entry[1] === 'RuntimeError');
      if (quiet || !isCall || isTrap) continue;
      const caught = (log: readonly unknown[]): unknown[] =>
        log.flatMap((entry) => (Array.isArray(entry) ? (entry[0] === 'caught' ? [entry.slice(0, 2)] : []) : [entry]));
      expect(caught(after.glue.log)).toEqual(caught(before.glue.log));
    }
  });
});

describe('calls without the host', () => {
  it('let traps through', () => {
    const running = instantiate(made(), 'table');
    expect(() => (running.exports.run_vii as Callable)(8, 1, 2)).toThrow(WebAssembly.RuntimeError);
    expect(outcome(running, 'run_ii', [1, 4])).toEqual([8, expect.any(Number), 0]);
  });

  it('leave the table to the host: it can grow it, and sees functions at the end that are not the module’s', () => {
    const { exports } = instantiate(made(), 'table');
    const table = exports.__indirect_function_table as WebAssembly.Table;
    for (let at = 0; at < TABLE_SIZE; at++) expect(table.get(at) === null).toBe(at === 0);
    const args = [[0], [0, 0], [0, 0n], [], []];
    expect(table.length).toBe(TABLE_SIZE + args.length);
    args.forEach((some, at) => {
      expect(() => table.get(TABLE_SIZE + at)(...some)).toThrow(WebAssembly.RuntimeError);
    });
    expect(() => table.grow(1)).toThrow(RangeError);
  });

  it('call what the host has put into the table', async () => {
    const open = guest(
      SIGNATURES,
      ['$nothing'],
      `(func $nothing)
      (func (export "run") (param i32 i32) (result i32) (call $invoke_ii (local.get 0) (local.get 1)))`,
      '(table $table (export "__indirect_function_table") 2 funcref)',
    );
    const bytes = await parse(open.replaceAll('dynCall_', 'call_'));
    const maker = new WebAssembly.Instance(
      new WebAssembly.Module(
        (await parse(
          '(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 100))))',
        )) as Uint8Array<ArrayBuffer>,
      ),
    );
    const { exports, glue } = instantiate(transform(bytes, { linking: 'closed', suspending: [] }).bytes, 'mirror');
    const table = exports.__indirect_function_table as WebAssembly.Table;
    const index = table.grow(1);
    table.set(index, maker.exports.f);
    expect((exports.run as Callable)(index, 5)).toBe(105);
    expect(glue.log).toEqual([]);
  });

  it.each([
    [
      'an imported table',
      '(import "env" "__indirect_function_table" (table $table 3 funcref))',
      new WebAssembly.Table({ element: 'anyfunc', initial: 3 }),
      true,
    ],
    [
      'an imported table that cannot grow',
      '(import "env" "__indirect_function_table" (table $table 3 3 funcref))',
      new WebAssembly.Table({ element: 'anyfunc', initial: 3, maximum: 3 }),
      false,
    ],
    [
      'a table that the module itself looks at',
      '(table $table (export "__indirect_function_table") 3 3 funcref) (func (export "size") (result i32) (table.size $table))',
      null,
      true,
    ],
  ] as const)('through %s', async (_, declaration, table, spared) => {
    const isImport = declaration.startsWith('(import');
    const text = guest(
      ['ii'],
      ['$double', '$number'],
      `
      (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
      (func $number (param i32) (result i32) (call $throwNumber (local.get 0)) (i32.const 1))
      (func (export "run_ii") (param i32 i32) (result i32) (call $invoke_ii (local.get 0) (local.get 1)))`,
      isImport ? '' : declaration,
    )
      .replace('(module', isImport ? `(module ${declaration}` : '(module')
      .replaceAll('dynCall_', 'call_');
    const bytes = await parse(text);
    const { bytes: output, hostFrames } = transform(bytes, { linking: 'closed', suspending: [] });
    expect(hostFrames).toEqual([{ func: 0, kept: null }]);
    const glue = new Glue('mirror');
    const imports = glue.imports(['ii']);
    const { instance } = new Store().instantiate(new WebAssembly.Module(output), {
      env: { ...imports.env, __indirect_function_table: table },
    });
    const exports = { __indirect_function_table: table, ...instance.exports };
    glue.attach(exports as WebAssembly.Exports);
    if ('size' in exports) expect((exports.size as Callable)()).toBe(3);
    const running = { glue, exports: exports as WebAssembly.Exports };
    expect(outcome(running, 'run_ii', [1, 21])).toEqual([42, 32768, 0]);
    expect(glue.log.length === 0).toBe(spared);
    expect(outcome(running, 'run_ii', [2, 5])).toEqual([0, 32768, 1]);
  });

  it('are only made where they are asked for, or where a host can suspend the module', () => {
    expect(transform(native, { linking: 'closed' }).changed).toBe(false);
    expect(transform(native, { linking: 'closed', transparent: ['env.invoke_*'] }).changed).toBe(true);
    expect(transform(native, { linking: 'closed', transparent: ['env.nothing'] }).changed).toBe(false);
    expect(transform(native, { linking: 'closed', suspending: [], transparent: [] }).hostFrames).toEqual([]);
  });

  it.each([
    [
      'no table',
      '(module (import "env" "invoke_v" (func $x (param i32))) (func (export "f") (call $x (i32.const 1))))',
      'which table',
    ],
    [
      'two tables',
      '(module (import "env" "invoke_v" (func $x (param i32))) (table 1 funcref) (table 1 funcref) (func (export "f") (call $x (i32.const 1))))',
      'which table',
    ],
    [
      'no index',
      '(module (import "env" "invoke_v" (func $x (param f32))) (table 1 funcref) (func (export "f") (call $x (f32.const 1))))',
      'no index',
    ],
    [
      'no index of that table',
      '(module (import "env" "invoke_v" (func $x (param i32))) (table i64 1 funcref) (func (export "f") (call $x (i32.const 1))))',
      'no index',
    ],
    [
      'two stack pointers',
      `(module (import "env" "invoke_v" (func $x (param i32))) (table 1 funcref)
      (global $a (mut i32) (i32.const 1024)) (global $b (mut i32) (i32.const 2048))
      (func (export "f") (local i32) (local.set 0 (i32.sub (global.get $a) (i32.const 16))) (call $x (i32.const 1)))
      (func (export "g") (local i32) (local.set 0 (i32.sub (global.get $b) (i32.const 32)))))`,
      'stack pointer',
    ],
    [
      'a table as large as can be',
      '(module (import "env" "invoke_v" (func $x (param i32))) (table 10000000 funcref) (func (export "f") (call $x (i32.const 1))))',
      'no larger',
    ],
  ])('are not made where something is missing: %s', async (_, text, why) => {
    const { hostFrames } = transform(await parse(text), { linking: 'closed', suspending: [] });
    expect(hostFrames).toEqual([{ func: 0, kept: expect.stringContaining(why) }]);
  });

  it('through a table of 64-bit indices', async () => {
    const text = `(module (import "env" "invoke" (func $x (param i64 i32) (result i32)))
      (table $table (export "__indirect_function_table") i64 2 funcref) (elem (table $table) (i64.const 1) func $f)
      (func $f (param i32) (result i32) (local.get 0)) (func (export "run") (param i32) (result i32) (call $x (i64.const 1) (local.get 0))))`;
    const { bytes } = transform(await parse(text), { linking: 'closed', transparent: ['env.invoke'] });
    const { exports } = instantiate(bytes, 'table', { env: { invoke: () => -1 } });
    expect((exports.run as Callable)(6)).toBe(6);
  });

  it('keep their names and those of the rest', async () => {
    const text = await print(made());
    expect(text).toContain('invoke_ii (without the host)');
    expect(text).toContain('$deep');
    expect(decode(made()).exports.map(({ name }) => name)).toContain('call_ii');
  });

  it('are not made by Binaryen’s pass, which says so', async () => {
    const options = { yields: 'fuel', suspending: [], optimizeLevel: 0 } as const;
    const kept = await transformWithBinaryen(native, options);
    expect(kept.hostFrames).toHaveLength(SIGNATURES.length);
    expect(kept.hostFrames[0]?.kept).toContain('Asyncify');
    await expect(transformWithBinaryen(native, { ...options, transparent: ['env.invoke_ii'] })).rejects.toThrow(
      RefusedError,
    );
    await expect(transformWithBinaryen(native, { ...options, transparent: ['env.other'] })).resolves.toBeDefined();
  });
});
