import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type TransformOptions, transform } from '../../asyncify/index.ts';
import { Glue, guest, THROWN } from '../../asyncify/lower/transparent/glue.test-data.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { Process, type ProcessError, type ProcessOptions } from './index.ts';

const SIGNATURES = ['ii', 'vii', 'v'];
/** `run(n)` descends n host calls of invoke_ii, counting work at each, and throws at the bottom; half of the levels catch. */
const source = await parseText(
  guest(
    SIGNATURES,
    ['$level', '$spin'],
    `
  (global $stop (export "stop") (mut i32) (i32.const 0))
  (global $spins (export "spins") (mut i32) (i32.const 0))
  (func $work (param $n i32) (result i32) (local $sum i32) (local $frame i32)
    (local.set $frame (i32.sub (global.get $sp) (i32.const 32)))
    (global.set $sp (local.get $frame))
    (i32.store (local.get $frame) (local.get $n))
    (loop $more
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $frame))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $more (i32.gt_s (local.get $n) (i32.const 0))))
    (global.set $sp (i32.add (local.get $frame) (i32.const 32)))
    (local.get $sum))
  (func $level (param $n i32) (result i32) (local $got i32) (local $threw i32)
    (if (i32.eqz (local.get $n)) (then (drop (call $work (i32.const 5))) (call $throwNumber (i32.const 3))))
    (call $log (call $work (local.get $n)))
    (i32.store (i32.const 1024) (i32.const 0))
    (local.set $got (call $invoke_ii (i32.const 1) (i32.sub (local.get $n) (i32.const 1))))
    (local.set $threw (i32.load (i32.const 1024)))
    (i32.store (i32.const 1024) (i32.const 0))
    (call $log (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $threw)))
    (if (i32.and (local.get $n) (i32.const 1)) (then (call $throwNumber (local.get $n))))
    (i32.add (local.get $got) (call $work (local.get $n))))
  (func $spin (loop $again
    (global.set $spins (i32.add (global.get $spins) (i32.const 1)))
    (br_if $again (i32.eqz (global.get $stop)))))
  (func (export "run") (param i32) (result i32) (call $level (local.get 0)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "pair") (result i32 i64) (i32.const 1) (i64.const 2))
  (func (export "nothing"))
  (func (export "trap") unreachable)
  (func (export "throw") (call $throwError))
  (func (export "spin") (call $invoke_v (i32.const 2)))`,
  ),
);

interface Made {
  readonly process: Process;
  readonly glue: Glue;
  readonly exports: Readonly<Record<string, (...args: unknown[]) => unknown>>;
}

const made: Process[] = [];
afterEach(() => {
  for (const process of made.splice(0)) process.kill('SIGKILL');
});

function make(yields: 'fuel' | 'epoch', options: ProcessOptions = {}, transformed: TransformOptions = {}): Made {
  const { bytes } = transform(source, { linking: 'closed', yields, suspending: [], ...transformed });
  const glue = new Glue('mirror');
  const imports = glue.imports(SIGNATURES);
  const process = Process.instantiate(new Store(), new WebAssembly.Module(bytes), imports, { entry: null, ...options });
  made.push(process);
  glue.attach(process.instance.exports);
  return { process, glue, exports: process.instance.exports as Made['exports'] };
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Resolves once the guest spins. */
async function spinning({ instance }: Process): Promise<void> {
  const spins = instance.exports.spins as WebAssembly.Global;
  const { value } = spins;
  while (spins.value === value) await later(5);
}
const problem = (kind: ProcessError['kind']): unknown => expect.objectContaining({ name: 'ProcessError', kind });

describe.each(['fuel', 'epoch'] as const)('calls of a process, %s', (yields) => {
  it('return what exports do, one after the other', async () => {
    const { process } = make(yields);
    expect(await process.call('add', 40, 2)).toBe(42);
    expect(await process.call('pair')).toEqual([1, 2n]);
    expect(await process.call('nothing')).toBe(undefined);
    expect(process.state).toBe('suspended');
    await expect(process.call('absent')).rejects.toEqual(problem('no-entry'));
  });

  it('throw what comes out of them, and the process goes on', async () => {
    const { process, exports } = make(yields);
    const before = exports.stackSave?.();
    await expect(process.call('trap')).rejects.toBeInstanceOf(WebAssembly.RuntimeError);
    await expect(process.call('throw')).rejects.toBe(THROWN);
    await expect(process.call('run', 0)).rejects.toBe(3);
    expect(await process.call('add', 1, 2)).toBe(3);
    expect(exports.stackSave?.()).toBe(before);
    expect(process.status).toBe(null);
  });

  it('are interrupted within host functions that only call back, while the host has its turns', async () => {
    const { process, exports } = make(yields);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const call = process.call('spin');
    while (turns < 3) await spinning(process);
    await expect(process.call('add', 1, 1)).rejects.toEqual(problem('state'));
    expect(exports.add?.(2, 3)).toBe(5);
    const before = exports.stackSave?.();
    expect(await process.interrupt(() => exports.add?.(20, 3))).toBe(23);
    expect(exports.stackSave?.()).toBe(before);
    clearInterval(timer);
    (process.instance.exports.stop as WebAssembly.Global).value = 1;
    expect(await call).toBe(undefined);
  });

  it('are told that they were dropped, and the shadow stack is as it was', async () => {
    const { process, exports } = make(yields);
    const before = exports.stackSave?.();
    for (const drop of [() => process.drop(), () => process.suspend().drop()]) {
      const call = process.call('spin');
      await spinning(process);
      drop();
      await expect(call).rejects.toEqual(problem('dropped'));
      expect(exports.stackSave?.()).toBe(before);
      expect(await process.call('add', 1, 2)).toBe(3);
    }
  });

  it('are taken away, and another is made meanwhile, below', async () => {
    const { process, glue } = make(yields);
    const plain = await process.call('run', 6);
    const expected = [...glue.log];
    glue.log.length = 0;
    const call = process.call('spin');
    await spinning(process);
    const taken = process.suspend();
    expect(await process.call('run', 6)).toBe(plain);
    expect(glue.log.filter((entry) => !Array.isArray(entry))).toEqual(
      expected.filter((entry) => !Array.isArray(entry)),
    );
    taken.resume();
    (process.instance.exports.stop as WebAssembly.Global).value = 1;
    expect(await call).toBe(undefined);
  });

  it('end with their process, and say how', async () => {
    const { process } = make(yields);
    const call = process.call('spin');
    await spinning(process);
    process.kill('SIGTERM');
    await expect(call).rejects.toEqual(problem('ended'));
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 15 });
    await expect(process.call('add', 1, 1)).rejects.toEqual(problem('state'));
    await expect(process.interrupt(() => 1)).rejects.toEqual(problem('ended'));
  });

  it('have signals that the host handles', async () => {
    const { process, exports } = make(yields);
    const seen: unknown[] = [];
    process.onSignal('SIGINT', ({ signo, value }) => {
      seen.push([signo, value, exports.add?.(1, 1)]);
      if (seen.length === 2) (process.instance.exports.stop as WebAssembly.Global).value = 1;
    });
    const call = process.call('spin');
    await spinning(process);
    process.kill('SIGINT', { value: 5 });
    await later(20);
    process.kill('SIGINT');
    expect(await call).toBe(undefined);
    expect(seen).toEqual([
      [2, 5n, 2],
      [2, 0n, 2],
    ]);
    process.kill('SIGINT');
    await later(20);
    expect(seen).toHaveLength(3);
    expect(() => process.onSignal('SIGKILL', () => {})).toThrow('SIGKILL');
    process.onSignal('SIGINT', null);
    process.kill('SIGINT');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 2 });
  });

  it('get what a handler of the host throws where they are suspended', async () => {
    const { process, glue } = make(yields);
    const error = new Error('stop it');
    process.onSignal('SIGINT', () => {
      throw error;
    });
    const call = process.call('spin');
    await spinning(process);
    process.kill('SIGINT');
    await expect(call).rejects.toBe(error);
    // The host function that stood in between has had its say.
    expect(glue.log.filter((entry) => Array.isArray(entry))).toEqual([
      ['invoke', 'v', expect.any(Number)],
      ['caught', 'Error', expect.any(Number)],
    ]);
    expect(await process.call('add', 1, 2)).toBe(3);
  });

  it('leave the host’s frames where they are told to', async () => {
    const { process, glue } = make(yields, { limits: { wall: 50 } }, { transparent: [] });
    const call = process.call('spin');
    await expect(call).rejects.toEqual(problem('ended'));
    expect(glue.log.length).toBeGreaterThan(0);
  });
});

describe('programs that throw through host functions', () => {
  const native = (): { result: unknown; log: unknown[] } => {
    const glue = new Glue('mirror');
    const { exports } = new WebAssembly.Instance(
      new WebAssembly.Module(source as Uint8Array<ArrayBuffer>),
      glue.imports(SIGNATURES) as WebAssembly.Imports,
    );
    glue.attach(exports);
    return { result: (exports.run as (n: number) => unknown)(8), log: glue.log };
  };
  /** Without what only the host function sees, where it is called at all. */
  const said = (log: readonly unknown[]): unknown[] => log.filter((entry) => !Array.isArray(entry));

  it('say the same, interrupted at whatever poll', async () => {
    const expected = native();
    for (let fuel = 1; fuel <= 40; fuel++) {
      const { process, glue, exports } = make('fuel');
      let result: unknown;
      const first = process.fresh('run', 8);
      first.resume();
      let polls = 0;
      for (let n = 0; process.status === null; n++) {
        polls = n;
        process.run({ fuel });
        // What the host calls in between has its own part of the shadow stack.
        if (process.status === null && n % 3 === 0) exports.add?.(1, n);
        if (process.status === null && n % 5 === 0) {
          const taken = process.suspend();
          taken.resume();
        }
      }
      const { status } = process;
      if (status?.kind === 'exited') [result] = status.results;
      expect(result).toBe(expected.result);
      expect(said(glue.log)).toEqual(said(expected.log));
      expect(exports.stackSave?.()).toBe(32768);
      if (fuel === 1) expect(polls).toBeGreaterThan(40);
    }
  });
});

it('are made as docs/programs.md says', async () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'programs.md'), 'utf8');
  const [, code] = /```js\n(const \{ bytes \}[^`]*)```/.exec(text) ?? [];
  expect(code).toBeTypeOf('string');
  const glue = new Glue('mirror');
  type Given = {
    readonly instantiateWasm: (imports: object, receive: (instance: WebAssembly.Instance) => void) => object;
  };
  const load = async ({ instantiateWasm }: Given): Promise<WebAssembly.Exports> =>
    new Promise((resolve) => {
      const exports = instantiateWasm(glue.imports(SIGNATURES), (instance) => {
        glue.attach(instance.exports);
        resolve(instance.exports);
      });
      expect(exports).toHaveProperty('add');
    });
  const run = new Function(
    'transform',
    'Process',
    'Store',
    'source',
    'load',
    `return (async () => { ${code}; return [process, program]; })()`,
  );
  const [process, program] = (await run(transform, Process, Store, source, load)) as [Process, WebAssembly.Exports];
  made.push(process);
  expect((program.add as (a: number, b: number) => number)(1, 2)).toBe(3);
  expect(await process.call('add', 40, 2)).toBe(42);
});
