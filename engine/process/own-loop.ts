import { Bell } from './bell.ts';
import { keepAlive, now, turn } from './event-loop.ts';
import type { Pause } from './pause.ts';
import type { Runner } from './runner.ts';
import { Slices } from './slices.ts';

/** Runs the slices of a process without a scheduler: in a loop of its own, or one whenever it is told to. */
export class OwnLoop {
  readonly #runner: Runner;
  readonly #slice: number;
  readonly #around: (run: () => Pause) => Pause;
  readonly #slices: Slices;
  readonly #bell = new Bell();
  #pause: Pause | null = null;

  /**
   * @param slice milliseconds
   * @param around runs each slice
   */
  constructor(runner: Runner, slice: number, around: (run: () => Pause) => Pause) {
    this.#runner = runner;
    this.#slice = slice;
    this.#around = around;
    this.#slices = new Slices(runner, slice);
  }

  /** Something has happened that may let the process go on. */
  ring(): void {
    this.#bell.ring();
  }

  /** Runs one slice: of this fuel, or of about its time. */
  run(fuel?: number): Pause {
    this.#bell.silence();
    this.#pause = this.#around(() => (fuel === undefined ? this.#slices.run() : this.#runner.run(fuel)));
    return this.#pause;
  }

  /** Resolves when slices can be run (`Process.ready`). @throws ProcessError `no-timer` */
  async ready(): Promise<void> {
    await this.#slices.prepare();
    if (this.#pause === null || this.#pause === 'yielded' || this.#runner.ended !== null) return turn();
    await this.#bell.heard();
  }

  /** Runs it to its end. @param hasEntry whether it has something of its own to do */
  async loop(hasEntry: boolean): Promise<void> {
    let release = keepAlive();
    try {
      await this.#slices.prepare();
      await turn();
      for (let turned = now(); ; ) {
        const pause = this.run();
        if (pause === 'ended') return;
        if (pause !== 'yielded') {
          // One that has nothing of its own to do does not hold its host.
          const isIdle = pause === 'idle' && !hasEntry;
          if (isIdle) release();
          await this.#bell.heard();
          if (isIdle) release = keepAlive();
        }
        if (pause === 'yielded' || now() - turned >= this.#slice) {
          await turn();
          turned = now();
        }
      }
    } catch (error) {
      this.#runner.finish({ kind: 'failed', error });
    } finally {
      release();
    }
  }

  /** No more slices will be run. */
  close(): void {
    this.#slices.close();
  }
}
