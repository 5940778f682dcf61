import type { TraceEvent } from '../scheduler/index.ts';
import { type ChromeOptions, ChromeTrace } from './chrome.ts';

/** How many characters are gathered until they are written. */
const CHUNK = 65_536;

/** Puts JSON values together to an array, in chunks. */
export class JsonArray {
  readonly #write: (text: string) => void;
  #text = '[';
  #separator = '\n';

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  push(json: string): void {
    this.#text += this.#separator + json;
    this.#separator = ',\n';
    if (this.#text.length >= CHUNK) this.flush();
  }

  flush(): void {
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.#write(text);
  }

  close(): void {
    this.#text += '\n]\n';
    this.flush();
  }
}

export interface TraceWriterOptions extends ChromeOptions {
  /** How many events of the scheduler are written at most; those after them are dropped, and counted. Default 10,000,000. */
  readonly limit?: number;
}

/**
 * Writes a Chrome trace as it happens, in chunks of some 64 KiB; it keeps one chunk, and a few words for each task that has not ended.
 *
 * ```ts
 * const writer = new TraceWriter((text) => writeSync(file, text));
 * const scheduler = new Scheduler({ onTrace: writer.onTrace });
 * // …
 * writer.close();
 * ```
 */
export class TraceWriter {
  readonly #array: JsonArray;
  readonly #trace: ChromeTrace;
  readonly #limit: number;
  #time = Number.NEGATIVE_INFINITY;
  #closed = false;
  /** How many events of the scheduler were written, and how many came after the limit. */
  written = 0;
  dropped = 0;

  /**
   * @param write what it throws is thrown out of `onTrace` and `close`
   * @throws RangeError for a limit that is no number from 0 on
   */
  constructor(write: (text: string) => void, options: TraceWriterOptions = {}) {
    const { limit = 10_000_000 } = options;
    if (!(limit >= 0)) throw new RangeError(`the limit of a trace is a number from 0 on, not ${limit}`);
    this.#limit = limit;
    this.#array = new JsonArray(write);
    this.#trace = new ChromeTrace((json) => this.#array.push(json), options);
  }

  /** For the option `onTrace` of Scheduler. After `close` it does nothing. */
  readonly onTrace = (event: TraceEvent): void => {
    if (this.#closed) return;
    if (this.written >= this.#limit) {
      this.dropped++;
      return;
    }
    this.written++;
    this.#time = event.time;
    this.#trace.push(event);
  };

  /** Writes what has been gathered: the file is complete but for its end, which viewers do without. */
  flush(): void {
    if (!this.#closed) this.#array.flush();
  }

  /** Ends what is under way, and the file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.dropped > 0) this.#trace.dropped(this.dropped, this.#time);
    this.#trace.close();
    this.#array.close();
  }
}
