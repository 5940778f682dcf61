/** What a process's host asks to do while the guest is suspended, and has asked for while that was running. */
export class HostActions {
  readonly #waiting: (() => void)[] = [];

  /**
   * Does something now or later.
   *
   * @param isNow whether the guest is suspended; where it is not, `act` does it
   * @returns what it returns; rejected with what it throws
   */
  do<T>(action: () => T, isNow: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(action());
        } catch (error) {
          reject(error);
        }
      };
      if (isNow) run();
      else this.#waiting.push(run);
    });
  }

  /** Does what it was asked to while the guest ran, one after the other, as long as that is suspended. */
  act(isSuspended: () => boolean): void {
    while (isSuspended()) {
      const action = this.#waiting.shift();
      if (action === undefined) return;
      action();
    }
  }

  /** The process has ended: does what it was asked to before, which learns of that. */
  ended(): void {
    for (const action of this.#waiting.splice(0)) action();
  }
}
