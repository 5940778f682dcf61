import type { TraceEvent } from '../scheduler/index.ts';
import { type ChromeOptions, ChromeTrace } from './chrome.ts';
import { Rows } from './rows.ts';
import { JsonArray } from './writer.ts';

export interface TraceRecorderOptions extends ChromeOptions {
  /** How many events are kept, the last ones. Default 100,000; one takes about 100 bytes. */
  readonly capacity?: number;
}

/** Keeps the last events of a scheduler, and makes a Chrome trace of them when it is asked. */
export class TraceRecorder {
  readonly #options: TraceRecorderOptions;
  readonly #capacity: number;
  /** A ring, once it is full: then the oldest is at `#first`. */
  readonly #events: TraceEvent[] = [];
  #first = 0;
  /** What the tasks did before the first that is kept. */
  readonly #before = new Rows();
  #dropped = 0;

  /** @throws RangeError for a capacity that is no integer from 1 on */
  constructor(options: TraceRecorderOptions = {}) {
    const { capacity = 100_000 } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RangeError(`the capacity of a trace is an integer from 1 on, not ${capacity}`);
    }
    this.#options = options;
    this.#capacity = capacity;
  }

  /** For the option `onTrace` of Scheduler. */
  readonly onTrace = (event: TraceEvent): void => {
    if (this.#events.length < this.#capacity) {
      this.#events.push(event);
      return;
    }
    this.#before.apply(this.#events[this.#first] as TraceEvent);
    this.#events[this.#first] = event;
    this.#first = (this.#first + 1) % this.#capacity;
    this.#dropped++;
  };

  /** How many events are kept, and how many older ones are not any more. */
  get size(): number {
    return this.#events.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** What is kept, oldest first. */
  *events(): Generator<TraceEvent, void, undefined> {
    const { length } = this.#events;
    for (let at = 0; at < length; at++) yield this.#events[(this.#first + at) % length] as TraceEvent;
  }

  /**
   * The trace as JSON (Trace Event Format, JSON Array Format), in chunks of some 64 KiB. What was under way before the first event
   * that is kept begins with that.
   */
  *chunks(): Generator<string, void, undefined> {
    const ready: string[] = [];
    const array = new JsonArray((text) => ready.push(text));
    const trace = new ChromeTrace((json) => array.push(json), this.#options, this.#before.copy());
    let isFirst = true;
    for (const event of this.events()) {
      if (isFirst && this.#dropped > 0) {
        trace.dropped(this.#dropped, event.time);
        trace.open(event.time);
      }
      isFirst = false;
      trace.push(event);
      yield* ready.splice(0);
    }
    trace.close();
    array.close();
    yield* ready;
  }

  /** The same in one piece. */
  toBlob(): Blob {
    return new Blob([...this.chunks()], { type: 'application/json' });
  }
}
