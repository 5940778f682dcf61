import { describe, expect, it } from 'vitest';
import { Channel, FifoPolicy, RoundRobinPolicy, Scheduler, sleep, VirtualClock } from '../scheduler/index.ts';
import { formatStats, Stats } from './index.ts';
import { program } from './timeline.test-data.ts';

describe('statistics', () => {
  it('count tasks and how they ended', () => {
    const stats = new Stats();
    program({ onTrace: stats.onTrace });
    const summary = stats.summary();
    expect(summary).toMatchObject({ spawned: 8, live: 0, liveMax: 7, ended: { done: 5, failed: 1, cancelled: 2 } });
    const { stops } = summary;
    expect(Object.values(stops).reduce((sum, count) => sum + count)).toBe(summary.runs);
    // The one that was cancelled before it began never ran.
    expect(stops.ended).toBe(7);
    expect(stops.yielded).toBe(20);
    expect(stops.preempted).toBeGreaterThan(0);
    expect(summary.switches).toBeLessThanOrEqual(summary.runs);
  });

  it('measure time by the clock: running, ready, elapsed', () => {
    const clock = { time: 0, now: () => clock.time, at: () => () => {} };
    const stats = new Stats();
    const scheduler = new Scheduler({ clock, policy: new FifoPolicy(), onTrace: stats.onTrace });
    for (const [name, time] of [
      ['short', 10],
      ['long', 40],
    ] as const) {
      scheduler.spawn(
        function* () {
          clock.time += time;
          yield;
          clock.time += 1;
        },
        [],
        { name },
      );
    }
    scheduler.run();
    expect(stats.summary()).toMatchObject({
      elapsed: 52,
      busy: 52,
      runs: 4,
      switches: 4,
      longest: { name: 'long', amount: 40 },
      // 0 and 10 at first, then 40 and 1.
      latencyMean: 51 / 4,
      latencyMax: 40,
      queueMean: 3 / 4,
      queueMax: 1,
      top: [
        { task: 2, name: 'long', runs: 2, polls: 1, running: 41, ready: 11 },
        { task: 1, name: 'short', runs: 2, polls: 1, running: 11, ready: 40 },
      ],
    });
  });

  it('tell the slice of the most polls, where time stands still', () => {
    const stats = new Stats({ top: 2 });
    const scheduler = new Scheduler({
      clock: new VirtualClock(),
      policy: new RoundRobinPolicy({ slice: 100 }),
      onTrace: stats.onTrace,
    });
    for (let count = 1; count <= 5; count++) {
      const channel = new Channel<number>(100);
      scheduler.spawn(
        function* () {
          for (let n = 0; n < count; n++) yield* channel.send(n);
        },
        [],
        { name: `${count} polls` },
      );
    }
    scheduler.run();
    const { mostPolls, top, switches } = stats.summary();
    expect(mostPolls).toEqual({ task: 5, name: '5 polls', amount: 5 });
    expect(top.map(({ name }) => name)).toEqual(['5 polls', '4 polls']);
    expect(switches).toBe(5);
  });

  it('do not call it a switch when the same task goes on', () => {
    const stats = new Stats();
    const scheduler = new Scheduler({ clock: new VirtualClock(), onTrace: stats.onTrace });
    scheduler.spawn(function* () {
      for (let n = 0; n < 10; n++) yield;
    });
    scheduler.run();
    expect(stats.summary()).toMatchObject({ runs: 11, switches: 1, queueMean: 0 });
  });

  it('add up shadow stacks while their tasks live', () => {
    const stats = new Stats();
    const event = (task: number, stack: number) => {
      stats.onTrace({ time: 0, task, name: 'a', kind: 'ready', reason: 'spawned', by: 0, stack });
    };
    event(1, 1000);
    event(2, 3000);
    stats.onTrace({ time: 0, task: 1, name: 'a', kind: 'end', outcome: 'done' });
    event(3, 0);
    event(4, 2000);
    expect(stats.summary()).toMatchObject({ stackMax: 5000, stackPerTask: 2000 });
  });

  it('measure the heap for each task that has begun', () => {
    let used = 1000;
    const stats = new Stats({ heap: () => used });
    const scheduler = new Scheduler({ clock: new VirtualClock(), onTrace: stats.onTrace });
    for (let task = 0; task < 500; task++) {
      scheduler.spawn(function* () {
        used += 300;
        yield* sleep(1);
      });
    }
    scheduler.run();
    expect(stats.summary().heapPerTask).toBe(300);
    const unmeasured = new Stats();
    program({ onTrace: unmeasured.onTrace });
    expect(unmeasured.summary().heapPerTask).toBeNull();
  });

  it('of nothing are zeros', () => {
    const summary = new Stats({ heap: () => 1 }).summary();
    expect(summary).toMatchObject({ elapsed: 0, spawned: 0, runs: 0, queueMean: 0, latencyMean: 0, heapPerTask: null });
    expect(summary).toMatchObject({ longest: null, mostPolls: null, top: [], stackPerTask: 0 });
    expect(formatStats(summary)).toMatch(/^time +0\.000 ms\ntasks +0 spawned/);
  });
});

describe('their text', () => {
  it('is a line for each number and one for each task', () => {
    let used = 0;
    const heap = (): number => {
      used += 4096;
      return used;
    };
    const stats = new Stats({ top: 2, heap });
    program({ onTrace: stats.onTrace });
    expect(
      formatStats(stats.summary())
        .replace(/\d[\d,.]*/g, '#')
        .replace(/ +/g, ' '),
    ).toBe(
      [
        'time # ms, # % of it busy',
        'tasks # spawned, # at once at most; # done, # failed, # cancelled, # left',
        'switches # (# runs)',
        'runs ended # waiting, # yielding, # preempted, # for the host, # at their end',
        'run queue # on average, # at most',
        'wait for a turn # ms on average, # ms at most',
        'longest slice # ms (parent #); # polls (parent #)',
        'shadow stacks # B a task, # B at once at most',
        'heap # KiB a task at most, saved frames and garbage included',
        '',
        'task runs polls running ready',
        'worker # # # # ms # ms',
        'worker # # # # ms # ms',
        '',
      ].join('\n'),
    );
  });

  it('shows names that cannot pass for something else', () => {
    const stats = new Stats();
    const scheduler = new Scheduler({ clock: new VirtualClock(), onTrace: stats.onTrace });
    scheduler.spawn(() => 1, [], { name: '\u001b[2J\nheap  0\u2028\u202e' });
    scheduler.spawn(() => 1, [], { name: 'x'.repeat(1000) });
    scheduler.run();
    const text = formatStats(stats.summary());
    expect(text).toContain('\u{fffd}[2J\u{fffd}heap  0\u{fffd}\u{fffd}');
    expect(text.split('\n').every((line) => line.length < 120)).toBe(true);
    expect(text).toContain(`${'x'.repeat(39)}…`);
  });
});
