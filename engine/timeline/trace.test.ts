import { describe, expect, it } from 'vitest';
import { Channel, Scheduler, sleep, type TraceEvent, VirtualClock } from '../scheduler/index.ts';
import { TraceRecorder, TraceWriter, type TraceWriterOptions } from './index.ts';
import { type Entry, faults, program, programEvents } from './timeline.test-data.ts';

/** A program's trace as text, in the pieces that were written. */
function written(run: (onTrace: (event: TraceEvent) => void) => void, options: TraceWriterOptions = {}): string[] {
  const chunks: string[] = [];
  const writer = new TraceWriter((text) => chunks.push(text), options);
  run(writer.onTrace);
  writer.close();
  return chunks;
}

const parse = (chunks: Iterable<string>): Entry[] => JSON.parse([...chunks].join('')) as Entry[];
const ofProgram = (): string[] => written((onTrace) => program({ onTrace }));

describe('a written trace', () => {
  it('keeps the rules of the format, whatever happens to tasks', () => {
    const entries = parse(ofProgram());
    expect(faults(entries)).toEqual([]);
    expect(new Set(entries.map(({ ph }) => ph))).toEqual(new Set(['M', 'B', 'E', 'i', 'C', 's', 'f']));
    const names = (wanted: string): Set<unknown> =>
      new Set(entries.filter(({ ph }) => ph === wanted).map(({ name }) => name));
    expect(names('B')).toEqual(
      new Set([
        'run',
        ...[0, 1, 2].map((worker) => `mutex "ledger", which task "worker ${worker}" holds`),
        'sending to channel "jobs"',
        'sleep of 1.5 ms',
        'sleep of 7 ms',
        'sleep of 1000000000 ms',
        'end of its group',
      ]),
    );
    expect(names('i')).toEqual(new Set(['spawn', 'cancel', 'done', 'failed', 'cancelled']));
  });

  it('has a row for each task, with its name', () => {
    const rows = parse(ofProgram()).filter(({ name }) => name === 'thread_name');
    expect(rows.map(({ tid, args }) => `${tid} ${args?.name}`).toSorted()).toEqual([
      '1 parent 1',
      '2 sleeper',
      '3 anonymous function 3',
      '4 canceller',
      '5 worker 0',
      '6 worker 1',
      '7 worker 2',
      '8 anonymous function 8',
    ]);
  });

  it('has times in microseconds, by the clock', () => {
    const sleeps = parse(ofProgram()).filter(({ tid }) => tid === 4);
    const begins = sleeps.find(({ name }) => name === 'sleep of 7 ms')?.ts ?? Number.NaN;
    const ends = sleeps.find(({ ph, ts = 0 }) => ph === 'E' && ts > begins)?.ts ?? Number.NaN;
    expect(ends - begins).toBeGreaterThan(6_999);
    expect(ends - begins).toBeLessThan(7_001);
  });

  it('says why a run ended, for how many polls, and how long it had waited', () => {
    const runs = parse(ofProgram()).filter(({ tid, args }) => tid === 1 && args !== undefined);
    expect(new Set(runs.flatMap(({ args }) => (args?.reason === undefined ? [] : [args.reason])))).toEqual(
      new Set(['preempted', 'blocked', 'ended']),
    );
    expect(runs.find(({ args }) => args?.reason === 'preempted')?.args?.polls).toBe(3);
    expect(runs.filter(({ ph }) => ph === 'B').every(({ args }) => typeof args?.ready_us === 'number')).toBe(true);
  });

  it('shows who woke whom', () => {
    const entries = parse(ofProgram());
    const from = entries.filter(({ ph }) => ph === 's');
    const to = new Map(entries.filter(({ ph }) => ph === 'f').map((entry) => [entry.id, entry.tid]));
    // The parent spawns the workers and gives them jobs.
    for (const worker of [5, 6, 7]) expect(from.some(({ tid, id }) => tid === 1 && to.get(id) === worker)).toBe(true);
    expect(from.some(({ tid, id }) => tid === 4 && to.get(id) === 2)).toBe(true);
  });

  it('counts the run queue down to nothing', () => {
    const counts = parse(ofProgram()).filter(({ ph }) => ph === 'C');
    expect(Math.max(...counts.map(({ args }) => Number(args?.tasks)))).toBe(7);
    expect(counts.at(-1)?.args).toEqual({ tasks: 0 });
  });

  it('is the same to the byte for the same program in virtual time', () => {
    expect(ofProgram().join('')).toBe(ofProgram().join(''));
  });

  it('by the host’s clock keeps the rules too', async () => {
    const chunks: string[] = [];
    const writer = new TraceWriter((text) => chunks.push(text));
    const scheduler = new Scheduler({ onTrace: writer.onTrace });
    const channel = new Channel<number>(0, 'c');
    scheduler.spawn(function* () {
      for (let n = 0; n < 1000; n++) yield* channel.send(n);
    });
    const task = scheduler.spawn(function* () {
      for (let n = 0; n < 1000; n++) yield* channel.receive();
      yield* sleep(2);
    });
    await task.join();
    writer.close();
    expect(faults(parse(chunks))).toEqual([]);
  });

  it('escapes names of tasks, and of what they wait for', () => {
    const hostile = ['"},{"ph":"B"', '\\', '\u0000\n\u2028', '\ud800', '</script>', '', '__proto__', '😀'];
    const chunks = written((onTrace) => {
      const scheduler = new Scheduler({ clock: new VirtualClock(), onTrace });
      for (const name of hostile) {
        scheduler.spawn(
          function* () {
            yield* new Channel<number>(0, name).receive();
          },
          [],
          { name },
        );
      }
      expect(() => scheduler.run()).toThrow('wait');
    });
    const entries = parse(chunks);
    expect(faults(entries).filter((fault) => !fault.includes('no name'))).toEqual([]);
    const rows = entries.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(rows).toEqual(hostile);
    // Each line is an entry, and nothing but ASCII control characters could break one.
    expect(chunks.join('').split('\n')).toHaveLength(entries.length + 3);
  });

  it('shows signals, and a new name', () => {
    const base = { time: 1, task: 1, name: 'a' };
    const chunks = written((onTrace) => {
      onTrace({ ...base, kind: 'ready', reason: 'spawned', by: 0, stack: 64 });
      onTrace({ ...base, kind: 'run' });
      for (const signo of [2, 10, 34, 40, 99]) onTrace({ ...base, kind: 'signal', signo });
      onTrace({ ...base, name: 'b', kind: 'stop', reason: 'ended', polls: 1 });
      onTrace({ ...base, name: 'b', kind: 'end', outcome: 'done' });
      onTrace({ ...base, name: 'b', kind: 'signal', signo: 15 });
    });
    const entries = parse(chunks);
    expect(faults(entries)).toEqual([]);
    const signals = entries.filter(({ cat }) => cat === 'signal').map(({ name }) => name);
    expect(signals).toEqual(['SIGINT', 'SIGUSR1', 'SIGRTMIN', 'SIGRTMIN+6', 'signal 99', 'SIGTERM']);
    expect(entries.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name)).toContain('b');
  });

  it('drops what is over the limit, says so, and ends what is under way', () => {
    const events = programEvents();
    for (const limit of [0, 1, 2, 50, 51, 52, events.length - 1]) {
      const chunks: string[] = [];
      const writer = new TraceWriter((text) => chunks.push(text), { limit });
      for (const event of events) writer.onTrace(event);
      writer.close();
      writer.close();
      writer.onTrace(events[0] as TraceEvent);
      expect([writer.written, writer.dropped]).toEqual([limit, events.length - limit]);
      const entries = parse(chunks);
      expect(faults(entries)).toEqual([]);
      expect(entries.filter(({ s }) => s === 'g').map(({ args }) => args?.dropped)).toEqual([events.length - limit]);
    }
    expect(() => new TraceWriter(() => {}, { limit: -1 })).toThrow(RangeError);
    expect(() => new TraceWriter(() => {}, { limit: Number.NaN })).toThrow(RangeError);
  });

  it('can be cut off after a flush: viewers do without the end', () => {
    const chunks: string[] = [];
    const writer = new TraceWriter((text) => chunks.push(text));
    for (const event of programEvents()) writer.onTrace(event);
    writer.flush();
    const entries = parse([...chunks, ']']);
    expect(entries.length).toBeGreaterThan(100);
    expect(faults(entries)).toEqual([]);
  });

  it('of a million events is written in chunks, without being held', () => {
    let characters = 0;
    let longest = 0;
    const writer = new TraceWriter((text) => {
      characters += text.length;
      longest = Math.max(longest, text.length);
    });
    const base = { task: 1, name: 'task' };
    writer.onTrace({ ...base, time: 0, kind: 'ready', reason: 'spawned', by: 0, stack: 0 });
    for (let n = 0; writer.written < 1_000_000; n++) {
      writer.onTrace({ ...base, time: n, kind: 'run' });
      writer.onTrace({ ...base, time: n + 0.5, kind: 'stop', reason: 'yielded', polls: 1 });
      writer.onTrace({ ...base, time: n + 0.5, kind: 'ready', reason: 'yielded' });
    }
    writer.close();
    expect(characters).toBeGreaterThan(80_000_000);
    expect(longest).toBeLessThan(70_000);
  });
});

describe('a recorder', () => {
  it('has the same trace as a writer while it has room', () => {
    const recorder = new TraceRecorder();
    program({ onTrace: recorder.onTrace });
    expect([...recorder.chunks()].join('')).toBe(ofProgram().join(''));
    expect([...recorder.chunks()].join('')).toBe(ofProgram().join(''));
    expect(recorder.dropped).toBe(0);
  });

  it('keeps the last events, and what was under way before them', () => {
    const events = programEvents();
    for (let capacity = 1; capacity < events.length; capacity++) {
      const recorder = new TraceRecorder({ capacity });
      for (const event of events) recorder.onTrace(event);
      expect([...recorder.events()]).toEqual(events.slice(-capacity));
      expect([recorder.size, recorder.dropped]).toEqual([capacity, events.length - capacity]);
      const entries = parse(recorder.chunks());
      expect(faults(entries)).toEqual([]);
      expect(entries.filter(({ s }) => s === 'g').map(({ args }) => args?.dropped)).toEqual([events.length - capacity]);
    }
  });

  it('makes a Blob of it', async () => {
    const recorder = new TraceRecorder({ pid: 7, process: 'mine' });
    program({ onTrace: recorder.onTrace });
    const entries = JSON.parse(await recorder.toBlob().text()) as Entry[];
    expect(faults(entries)).toEqual([]);
    expect(entries[0]).toEqual({ ph: 'M', name: 'process_name', pid: 7, tid: 0, args: { name: 'mine' } });
    expect(new Set(entries.map(({ pid }) => pid))).toEqual(new Set([7]));
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('cannot have a capacity of %d', (capacity) => {
    expect(() => new TraceRecorder({ capacity })).toThrow(RangeError);
  });
});
