import { describe, expect, it } from 'vitest';
import { interrupt } from './interrupting.test-data.ts';
import { type Instrumenter, launch, moduleOf, plain, SIGUSR1 } from './world.test-data.ts';

const TIMES = 100_000;

describe.each<Instrumenter>(['frames', 'binaryen -O2'])(
  'a handler at every poll of a benchmark, %s',
  (instrumenter) => {
    it.each<readonly [string, ...string[]]>([
      ['bench-fib', '25'],
      ['bench-sieve', '50000', '6'],
      ['bench-sha256', '400'],
      ['bench-matrix', '80'],
      ['bench-interpreter', '2000'],
      ['bench-quicksort', '40000'],
    ])('changes nothing of what it prints: %s', async (guest, ...args) => {
      const undisturbed = plain(guest, args);
      expect(undisturbed).toMatch(/^[0-9a-f]{16}\n$/);
      const running = launch(moduleOf(guest, instrumenter, 'fuel'), [guest, ...args]);
      expect(await interrupt(running, { signal: SIGUSR1, times: TIMES })).toEqual({ sent: TIMES, waiting: 0 });
      expect(running.process.status).toMatchObject({ kind: 'exited', status: 0 });
      expect(running.world.out).toBe(undisturbed);
      expect(running.world.err).toBe(`interrupted ${TIMES} times\n`);
    });
  },
);
