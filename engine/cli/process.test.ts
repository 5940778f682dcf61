import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

/** The command line as a process of its own: what in-process tests cannot show. */
const bobbin = resolve(import.meta.dirname, '../../bin/bobbin.mjs');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const sh = (script: string, input = '') =>
  spawnSync('sh', ['-c', script], {
    input,
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath, BOBBIN: bobbin, FOLDER: folder },
  });

describe('the process', () => {
  it('has the exit status of the command line', () => {
    expect(sh('"$NODE" "$BOBBIN" --version')).toMatchObject({
      status: 0,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
    expect(sh('"$NODE" "$BOBBIN" run').status).toBe(2);
    expect(sh('"$NODE" "$BOBBIN" run nowhere.wat').status).toBe(1);
  });

  it('ends quietly where nobody reads what it prints', () => {
    writeFileSync(
      join(folder, 'endless.wat'),
      `(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\04\\00\\00\\00........yes\\n")
        (func (export "_start") (loop $l (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $l))))`,
    );
    expect(sh('"$NODE" "$BOBBIN" run "$FOLDER/endless.wat" | head -n 2')).toMatchObject({
      stdout: 'yes\nyes\n',
      stderr: '',
    });
  });

  it('gives its standard input to WASI programs', () => {
    writeFileSync(
      join(folder, 'cat.wat'),
      `(module
        (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (loop $l
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 1000))
            (drop (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i32.load (i32.const 8))
              (then
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
                (br $l))))))`,
    );
    const text = 'some text\n'.repeat(20_000);
    expect(sh('"$NODE" "$BOBBIN" run "$FOLDER/cat.wat"', text)).toMatchObject({ status: 0, stdout: text, stderr: '' });
  });

  it('prints nothing of its own beside what a program prints', () => {
    writeFileSync(
      join(folder, 'env.wat'),
      `(module (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (memory (export "memory") 1) (func (export "_start") (drop (call $sizes (i32.const 0) (i32.const 4)))))`,
    );
    expect(sh('"$NODE" "$BOBBIN" run --env A=1 "$FOLDER/env.wat"')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('lets programs recurse as deep as natively', () => {
    writeFileSync(
      join(folder, 'deep.wat'),
      `(module (func $f (export "f") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0)))))`,
    );
    for (const poll of ['none', 'epoch']) {
      const script = `"$NODE" "$BOBBIN" run --yield ${poll} "$FOLDER/deep.wat" --invoke f 20000`;
      expect(sh(script)).toMatchObject({ status: 0, stdout: '20000 : i32\n', stderr: '' });
    }
  });

  it('leaves the rest of a file to who reads it next', () => {
    writeFileSync(
      join(folder, 'byte.wat'),
      `(module (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\04\\00\\00\\00")
        (func (export "_start") (drop (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`,
    );
    writeFileSync(join(folder, 'input.txt'), 'one two three');
    const script = '{ "$NODE" "$BOBBIN" run "$FOLDER/byte.wat"; cat; } < "$FOLDER/input.txt"';
    expect(sh(script)).toMatchObject({ status: 0, stdout: 'one two three', stderr: '' });
  });

  it('says in one line that Node is too old', () => {
    const pretend = join(folder, 'old.mjs');
    writeFileSync(
      pretend,
      `Object.defineProperty(process, 'versions', { value: { node: '20.1.0' } });
       await import(${JSON.stringify(pathToFileURL(bobbin).href)});`,
    );
    expect(spawnSync(process.execPath, [pretend], { encoding: 'utf8' })).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'bobbin: needs Node 22 or newer, this is 20.1.0\n',
    });
    // What it says it with, such a Node can read.
    expect(readFileSync(bobbin, 'utf8')).not.toMatch(/^import |^await |\?\.|\?\?/m);
  });
});
