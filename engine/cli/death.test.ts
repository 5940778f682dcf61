import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { run, Spawned, sleep } from './spawned.test-data.ts';

/** How bobbin ends, or is stopped, where a signal ends or stops its program: as the program would, run by itself. */

const WASI = `
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "kill" (func $kill (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 8 funcref)
  (func (export "__bobbin_signal") (param i32 i32 i32 i32 i32)
    (call_indirect (param i32) (local.get 1) (local.get 0)))
  (data (i32.const 16) "<>!")
  ;; One byte of what lies there.
  (func $say (param $at i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $on (param $signal i32) (param $func i32)
    (i32.store (i32.const 32) (local.get $func)) (i64.store (i32.const 40) (i64.const -1))
    (drop (call $sigaction (local.get $signal) (i32.const 32) (i32.const 0))))
  (func $heard (param i32) (call $say (i32.const 17)))
  (func $exits (param i32) (call $exit (i32.const 3)))
  (func $again (param i32) (call $say (i32.const 18)))
  (elem (i32.const 2) func $heard $exits $again)`;

const PROGRAMS: Readonly<Record<string, string>> = {
  spins: '(func (export "_start") (call $say (i32.const 16)) (loop $l (br $l)))',
  // SIGINT has it exit with 3.
  exits: '(func (export "_start") (call $on (i32.const 2) (i32.const 3)) (call $say (i32.const 16)) (loop $l (br $l)))',
  // Says ">" for SIGUSR1, and "!" for SIGCONT.
  goes: `(func (export "_start") (call $on (i32.const 10) (i32.const 2)) (call $on (i32.const 18) (i32.const 4))
    (call $say (i32.const 16)) (loop $l (br $l)))`,
  reads: `(func (export "_start") (i32.store (i32.const 4) (i32.const 1)) (call $say (i32.const 16))
    (loop $l (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) (br $l)))`,
  kills: '(func (export "kill") (param i32) (drop (call $kill (i32.const 0) (local.get 0))))',
};

let folder = '';
const at = (name: string): string => join(folder, `${name}.wasm`);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  for (const [name, text] of Object.entries(PROGRAMS)) {
    // What assembles text has standard input not block for others.
    writeFileSync(at(name), await parseText(`(module ${WASI} ${text})`));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const bobbin = resolve(import.meta.dirname, '../../bin/bobbin.mjs');

/** How long a test waits for output, in milliseconds. */
const PATIENCE = 25_000;

/** A script of a shell that runs programs in a process group of its own, whose arguments are the command line of one. */
class Shell {
  out = '';
  readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null; out: string }>;
  readonly #child;

  constructor(script: string, program: string) {
    // A session of its own: no shell looks after the group of the script itself.
    this.#child = spawn('bash', ['-c', script, 'bash', process.execPath, bobbin, 'run', at(program)], {
      detached: true,
      stdio: 'pipe',
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (status, signal) => resolve({ status, signal, out: this.out }));
    });
  }

  async until(text: string, times = 1): Promise<void> {
    for (const end = performance.now() + PATIENCE; this.out.split(text).length <= times; await sleep(10)) {
      if (performance.now() > end) throw new Error(`${JSON.stringify(text)} is not in ${JSON.stringify(this.out)}`);
    }
  }

  enter(): void {
    this.#child.stdin.write('\n');
  }

  /** To the whole group, as a terminal does. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      process.kill(-this.#child.pid, signal);
    }
  }

  [Symbol.dispose](): void {
    this.kill('SIGKILL');
  }
}

const LOOP = 'for round in 1 2 3; do "$@"; echo "round $round: $?"; done; echo done';

describe('a shell whose program a signal ends', { concurrent: true }, () => {
  it('ends its loop with Ctrl-C', async () => {
    using shell = new Shell(LOOP, 'spins');
    await shell.until('<');
    shell.kill('SIGINT');
    expect(await shell.ended).toEqual({ status: null, signal: 'SIGINT', out: '<' });
  });

  it('goes on where the program handled it, with its exit status', async () => {
    using shell = new Shell(LOOP, 'exits');
    for (const round of [1, 2, 3]) {
      await shell.until('<', round);
      shell.kill('SIGINT');
      await shell.until(`round ${round}: 3\n`);
    }
    expect(await shell.ended).toMatchObject({ status: 0, out: expect.stringMatching(/done\n$/) });
  });

  it('sees it stopped by the terminal, and has it go on', async () => {
    const script = `set -m; "$@" & read line; kill -TSTP $!
      until jobs -l | grep -q Stopped; do sleep .05; done; jobs -l | grep -c 'Stopped  '; jobs -l | grep -c signal
      kill -CONT $!; read line; kill -USR1 $!; read line; kill -TERM $!; wait $!; echo "status $?"`;
    using shell = new Shell(script, 'goes');
    await shell.until('<');
    shell.enter();
    // Not "Stopped (signal)", which would be SIGSTOP.
    await shell.until('<1\n0\n!');
    shell.enter();
    await shell.until('>');
    shell.enter();
    expect((await shell.ended).out).toMatch(/status 143\n$/);
  });

  it.runIf(process.platform === 'linux')('finds its standard input as it was', async () => {
    const flags = 'grep flags /proc/$$/fdinfo/0';
    using shell = new Shell(`trap : USR1; ${flags}; "$@"; ${flags}; echo over`, 'reads');
    await shell.until('<');
    await sleep(300);
    shell.kill('SIGUSR1');
    const { out } = await shell.ended;
    const [before, after, over] = out.replace('<', '').split('\n');
    expect(before).toMatch(/^flags:/);
    expect([after, over]).toEqual([before, 'over']);
  });
});

describe('a program that ends itself by a signal', { concurrent: true }, () => {
  it.each([
    ['SIGKILL', 9],
    ['SIGUSR1', 10],
    ['SIGSEGV', 11],
    ['SIGPIPE', 13],
    ['SIGXFSZ', 25],
    ['SIGSYS', 31],
  ] as const)('has bobbin die of the same: %s', async (signal, number) => {
    const ended = await run(['run', at('kills'), '--invoke', 'kill', `${number}`]);
    expect(ended).toEqual({ status: null, signal, out: '', err: '' });
  });

  it.runIf(process.platform === 'linux')('also of one that Node has no name for', async () => {
    const options = { shell: 'bash -c \'"$@"; echo "status $?"\' bash "$@"' };
    using spawned = new Spawned(['run', at('kills'), '--invoke', 'kill', '40'], options);
    const { out, err } = await spawned.ended;
    expect(out).toBe('status 168\n');
    expect(err).toMatch(/Real-time signal 6/);
  });
});

describe('a program that nobody looks after', { concurrent: true }, () => {
  it('is not stopped by the terminal, and gets no SIGCONT', async () => {
    using shell = new Shell('exec "$@"', 'goes');
    await shell.until('<');
    shell.kill('SIGTSTP');
    await sleep(300);
    shell.kill('SIGUSR1');
    await shell.until('>');
    expect(shell.out).toBe('<>');
    shell.kill('SIGINT');
    expect(await shell.ended).toMatchObject({ signal: 'SIGINT' });
  });
});
