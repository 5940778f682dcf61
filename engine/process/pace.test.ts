import { describe, expect, it, vi } from 'vitest';
import { POLL_LIMIT } from './budget.ts';
import { Chunk, paced } from './pace.ts';

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
