import { describe, expect, it } from 'vitest';
import { RoundRobinPolicy } from '../../engine/scheduler/index.ts';
import type { Threads } from '../../engine/threads/index.ts';
import type { OutputSink } from '../../engine/wasi/index.ts';
import { INSTRUMENTERS, launchThreaded, POLICIES, runThreaded } from './threaded.test-data.ts';

// malloc and <stdio.h>, used by threads that interrupt each other in the middle of them.

/** What threads-stress prints, whatever the order of lines. */
const LINES = Array.from({ length: 16 }, (_, number) =>
  [0, 1, 2, 3].flatMap((line) =>
    line % 2 === 0
      ? ['whole line, in one piece', '']
      : [
          `thread ${String(number).padStart(2, '0')}, line ${line}: the quick brown fox ` +
            (number + line / 4).toFixed(2).padStart(5),
        ],
  ),
)
  .flat()
  .concat('done', '')
  .sort();

const sorted = (text: string): string[] => text.split('\n').sort();
const slices = (slice: number) => ({ policy: new RoundRobinPolicy({ slice }) });

describe.each(INSTRUMENTERS)('threads that allocate and print, %s', (instrumenter) => {
  it.each([1, 2, 3, 7, 50, 1000])('in slices of %d polls', async (slice) => {
    const { process, world } = await runThreaded('threads-stress', { instrumenter, ...slices(slice) });
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(sorted(world.out)).toEqual(LINES);
  });

  it.each([1, 2, 3])('drawn by the seed %d', async (seed) => {
    const policy = POLICIES['seeded lottery']?.();
    const { world } = await runThreaded('threads-stress', { instrumenter, seed, ...(policy && { policy }) });
    expect(sorted(world.out)).toEqual(LINES);
  });

  it('without the locks they get in each other’s way', async () => {
    const outputs = await Promise.all(
      [1, 2, 3].map(async (slice) => {
        const threaded = await runThreaded('threads-unlocked', { instrumenter, ...slices(slice) });
        return threaded.process.status?.kind === 'exited' ? sorted(threaded.world.out) : [];
      }),
    );
    for (const lines of outputs) expect(lines).not.toEqual(LINES);
  });
});

/** An output that takes a few bytes, and then waits. */
class SlowOutput implements OutputSink {
  text = '';
  waits = 0;
  #room = 0;

  write(bytes: Uint8Array): number {
    const size = Math.min(bytes.length, this.#room);
    this.text += new TextDecoder().decode(bytes.subarray(0, size));
    this.#room -= size;
    return size;
  }

  hasRoom(): boolean {
    return this.#room > 0;
  }

  onReady(wake: () => void): () => void {
    this.waits++;
    const timer = setTimeout(() => {
      this.#room = 300;
      wake();
    });
    return () => clearTimeout(timer);
  }
}

describe('an output that has no room', () => {
  it('suspends who writes, and others do not get in between', async () => {
    const stdout = new SlowOutput();
    const { process } = await runThreaded('threads-stress', { stdout, ...slices(3) });
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(stdout.waits).toBeGreaterThan(5);
    expect(sorted(stdout.text)).toEqual(LINES);
  });
});

describe('a program that ends while its threads are busy', () => {
  it.each([1, 7, 100, 1000])('prints whole lines only, in slices of %d polls', async (slice) => {
    const { process, world } = await runThreaded('threads-exit', { args: ['exits'], ...slices(slice) });
    expect(process.status).toMatchObject({ kind: 'exited', status: 3 });
    expect(world.out).toMatch(/^(thread \d says: this is line \d+\n)+$/);
  });

  it('prints what is still in the buffer, though its last thread traps', async () => {
    const failures: string[] = [];
    const { process, world } = await runThreaded('threads-exit', {
      args: ['loses'],
      onFailure: (task, error) => void failures.push(`${task.name}: ${error}`),
    });
    expect(failures).toEqual([expect.stringMatching(/^thread 2: RuntimeError: /)]);
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(world.out).toBe('still in the buffer\n');
  });
});

describe('the lock of a stream', () => {
  it.each(Object.entries(POLICIES))('of a thread that has trapped is given back, %s', async (_name, policy) => {
    const { process, world } = await runThreaded('threads-exit', { args: ['locks'], policy: policy() });
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(sorted(world.out)).toEqual(['', 'line 0', 'line 1', 'line 2']);
  });

  it('is not lost with a thread that was cancelled while it waited for it', async () => {
    const { process, scheduler, threads, world } = launchThreaded('threads-exit', { args: ['shares'] });
    scheduler.spawn(function* canceller() {
      // Those before it have not waited.
      while (threads.size < 2 || !waitsForLock(threads, 4)) yield;
      threads.get(4).task.cancel(new Error('no more'));
    });
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 1 });
    expect(world.out).toBe('before it: 1 1\nnot joined\n');
  });

  it('is its owner’s as often as it takes it', async () => {
    for (const policy of Object.values(POLICIES)) {
      const { world } = await runThreaded('threads-exit', { args: ['shares'], policy: policy() });
      expect(world.out).toBe('before it: 1 1\nline 1\nthen: 0\n');
    }
  });
});

function waitsForLock(threads: Threads, id: number): boolean {
  try {
    return threads.get(id).task.blockedOn?.startsWith('semaphore') === true;
  } catch {
    return false; // It is not there yet.
  }
}
