import { describe, expect, it } from 'vitest';
import { depthName } from './catalogue.ts';
import { measure } from './child.ts';
import { SHAPES } from './generated.ts';
import type { Abandoned, AbandonedJob } from './measure-abandoned.ts';
import type { Idle, IdleJob } from './measure-idle.ts';
import type { Live, LiveJob } from './measure-live.ts';
import type { Million, MillionJob } from './measure-million.ts';
import type { Sample, SwitchesJob } from './measure-switches.ts';
import type { TaskSample, TasksJob } from './measure-tasks.ts';
import { ratio } from './stats.ts';
import { CALLS, countName, IN_FLIGHT, JSPI, OURS, switchesName, USUAL } from './task-cases.ts';
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

describe('limits of tasks', () => {
  const series = async (group: string, cases: readonly string[], scale: number): Promise<number[][]> => {
    const job = { group, cases, rounds: 3, scale, clock: 'cpu' } as const;
    const { reports, crash, stderr } = await measure<TasksJob, TaskSample>('measure-tasks.ts', job);
    expect(crash, stderr).toBeNull();
    return cases.map((name) => reports.filter((sample) => sample.case === name).map(({ ns }) => ns));
  };

  it.each(['guest', 'host'] as const)(
    'a switch among 10,000 costs at most four times one among 100: %s',
    { timeout: MINUTE },
    async (who) => {
      const [many, few] = await series(switchesName(who, 'FIFO'), [countName(10_000), countName(USUAL)], 0.5);
      expect(ratio(many!, few!).median).toBeLessThanOrEqual(4);
    },
  );

  it('a suspending call costs at most eight of JSPI, in flight with others at most four', {
    timeout: MINUTE,
  }, async () => {
    for (const [group, limit] of [
      [CALLS, 8],
      [IN_FLIGHT, 4],
    ] as const) {
      const [ours, engine] = await series(group, [OURS, JSPI], 0.4);
      // An engine without JSPI measures ours alone.
      expect(ours).toHaveLength(3);
      if (engine!.length > 0) expect(ratio(ours!, engine!).median).toBeLessThanOrEqual(limit);
    }
  });

  it.each([
    ['guest', 1500],
    ['host', 1500],
  ] as const)('an idle task takes less memory than a page: %s', { timeout: MINUTE }, async (who, limit) => {
    const { reports, crash, stderr } = await measure<IdleJob, Idle>('measure-idle.ts', { who, count: 20_000 });
    expect(crash, stderr).toBeNull();
    expect(reports[0]?.heapBytes).toBeGreaterThan(200);
    expect(reports[0]?.heapBytes).toBeLessThan(limit);
  });

  it('100,000 tasks that have ten turns each take less than 30 s and 500 MB', { timeout: MINUTE }, async () => {
    const job = { who: 'guest', count: 100_000, clock: 'cpu' } as const;
    const { reports, crash, stderr } = await measure<MillionJob, Million>('measure-million.ts', job);
    expect(crash, stderr).toBeNull();
    expect(reports[0]?.seconds).toBeLessThan(30);
    expect(reports[0]?.peak).toBeLessThan(500e6);
  });
});
