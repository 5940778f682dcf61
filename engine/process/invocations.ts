import type { SuspendableImport } from '../../continuations/running.ts';
import type { WaitingCall } from './blocking.ts';
import { ProcessError } from './errors.ts';
import type { Guest } from './guest.ts';

/** One call of a suspending import, while its function runs. */
interface Invocation {
  readonly name: string;
  /** Whether it can wait: it cannot where a host function is between its caller and the process. */
  readonly canWait: boolean;
  /** What it is to wait in once its function has returned; null: nothing. */
  waiting: WaitingCall | null;
  readonly outer: Invocation | null;
}

/**
 * The calls of suspending imports whose functions run, the one within the other. A function may call the guest before or after it has asked
 * to wait, and throw after it has: nothing of the guest's is changed before it has returned.
 */
export class Invocations {
  readonly #guest: Guest;
  #innermost: Invocation | null = null;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Calls an import. @param suspend is called where it is to be suspended now */
  call(
    { name, func, identity }: SuspendableImport,
    args: readonly unknown[],
    suspend: (in_: WaitingCall) => void,
  ): unknown {
    const guest = this.#guest;
    const own = guest.identity === undefined || guest.identity === identity;
    const call: Invocation = { name, canWait: own && guest.canSuspend(name), waiting: null, outer: this.#innermost };
    this.#innermost = call;
    let returned = false;
    try {
      const result = func(...args);
      returned = true;
      return result;
    } finally {
      this.#innermost = call.outer;
      const { waiting } = call;
      if (waiting !== null && returned) suspend(waiting);
      else waiting?.cancel();
    }
  }

  /** Whether the call of this import that is running can wait. */
  canWait(name: string): boolean {
    const call = this.#innermost;
    // Functions that another instance exports are not called through this.
    return call === null ? this.#guest.canSuspend(name) : call.name === name && call.canWait;
  }

  /** @throws ProcessError `state` where the running call has asked to wait before */
  checkFirst(name: string): void {
    if (this.#innermost?.name !== name || this.#innermost.waiting === null) return;
    throw new ProcessError('state', `${name} waits already: one call of it is suspended once`);
  }

  /** Has the running call wait once its function has returned; false: that is not known here. */
  wait(waiting: WaitingCall): boolean {
    if (this.#innermost === null) return false;
    this.#innermost.waiting = waiting;
    return true;
  }
}
