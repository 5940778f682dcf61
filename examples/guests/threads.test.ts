import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RoundRobinPolicy, type TraceEvent } from '../../engine/scheduler/index.ts';
import { Network } from './network.test-data.ts';
import {
  ALL_POLICIES,
  INSTRUMENTERS,
  launchThreaded,
  POLICIES,
  runThreaded,
  type Threaded,
  type ThreadedOptions,
  threadedModule,
} from './threaded.test-data.ts';

const expected = (guest: string): string => readFileSync(join(import.meta.dirname, `${guest}.expected.txt`), 'utf8');

const TEXT = `Threads take turns: one runs, the others wait, and whoever waits costs nothing but memory.
A thread that has a lock keeps it while others run. The others wait for the lock, in the order
of their coming, and the one that comes first has it first. Nobody starves; nobody comes in between.
`.repeat(60);

/** What threads-words has to print. */
function counted(text: string): string {
  const counts = new Map<string, number>();
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const most = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 5);
  const lines = most.map(([word, count]) => `${String(count).padStart(5)} ${word}\n`);
  return `${text.split('\n').length - 1} lines, ${words.length} words, ${counts.size} different\n${lines.join('')}`;
}

// Every program prints the same under every policy. What uses no more than C11 and POSIX (c11, philosophers, sort, local,
// signals) was also compiled for Linux, with glibc's threads, and NAME.expected.txt is what it printed there.
const PROGRAMS: [guest: string, out: string, options: ThreadedOptions][] = [
  ['threads-tiny', '4950\n', {}],
  ['threads-c11', expected('threads-c11'), {}],
  ['threads-channels', expected('threads-channels'), {}],
  ['threads-philosophers', expected('threads-philosophers'), {}],
  ['threads-sort', expected('threads-sort'), {}],
  ['threads-local', expected('threads-local'), {}],
  ['threads-errors', expected('threads-errors'), {}],
  ['threads-words', counted(TEXT), { input: TEXT }],
];

const ended = ({ process, world }: Threaded): unknown => ({ status: process.status, out: world.out, err: world.err });
const printed = (out: string): unknown => ({ status: { kind: 'exited', status: 0, results: [] }, out, err: '' });

describe.each(INSTRUMENTERS)('threaded guests, %s', (instrumenter) => {
  beforeAll(() => {
    for (const [guest] of [...PROGRAMS, ['threads-signals'], ['threads-echo']] as const)
      threadedModule(guest, instrumenter);
  }, 60_000);

  describe.each(Object.entries(POLICIES))('%s', (name, policy) => {
    it.each(PROGRAMS)('%s prints what it has to', async (guest, out, options) => {
      expect(ended(await runThreaded(guest, { ...options, instrumenter, policy: policy() }))).toEqual(printed(out));
    });

    it('threads-signals: signals of threads are those of Linux', async () => {
      // Under FIFO a thread that computes has to give way by itself.
      const args = name === 'FIFO' ? ['cooperative'] : [];
      const { process, world } = await runThreaded('threads-signals', { instrumenter, policy: policy(), args });
      expect(world.out).toBe(expected('threads-signals'));
      expect(process.status).toEqual({ kind: 'signaled', signal: 15 });
    });

    it('threads-echo serves 1,000 connections, each in a thread', async () => {
      const network = new Network(1000, 5);
      const { process, scheduler, world } = launchThreaded('threads-echo', {
        instrumenter,
        policy: policy(),
        imports: (self, memory) => network.imports(self, memory),
      });
      network.start(scheduler);
      expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
      const sent = network.connections.reduce((sum, connection) => sum + connection.sent.length, 0);
      const [, most] = /^1000 connections, at most (\d+) at once, (\d+) bytes\n$/.exec(world.out) ?? [];
      expect(Number(most)).toBeGreaterThan(900);
      expect(world.out).toBe(`1000 connections, at most ${most} at once, ${sent} bytes\n`);
      expect(network.connections.filter((connection) => !connection.isEchoed)).toEqual([]);
    });
  });

  it('print the same trace twice for the same seed', async () => {
    const traces = async (): Promise<TraceEvent[][]> => {
      const all: TraceEvent[][] = [];
      for (const [guest, , options] of [...PROGRAMS, ['threads-signals', '', {}] as const]) {
        const policy = POLICIES['seeded lottery']?.();
        const run = await runThreaded(guest, { ...options, instrumenter, seed: 11, ...(policy && { policy }) });
        all.push(run.trace);
      }
      return all;
    };
    const served = async (): Promise<TraceEvent[]> => {
      const network = new Network(200, 9);
      const policy = POLICIES['seeded lottery']?.();
      const { process, scheduler, trace } = launchThreaded('threads-echo', {
        instrumenter,
        seed: 11,
        ...(policy && { policy }),
        imports: (self, memory) => network.imports(self, memory),
      });
      network.start(scheduler);
      await process.wait();
      return trace;
    };
    const [first, second] = [
      [...(await traces()), await served()],
      [...(await traces()), await served()],
    ];
    expect(first.every((trace) => trace.length > 100)).toBe(true);
    expect(second).toEqual(first);
  });

  it('print the same in slices of a single poll', async () => {
    for (const [guest, out, options] of PROGRAMS) {
      if (guest === 'threads-sort') continue; // A million slices.
      const policy = new RoundRobinPolicy({ slice: 1 });
      expect(ended(await runThreaded(guest, { ...options, instrumenter, policy }))).toEqual(printed(out));
    }
  });
});

describe("threaded guests, with Binaryen's optimiser", () => {
  it.each(PROGRAMS.filter(([guest]) => guest === 'threads-c11'))('%s', async (guest, out) => {
    for (const policy of Object.values(POLICIES)) {
      const run = await runThreaded(guest, { instrumenter: 'binaryen -O2', policy: policy() });
      expect(ended(run)).toEqual(printed(out));
    }
  });
});

const variants = INSTRUMENTERS.flatMap((instrumenter) =>
  Object.entries(POLICIES).map(([name, policy]) => [name, instrumenter, policy] as const),
);

describe('threaded guests in slices of time', () => {
  const guests = ['threads-c11', 'threads-channels', 'threads-local', 'threads-errors', 'threads-words'];
  const yields = 'epoch';

  it.each(Object.entries(POLICIES))('print the same, %s', async (_, policy) => {
    for (const [guest, out, options] of PROGRAMS.filter(([guest]) => guests.includes(guest))) {
      expect(ended(await runThreaded(guest, { ...options, yields, policy: policy() }))).toEqual(printed(out));
    }
  });

  it.each(Object.entries(POLICIES))(
    'threads-signals: signals of threads are those of Linux, %s',
    async (name, policy) => {
      const args = name === 'FIFO' ? ['cooperative'] : [];
      const { process, world } = await runThreaded('threads-signals', { yields, policy: policy(), args });
      expect(world.out).toBe(expected('threads-signals'));
      expect(process.status).toEqual({ kind: 'signaled', signal: 15 });
    },
  );

  it('print the same with Binaryen', async () => {
    const policy = new RoundRobinPolicy();
    const run = await runThreaded('threads-c11', { instrumenter: 'binaryen -O0', yields, policy });
    expect(ended(run)).toEqual(printed(expected('threads-c11')));
  });
});

describe('reading standard input', () => {
  it('suspends the thread that reads, and no other', async () => {
    const threaded = launchThreaded('threads-words');
    const { input, process, threads, trace } = threaded;
    const states = (): string[] => [1, 2, 3, 4, 5, 6].map((id) => threads.get(id).task.state);
    const pieces = TEXT.match(/[\s\S]{1,1000}/g) ?? [];
    expect(pieces.length).toBeGreaterThan(10);
    await until(() => trace.some((event) => event.kind === 'block' && event.on.endsWith('fd_read')));
    for (const piece of pieces) {
      const from = trace.length;
      input.push(new TextEncoder().encode(piece));
      await until(() => trace.slice(from).some((event) => event.kind === 'block' && event.on.endsWith('fd_read')));
      // Everybody is there, and waits: for lines, for the end of the reader, for input.
      await until(() => states().every((state) => state === 'blocked'));
    }
    input.end();
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(threaded.world.out).toBe(counted(TEXT));
    const reader = trace.find((event) => event.kind === 'block' && event.on.endsWith('fd_read'))?.task;
    const blocked = trace.findIndex((event) => event.kind === 'block' && event.on.endsWith('fd_read'));
    const next = trace.findIndex((event, index) => index > blocked && event.kind === 'run' && event.task === reader);
    expect(trace.slice(blocked, next).filter(({ kind }) => kind === 'run').length).toBeGreaterThan(0);
  });
});

describe('the philosophers dine', () => {
  it.each(ALL_POLICIES.map((make) => [make().name, make] as const))('under policy %s', async (_, make) => {
    for (const instrumenter of INSTRUMENTERS) {
      const run = await runThreaded('threads-philosophers', { instrumenter, policy: make() });
      expect(ended(run)).toEqual(printed(expected('threads-philosophers')));
    }
  });
});

describe('a deadlock', () => {
  it.each(variants)('is reported with what each thread waits for, %s, %s', async (_, instrumenter, policy) => {
    const launch = () => launchThreaded('threads-deadlock', { instrumenter, policy: policy() });
    const { deadlocks, process, task, world, trace } = launch();
    const again = launch();
    await expect(task.join()).rejects.toMatchObject({ kind: 'deadlock' });
    expect(world.out).toBe('joined: 0\n');
    const [report] = deadlocks;
    const waits = Object.fromEntries(report?.tasks.map(({ name, blockedOn }) => [name, blockedOn]) ?? []);
    expect(waits).toEqual({
      main: 'end of task "anna"',
      anna: 'mutex "2", which task "bert" holds',
      bert: 'mutex "1", which task "anna" holds',
      cora: 'condition "4" with mutex "3"',
      dora: 'semaphore "5": 1 of 0 permits',
      emil: 'receiving from channel "6"',
      fritz: 'being unparked',
    });
    expect(report?.tasks.map(({ backtrace }) => backtrace[0])).toEqual([
      'bobbin:threads.join (import)',
      'bobbin:threads.mutex_lock (import)',
      'bobbin:threads.mutex_lock (import)',
      'bobbin:threads.cond_wait (import)',
      'bobbin:threads.sem_acquire (import)',
      'bobbin:threads.channel_receive (import)',
      'bobbin:threads.park (import)',
    ]);
    await expect(again.task.join()).rejects.toMatchObject({ kind: 'deadlock' });
    expect(again.trace).toEqual(trace);
    for (const each of [process, again.process]) {
      each.kill('SIGTERM');
      expect(await each.wait()).toEqual({ kind: 'signaled', signal: 15 });
    }
  });

  it('of philosophers who take the left fork first', async () => {
    const { deadlocks, process, task, world } = launchThreaded('threads-philosophers', { args: ['10', 'greedy'] });
    await expect(task.join()).rejects.toMatchObject({ kind: 'deadlock' });
    expect(deadlocks[0]?.tasks).toHaveLength(6);
    expect(world.out.split('\n')).toHaveLength(3);
    process.kill('SIGKILL');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve));
}
