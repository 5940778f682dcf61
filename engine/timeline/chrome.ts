import type { TraceEvent } from '../scheduler/index.ts';
import { isSigno, signalName } from '../signals/index.ts';
import { type Row, Rows } from './rows.ts';

export interface ChromeOptions {
  /** The number of the process in the trace; several traces can be put together where theirs differ. Default 1. */
  readonly pid?: number;
  /** Its name. Default `bobbin`. */
  readonly process?: string;
}

type Args = Readonly<Record<string, string | number>>;

/** What is written of one event, beside where and when it was. */
type Entry =
  | { readonly ph: 'B'; readonly name: string; readonly cat: string; readonly args?: Args }
  | { readonly ph: 'E'; readonly args?: Args }
  | { readonly ph: 'i'; readonly name: string; readonly cat: string; readonly s: 't' | 'g'; readonly args?: Args }
  | { readonly ph: 'C'; readonly name: string; readonly args: Args }
  | { readonly ph: 's' | 'f'; readonly name: string; readonly cat: string; readonly id: number; readonly bp?: 'e' };

const NANOSECONDS = 1_000_000;

/**
 * Translates events of a scheduler into those of the Trace Event Format ("JSON Array Format"; chrome://tracing and Perfetto
 * read it). Each task is a thread: `B` and `E` around running, and around waiting, named by what for; `s` and `f` from who woke
 * a task to its next run; instants for `spawn`, signals, `cancel` and the end; a counter of the run queue.
 *
 * Timestamps are microseconds with three decimals and increase strictly: what happens at the same time is a nanosecond apart, so
 * that virtual time, too, shows what came first.
 */
export class ChromeTrace {
  readonly #emit: (json: string) => void;
  readonly #pid: number;
  readonly #rows: Rows;
  readonly #named = new Map<number, string>();
  /** By task: its next run is the end of this flow. */
  readonly #flows = new Map<number, number>();
  #flow = 0;
  #counted = -1;
  /** Nanoseconds. */
  #last = Number.NEGATIVE_INFINITY;

  /** @param rows what the tasks do at the first event; they become this object's own. Default: there are none */
  constructor(emit: (json: string) => void, options: ChromeOptions = {}, rows: Rows = new Rows()) {
    this.#emit = emit;
    this.#pid = options.pid ?? 1;
    this.#rows = rows;
    this.#metadata('process_name', 0, { name: options.process ?? 'bobbin' });
  }

  /** Begins what is under way, for a trace that lacks what came earlier. */
  open(time: number): void {
    for (const row of this.#rows.live.values()) {
      this.#name(row.task, row.name);
      if (row.activity === 'running') this.#begin(row.task, time, 'run', 'run');
      else if (row.activity === 'waiting') this.#begin(row.task, time, row.on, 'wait');
    }
    this.#count(time);
  }

  push(event: TraceEvent): void {
    const { task, time, name } = event;
    const before = this.#rows.of(event);
    const wasOpen = before !== undefined && isOpen(before);
    const ready = before?.activity === 'ready' ? before.since : null;
    this.#name(task, name);
    switch (event.kind) {
      case 'ready':
        if (wasOpen) this.#write(task, time, { ph: 'E' });
        if (event.reason === 'spawned') {
          const { by, stack } = event;
          this.#write(task, time, { ph: 'i', s: 't', name: 'spawn', cat: 'task', args: { by, stack } });
        }
        if (event.reason === 'spawned' || event.reason === 'woken') this.#wake(event.by, task, time);
        break;
      case 'run': {
        const waited = ready === null ? {} : { args: { ready_us: Math.round((time - ready) * NANOSECONDS) / 1000 } };
        this.#write(task, time, { ph: 'B', name: 'run', cat: 'run', ...waited });
        this.#arrive(task, time);
        break;
      }
      case 'stop': {
        const args = { reason: event.reason, polls: event.polls };
        if (wasOpen) this.#write(task, time, { ph: 'E', args });
        break;
      }
      case 'block':
        this.#begin(task, time, event.on, 'wait');
        break;
      case 'cancel':
        this.#write(task, time, { ph: 'i', s: 't', name: 'cancel', cat: 'cancel' });
        break;
      case 'signal': {
        const { signo } = event;
        const name = isSigno(signo) ? signalName(signo) : `signal ${signo}`;
        this.#write(task, time, { ph: 'i', s: 't', name, cat: 'signal', args: { signo } });
        break;
      }
      case 'end':
        if (wasOpen) this.#write(task, time, { ph: 'E' });
        this.#write(task, time, { ph: 'i', s: 't', name: event.outcome, cat: 'task' });
        this.#flows.delete(task);
        this.#named.delete(task);
        break;
    }
    this.#rows.apply(event);
    this.#count(time);
  }

  /** That something is missing from here on. */
  dropped(count: number, time: number): void {
    const args = { dropped: count };
    this.#write(0, time, { ph: 'i', s: 'g', name: `${count} events dropped`, cat: 'trace', args });
  }

  /** Ends what is under way. */
  close(time = Number.NEGATIVE_INFINITY): void {
    for (const row of this.#rows.live.values()) if (isOpen(row)) this.#write(row.task, time, { ph: 'E' });
  }

  #begin(task: number, time: number, on: string, cat: string): void {
    this.#write(task, time, { ph: 'B', name: on === '' ? 'wait' : on, cat });
  }

  #wake(by: number, task: number, time: number): void {
    const waker = this.#rows.live.get(by);
    if (waker?.activity !== 'running') return;
    const id = ++this.#flow;
    this.#flows.set(task, id);
    this.#write(by, time, { ph: 's', name: 'wake', cat: 'wake', id });
  }

  #arrive(task: number, time: number): void {
    const id = this.#flows.get(task);
    if (id === undefined) return;
    this.#flows.delete(task);
    this.#write(task, time, { ph: 'f', name: 'wake', cat: 'wake', id, bp: 'e' });
  }

  #count(time: number): void {
    const { queued } = this.#rows;
    if (queued === this.#counted) return;
    this.#counted = queued;
    this.#write(0, time, { ph: 'C', name: 'run queue', args: { tasks: queued } });
  }

  #name(task: number, name: string): void {
    const known = this.#named.get(task);
    if (known === name) return;
    this.#named.set(task, name);
    this.#metadata('thread_name', task, { name });
    if (known === undefined) this.#metadata('thread_sort_index', task, { sort_index: task });
  }

  #metadata(name: string, tid: number, args: Args): void {
    this.#emit(JSON.stringify({ ph: 'M', name, pid: this.#pid, tid, args }));
  }

  #write(tid: number, time: number, entry: Entry): void {
    const at = Math.round(time * NANOSECONDS);
    // The first may be the one that a missing time is counted from.
    this.#last = this.#last === Number.NEGATIVE_INFINITY ? Math.max(at, 0) : Math.max(at, this.#last + 1);
    this.#emit(JSON.stringify({ ...entry, ts: this.#last / 1000, pid: this.#pid, tid }));
  }
}

const isOpen = (row: Row): boolean => row.activity === 'running' || row.activity === 'waiting';
