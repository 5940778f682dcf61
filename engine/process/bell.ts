/** Told that something happened; who waits for that hears it, also where it happened before. */
export class Bell {
  #rung = false;
  #waiting: (() => void)[] = [];

  ring(): void {
    this.#rung = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** What has happened so far is not heard any more. */
  silence(): void {
    this.#rung = false;
  }

  heard(): Promise<void> {
    if (this.#rung) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }
}
