import { describe, expect, it } from 'vitest';
import { at, now, turn } from './event-loop.ts';
import { type Loop, ShortWaits } from './short-waits.ts';

const wait = (milliseconds: number): Promise<void> => new Promise((wake) => at(now() + milliseconds, wake));
const quartile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 2] ?? 0;

describe('at', () => {
  it.each([0.02, 0.1, 0.3, 0.9, 1.4, 2.7, 12.3])('is met to the fraction where it is near: %f ms', async (wanted) => {
    const times: number[] = [];
    for (let round = 0; round < 40; round++) {
      const from = now();
      await wait(wanted);
      times.push(now() - from);
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(wanted);
    // A quarter of them, as the machine may have other things to do; timers of whole milliseconds take 0.5 to 1.1 longer.
    if (wanted < 10) expect(quartile(times)).toBeLessThan(wanted + 0.4);
  });

  it('computes little while it waits', async () => {
    const from = process.cpuUsage();
    const begun = now();
    for (let round = 0; round < 500; round++) await wait(0.9);
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1000).toBeLessThan((now() - begun) * 0.6);
  });

  it('gives the event loop its turns meanwhile', async () => {
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    for (let round = 0; round < 100; round++) await wait(0.99);
    over = true;
    expect(turns).toBeGreaterThan(300);
  });

  it('does not hold up what computes on the same thread', async () => {
    let turns = 0;
    let over = false;
    const compute = async (): Promise<void> => {
      for (; !over; turns++) await turn();
    };
    const computing = compute();
    for (let round = 0; round < 100; round++) await wait(0.99);
    over = true;
    await computing;
    // Sleeping would have left it four turns each time.
    expect(turns / 100).toBeGreaterThan(12);
  });
});

describe('ShortWaits', () => {
  /** A loop whose time goes on by 0.1 with each turn, and in which something could always compute. */
  function simulated() {
    const tasks: (() => void)[] = [];
    let time = 0;
    const loop: Loop = { now: () => time, soon: (run) => void tasks.push(run), isBusy: () => true };
    const turnOnce = (): void => {
      time += 0.1;
      for (const run of tasks.splice(0)) run();
    };
    return { waits: new ShortWaits(loop), turnOnce, idle: () => tasks.length === 0 };
  }

  it('calls back those that are due in the order of their times, each once, and rests', () => {
    const { waits, turnOnce, idle } = simulated();
    const called: number[] = [];
    for (const time of [0.35, 0.12, 0.25, 0.14]) waits.add(time, () => void called.push(time));
    const stop = waits.add(0.2, () => void called.push(0.2));
    turnOnce();
    expect(called).toEqual([]);
    stop();
    turnOnce();
    expect(called).toEqual([0.12, 0.14]);
    for (let turns = 0; turns < 3; turns++) turnOnce();
    expect(called).toEqual([0.12, 0.14, 0.25, 0.35]);
    expect(idle()).toBe(true);
  });

  it('lets one that is due call off another, and set new ones for the next turn', () => {
    const { waits, turnOnce } = simulated();
    const called: string[] = [];
    waits.add(0.01, () => {
      called.push('first');
      stop();
      waits.add(0, () => void called.push('again'));
    });
    const stop = waits.add(0.02, () => void called.push('second'));
    turnOnce();
    expect(called).toEqual(['first']);
    turnOnce();
    expect(called).toEqual(['first', 'again']);
  });

  it('goes on where one of them throws', () => {
    const { waits, turnOnce } = simulated();
    const called: number[] = [];
    waits.add(0.01, () => {
      throw new Error('thrown');
    });
    waits.add(0.02, () => void called.push(2));
    waits.add(0.15, () => void called.push(3));
    expect(turnOnce).toThrow('thrown');
    turnOnce();
    turnOnce();
    expect(called).toEqual([2, 3]);
  });
});
