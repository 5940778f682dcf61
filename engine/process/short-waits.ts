/** The event loop, as far as short waits need it. */
export interface Loop {
  readonly now: () => number;
  /** Has a function called once the event loop has had its turn. */
  readonly soon: (run: () => void) => void;
  /** Whether something on this thread could compute now. */
  readonly isBusy: () => boolean;
}

/** How long the thread sleeps at most until the event loop has its turn again, in milliseconds. */
const NAP = 0.25;
/** Threads oversleep by about as much (prctl(2), PR_SET_TIMERSLACK). */
const SLACK = 0.05;
const SHORTEST = 0.001;
const cell = typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : null;

/** False: this thread must not. */
function nap(milliseconds: number): boolean {
  try {
    if (cell === null) return false;
    Atomics.wait(cell, 0, 0, milliseconds);
    return true;
  } catch {
    // A page's main thread.
    return false;
  }
}

interface Wait {
  readonly time: number;
  readonly run: () => void;
}

/**
 * Waits that are shorter than timers of the host's are exact, which count milliseconds. The thread sleeps while it waits, but
 * never long, so that the event loop has its turns, and not where a guest on it could compute meanwhile. Where a thread must
 * not sleep (a page's main one) it has one turn after the other until the time has come.
 */
export class ShortWaits {
  readonly #loop: Loop;
  #waits = new Set<Wait>();
  #isScheduled = false;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** @returns what calls it off */
  add(time: number, run: () => void): () => void {
    const wait: Wait = { time, run };
    this.#waits.add(wait);
    this.#schedule();
    return () => void this.#waits.delete(wait);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#loop.soon(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    if (this.#waits.size === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { time } of this.#waits) first = Math.min(first, time);
    const left = first - this.#loop.now();
    if (left > 0 && !this.#loop.isBusy()) nap(Math.max(Math.min(left, NAP) - SLACK, SHORTEST));
    const now = this.#loop.now();
    const due = [...this.#waits].filter(({ time }) => time <= now).sort((a, b) => a.time - b.time);
    try {
      for (const wait of due) if (this.#waits.delete(wait)) wait.run();
    } finally {
      if (this.#waits.size > 0) this.#schedule();
    }
  }
}
