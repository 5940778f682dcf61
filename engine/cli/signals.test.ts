import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { signo } from '../signals/index.ts';
import { isOrphaned } from './process-group.test-data.ts';
import { forwardedSignals } from './signals.ts';
import { run, Spawned, sleep } from './spawned.test-data.ts';

/** What `bobbin run` makes of signals, of the time, and of standard streams that are not ready. */

const WASI = `
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "sigprocmask" (func $sigprocmask (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (table (export "table") 8 funcref)
  (func (export "__bobbin_signal") (param i32 i32 i32 i32 i32)
    (call_indirect (param i32) (local.get 1) (local.get 0)))
  (func $write (param $at i32) (param $size i32) (result i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $size))
    (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
  ;; A number of two digits, and a newline.
  (func $say (param $n i32)
    (i32.store8 (i32.const 16) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10))))
    (i32.store8 (i32.const 17) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (i32.store8 (i32.const 18) (i32.const 10))
    (drop (call $write (i32.const 16) (i32.const 3))))
  ;; Has a signal handled by the function at an index of the table, all others being blocked meanwhile.
  (func $on (param $signal i32) (param $func i32) (param $flags i32)
    (i32.store (i32.const 32) (local.get $func)) (i32.store (i32.const 36) (local.get $flags))
    (i64.store (i32.const 40) (i64.const -1))
    (drop (call $sigaction (local.get $signal) (i32.const 32) (i32.const 0))))
  (func $mask (param $how i32) (param $set i64)
    (i64.store (i32.const 48) (local.get $set))
    (drop (call $sigprocmask (local.get $how) (i32.const 48) (i32.const 0))))
  ;; Waits for a byte of standard input; the errno.
  (func $read (result i32)
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
    (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
  ;; Sleeps for milliseconds; the errno.
  (func $sleep (param $time i64) (result i32)
    (i64.store (i32.const 128) (i64.const 7)) (i64.store (i32.const 136) (i64.const 0))
    (i64.store (i32.const 144) (i64.const 1)) (i64.store (i32.const 152) (i64.mul (local.get $time) (i64.const 1000000)))
    (i64.store (i32.const 160) (i64.const 0)) (i64.store (i32.const 168) (i64.const 0))
    (call $poll (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 300)))
  (elem (i32.const 2) func $say)`;

const PROGRAMS: Readonly<Record<string, string>> = {
  // Blocks all signals, says 0, waits for input, unblocks them: the handlers say their numbers. Then it says 99.
  blocked: `(func (export "_start") (local $i i32)
    (local.set $i (i32.const 64))
    (loop $l (call $on (local.get $i) (i32.const 2) (i32.const 0)) (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (call $mask (i32.const 0) (i64.const -1))
    (call $say (i32.const 0)) (drop (call $read)) (call $mask (i32.const 1) (i64.const -1)) (call $say (i32.const 99)))`,
  // Computes for 60 rounds, and says each.
  counts: `(func (export "_start") (local $i i32) (local $n i32)
    (loop $outer
      (call $say (local.get $i))
      (local.set $n (i32.const 4000000))
      (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60)))))`,
  spins: '(func (export "_start") (call $say (i32.const 0)) (loop $l (br $l)))',
  startSpins: '(func $first (call $say (i32.const 0)) (loop $l (br $l))) (start $first) (func (export "_start"))',
  initializeSpins:
    '(func (export "_initialize") (call $say (i32.const 0)) (loop $l (br $l))) (func (export "run") (call $say (i32.const 1)))',
  // Handles SIGWINCH, SIGUSR1 and SIGTERM, and computes for ever.
  handles: `(func (export "_start") (call $on (i32.const 28) (i32.const 2) (i32.const 0))
    (call $on (i32.const 10) (i32.const 2) (i32.const 0)) (call $on (i32.const 15) (i32.const 2) (i32.const 0))
    (call $say (i32.const 0)) (loop $l (br $l)))`,
  // SIGUSR1 ends sleeping and reading with EINTR, SIGUSR2 reading not.
  waits: `(func (export "_start") (call $on (i32.const 10) (i32.const 2) (i32.const 0))
    (call $on (i32.const 12) (i32.const 2) (i32.const 0x10000000))
    (call $say (i32.const 0)) (call $say (call $sleep (i64.const 20000))) (call $say (call $read)) (call $say (call $read))
    (call $exit (i32.load8_u (i32.const 64))))`,
  // SIG_IGN for SIGINT, then blocked.
  ignores: `(func (export "_start") (call $on (i32.const 2) (i32.const 1) (i32.const 0))
    (call $on (i32.const 10) (i32.const 2) (i32.const 0)) (call $say (i32.const 0)) (loop $l (br $l)))`,
  // Says 0 on standard error and then writes 64 KiB again and again; SIGUSR1 ends it with status 9.
  floods: `(func $done (param i32) (call $exit (i32.const 9))) (elem (i32.const 3) func $done)
    (func (export "_start") (call $on (i32.const 10) (i32.const 3) (i32.const 0))
    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1)) (i32.store8 (i32.const 16) (i32.const 48))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $l (br_if $l (i32.eqz (call $write (i32.const 65536) (i32.const 65536))))) (call $exit (i32.const 5)))`,
  // With SIGPIPE ignored: the errno of writing to nobody.
  pipe: `(func (export "_start") (local $errno i32) (call $on (i32.const 13) (i32.const 1) (i32.const 0))
    (loop $l (br_if $l (i32.eqz (local.tee $errno (call $write (i32.const 65536) (i32.const 65536))))))
    (call $exit (local.get $errno)))`,
  traps: '(func (export "_start") (call $say (i32.const 1)) unreachable)',
  sleeps: '(func (export "_start") (call $say (call $sleep (i64.const 5))) (call $say (i32.const 1)))',
};

let folder = '';
const at = (name: string): string => join(folder, `${name}.wat`);
const wasm = (name: string): string => join(folder, `${name}.wasm`);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(at(name), `(module ${WASI} ${text})`);
  writeFileSync(wasm('floods'), await parseText(`(module ${WASI} ${PROGRAMS.floods})`));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts a program and waits until it has begun. */
async function started(name: string, ...options: string[]): Promise<Spawned> {
  const spawned = new Spawned(['run', ...options, at(name)]);
  await spawned.until('out', '00\n');
  return spawned;
}

/** There it would be for ever. */
const stops = !isOrphaned();
const isStopped = (pid: number): boolean => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe('signals of bobbin', { concurrent: true }, () => {
  it('all reach the guest, and are handled in their order', async () => {
    using guest = await started('blocked');
    const forwarded = forwardedSignals().filter((name) => name !== 'SIGCONT');
    // What a stop signal that waits and SIGCONT do to each other is another matter.
    for (const name of forwarded) guest.kill(name);
    await sleep(200);
    guest.type('x');
    const { out, status } = await guest.ended;
    const numbers = forwarded.map((name) => signo(name)).sort((a, b) => a - b);
    expect(numbers.length).toBeGreaterThan(15);
    expect(out.trim().split('\n').map(Number)).toEqual([0, ...numbers, 99]);
    expect(status).toBe(0);
  });

  it('are as on Linux', () => {
    if (process.platform !== 'linux') return;
    for (const name of forwardedSignals()) expect(signo(name), name).toBe(constants.signals[name]);
  });

  it.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM'] as const)(
    '%s kills a guest that does not handle it, and bobbin dies of the same',
    async (signal) => {
      using guest = await started('spins');
      guest.kill(signal);
      expect(await guest.ended).toEqual({ status: null, signal, out: '00\n', err: '' });
    },
  );

  it(`SIGTSTP ${stops ? 'stops bobbin' : 'stops nothing'}, and SIGCONT lets both go on`, async () => {
    using guest = await started('counts');
    guest.kill('SIGTSTP');
    if (stops) await expect.poll(() => isStopped(guest.pid), { timeout: 10_000 }).toBe(true);
    const { out } = guest;
    await sleep(200);
    expect(isStopped(guest.pid)).toBe(stops);
    if (stops) expect(guest.out.length - out.length).toBeLessThan(10);
    guest.kill('SIGCONT');
    const ended = await guest.ended;
    const all = Array.from({ length: 60 }, (_, n) => `${String(n).padStart(2, '0')}\n`).join('');
    expect(ended).toEqual({ status: 0, signal: null, out: all, err: '' });
  });

  it('SIGWINCH is for the guest only', async () => {
    using guest = await started('handles');
    guest.kill('SIGWINCH');
    await guest.until('out', '28\n');
    guest.kill('SIGUSR1');
    await guest.until('out', '10\n');
    guest.kill('SIGINT');
    expect(await guest.ended).toMatchObject({ signal: 'SIGINT', err: '' });
    using other = await started('spins');
    other.kill('SIGWINCH');
    await sleep(100);
    expect(other.isAlive).toBe(true);
  });

  it('a second SIGINT within a second of one that waits ends the guest', async () => {
    using guest = await started('blocked');
    guest.kill('SIGINT');
    await sleep(1200);
    guest.kill('SIGINT');
    await sleep(300);
    expect(guest.isAlive).toBe(true);
    guest.kill('SIGINT');
    expect(await guest.ended).toEqual({ status: null, signal: 'SIGINT', out: '00\n', err: '' });
  });

  it('SIG_IGN is an answer to SIGINT', async () => {
    using guest = await started('ignores');
    for (let round = 0; round < 3; round++) {
      guest.kill('SIGINT');
      await sleep(100);
    }
    guest.kill('SIGUSR1');
    await guest.until('out', '10\n');
    guest.kill('SIGQUIT');
    expect(await guest.ended).toMatchObject({ signal: 'SIGQUIT' });
  });

  it('without yield points the host is what they kill', async () => {
    using guest = await started('spins', '--yield', 'none');
    guest.kill('SIGINT');
    expect(await guest.ended).toMatchObject({ status: null, signal: 'SIGINT' });
  });

  it('interrupt calls that wait, by the rules of SA_RESTART, and no byte is lost', async () => {
    using guest = await started('waits');
    guest.kill('SIGUSR1');
    await guest.until('out', '10\n27\n');
    guest.kill('SIGUSR2');
    await guest.until('out', '12\n');
    guest.kill('SIGUSR1');
    await guest.until('out', '10\n27\n', 2);
    guest.kill('SIGUSR2');
    await guest.until('out', '12\n', 2);
    guest.type('*more');
    expect(await guest.ended).toEqual({
      status: '*'.charCodeAt(0),
      signal: null,
      out: '00\n10\n27\n12\n10\n27\n12\n00\n',
      err: '',
    });
  });
});

describe('--timeout', { concurrent: true }, () => {
  it.each(['frames', 'binaryen'])('ends a guest by SIGTERM: status 124, %s', async (instrumenter) => {
    const level = instrumenter === 'binaryen' ? ['--optimize', '0'] : [];
    using guest = await started('spins', '--timeout', '300ms', '--instrumenter', instrumenter, ...level);
    expect(await guest.ended).toEqual({ status: 124, signal: null, out: '00\n', err: '' });
  });

  it('and by signals, where it is a start function, or what a reactor begins with, that never ends', async () => {
    using timed = await started('startSpins', '--timeout', '300ms');
    expect(await timed.ended).toMatchObject({ status: 124, out: '00\n' });
    using guest = await started('startSpins', '--yield', 'epoch');
    guest.kill('SIGTERM');
    expect(await guest.ended).toMatchObject({ out: '00\n', signal: 'SIGTERM' });
    const reactor = await run(['run', '--timeout', '300ms', at('initializeSpins'), '--invoke', 'run']);
    expect(reactor).toMatchObject({ status: 124, out: '00\n' });
  });

  it('by SIGKILL if that does not help', async () => {
    const begun = performance.now();
    using guest = await started('handles', '--timeout', '.2');
    expect(await guest.ended).toEqual({ status: 124, signal: null, out: '00\n15\n', err: '' });
    expect(performance.now() - begun).toBeGreaterThan(1200);
  });

  it('leaves one alone that is done before', async () => {
    const begun = performance.now();
    expect(await run(['run', '--timeout', '1m', at('sleeps')])).toMatchObject({ status: 0, out: '00\n01\n' });
    expect(performance.now() - begun).toBeLessThan(20_000);
  });
});

describe('standard streams', { concurrent: true }, () => {
  it('end with the guest: input that is still open keeps nothing alive', async () => {
    using guest = await started('waits');
    guest.kill('SIGUSR1');
    await guest.until('out', '27\n');
    guest.type('!');
    await guest.until('out', '27\n00\n');
    guest.type('?');
    expect(await guest.ended).toMatchObject({ status: '?'.charCodeAt(0) });
  });

  it.each([
    ['a socket', undefined],
    ['a pipe', 'mkfifo "$0.fifo"; sleep 20 < "$0.fifo" & exec "$@" > "$0.fifo"'],
  ])('take signals while nobody reads what is written to %s', async (_, shell) => {
    const script = shell?.replaceAll('$0', join(folder, 'full'));
    // A binary: what assembles text leaves standard output so that it does not block.
    using guest = new Spawned(['run', wasm('floods')], {
      reads: false,
      ...(script === undefined ? {} : { shell: script }),
    });
    await guest.until('err', '0');
    await sleep(300);
    expect(guest.isAlive).toBe(true);
    guest.kill('SIGUSR1');
    expect(await guest.ended).toMatchObject({ status: 9, signal: null });
  });

  it('end the guest by SIGPIPE where nobody can read any more', () => {
    expect(pipeStatus('floods')).toEqual({ stdout: '141\n', stderr: '0' });
  });

  it('give EPIPE where SIGPIPE is ignored', () => {
    expect(pipeStatus('pipe')).toEqual({ stdout: '64\n', stderr: '' });
  });

  it('keep what was written before a trap', async () => {
    const { status, out, err } = await run(['run', at('traps')]);
    expect({ status, out }).toEqual({ status: 1, out: '01\n' });
    expect(err).toMatch(/^bobbin run: .*traps\.wat: trap: unreachable\n$/);
  });
});

/** The exit status of a program whose reader leaves. */
function pipeStatus(name: string): { stdout: string; stderr: string } {
  const script = '"$NODE" "$BOBBIN" run "$FILE" | head -c 10 > /dev/null; echo $PIPESTATUS';
  const BOBBIN = resolve(import.meta.dirname, '../../bin/bobbin.mjs');
  const env = { ...process.env, NODE: process.execPath, BOBBIN, FILE: at(name) };
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env });
  return { stdout, stderr };
}
