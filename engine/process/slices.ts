import { PACED_LIMIT, POLL_LIMIT } from './budget.ts';
import { ProcessError } from './errors.ts';
import { now } from './event-loop.ts';
import { paced } from './pace.ts';
import type { Pause } from './pause.ts';
import type { Runner } from './runner.ts';
import { SliceTimer } from './slice-timer.ts';

/** Parts of a slice of polls: a guest whose polls suddenly take longer overruns a part, not the whole. */
const PARTS = 16;
const FIRST_BUDGET = 1000;
/** How often a guest with a time limit yields, in milliseconds, to have the clock looked at. */
const LONGEST_TICK = 20;

/** Runs a guest for about the time of a slice. */
export class Slices {
  readonly #runner: Runner;
  readonly #time: number;
  #budget = FIRST_BUDGET;
  #timer: { readonly timer: SliceTimer; readonly slot: number } | null = null;

  /** @param time milliseconds; Infinity: slices end only where the guest waits */
  constructor(runner: Runner, time: number) {
    this.#runner = runner;
    this.#time = time;
  }

  /** How often the guest is to yield at least, in milliseconds. */
  get #tick(): number {
    return this.#runner.isLimited ? Math.min(this.#time, LONGEST_TICK) : this.#time;
  }

  /** The word that another thread has to set; null: slices can do without. */
  get #timed(): SharedArrayBuffer | null {
    return this.#tick === Number.POSITIVE_INFINITY ? null : (this.#runner.guest.epoch?.buffer ?? null);
  }

  /** Has to have resolved before slices are run. @throws ProcessError `no-timer` */
  async prepare(): Promise<void> {
    const buffer = this.#timed;
    if (buffer === null || this.#timer !== null) return;
    const timer = await SliceTimer.get();
    if (this.#timer === null && this.#runner.ended === null) this.#timer = { timer, slot: timer.add(this, buffer) };
  }

  run(): Pause {
    const { epoch } = this.#runner.guest;
    if (epoch === null) return this.#counted();
    if (this.#timed === null) return this.#runner.run(POLL_LIMIT, now() + this.#time);
    return this.#limited();
  }

  /** No more slices will be run. */
  close(): void {
    this.#timer?.timer.remove(this, this.#timer.slot);
    this.#timer = null;
  }

  /** What a poll takes is measured: the budget follows it. */
  #counted(): Pause {
    const runner = this.#runner;
    const begun = now();
    const wanted = this.#time / PARTS;
    for (let from = begun; ; ) {
      const pause = runner.run(this.#budget, begun + this.#time);
      const to = now();
      if (runner.spent) {
        this.#budget = Math.min(paced(this.#budget, wanted, to - from), PACED_LIMIT);
      }
      if (pause !== 'yielded' || to - begun + wanted / 2 >= this.#time) return pause;
      from = to;
    }
  }

  #limited(): Pause {
    const runner = this.#runner;
    if (this.#timer === null) {
      throw new ProcessError('no-timer', 'the thread that ends slices is being started: wait for ready() first');
    }
    const { timer, slot } = this.#timer;
    const begun = now();
    for (let left = this.#tick; ; left = Math.min(this.#tick, this.#time - (now() - begun))) {
      const pause = timer.during(slot, left, () => runner.run(POLL_LIMIT, begun + this.#time));
      // Whoever else sets the word, or a tick that was meant for the slice before, does not end this one.
      if (pause !== 'yielded' || now() - begun >= this.#time / 2) return pause;
    }
  }
}
