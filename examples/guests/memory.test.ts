import { describe, expect, it } from 'vitest';
import type { Slice } from '../../engine/process/index.ts';
import { SIGTSTP, signo } from '../../engine/signals/index.ts';
import { type Instrumenter, launch, moduleOf, type Running, SIGALRM, SIGUSR1, SIGUSR2 } from './world.test-data.ts';

const RED_ZONE = 128;
const ROUNDS = 150;

// What is compared is all of memory but the part of the stack that a handler may use: that below the red zone of what it
// interrupts. (The stack lies first in memory, and grows down.) It is compared with what it was before the signal, when the
// handler has returned; and, when the guest has gone on to its next poll, with a guest that was not interrupted.
describe.each<Instrumenter>(['frames', 'binaryen -O0'])('memory around interruptions, %s', (instrumenter) => {
  const twins = (guest: string, args: readonly string[]): [Running, Running] => {
    const module = moduleOf(guest, instrumenter, 'fuel');
    return [launch(module, [guest, ...args]), launch(module, [guest, ...args])];
  };

  it.each<readonly [guest: string, signal: number, args: readonly string[]]>([
    ['bench-fib', SIGUSR1, ['12']],
    ['bench-quicksort', SIGUSR1, ['400']],
    ['bench-interpreter', SIGUSR1, ['20']],
    ['deep', SIGUSR2, ['300', '100']],
    ['reraise', SIGUSR2, ['60']],
    ['spinner', SIGALRM, ['20', '3600000']],
  ])('is what it was, but for the counter of the handler: %s', (guest, signal, args) => {
    const [interrupted, twin] = twins(guest, args);
    const written = new Set<number>();
    let rounds = 0;
    for (let finished = false; !finished && rounds < ROUNDS; ) {
      if (interrupted.process.signals.action(signo(signal)).disposition.kind === 'handler') {
        rounds++;
        for (const address of handle(interrupted, signal)) written.add(address);
      }
      const slice = interrupted.process.run({ fuel: 1 });
      expect(twin.process.run({ fuel: 1 })).toEqual(slice);
      if (!slice.finished) expect(differences(twin, interrupted)).toEqual([...written]);
      finished = slice.finished;
    }
    expect(rounds).toBe(ROUNDS);
    expect(written.size).toBe(1);
  });

  it('is what it was where the guest waits to read', () => {
    const [interrupted, twin] = twins('repl', []);
    const both = (fuel: number): Slice => {
      const slice = interrupted.process.run({ fuel });
      expect(twin.process.run({ fuel })).toEqual(slice);
      return slice;
    };
    const written = new Set<number>();
    for (const text of ['1 + 2\n', 'sum ', '30\n', '(4']) {
      while (both(1).pause === 'yielded');
      expect(interrupted.process.state).toBe('blocked');
      for (let round = 0; round < 10; round++) {
        for (const address of handle(interrupted, SIGUSR2)) written.add(address);
        expect(interrupted.process.run({ fuel: 1 }).pause).toBe('blocked');
        expect(differences(twin, interrupted)).toEqual([...written]);
      }
      expect(written.size).toBe(1);
      for (const { world } of [interrupted, twin]) world.input.give(text);
      both(1);
      expect(differences(twin, interrupted)).toEqual([...written]);
    }
    for (const { world } of [interrupted, twin]) world.input.close();
    // The one says how often it was interrupted.
    for (const { process } of [interrupted, twin]) while (!process.run({ fuel: 1 }).finished);
    expect(interrupted.world.out).toBe(twin.world.out);
    expect(interrupted.world.err).toBe('poked: 40\n');
  });
});

/** Has the handler of a signal run, up to where what it interrupted would go on; says which words that changed. */
function handle(running: Running, signal: number): number[] {
  const { process } = running;
  const { stack } = process.runner;
  const depth = stack.length;
  const before = snapshot(running);
  process.kill(signal);
  process.run({ fuel: 1 });
  expect(process.runner.stack.length).toBe(depth + 1);
  // A stop signal that is blocked until the handler returns.
  process.signals.blocked = process.signals.blocked.with(SIGTSTP);
  process.kill(SIGTSTP);
  while (!process.signals.stopped) process.run({ fuel: 1 });
  expect(process.runner.stack.length).toBe(depth);
  const changed = compare(before, snapshot(running));
  process.continue();
  return changed;
}

const differences = (a: Running, b: Running): number[] => compare(snapshot(a), snapshot(b));

interface Snapshot {
  readonly from: number;
  readonly bytes: Buffer;
}

function snapshot({ world, process }: Running): Snapshot {
  if (world.memory === null) throw new Error('the guest has no memory yet');
  const stackPointer = process.runner.stack.at(-1)?.stackPointer ?? 0;
  const from = stackPointer - RED_ZONE;
  return { from, bytes: Buffer.from(new Uint8Array(world.memory.buffer.slice(from))) };
}

/** The addresses of words that differ. */
function compare(a: Snapshot, b: Snapshot): number[] {
  expect([b.from, b.bytes.length]).toEqual([a.from, a.bytes.length]);
  const addresses: number[] = [];
  if (a.bytes.equals(b.bytes)) return addresses;
  for (let at = 0; at < a.bytes.length; at += 4) {
    if (a.bytes.readUInt32LE(at) !== b.bytes.readUInt32LE(at)) addresses.push(a.from + at);
  }
  return addresses;
}
