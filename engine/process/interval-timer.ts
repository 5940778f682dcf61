import { hostProcessClock, type ProcessClock } from './event-loop.ts';
import type { TimerValue } from './layout.ts';

const DISARMED: TimerValue = { value: 0, interval: 0 };

/** ITIMER_REAL of a process (setitimer(2)). Expiries that are missed while the host is busy come as one. */
export class IntervalTimer {
  readonly #expired: () => void;
  readonly #clock: ProcessClock;
  #stop: (() => void) | null = null;
  #deadline = 0;
  #interval = 0;

  constructor(expired: () => void, clock: ProcessClock = hostProcessClock) {
    this.#expired = expired;
    this.#clock = clock;
  }

  get(): TimerValue {
    if (this.#stop === null) return DISARMED;
    // As in the kernel, a timer about to expire does not look disarmed.
    return { value: Math.max(this.#deadline - this.#clock.now(), 0.001), interval: this.#interval };
  }

  /** Sets the timer, or disarms it with a value of 0; returns what it was. */
  set({ value, interval }: TimerValue): TimerValue {
    const old = this.get();
    this.#stop?.();
    this.#stop = null;
    if (value > 0) this.#arm(this.#clock.now() + value, interval);
    return old;
  }

  #arm(deadline: number, interval: number): void {
    this.#deadline = deadline;
    this.#interval = interval;
    this.#stop = this.#clock.at(deadline, () => {
      this.#stop = null;
      if (interval > 0) {
        const missed = Math.floor((this.#clock.now() - deadline) / interval);
        this.#arm(deadline + (missed + 1) * interval, interval);
      }
      this.#expired();
    });
  }
}
