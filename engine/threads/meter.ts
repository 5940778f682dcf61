import { POLL_LIMIT } from '../process/budget.ts';
import { now } from '../process/event-loop.ts';
import { Chunk } from '../process/pace.ts';
import type { Pause } from '../process/pause.ts';
import type { Runner } from '../process/runner.ts';
import { SliceTimer } from '../process/slice-timer.ts';

/** How long threads with `epoch` polls have their turn, in milliseconds. */
const EPOCH_SLICE = 10;
/** The same where polls are counted: calls of imports may take longer than the polls between them. */
const LONGEST_TURN = 40;

/** How a thread's turn went. */
export interface Turn {
  readonly pause: Pause;
  /** The polls it has passed, of those it was given. */
  readonly used: number;
  /** Whether it may go on at once, unless the host needs a turn. */
  readonly interrupted: boolean;
}

/** Has the threads of one process run for as long as they may. */
export class Meter {
  readonly #chunk: Chunk;
  readonly #turn: number;
  /** What the thread has had of its turn, with `epoch` polls, in milliseconds. */
  #taken = 0;
  #timer: { readonly timer: SliceTimer; readonly slots: Map<SharedArrayBuffer, number> } | null = null;

  /** @param turn milliseconds until the host's event loop has to have a turn */
  constructor(turn: number) {
    this.#turn = Math.min(turn, EPOCH_SLICE);
    this.#chunk = new Chunk(turn);
  }

  /** What has to be waited for before a thread of this guest runs; null: nothing. */
  preparing(runner: Runner): Promise<void> | null {
    if (this.#timer !== null || (runner.guest.epoch?.buffer ?? null) === null) return null;
    return SliceTimer.get().then((timer) => {
      this.#timer ??= { timer, slots: new Map() };
    });
  }

  run(runner: Runner, budget: number): Turn {
    if (runner.guest.epoch !== null) return this.#timed(runner, budget);
    const polls = Math.min(budget, this.#chunk.begin());
    const pause = runner.run(polls, now() + LONGEST_TURN);
    const { used } = runner.budget;
    const interrupted = pause === 'yielded' && (runner.spent || runner.isLate) && used < budget;
    if (interrupted && runner.spent) this.#chunk.passed();
    else this.#chunk.ended();
    return { pause, used, interrupted };
  }

  #timed(runner: Runner, budget: number): Turn {
    const buffer = runner.guest.epoch?.buffer ?? null;
    const timer = this.#timer;
    const run = (): Pause => runner.run(POLL_LIMIT);
    const begun = now();
    const pause = timer === null || buffer === null ? run() : timer.timer.during(this.#slot(buffer), this.#turn, run);
    this.#taken += now() - begun;
    // Of what runs without end only the host's turns are cut out.
    const isOver = this.#taken > EPOCH_SLICE - this.#turn && budget !== Number.POSITIVE_INFINITY;
    const interrupted = pause === 'yielded' && !isOver;
    if (!interrupted) this.#taken = 0;
    return { pause, used: 0, interrupted };
  }

  #slot(buffer: SharedArrayBuffer): number {
    const slots = this.#timer?.slots;
    let slot = slots?.get(buffer);
    if (slot === undefined) {
      slot = this.#timer?.timer.add(this, buffer) ?? 0;
      slots?.set(buffer, slot);
    }
    return slot;
  }

  /** No thread will run any more. */
  close(): void {
    for (const slot of this.#timer?.slots.values() ?? []) this.#timer?.timer.remove(this, slot);
    this.#timer = null;
  }
}
