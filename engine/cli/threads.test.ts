import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, faults } from '../timeline/timeline.test-data.ts';
import { cli } from './cli.ts';
import { isOrphaned } from './process-group.test-data.ts';
import { run, Spawned, sleep } from './spawned.test-data.ts';

/** Programs with threads as commands of their own, really signalled. */

const guests = resolve(import.meta.dirname, '../../examples/guests');
const guest = (name: string): string => join(guests, `${name}.wasm`);
const job = guest('threads-job');
const expected = (name: string): string => readFileSync(join(guests, `${name}.expected.txt`), 'utf8');

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const counted = (to: number): string => Array.from({ length: to }, (_, tick) => `${tick}\n`).join('');
const isStopped = (pid: number): boolean => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round++) await sleep(20);
  expect(condition()).toBe(true);
}

const POLLS: readonly string[][] = [
  ['--yield', 'fuel'],
  ['--yield', 'epoch'],
  ['--policy', 'lottery:1000'],
];

describe.each(POLLS)('threads that compute for ever, %s %s:', { concurrent: true }, (...options) => {
  it('another thread has its turn', async () => {
    expect(await run(['run', ...options, job, 'spin', '20'])).toEqual({
      status: 0,
      signal: null,
      out: counted(20),
      err: '',
    });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends all of them', async (signal) => {
    using bobbin = new Spawned(['run', ...options, job, 'spin']);
    await bobbin.until('out', '3\n');
    bobbin.kill(signal);
    expect(await bobbin.ended).toMatchObject({ status: null, signal, err: '' });
  });

  it('a handler of SIGINT stops them tidily', async () => {
    using bobbin = new Spawned(['run', ...options, job, 'handle']);
    await bobbin.until('out', '1\n');
    bobbin.kill('SIGINT');
    await bobbin.until('out', 'interrupted\n');
    await sleep(60);
    bobbin.kill('SIGINT');
    const { status, out, err } = await bobbin.ended;
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/interrupted\n(\d+\n)*interrupted\n(\d+\n)*2 have stopped\n$/);
  });

  it('the third SIGINT ends them where all block it', async () => {
    using bobbin = new Spawned(['run', ...options, job, 'block']);
    await bobbin.until('out', '1\n');
    bobbin.kill('SIGINT');
    await sleep(100);
    expect(bobbin.isAlive).toBe(true);
    for (let round = 0; round < 20 && bobbin.isAlive; round++) {
      bobbin.kill('SIGINT');
      await sleep(100);
    }
    expect(await bobbin.ended).toMatchObject({ status: null, signal: 'SIGINT' });
  });

  it.runIf(process.platform === 'linux' && !isOrphaned())('SIGTSTP stops all, and SIGCONT has them go on', async () => {
    using bobbin = new Spawned(['run', ...options, job, 'spin', '40']);
    await bobbin.until('out', '3\n');
    bobbin.kill('SIGTSTP');
    await until(() => isStopped(bobbin.pid));
    const { out } = bobbin;
    await sleep(200);
    expect(bobbin.out).toBe(out);
    bobbin.kill('SIGCONT');
    expect(await bobbin.ended).toMatchObject({ status: 0, out: counted(40) });
  });

  it('--timeout ends them', async () => {
    const ended = await run(['run', ...options, '--timeout', '700ms', job, 'spin']);
    expect(ended).toMatchObject({ status: 124, signal: null, err: '' });
    expect(ended.out).toMatch(/^0\n1\n/);
  });
});

describe('threads that wait for each other', { concurrent: true }, () => {
  it('are listed, and the exit status is 1', async () => {
    const { status, out, err } = await run(['run', guest('threads-deadlock')]);
    expect({ status, out }).toEqual({ status: 1, out: 'joined: 0\n' });
    expect(err.startsWith('bobbin run: deadlock: no thread can go on\n')).toBe(true);
    for (const wait of [
      'main waits for end of task "anna"',
      'anna waits for mutex "2", which task "bert" holds',
      'bert waits for mutex "1", which task "anna" holds',
      'cora waits for condition "4" with mutex "3"',
      'dora waits for semaphore "5": 1 of 0 permits',
      'emil waits for receiving from channel "6"',
      'fritz waits for being unparked',
    ])
      expect(err).toContain(`\n  ${wait}\n      at bobbin:threads.`);
  });

  it('are no deadlock while others wait for signals', async () => {
    using bobbin = new Spawned(['run', job, 'pause']);
    await bobbin.until('out', 'waiting\n');
    await sleep(300);
    expect(bobbin.isAlive).toBe(true);
    bobbin.kill('SIGUSR2');
    await bobbin.until('out', 'USR2\n');
    bobbin.kill('SIGUSR1');
    await bobbin.until('out', '2 were woken\n');
    // Those that are left block the signals that have handlers.
    const { status, out, err } = await bobbin.ended;
    expect({ status, out }).toEqual({ status: 1, out: 'waiting\nUSR2\nUSR1\n2 were woken\n' });
    expect(err).toContain('\n  main waits for end of task "locking"\n');
    expect(err).toMatch(/\n {2}locking waits for mutex "\d+", which task "main" holds\n/);
  });

  it('end by Ctrl-C, and by --timeout, while others wait for signals', async () => {
    using bobbin = new Spawned(['run', job, 'pause']);
    await bobbin.until('out', 'waiting\n');
    bobbin.kill('SIGINT');
    expect(await bobbin.ended).toMatchObject({ signal: 'SIGINT', out: 'waiting\n', err: '' });
    expect(await run(['run', '--timeout', '500ms', job, 'pause'])).toMatchObject({ status: 124, out: 'waiting\n' });
  });

  it('are no deadlock where a handler may release them', async () => {
    using bobbin = new Spawned(['run', job, 'post']);
    await bobbin.until('out', 'waiting\n');
    await sleep(300);
    bobbin.kill('SIGUSR1');
    expect(await bobbin.ended).toEqual({ status: 0, signal: null, out: 'waiting\nUSR1\nposted\n', err: '' });
    // Without yield points signals end bobbin itself, and no handler could run.
    const stuck = await run(['run', '--yield', 'none', job, 'post']);
    expect(stuck).toMatchObject({ status: 1, out: 'waiting\n' });
    expect(stuck.err).toContain('main waits for semaphore');
  });
});

describe('bobbin run of a program with threads', { concurrent: true }, () => {
  it('says what a thread has failed with, and others go on', async () => {
    for (const poll of ['fuel', 'epoch', 'none']) {
      const err = `bobbin run: ${job}: thread "bad": trap: unreachable\n`;
      const ended = { status: 0, signal: null, out: 'sums 5050 5050\n', err };
      expect(await run(['run', '--yield', poll, job, 'trap'])).toEqual(ended);
    }
  });

  it('gives threads their input as it comes', async () => {
    const lines = Array.from({ length: 40 }, (_, number) => `one two line${'x'.repeat(number % 3)} one\n`);
    using bobbin = new Spawned(['run', guest('threads-words')]);
    for (const line of lines) {
      bobbin.type(line.slice(0, 9));
      await sleep(5);
      bobbin.type(line.slice(9));
    }
    bobbin.endInput();
    const ended = await bobbin.ended;
    expect(ended).toMatchObject({ status: 0, err: '' });
    expect(ended.out).toBe(
      '40 lines, 160 words, 5 different\n   80 one\n   40 two\n   14 line\n   13 linex\n   13 linexx\n',
    );
  });

  it.each(['round-robin', 'round-robin:7', 'fifo', 'priority', 'fair:20', 'deadline', 'lottery:9'])(
    'prints the same by --policy %s, and has the same trace twice in virtual time',
    async (policy) => {
      const traces: string[] = [];
      for (const name of ['first', 'second']) {
        const trace = at(`${name}-${policy}.json`);
        const options = ['--policy', policy, '--seed', '5', '--virtual-time', '--trace', trace];
        const ended = await run(['run', ...options, guest('threads-channels')]);
        expect(ended).toEqual({ status: 0, signal: null, out: expected('threads-channels'), err: '' });
        traces.push(readFileSync(trace, 'utf8'));
      }
      expect(traces[1]).toBe(traces[0]);
    },
  );

  it('writes a trace with a row of each thread, and numbers, however it ends', async () => {
    const trace = at('job.json');
    using bobbin = new Spawned(['run', '--trace', trace, '--stats', job, 'spin']);
    await bobbin.until('out', '5\n');
    bobbin.kill('SIGINT');
    const ended = await bobbin.ended;
    expect(ended).toMatchObject({ signal: 'SIGINT' });
    expect(ended.err).toMatch(/^tasks +3 spawned, 3 at once at most; /m);
    const entries = JSON.parse(readFileSync(trace, 'utf8')) as Entry[];
    expect(faults(entries)).toEqual([]);
    const rows = entries.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(rows).toEqual(expect.arrayContaining(['main', 'first', 'second']));
  });

  it.each([
    [['--policy', 'unfair'], '--policy is fifo, round-robin, priority, fair, deadline, lottery, not "unfair"'],
    [['--policy', 'fifo:3'], '--policy fifo has no slices'],
    [['--policy', 'lottery:0'], '--policy lottery takes its slice in polls, 1 or more, and not "0"'],
    [['--policy', 'fair:'], '--policy fair takes its slice in polls, 1 or more, and not ""'],
    [['--policy', 'fair:1:2'], '--policy fair takes its slice in polls, 1 or more, and not "1:2"'],
    [['--policy', 'fair:9007199254740992'], 'and not "9007199254740992"'],
    [['--seed', 'x'], '--seed is a number, not "x"'],
    [['--seed', ''], '--seed is a number, not ""'],
    [['--seed=-9007199254740992'], 'not "-9007199254740992"'],
    [['--fuel', '100'], '--fuel is for programs without threads: use --policy round-robin:N'],
  ])('refuses %s', async (options, message) => {
    let err = '';
    const io = {
      out: () => {},
      err: (text: string) => {
        err += text;
      },
      isTerminal: false,
    };
    expect(await cli(['run', ...options, guest('threads-tiny')], io)).toBe(2);
    expect(err).toContain(message);
  });

  it('runs what was transformed before', async () => {
    const io = { out: () => {}, err: (text: string) => expect.fail(text), isTerminal: false };
    for (const instrumenter of ['frames', 'binaryen']) {
      const made = at(`${instrumenter}.wasm`);
      const options = ['--yield', 'fuel', '--instrumenter', instrumenter, '--suspending', 'bobbin:threads.*'];
      expect(await cli(['transform', job, '-o', made, ...options], io)).toBe(0);
      expect(await run(['run', made, 'spin', '5'])).toMatchObject({ status: 0, out: counted(5), err: '' });
    }
  });
});

describe('bobbin run of a C program for wasi-threads', { concurrent: true }, () => {
  it.each([
    [],
    ['--yield', 'none'],
    ['--yield', 'epoch'],
    ['--instrumenter', 'binaryen'],
    ['--policy', 'fifo'],
    ['--policy', 'lottery:3', '--seed', '9', '--virtual-time'],
  ])('%s %s', async (...options: string[]) => {
    const program = guest('wasi-threads');
    const ended = { status: 0, signal: null, out: 'sum 500500\n', err: '' };
    expect(await run(['run', ...options, program])).toEqual(ended);
    const spins = !options.includes('fifo') && !options.includes('none');
    if (spins) expect(await run(['run', ...options, program, 'spin'])).toEqual(ended);
  });

  it('a loop that gives way to nobody is ended by Ctrl-C', async () => {
    using bobbin = new Spawned(['run', '--policy', 'fifo', guest('wasi-threads'), 'spin']);
    // Nothing tells when it has begun.
    await sleep(2000);
    bobbin.kill('SIGINT');
    expect(await bobbin.ended).toMatchObject({ signal: 'SIGINT', out: '' });
  });
});
