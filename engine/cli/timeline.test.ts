import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TraceEvent } from '../scheduler/index.ts';
import { type Entry, faults } from '../timeline/timeline.test-data.ts';
import { cli } from './cli.ts';
import type { Io } from './command.ts';
import { Spawned } from './spawned.test-data.ts';
import { openTimeline } from './timeline.ts';

const guest = (name: string): string => resolve(import.meta.dirname, '../../examples/guests', `${name}.wasm`);

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  writeFileSync(
    at('trap.wat'),
    `(module (import "bobbin:threads" "yield" (func $yield (result i32))) (memory (export "memory") 1)
      (func (export "_start") (drop (call $yield)) (unreachable))
      (func (export "seven") (result i32) (drop (call $yield)) (i32.const 7)))`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Captured extends Io {
  written: string;
}

function capture(): Captured {
  const io: Captured = {
    written: '',
    out: () => {},
    err: (text) => {
      io.written += text;
    },
    isTerminal: false,
  };
  return io;
}

async function run(...args: string[]) {
  const io = capture();
  return { status: await cli(['run', ...args], io), err: io.written.replaceAll(`${folder}/`, '') };
}

const entriesOf = (name: string): Entry[] => JSON.parse(readFileSync(at(name), 'utf8')) as Entry[];
const rows = (entries: readonly Entry[]): Set<unknown> =>
  new Set(entries.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name));

describe('bobbin run --trace', () => {
  it('writes the same trace twice in virtual time', async () => {
    for (const name of ['first.json', 'second.json']) {
      const options = ['--virtual-time', '--policy', 'lottery:100', '--seed', '7', '--trace', at(name)];
      expect(await run(...options, guest('threads-channels'))).toEqual({ status: 0, err: '' });
    }
    const entries = entriesOf('first.json');
    expect(faults(entries)).toEqual([]);
    expect(rows(entries)).toContain('main');
    expect(rows(entries).size).toBeGreaterThan(5);
    expect(entries.length).toBeGreaterThan(1000);
    expect(readFileSync(at('second.json')).equals(readFileSync(at('first.json')))).toBe(true);
  });

  it('has the signals that threads handle', async () => {
    await run('--trace', at('signals.json'), guest('threads-signals'));
    const entries = entriesOf('signals.json');
    expect(faults(entries)).toEqual([]);
    expect(new Set(entries.filter(({ cat }) => cat === 'signal').map(({ name }) => name))).toContain('SIGUSR1');
  });

  it('is complete where the program traps, and has one row for a program without threads', async () => {
    const { status, err } = await run('--trace', at('trap.json'), at('trap.wat'));
    expect([status, err]).toEqual([1, expect.stringMatching(/^bobbin run: trap\.wat: trap: /)]);
    expect(faults(entriesOf('trap.json'))).toEqual([]);
    expect(await run('--trace', at('sieve.json'), guest('sieve'), '1000')).toMatchObject({ status: 0 });
    expect(faults(entriesOf('sieve.json'))).toEqual([]);
    expect(rows(entriesOf('sieve.json'))).toEqual(new Set(['main']));
  });

  it('is complete where a signal ends the program', async () => {
    using bobbin = new Spawned(['run', '--trace', at('ended.json'), guest('threads-workshop')]);
    await bobbin.until('out', '299 threads at work\n');
    bobbin.kill('SIGQUIT');
    expect(await bobbin.ended).toMatchObject({ signal: 'SIGQUIT' });
    expect(faults(entriesOf('ended.json'))).toEqual([]);
  });

  it('is complete where this process ends without saying so', () => {
    const before = process.listeners('exit');
    const timeline = openTimeline({ trace: at('exit.json'), stats: false }, capture());
    const event: TraceEvent = { time: 1, task: 1, name: 'main', kind: 'run' };
    timeline.options.onTrace?.(event);
    const [atExit] = process.listeners('exit').filter((listener) => !before.includes(listener));
    atExit?.(0);
    expect(faults(entriesOf('exit.json'))).toEqual([]);
    expect(process.listeners('exit')).toEqual(before);
    timeline.close();
    timeline.options.onTrace?.(event);
    expect(entriesOf('exit.json').filter(({ ph }) => ph === 'B')).toHaveLength(1);
  });

  it('does not begin where the file cannot be written', async () => {
    expect(await run('--trace', at('no/such.json'), guest('sieve'))).toEqual({
      status: 1,
      err: 'bobbin run: no/such.json: no such file or folder\n',
    });
  });

  it.runIf(existsSync('/dev/full'))('does not end the program where the disk is full', async () => {
    const { status, err } = await run('--trace', '/dev/full', guest('sieve'), '1000');
    expect(status).toBe(0);
    expect(err).toBe('sieving\nbobbin run: /dev/full: no space left: the trace ends early\n');
  });
});

describe('bobbin run --stats', () => {
  it('prints numbers on standard error', async () => {
    const { status, err } = await run('--stats', guest('threads-sort'));
    expect(status).toBe(0);
    expect(err).toMatch(/^time +[\d.]+ m?s, [\d.]+ % of it busy$/m);
    expect(err).toMatch(/^tasks +\d+ spawned, \d+ at once at most; \d+ done, 0 failed, 0 cancelled, 0 left$/m);
    expect(err).toMatch(/^switches +[\d,]+ \([\d,]+ runs\)$/m);
    expect(err).toMatch(/^run queue +[\d.]+ on average, \d+ at most$/m);
    expect(err).toMatch(/^longest slice +[\d.]+ ms \(.+\); [\d,]+ polls \(.+\)$/m);
    expect(err).toMatch(/^shadow stacks +[\d.]+ KiB a task, [\d.]+ [KM]iB at once at most$/m);
    expect(err).toMatch(/^task +runs +polls +running +ready$/m);
    expect(err).toMatch(/^main +[\d,]+ +[\d,]+ +[\d.]+ m?s +[\d.]+ m?s$/m);
  });

  it('goes with --trace, and with --invoke', async () => {
    const { status, err } = await run('--stats', '--trace', at('both.json'), at('trap.wat'), '--invoke', 'seven');
    expect(status).toBe(0);
    expect(err).toMatch(/^tasks +1 spawned, 1 at once at most; 1 done/m);
    expect(faults(entriesOf('both.json'))).toEqual([]);
  });
});
