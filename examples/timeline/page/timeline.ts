import type { TraceEvent } from '../../../engine/scheduler/index.ts';
import { type Row, Rows } from '../../../engine/timeline/index.ts';

/** What is drawn for a span of a task's time; the numbers are stored, and index the palette. */
export const SPAN = { none: 0, sleep: 1, wait: 2, channel: 3, mutex: 4, stopped: 5, ready: 6, run: 7 } as const;
export type SpanKind = (typeof SPAN)[keyof typeof SPAN];

/** A task's row, kept for a while after its end. */
export interface Line {
  readonly task: number;
  name: string;
  readonly began: number;
  /** Infinity: it has not ended. */
  ended: number;
  /** Null once it has ended. */
  row: Row | null;
  /** Milliseconds it has been running. */
  running: number;
  signals: number;
}

/** A signal, or a cancellation. */
export interface Mark {
  readonly time: number;
  /** 0: it was sent to all of them. */
  readonly task: number;
  /** The signal's number; 0: it was cancelled. */
  readonly signo: number;
}

/** What a line shows at one time. */
export interface Found {
  readonly kind: SpanKind;
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

const LABELS = 4096;
/** How many of them the run queue's length is kept for. */
const MILLISECONDS = 1 << 16;

/** What a task that waits for this is drawn as. */
export function kindOf(on: string): SpanKind {
  if (on.startsWith('sleep') || on.startsWith('its turn')) return SPAN.sleep;
  if (on.includes('SIGCONT')) return SPAN.stopped;
  if (on.includes('mutex')) return SPAN.mutex;
  return on.includes('channel') ? SPAN.channel : SPAN.wait;
}

/**
 * The last spans of all tasks, made of a scheduler's events as they come. It has a fixed size: spans in a ring of typed arrays, by the
 * order of their ends, so that the ones in sight are found from the newest back.
 */
export class Timeline {
  readonly #capacity: number;
  /** How long the line of a task that has ended is kept, in milliseconds. */
  readonly #kept: number;
  readonly #tasks: Uint32Array;
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #kinds: Uint8Array;
  readonly #labels: Uint16Array;
  #count = 0;
  readonly #names: string[] = [''];
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #rows = new Rows();
  /** Oldest first. */
  lines: Line[] = [];
  readonly #byTask = new Map<number, Line>();
  marks: Mark[] = [];
  /** The greatest length of the run queue, for each millisecond in which it changed, and the length after it. */
  readonly #queueTimes: Float64Array;
  readonly #queueLengths: Uint16Array;
  readonly #queueAfter: Uint16Array;
  #queueCount = 0;
  switches = 0;
  /** Milliseconds. */
  busy = 0;
  longest = 0;

  constructor(options: { readonly capacity?: number; readonly kept?: number } = {}) {
    const { capacity = 1 << 19, kept = 20_000 } = options;
    this.#capacity = capacity;
    this.#kept = kept;
    this.#tasks = new Uint32Array(capacity);
    this.#from = new Float64Array(capacity);
    this.#to = new Float64Array(capacity);
    this.#kinds = new Uint8Array(capacity);
    this.#labels = new Uint16Array(capacity);
    this.#queueTimes = new Float64Array(MILLISECONDS);
    this.#queueLengths = new Uint16Array(MILLISECONDS);
    this.#queueAfter = new Uint16Array(MILLISECONDS);
  }

  get live(): number {
    return this.#rows.live.size;
  }

  get queued(): number {
    return this.#rows.queued;
  }

  line(task: number): Line | undefined {
    return this.#byTask.get(task);
  }

  readonly onTrace = (event: TraceEvent): void => {
    const row = this.#rows.of(event);
    if (row !== undefined) this.#close(row, event);
    const { queued } = this.#rows;
    this.#rows.apply(event);
    if (queued !== this.#rows.queued) this.#queueChanged(event.time);
    const line = this.#byTask.get(event.task) ?? this.#begin(event);
    line.name = event.name;
    switch (event.kind) {
      case 'run':
        this.switches++;
        break;
      case 'end':
        line.ended = event.time;
        line.row = null;
        break;
      case 'signal':
        line.signals++;
        this.marks.push({ time: event.time, task: event.task, signo: event.signo });
        break;
      case 'cancel':
        this.marks.push({ time: event.time, task: event.task, signo: 0 });
        break;
      case 'ready':
      case 'stop':
      case 'block':
        break;
    }
  };

  #begin(event: TraceEvent): Line {
    const row = this.#rows.live.get(event.task) ?? null;
    const { task, name, time } = event;
    const line: Line = { task, name, began: time, ended: Number.POSITIVE_INFINITY, row, running: 0, signals: 0 };
    this.lines.push(line);
    this.#byTask.set(task, line);
    return line;
  }

  /** Stores what the row was doing until the event. */
  #close(row: Row, event: TraceEvent): void {
    if (event.kind === 'signal' || event.kind === 'cancel') return;
    const kind = this.#kind(row);
    if (kind === SPAN.none || event.time <= row.since) return;
    if (kind === SPAN.run) {
      const time = event.time - row.since;
      this.busy += time;
      this.longest = Math.max(this.longest, time);
      const line = this.#byTask.get(row.task);
      if (line !== undefined) line.running += time;
    }
    const at = this.#count++ % this.#capacity;
    this.#tasks[at] = row.task;
    this.#from[at] = row.since;
    this.#to[at] = event.time;
    this.#kinds[at] = kind;
    this.#labels[at] = this.#label(row.on);
  }

  #kind(row: Row): SpanKind {
    switch (row.activity) {
      case 'running':
        return SPAN.run;
      case 'ready':
      case 'interrupted':
        return SPAN.ready;
      case 'waiting':
        return kindOf(row.on);
      case 'stopped':
        return SPAN.none;
      default:
        return row.activity satisfies never;
    }
  }

  #label(on: string): number {
    const known = this.#numbers.get(on);
    if (known !== undefined) return known;
    if (this.#names.length >= LABELS) return 0;
    this.#numbers.set(on, this.#names.length);
    return this.#names.push(on) - 1;
  }

  #queueChanged(time: number): void {
    const { queued } = this.#rows;
    const millisecond = Math.floor(time);
    let at = (this.#queueCount - 1) % MILLISECONDS;
    if (this.#queueCount === 0 || this.#queueTimes[at] !== millisecond) {
      at = this.#queueCount++ % MILLISECONDS;
      this.#queueTimes[at] = millisecond;
      this.#queueLengths[at] = 0;
    }
    this.#queueLengths[at] = Math.max(this.#queueLengths[at] as number, queued);
    this.#queueAfter[at] = queued;
  }

  /** A signal was sent to the process. */
  sent(signo: number, time: number): void {
    this.marks.push({ time, task: 0, signo });
  }

  /** Forgets the lines of tasks that have ended long ago, and old marks. */
  prune(now: number): void {
    const before = now - this.#kept;
    if (this.lines.some(({ ended }) => ended < before)) {
      for (const { task, ended } of this.lines) if (ended < before) this.#byTask.delete(task);
      this.lines = this.lines.filter(({ ended }) => ended >= before);
    }
    if ((this.marks[0]?.time ?? now) < before) this.marks = this.marks.filter(({ time }) => time >= before);
  }

  /** Calls back for every span that is partly within a time, in no certain order. */
  each(from: number, to: number, call: (task: number, kind: SpanKind, from: number, to: number) => void): void {
    for (const row of this.#rows.live.values()) {
      const kind = this.#kind(row);
      if (kind !== SPAN.none && row.since < to) call(row.task, kind, row.since, to);
    }
    const oldest = Math.max(this.#count - this.#capacity, 0);
    for (let count = this.#count - 1; count >= oldest; count--) {
      const at = count % this.#capacity;
      const end = this.#to[at] as number;
      if (end <= from) break;
      const begin = this.#from[at] as number;
      if (begin < to) call(this.#tasks[at] as number, this.#kinds[at] as SpanKind, begin, end);
    }
  }

  /** Calls back for each millisecond within a time in which the run queue changed, newest first: how long it was then, and after it. */
  eachQueue(from: number, to: number, call: (millisecond: number, length: number, after: number) => void): void {
    const oldest = Math.max(this.#queueCount - MILLISECONDS, 0);
    for (let count = this.#queueCount - 1; count >= oldest; count--) {
      const at = count % MILLISECONDS;
      const time = this.#queueTimes[at] as number;
      if (time < to) call(time, this.#queueLengths[at] as number, this.#queueAfter[at] as number);
      if (time <= from) break;
    }
  }

  /** What a task did at a time. */
  find(task: number, time: number): Found | null {
    const row = this.#rows.live.get(task);
    if (row !== undefined && row.since <= time) {
      return { kind: this.#kind(row), label: row.on, from: row.since, to: Number.POSITIVE_INFINITY };
    }
    const oldest = Math.max(this.#count - this.#capacity, 0);
    for (let count = this.#count - 1; count >= oldest; count--) {
      const at = count % this.#capacity;
      const to = this.#to[at] as number;
      if (to < time) return null;
      const from = this.#from[at] as number;
      if (this.#tasks[at] !== task || from > time) continue;
      return { kind: this.#kinds[at] as SpanKind, label: this.#names[this.#labels[at] as number] ?? '', from, to };
    }
    return null;
  }
}
