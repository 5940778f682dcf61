import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { parseText } from '../../spec-tests/runner/index.ts';
import { Process, suspendingImport } from '../index.ts';
import { cli } from './cli.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

const FILES: Readonly<Record<string, string>> = {
  'lib.wat': `(module
    (type $f (func)) (type $c (cont $f))
    (tag $t)
    (func $g (suspend $t))
    (elem declare func $g)
    (func (export "add") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
      (i32.add (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))
      (f32.add (local.get 2) (f32.const 0)) (f64.neg (local.get 3)))
    (func (export "nothing"))
    (func (export "null") (result (ref null $c) externref) (ref.null $c) (ref.null extern))
    (func (export "resume") (resume $c (cont.new $c (ref.func $g))))
    (func (export "handled") (result i32)
      (block $on (result (ref $c)) (resume $c (on $t $on) (cont.new $c (ref.func $g))) (return (i32.const 1)))
      (drop) (i32.const 2))
    (func (export "trap") (unreachable))
    (func $deep (export "deep") (call $deep) (nop))
    (func (export "throw") (throw $t))
    (func (export "vector") (result v128) (v128.const i64x2 0 0))
    (func (export "reference") (param externref)))`,
  'wasi.wat': `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env-sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $print (param $fd i32) (param $from i32) (param $size i32)
      (i32.store (i32.const 100) (local.get $from))
      (i32.store (i32.const 104) (local.get $size))
      (drop (call $write (local.get $fd) (i32.const 100) (i32.const 1) (i32.const 108))))
    ;; All arguments with their final zeros on standard output, the environment on standard error; exit status: how many.
    (func (export "_start")
      (drop (call $sizes (i32.const 0) (i32.const 4)))
      (drop (call $args (i32.const 1024) (i32.const 2048)))
      (call $print (i32.const 1) (i32.const 2048) (i32.load (i32.const 4)))
      (drop (call $env-sizes (i32.const 8) (i32.const 12)))
      (drop (call $env (i32.const 1024) (i32.const 4096)))
      (call $print (i32.const 2) (i32.const 4096) (i32.load (i32.const 12)))
      (block $caught
        (try_table (catch_all $caught) (call $exit (i32.load (i32.const 0))))
        (unreachable))
      (call $print (i32.const 1) (i32.const 2048) (i32.const 1))))`,
  'imports.wat': '(module (import "env" "f" (func $f)) (func (export "_start") (call $f)))',
  'signals.wat': `(module (import "bobbin:signal" "raise" (func $raise (param i32) (result i32)))
    (func (export "_start") (drop (call $raise (i32.const 2)))))`,
  'sum.wat': `(module (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))`,
  'plain.wat': '(module (func (export "one") (result i32) (i32.const 1)))',
  'bad.wat': '(module (func $a) (func $a))',
  'invalid.wat': '(module (func (result i32)))',
  'pass.wast': '(module (func (export "f")))\n(assert_return (invoke "f"))\n',
  'fail.wast': '(module (func (export "f")))\n(assert_trap (invoke "f") "x")\n',
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(at(name), text);
  writeFileSync(at('lib.wasm'), await parseText(FILES['lib.wat'] ?? ''));
  writeFileSync(at('truncated.wasm'), readFileSync(at('lib.wasm')).subarray(0, 40));
  writeFileSync(at('bytes.bin'), Uint8Array.of(0xff, 0xfe, 0x00));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]) {
  let out = '';
  let err = '';
  const status = await cli(args, {
    out: (text) => {
      out += typeof text === 'string' ? text : new TextDecoder().decode(text);
    },
    err: (text) => {
      err += text;
    },
    isTerminal: false,
  });
  return { status, out, err: err.replaceAll(`${folder}/`, '') };
}

describe('bobbin', () => {
  it('has a version and help', async () => {
    expect(await run('--version')).toEqual({ status: 0, out: `${packageJson.version}\n`, err: '' });
    for (const args of [['--help'], ['-h'], ['run', '--help'], ['transform', '-h'], ['wast', '--help']]) {
      const { status, out, err } = await run(...args);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toMatch(/^Usage: bobbin /);
    }
  });

  it.each([
    [[], 'no command'],
    [['walk'], 'unknown command "walk"'],
    [['run'], 'no module given'],
    [['run', '--fast', 'x'], "Unknown option '--fast'"],
    [['run', '--frame-limit', 'many', 'x.wat'], '--frame-limit is a number'],
    [['run', '--env', 'NAME', 'x.wat'], '--env takes NAME=VALUE'],
    [['run', '--timeout', 'soon', 'x.wat'], '--timeout is a time such as 500ms, 2s or 1m, not "soon"'],
    [['run', '--timeout=-1s', 'x.wat'], '--timeout is a time'],
    [['run', '--timeout=1e3', 'x.wat'], '--timeout is a time'],
    [['run', '--fuel', '0', 'x.wat'], '--fuel is a number from 1 to 2147483647, not "0"'],
    [['run', '--fuel', '5', '--yield', 'epoch', 'x.wat'], '--fuel needs --yield fuel'],
    [['run', '--yield', 'always', 'x.wat'], '--yield is fuel or epoch or none, not "always"'],
    [['run', '--instrumenter', 'llvm', 'x.wat'], '--instrumenter is frames or binaryen, not "llvm"'],
    [['run', '--optimize', '2', 'x.wat'], '--optimize needs --instrumenter binaryen'],
    [['run', '--instrumenter', 'binaryen', '--optimize', '4', 'x.wat'], '--optimize is 0 or 1 or 2 or 3, not "4"'],
    [
      ['transform', 'x.wat', '-o', 'z', '--linking', 'linked', '--yield', 'fuel'],
      'what can be interrupted is closed, not linked',
    ],
    [['transform', 'x.wat'], '-o OUT is missing'],
    [['transform', 'x.wat', '-o', '-'], '-o takes the name of a file'],
    [['transform', 'x.wat', 'y.wat', '-o', 'z'], 'one module at a time'],
    [['transform', 'x.wat', '-o', 'z', '--linking', 'loose'], '--linking is closed or linked, not "loose"'],
    [['wast'], 'no scripts given'],
    [['wast', '--mode', 'magic', 'x.wast'], '--mode is native or roundtrip or frames or closed or '],
  ])('usage: %j', async (args, message) => {
    const { status, out, err } = await run(...args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(message);
    expect(err).toContain('--help');
  });
});

describe('bobbin run', () => {
  it('calls a function and prints its typed results, from text and binary', async () => {
    const expected = '3 : i32\n9223372036854775807 : i64\n0.1 : f32\ninf : f64\n';
    for (const file of ['lib.wat', 'lib.wasm']) {
      const args = ['2', '0x7ffffffffffffffe', '0.1', '-inf'];
      expect(await run('run', at(file), '--invoke', 'add', ...args)).toEqual({ status: 0, out: expected, err: '' });
    }
    const negative = await run('run', '--invoke', 'add', at('lib.wat'), '-1', '-1', '-0', 'nan');
    expect(negative.out).toBe('0 : i32\n0 : i64\n0 : f32\nnan : f64\n');
    expect(await run('run', at('lib.wat'), '--invoke=handled')).toEqual({ status: 0, out: '2 : i32\n', err: '' });
    expect(await run('run', at('lib.wat'), '--invoke', 'nothing')).toEqual({ status: 0, out: '', err: '' });
  });

  it.each([
    [['add', '1'], 2, '"add" takes (i32 i64 f32 f64), not 1 arguments'],
    [['add', '1.5', '1', '1', '1'], 2, 'argument 1 of "add" is i32, not "1.5"'],
    [['add', '4294967296', '1', '1', '1'], 2, 'argument 1 of "add" is i32'],
    [['reference', 'x'], 2, 'argument 1 of "reference" is (ref null extern)'],
    [['vector'], 1, '"vector" returns v128'],
    [['trap'], 1, 'lib.wat: trap: '],
    [['throw'], 1, 'lib.wat: uncaught exception'],
    [['resume'], 1, 'lib.wat: unhandled suspension: unhandled tag'],
    [['deep'], 1, 'lib.wat: exhaustion: '],
    [['missing'], 1, 'exports no function "missing"\nExported functions: "add", "nothing", '],
  ])('--invoke %j', async (args, status, message) => {
    const result = await run('run', at('lib.wat'), '--invoke', ...args);
    expect(result).toMatchObject({ status, out: '' });
    expect(result.err).toContain(message);
  });

  it.each([
    ['nowhere.wasm', 1, 'nowhere.wasm: no such file or folder'],
    ['.', 1, 'is a folder'],
    ['bad.wat', 1, 'bad.wat: duplicate func identifier'],
    ['invalid.wat', 1, 'invalid.wat: type mismatch'],
    ['truncated.wasm', 1, '(at byte '],
    ['bytes.bin', 1, 'neither a WebAssembly binary nor text'],
    ['imports.wat', 1, 'imports what only a host program can provide: "env" "f" (function)'],
    [
      'plain.wat',
      2,
      'is no WASI command (it exports no "_start"); name a function with --invoke\nExported functions: "one"',
    ],
  ])('%s', async (file, status, message) => {
    const result = await run('run', at(file));
    expect(result).toMatchObject({ status, out: '' });
    expect(result.err).toContain(message);
    expect(result.err).not.toContain('unexpected');
  });

  it('runs WASI commands, with arguments, environment and status', async () => {
    const result = await run('run', '--env', 'A=ä', '--env=B=2', at('wasi.wat'), '--invoked', 'é', '');
    expect(result.out.replaceAll(`${folder}/`, '')).toBe('wasi.wat\0--invoked\0é\0\0');
    expect(result).toMatchObject({ status: 4, err: 'A=ä\0B=2\0' });
  });
});

describe('programs that can be interrupted', () => {
  const ways = [
    ['--yield', 'fuel'],
    ['--yield', 'epoch'],
    ['--yield', 'none'],
    ['--instrumenter', 'binaryen', '--optimize', '0'],
    ['--instrumenter', 'binaryen', '--yield', 'epoch', '--optimize', '1'],
  ];
  const squares = BigInt.asIntN(32, (100_000n * 100_001n * 200_001n) / 6n);
  const expected = { status: 0, out: `${squares} : i32\n`, err: '' };

  it.each(ways.map((way) => [way]))('%j', async (way) => {
    expect(await run('run', ...way, '--timeout', '1h', at('sum.wat'), '--invoke', 'sum', '100000')).toEqual(expected);
    expect(await run('transform', at('sum.wat'), '-o', at('sum.wasm'), ...way)).toEqual({
      status: 0,
      out: '',
      err: '',
    });
    expect(await run('run', at('sum.wasm'), '--invoke', 'sum', '100000')).toEqual(expected);
  });

  it('yield as often as is asked for', async () => {
    const args = ['--fuel', '100', at('sum.wat'), '--invoke', 'sum', '100000'];
    expect(await run('run', ...args)).toEqual(expected);
    await run('transform', at('sum.wat'), '-o', at('sum-epoch.wasm'), '--yield', 'epoch');
    const epoch = await run('run', '--fuel', '100', at('sum-epoch.wasm'), '--invoke', 'sum', '1');
    expect(epoch).toMatchObject({ status: 2, out: '' });
    expect(epoch.err).toContain('--fuel: sum-epoch.wasm does not yield by fuel');
  });

  it('are made once', async () => {
    await run('transform', at('sum.wat'), '-o', at('once.wasm'), '--yield', 'fuel');
    for (const options of [
      ['--yield', 'epoch'],
      ['--instrumenter', 'frames'],
    ]) {
      const result = await run('run', ...options, at('once.wasm'), '--invoke', 'sum', '1');
      expect(result).toMatchObject({ status: 2, out: '' });
      expect(result.err).toContain(`${options[0]} comes too late: once.wasm was transformed before`);
    }
    await run('transform', at('lib.wat'), '-o', at('no-process.wasm'));
    const late = await run('run', '--timeout', '1s', at('no-process.wasm'), '--invoke', 'handled');
    expect(late.err).toContain('--timeout: no-process.wasm was transformed before, and not so that');
  });

  it('are not what Binaryen refuses', async () => {
    const result = await run('run', '--instrumenter', 'binaryen', at('lib.wat'), '--invoke', 'handled');
    expect(result).toMatchObject({ status: 1, out: '' });
    expect(result.err).toMatch(
      /^bobbin run: lib\.wat: stack switching needs the frames instrumenter \(at byte \d+, .*\)\n$/,
    );
  });

  it('need what their imports need', async () => {
    expect(await run('run', at('signals.wat'))).toEqual({
      status: 1,
      out: '',
      err: 'bobbin run: signals.wat: the guest imports from "bobbin:signal" and exports no memory "memory"\n',
    });
  });

  it('wait for other imports, too, by a host of their own', async () => {
    const name = 'env.f';
    const args = ['transform', at('imports.wat'), '-o', at('waits.wasm'), '--suspending', name];
    expect(await run(...args)).toEqual({ status: 0, out: '', err: '' });
    const module = new WebAssembly.Module(readFileSync(at('waits.wasm')));
    const process = Process.instantiate(new Store(), module, (self) => ({
      env: { f: suspendingImport(self, name, async () => undefined, { interrupted: undefined }) },
    }));
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'exited' });
  });
});

describe('bobbin transform', () => {
  it('writes what bobbin run takes, in both linking modes and as text', async () => {
    for (const [output, linking] of [
      ['linked.wasm', 'linked'],
      ['closed.wasm', 'closed'],
      ['closed.wat', 'closed'],
    ] as const) {
      const result = await run('transform', at('lib.wat'), '-o', at(output), '--linking', linking);
      expect(result).toEqual({ status: 0, out: '', err: '' });
      expect(await run('run', at(output), '--invoke', 'handled')).toMatchObject({ status: 0, out: '2 : i32\n' });
    }
    expect(readFileSync(at('closed.wat'), 'utf8')).toMatch(/^\(module/);
    expect(await run('transform', at('linked.wasm'), '-o', at('twice.wasm'))).toEqual({
      status: 1,
      out: '',
      err: 'bobbin transform: linked.wasm: the module was transformed before (at byte 8)\n',
    });
  });

  it('explains', async () => {
    const { out } = await run('transform', at('lib.wasm'), '-o', at('x.wasm'), '--linking', 'closed', '--explain');
    expect(out).toMatch(/^\d+ of 11 functions instrumented\n\nfunction 0 \$g\n {4}at byte \d+, suspend 0: suspends\n/);
    const plain = await run('transform', at('plain.wat'), '-o', at('y.wasm'), '--explain');
    expect(plain.out).toMatch(/plain\.wat: left as it is\n$/);
    expect(WebAssembly.validate(readFileSync(at('y.wasm')))).toBe(true);
  });

  it('says what it cannot read or write', async () => {
    expect((await run('transform', at('invalid.wat'), '-o', at('z.wasm'))).err).toMatch(/invalid\.wat: .*at byte \d+/);
    expect((await run('transform', at('lib.wat'), '-o', at('no/such/z.wasm'))).err).toContain('no such file or folder');
  });
});

describe('bobbin wast', () => {
  it.each(['native', 'roundtrip', 'frames', 'closed'])('in mode %s', async (mode) => {
    const pass = await run('wast', '--mode', mode, at('pass.wast'));
    expect(pass).toMatchObject({ status: 0, err: '' });
    expect(pass.out).toMatch(/1 of 1 files passed\n1 passed, 0 failed\n$/);
    const fail = await run('wast', '--mode', mode, folder);
    expect(fail).toMatchObject({ status: 1, err: '' });
    expect(fail.out).toMatch(/fail\.wast:2: assert_trap: .*\n.*\n1 of 2 files passed\n1 passed, 1 failed\n$/);
  });

  it('writes a report', async () => {
    await run('wast', '--json', at('report.json'), at('pass.wast'));
    expect(JSON.parse(readFileSync(at('report.json'), 'utf8'))).toMatchObject({
      mode: 'frames',
      totals: { files: 1, passed: 1, failed: 0 },
    });
  });

  it('writes a report on several modes in Markdown, and compares them', async () => {
    const args = ['--mode', 'native', '--mode', 'linked', '--mode', 'frames-chaos', '--report', at('report.md')];
    const { status, out } = await run('wast', ...args, at('pass.wast'));
    expect(status).toBe(0);
    expect(out).toContain('frames: all 1 assertions that pass natively pass, and 0 of 0 others\n');
    const report = readFileSync(at('report.md'), 'utf8');
    expect(report).not.toContain(folder);
    expect(report).toContain(
      '`bobbin wast --mode native --mode frames --mode frames-chaos --report report.md pass.wast`',
    );
    expect(report).toMatch(/^\| frames-chaos \| 1 \| 1 \| 1 \| 0 \|/m);
    expect((await run('wast', '--mode', 'all', '--mode', 'native', at('fail.wast'))).status).toBe(1);
  });

  it('says what it cannot find', async () => {
    expect(await run('wast', at('nowhere'))).toMatchObject({
      status: 1,
      err: 'bobbin wast: no such file or folder: nowhere\n',
    });
  });
});
