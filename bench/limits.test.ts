import { describe, expect, it } from 'vitest';
import { depthName } from './catalogue.ts';
import { measure } from './child.ts';
import { SHAPES } from './generated.ts';
import type { Abandoned, AbandonedJob } from './measure-abandoned.ts';
import type { Live, LiveJob } from './measure-live.ts';
import type { Sample, SwitchesJob } from './measure-switches.ts';
import { ratio } from './stats.ts';
import { measureTransform } from './transforms.ts';

const MINUTE = 60_000;
const LINKINGS = ['closed', 'linked'] as const;

// Loose versions of what the bench measures: they hold on a busy machine, and fail when a cost grows with the wrong thing.
describe.each(LINKINGS)('limits, %s', (variant) => {
  it('a live continuation takes less than 400 bytes', { timeout: MINUTE }, async () => {
    const { reports, crash, stderr } = await measure<LiveJob, Live>('measure-live.ts', {
      variant,
      count: 100_000,
      step: 100_000,
      clock: 'cpu',
    });
    expect(crash, stderr).toBeNull();
    const all = reports.at(-1);
    expect(all?.finishNs).toBeGreaterThan(0);
    // A stack, a continuation object and two frames cannot take next to nothing: then the measurement would be wrong.
    expect(all?.heapBytes).toBeGreaterThan(50);
    expect(all?.heapBytes).toBeLessThan(400);
  });

  it('abandoned continuations leave nothing behind', { timeout: MINUTE }, async () => {
    const { reports, crash, stderr } = await measure<AbandonedJob, Abandoned>('measure-abandoned.ts', {
      variant,
      count: 1_000_000,
      step: 250_000,
      clock: 'cpu',
    });
    expect(crash, stderr).toBeNull();
    expect(reports.map(({ count }) => count)).toEqual([250_000, 500_000, 750_000, 1_000_000]);
    // From the second report on: by then the engine has made its young generation as large as it gets.
    const grown = reports[3]!.resident - reports[1]!.resident;
    expect(grown).toBeLessThan(500_000 * 32);
  });

  it('a switch at depth 1024 costs at most three times one at depth 1', { timeout: MINUTE }, async () => {
    const cases = [depthName(1), depthName(1024)] as const;
    const { reports, crash, stderr } = await measure<SwitchesJob, Sample>('measure-switches.ts', {
      group: 'depths',
      cases,
      variants: [variant],
      rounds: 5,
      scale: 0.5,
      clock: 'cpu',
    });
    expect(crash, stderr).toBeNull();
    const [shallow, deep] = cases.map((name) => reports.filter((sample) => sample.case === name).map(({ ns }) => ns));
    expect(deep).toHaveLength(5);
    expect(ratio(deep!, shallow!).median).toBeLessThanOrEqual(3);
  });
});

describe('limits of the transform', () => {
  it.each(SHAPES)('ten times the input takes at most fifteen times as long: %s', { timeout: MINUTE }, async (shape) => {
    const { growth, bytes } = await measureTransform({
      shape,
      linking: 'linked',
      rounds: 3,
      size: 20_000,
      clock: 'cpu',
    });
    expect(bytes[1] / bytes[0]).toBeGreaterThan(9);
    expect(growth).toBeLessThanOrEqual(15);
  });
});
