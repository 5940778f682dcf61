import { describe, expect, it } from 'vitest';
import { measureOutside, OUTSIDE_WAYS } from './outside-signals.ts';

// A loose version of what the bench measures, for busy machines: with slices of 10 milliseconds a quarter takes up to 2.5.
describe('signals from outside of bobbin run', () => {
  it.each(OUTSIDE_WAYS.map((options) => [options.join(' '), options] as const))(
    'are heard of soon: %s',
    async (_, options) => {
      let best = await measureOutside(options, 60);
      // The machine may have other things to do.
      for (let round = 0; round < 5 && !isGood(best); round++) {
        const next = await measureOutside(options, 60);
        if ((next.ms?.quartiles[0] ?? Infinity) < (best.ms?.quartiles[0] ?? Infinity)) best = next;
      }
      expect(isGood(best), JSON.stringify(best)).toBe(true);
    },
  );
});

const isGood = ({ handled, ms }: Awaited<ReturnType<typeof measureOutside>>): boolean =>
  handled >= 30 && (ms?.quartiles[0] ?? Infinity) < 1.5;
