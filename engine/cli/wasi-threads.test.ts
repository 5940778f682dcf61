import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { cli } from './cli.ts';

/** 20 threads add to a word under a mutex; the main thread waits for them and prints `done` where the sum is right. */
const program = (main = '', thread = ''): string => `(module
  (import "env" "memory" (memory 1 1 shared)) (export "memory" (memory 0))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (data (i32.const 64) "\\50\\00\\00\\00\\05\\00\\00\\00") (data (i32.const 80) "done\\n")
  (func $lock
    (loop $again (if (i32.atomic.rmw.xchg (i32.const 0) (i32.const 1)) (then
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const -1))) (br $again)))))
  (func $unlock
    (i32.atomic.store (i32.const 0) (i32.const 0))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
  (func (export "_start") (local $i i32) ${main}
    (loop $more
      (if (i32.lt_s (call $spawn (local.get $i)) (i32.const 1)) (then unreachable))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (loop $all
      (local.set $i (i32.atomic.load (i32.const 4)))
      (if (i32.lt_u (local.get $i) (i32.const 20)) (then
        (drop (memory.atomic.wait32 (i32.const 4) (local.get $i) (i64.const -1))) (br $all))))
    (if (i32.ne (i32.load (i32.const 8)) (i32.const 200)) (then unreachable))
    (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72))))
  (func (export "wasi_thread_start") (param i32 i32) (local $i i32) (local $seen i32) ${thread}
    (loop $more
      (call $lock)
      (local.set $seen (i32.load (i32.const 8)))
      (i32.store (i32.const 8) (i32.add (local.get $seen) (i32.const 1)))
      (call $unlock)
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
    (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 4) (i32.const -1)))))`;

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  const texts = {
    sound: program(),
    traps: program('', 'unreachable'),
    exits: program('', '(call $exit (i32.const 7))'),
    stuck: program('(call $lock)'),
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(at(`${name}.wasm`), await parseText(text));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function bobbin(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const text = (chunk: string | Uint8Array): string =>
    typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
  const status = await cli(args, {
    out: (chunk) => {
      out += text(chunk);
    },
    err: (chunk) => {
      err += text(chunk);
    },
    isTerminal: false,
  });
  return { status, out, err };
}

describe('programs for wasi-threads', () => {
  it.each([
    [],
    ['--policy', 'fifo'],
    ['--policy', 'round-robin:2'],
    ['--policy', 'lottery:3', '--seed', '9', '--virtual-time'],
    ['--instrumenter', 'binaryen', '--optimize', '1'],
    ['--yield', 'none'],
    ['--yield', 'epoch'],
  ])('run: %s %s %s %s %s', async (...options: string[]) => {
    expect(await bobbin('run', ...options, at('sound.wasm'))).toEqual({ status: 0, out: 'done\n', err: '' });
  });

  it('run where they were transformed before, with waits that suspend', async () => {
    const lowered = ['--yield', 'fuel', '--atomic-waits', 'suspending'];
    for (const memories of ['keep', 'plain']) {
      const args = [at('sound.wasm'), '-o', at('made.wasm'), ...lowered, '--shared-memories', memories];
      expect((await bobbin('transform', ...args)).status).toBe(0);
      expect(await bobbin('run', at('made.wasm'))).toEqual({ status: 0, out: 'done\n', err: '' });
    }
    expect((await bobbin('transform', at('sound.wasm'), '-o', at('made.wasm'), '--yield', 'fuel')).status).toBe(0);
    const blocking = await bobbin('run', at('made.wasm'));
    expect(blocking).toMatchObject({ status: 1, out: '' });
    expect(blocking.err).toContain('has atomic waits, which would block all its threads');
  });

  it('end with what any of their threads ends with', async () => {
    expect(await bobbin('run', at('traps.wasm'))).toEqual({
      status: 1,
      out: '',
      err: `bobbin run: ${at('traps.wasm')}: trap: unreachable\n`,
    });
    expect(await bobbin('run', at('exits.wasm'))).toEqual({ status: 7, out: '', err: '' });
  });

  it('are reported where they wait for each other', async () => {
    const { status, out, err } = await bobbin('run', at('stuck.wasm'));
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(
      /^bobbin run: deadlock: no thread can go on\n {2}main waits for memory\.atomic\.notify at 0x4\n/,
    );
    expect(err.match(/waits for memory\.atomic\.notify at 0x0/g)).toHaveLength(20);
  });
});
