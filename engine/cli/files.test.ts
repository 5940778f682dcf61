import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, Spawned, sleep } from './spawned.test-data.ts';

/** `bobbin run --dir` with a guest compiled from C. */

const guests = resolve(import.meta.dirname, '../../examples/guests');
const guest = join(guests, 'files.wasm');
const expected = readFileSync(join(guests, 'files.expected.txt'), 'utf8');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An empty folder, and a file beside it that is nobody's business. */
function empty(name: string): string {
  const path = join(folder, name, 'given');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(folder, name, 'outside.txt'), 'secret');
  return path;
}

const INSTRUMENTERS = [['frames'], ['binaryen', '--optimize', '0']];

describe('--dir', { concurrent: true }, () => {
  it.each(INSTRUMENTERS)('gives a program files, and none outside of the folder: %s', async (instrumenter, ...more) => {
    const path = empty(instrumenter ?? '');
    const options = ['--instrumenter', instrumenter ?? '', ...more, '--dir', `${path}::/data`];
    expect(await run(['run', ...options, guest, 'all', '/data'])).toEqual({
      status: 0,
      signal: null,
      out: expected,
      err: '',
    });
    expect(readFileSync(join(path, 'second.txt'), 'utf8')).toBe('one TWO!');
    expect(readdirSync(path).sort()).toEqual(['loop', 'many', 'second.txt', 'soft.txt', 'up']);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['given', 'outside.txt']);
    expect(readFileSync(join(path, '../outside.txt'), 'utf8')).toBe('secret');
  });

  it.each(['epoch', 'none'])('does that with --yield %s, under the name that the host has', async (poll) => {
    const path = empty(poll);
    expect(await run(['run', '--yield', poll, '--dir', path, guest, 'all', path])).toEqual({
      status: 0,
      signal: null,
      out: expected,
      err: '',
    });
  });

  it.each(INSTRUMENTERS)(
    'a program that reads is interrupted, and reads the same: %s',
    async (instrumenter, ...more) => {
      const path = empty(`reads-${instrumenter}`);
      writeFileSync(
        join(path, 'bytes'),
        Uint8Array.from({ length: 10_000 }, (_, at) => at * 7),
      );
      const args = [
        'run',
        '--instrumenter',
        instrumenter ?? '',
        ...more,
        '--dir',
        `${path}::.`,
        guest,
        'read',
        './bytes',
        '60',
      ];
      const undisturbed = await run(args);
      expect(undisturbed).toMatchObject({ status: 0, err: 'reading\nsignals: 0\n' });
      expect(undisturbed.out).toMatch(/^digest [0-9a-f]{16}\n$/);
      using program = new Spawned(args);
      await program.until('err', 'reading');
      while (!program.err.includes('signals:') && program.isAlive) {
        program.kill('SIGUSR1');
        await sleep(2);
      }
      program.endInput();
      const { status, out, err } = await program.ended;
      expect({ status, out }).toEqual({ status: 0, out: undisturbed.out });
      expect(Number(/signals: (\d+)/.exec(err)?.[1])).toBeGreaterThan(2);
    },
  );

  it('may be repeated', async () => {
    const [one, two] = [empty('one'), empty('two')];
    writeFileSync(join(two, 'bytes'), 'x');
    const dirs = ['--dir', `${one}::/one`, '--dir', `${two}::/one/two`];
    expect(await run(['run', ...dirs, guest, 'read', '/one/two/bytes'])).toMatchObject({ status: 0 });
    expect(await run(['run', ...dirs, guest, 'read', '/one/bytes'])).toMatchObject({
      status: 1,
      err: '/one/bytes: No such file or directory\n',
    });
  });

  it('without it there is no file system', async () => {
    expect(await run(['run', guest, 'read', join(folder, 'x')])).toMatchObject({
      status: 1,
      err: `${join(folder, 'x')}: No such file or directory\n`,
    });
  });

  it('a program that has no memory is told so', async () => {
    const file = join(folder, 'no-memory.wat');
    writeFileSync(
      file,
      `(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (func (export "_start") (drop (call $random (i32.const 0) (i32.const 4)))))`,
    );
    expect(await run(['run', file])).toMatchObject({
      status: 1,
      err: `bobbin run: ${file}: WASI was called before there was a memory to work on\n`,
    });
  });

  it('says what it does not take', async () => {
    expect(await run(['run', '--dir', join(folder, 'nowhere'), guest])).toMatchObject({
      status: 1,
      err: `bobbin run: --dir ${join(folder, 'nowhere')}: no such folder\n`,
    });
    expect(statSync(guest).isFile()).toBe(true);
    expect(await run(['run', '--dir', guest, guest])).toMatchObject({ status: 1 });
    expect(await run(['run', '--dir', '::/x', guest])).toMatchObject({
      status: 2,
      err: 'bobbin run: --dir takes HOST or HOST::GUEST, not "::/x"\nSee bobbin run --help\n',
    });
  });
});
