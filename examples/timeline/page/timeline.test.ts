import { describe, expect, it } from 'vitest';
import type { TraceDetail, TraceEvent } from '../../../engine/scheduler/index.ts';
import { type Palette, Raster } from './raster.ts';
import { kindOf, SPAN, type SpanKind, Timeline } from './timeline.ts';

/** A timeline, and what tells it of task 1's deeds. */
function telling(options?: ConstructorParameters<typeof Timeline>[0]) {
  const timeline = new Timeline(options);
  const tell = (time: number, detail: TraceDetail, task = 1): void =>
    timeline.onTrace({ time, task, name: `task ${task}`, ...detail } as TraceEvent);
  return { timeline, tell };
}

const SPAWNED = { kind: 'ready', reason: 'spawned', by: 0, stack: 0 } as const;
const stop = (reason: 'blocked' | 'ended' | 'yielded') => ({ kind: 'stop', reason, polls: 1 }) as const;

/** Each of the tasks is ready from 0 to 2, runs until 5, waits until 9, is ready until 10, runs until 12. */
function life(tell: (time: number, detail: TraceDetail, task: number) => void, tasks: readonly number[] = [1]): void {
  const deeds: readonly (readonly [time: number, detail: TraceDetail])[] = [
    [0, SPAWNED],
    [2, { kind: 'run' }],
    [5, stop('blocked')],
    [5, { kind: 'block', on: 'mutex "m"' }],
    [9, { kind: 'ready', reason: 'woken', by: 0 }],
    [10, { kind: 'run' }],
    [12, stop('ended')],
    [12, { kind: 'end', outcome: 'done' }],
  ];
  for (const [time, detail] of deeds) for (const task of tasks) tell(time, detail, task);
}

const spans = (timeline: Timeline, from: number, to: number): [SpanKind, number, number][] => {
  const found: [SpanKind, number, number][] = [];
  timeline.each(from, to, (_task, kind, begin, end) => found.push([kind, begin, end]));
  return found.sort((a, b) => a[1] - b[1]);
};

describe('the timeline of the page', () => {
  it('has a span for all that a task does', () => {
    const { timeline, tell } = telling();
    life(tell);
    expect(spans(timeline, 0, 100)).toEqual([
      [SPAN.ready, 0, 2],
      [SPAN.run, 2, 5],
      [SPAN.mutex, 5, 9],
      [SPAN.ready, 9, 10],
      [SPAN.run, 10, 12],
    ]);
    expect(spans(timeline, 3, 6)).toEqual([
      [SPAN.run, 2, 5],
      [SPAN.mutex, 5, 9],
    ]);
    expect(timeline).toMatchObject({ live: 0, queued: 0, switches: 2, busy: 5, longest: 3 });
    expect(timeline.line(1)).toMatchObject({ name: 'task 1', began: 0, ended: 12, running: 5, row: null });
  });

  it('has what is under way, up to the end of what is in sight', () => {
    const { timeline, tell } = telling();
    tell(0, SPAWNED);
    tell(1, { kind: 'run' });
    expect(spans(timeline, 0, 50)).toEqual([
      [SPAN.ready, 0, 1],
      [SPAN.run, 1, 50],
    ]);
    expect(timeline.find(1, 0.5)).toEqual({ kind: SPAN.ready, label: '', from: 0, to: 1 });
    expect(timeline.find(1, 20)).toEqual({ kind: SPAN.run, label: '', from: 1, to: Number.POSITIVE_INFINITY });
  });

  it('says what was waited for', () => {
    const { timeline, tell } = telling();
    life(tell);
    expect(timeline.find(1, 7)).toEqual({ kind: SPAN.mutex, label: 'mutex "m"', from: 5, to: 9 });
    expect(timeline.find(1, 13)).toBeNull();
    expect(timeline.find(2, 7)).toBeNull();
  });

  it('forgets the oldest spans, and lines of tasks that have ended long ago', () => {
    const { timeline, tell } = telling({ capacity: 3, kept: 100 });
    life(tell);
    tell(12, SPAWNED, 2);
    tell(12, { kind: 'signal', signo: 10 }, 2);
    expect(spans(timeline, 0, 100).map(([kind]) => kind)).toEqual([SPAN.mutex, SPAN.ready, SPAN.run, SPAN.ready]);
    timeline.prune(111);
    expect(timeline.lines.map(({ task }) => task)).toEqual([1, 2]);
    timeline.prune(113);
    expect(timeline.lines.map(({ task }) => task)).toEqual([2]);
    expect(timeline.marks).toEqual([]);
  });

  it('keeps how long the run queue was, by milliseconds', () => {
    const { timeline, tell } = telling();
    for (const task of [1, 2, 3]) tell(1, SPAWNED, task);
    tell(1.5, { kind: 'run' }, 1);
    tell(4, { kind: 'run' }, 2);
    const found: number[][] = [];
    timeline.eachQueue(0, 10, (...change) => found.push(change));
    expect(found).toEqual([
      [4, 1, 1],
      [1, 3, 2],
    ]);
  });

  it.each([
    ['sleep of 3 ms', SPAN.sleep],
    ['mutex "a", which task "b" holds', SPAN.mutex],
    ['sending to channel "1"', SPAN.channel],
    ['SIGCONT', SPAN.stopped],
    ['end of task "x"', SPAN.wait],
    ['', SPAN.wait],
  ])('tells kinds of waiting apart: %s', (on, kind) => {
    expect(kindOf(on)).toBe(kind);
  });
});

describe('the raster', () => {
  const PALETTE: Palette = {
    none: [0, 0, 0],
    sleep: [1, 1, 1],
    wait: [2, 2, 2],
    channel: [3, 3, 3],
    mutex: [4, 4, 4],
    stopped: [5, 5, 5],
    ready: [200, 100, 0],
    run: [0, 0, 255],
  };

  function draw(from: number, step: number, columns: number, tasks: readonly number[]): number[][] {
    const { timeline, tell } = telling();
    life(tell, [1, 2]);
    const pixels = new Uint32Array(columns * tasks.length);
    new Raster(PALETTE).draw(timeline, { from, step, columns, tasks }, pixels);
    return [...pixels].map((pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]);
  }

  it('has a pixel for each column of time and each line', () => {
    const { none, mutex, ready, run } = PALETTE;
    const line = [none, ready, ready, run, run, run, mutex, mutex, mutex, mutex, ready, run, run, none];
    expect(draw(-1, 1, 14, [2, 1])).toEqual([...line, ...line]);
    expect(draw(-1, 1, 14, [7])).toEqual(Array.from({ length: 14 }, () => none));
  });

  it('shades what shares a pixel, so that the least run can be seen', () => {
    const [pixel = []] = draw(0, 12, 1, [1]);
    expect(pixel[2]).toBeGreaterThan(200);
    const [rare = []] = draw(-1000, 1010, 1, [1]);
    expect(rare[2]).toBeGreaterThan(200);
    const [whole] = draw(2, 3, 1, [1]);
    expect(whole).toEqual(PALETTE.run);
  });
});
