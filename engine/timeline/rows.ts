import type { TraceEvent } from '../scheduler/index.ts';

/**
 * What a task does: it waits for its turn; runs; waits for something; has been interrupted, for the host's event loop; has stopped,
 * and the next event says what for.
 */
export type Activity = 'ready' | 'running' | 'waiting' | 'interrupted' | 'stopped';

/** A task that has not ended, as its events tell of it. */
export interface Row {
  readonly task: number;
  name: string;
  activity: Activity;
  /** Since when; milliseconds of the scheduler's clock. */
  since: number;
  /** What it waits for; empty: for nothing. */
  on: string;
  /** The number of the task that has last woken or spawned it; 0: none. */
  by: number;
  /** The bytes of its shadow stack. */
  readonly stack: number;
}

/** What all tasks of a scheduler do, after each of its events. It holds as many rows as there are tasks. */
export class Rows {
  readonly live = new Map<number, Row>();
  /** How many tasks wait for their turn. */
  queued = 0;

  /** The row as it was before the event; undefined: the task begins with this event. */
  of(event: TraceEvent): Row | undefined {
    return this.live.get(event.task);
  }

  apply(event: TraceEvent): void {
    let row = this.live.get(event.task);
    if (row === undefined) {
      // What a task is sent that has ended does not bring it back.
      if (event.kind === 'signal' || event.kind === 'cancel' || event.kind === 'end') return;
      const stack = event.kind === 'ready' && event.reason === 'spawned' ? event.stack : 0;
      row = { task: event.task, name: event.name, activity: 'stopped', since: event.time, on: '', by: 0, stack };
      this.live.set(event.task, row);
    }
    row.name = event.name;
    switch (event.kind) {
      case 'ready':
        row.by = event.reason === 'spawned' || event.reason === 'woken' ? event.by : 0;
        this.#become(row, 'ready', event.time);
        break;
      case 'run':
        this.#become(row, 'running', event.time);
        break;
      case 'stop':
        this.#become(row, event.reason === 'interrupted' ? 'interrupted' : 'stopped', event.time);
        break;
      case 'block':
        this.#become(row, 'waiting', event.time);
        row.on = event.on;
        break;
      case 'end':
        this.#become(row, 'stopped', event.time);
        this.live.delete(event.task);
        break;
      case 'cancel':
      case 'signal':
        break;
    }
  }

  #become(row: Row, activity: Activity, time: number): void {
    if (row.activity === 'ready') this.queued--;
    if (activity === 'ready') this.queued++;
    row.activity = activity;
    row.since = time;
    row.on = '';
  }

  copy(): Rows {
    const copied = new Rows();
    for (const [task, row] of this.live) copied.live.set(task, { ...row });
    copied.queued = this.queued;
    return copied;
  }
}
