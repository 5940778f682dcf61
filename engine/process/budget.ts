import type { Guest } from './guest.ts';

/**
 * How many polls a guest may pass before it yields. `fuel` polls count them down; `epoch` polls look at a word, which is set
 * only to have the guest yield for a signal.
 */
export class Budget {
  static readonly limit = 0x7fff_ffff;
  readonly #guest: Guest;
  /** What was left when a yield was asked for. */
  #reserve = 0;
  #requested = false;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** The guest yields at the poll of this number from now on. */
  set(polls: number): void {
    this.#guest.fuel.value = polls - 1;
    this.#reserve = 0;
    this.#clear();
  }

  /** Has the guest yield at its next poll, without taking anything off its budget but that poll. */
  request(): void {
    const { fuel, epoch } = this.#guest;
    if (!this.#requested && fuel.value > 0) {
      this.#reserve = fuel.value;
      fuel.value = 0;
    }
    this.#requested = true;
    epoch.value = 1;
  }

  /** Puts back what a request took. */
  rearm(): void {
    if (!this.#requested) return;
    this.#guest.fuel.value += this.#reserve;
    this.#reserve = 0;
    this.#clear();
  }

  /** Whether the guest, having yielded, has used up its budget. */
  get spent(): boolean {
    return !this.#requested || this.#guest.fuel.value + this.#reserve < 0;
  }

  #clear(): void {
    this.#requested = false;
    this.#guest.epoch.value = 0;
  }
}
