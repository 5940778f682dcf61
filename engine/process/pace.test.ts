import { describe, expect, it, vi } from 'vitest';
import { POLL_LIMIT } from './budget.ts';
import { CallPace, Chunk, paced } from './pace.ts';

describe('paced', () => {
  it.each([
    [1000, 10, 10, 1000],
    [1000, 10, 5, 2000],
    [1000, 10, 40, 250],
    [1000, 10, 0, 8000],
    [1000, 10, 10_000, 125],
    [1, 10, 10_000, 1],
    [POLL_LIMIT, 10, 1, POLL_LIMIT],
  ])('%d polls for %d ms that took %d ms: %d', (budget, wanted, took, next) => {
    expect(paced(budget, wanted, took)).toBe(next);
  });
});

describe('Chunk', () => {
  it('is measured from the beginning of its run: what the host does in between does not count', () => {
    let time = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => time);
    try {
      const chunk = new Chunk();
      const run = (milliseconds: number): number => {
        const polls = chunk.begin();
        time += milliseconds;
        chunk.passed();
        time += 50;
        return polls;
      };
      const first = run(1);
      expect(run(1)).toBe(first);
      expect(run(0.5)).toBe(first);
      expect(run(1)).toBe(2 * first);
      chunk.ended();
      // The first of those that follow each other is not measured.
      expect(run(8)).toBe(2 * first);
      expect(run(2)).toBe(2 * first);
      expect(run(1)).toBe(first);
    } finally {
      clock.mockRestore();
    }
  });
});

describe('CallPace', () => {
  /** Calls that take so long each, one after the other. @returns for each whether the clock was looked at after it */
  function calls(run: (called: (times: number, milliseconds: number) => boolean[], pace: CallPace) => void): void {
    let time = 1;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => time);
    try {
      const pace = new CallPace();
      pace.begin();
      run((times, milliseconds) => {
        return Array.from({ length: times }, () => {
          time += milliseconds;
          return pace.look() === time;
        });
      }, pace);
    } finally {
      clock.mockRestore();
    }
  }
  const all = (looks: readonly boolean[]): boolean => looks.every((looked) => looked);

  it('looks after each of the first calls, and after one in four once a thousand were quick', () => {
    calls((called) => {
      expect(all(called(1001, 0.001))).toBe(true);
      expect(called(9, 0.001)).toEqual([true, false, false, false, true, false, false, false, true]);
    });
  });

  it('looks after each call that takes long', () => {
    calls((called) => expect(all(called(5000, 1))).toBe(true));
  });

  it('lets three at most go by that take long after many quick ones, and none after that', () => {
    calls((called) => {
      called(1002, 0.001);
      expect(called(4, 50)).toEqual([false, false, false, true]);
      expect(all(called(100, 50))).toBe(true);
      expect(all(called(1000, 0.001))).toBe(true);
      expect(called(2, 0.001)).toEqual([true, false]);
    });
  });

  it('looks after the first call when the guest runs again, and notices what has gone by before', () => {
    calls((called, pace) => {
      called(1003, 0.001);
      pace.end();
      pace.begin();
      expect(called(2, 0.001)).toEqual([true, false]);
      called(1, 50);
      pace.end();
      pace.begin();
      expect(all(called(500, 0.001))).toBe(true);
    });
  });
});
