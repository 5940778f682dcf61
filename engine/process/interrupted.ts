import type { Signo, SigSet } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import { ProcessError } from './errors.ts';

/** What an Interrupted needs of its process. */
export interface Home {
  /** Puts a computation where none is. @throws ProcessError where there is one, or the process has ended */
  restore(stack: Activation[], mask: SigSet): void;
  /** Is told that a computation will not go on. */
  dropped(stack: readonly Activation[]): void;
}

/**
 * A computation taken out of its process: as it was interrupted, or before it has begun. It is used once: resumed, or dropped.
 * One that is neither is ordinary garbage, but for a call it may be waiting in.
 */
export class Interrupted {
  readonly #home: Home;
  readonly #mask: SigSet;
  #stack: Activation[] | null;

  constructor(home: Home, stack: Activation[], mask: SigSet) {
    this.#home = home;
    this.#stack = stack;
    this.#mask = mask;
  }

  /** Whether it can still be resumed. */
  get isUsable(): boolean {
    return this.#stack !== null;
  }

  /** The export that it runs; null once it is used. */
  get entry(): string | null {
    return this.#stack?.[0]?.entry ?? null;
  }

  /** Where it is suspended: before its start, at a yield point, or in a call of an import. */
  get at(): 'start' | 'yield-point' | 'call' | null {
    return this.#stack?.at(-1)?.at ?? null;
  }

  /** The suspending import that it waits in, `module.name`; null: none. */
  get waitsIn(): string | null {
    return this.#stack?.at(-1)?.call?.name ?? null;
  }

  /** The signals whose handlers are running in it, outermost first. */
  get handlers(): readonly Signo[] {
    return (this.#stack ?? []).flatMap(({ handler }) => (handler === null ? [] : [handler.signal]));
  }

  /** The shadow stack's pointer where it is suspended; null where the guest exports none. */
  get stackPointer(): number | null {
    return this.#stack?.at(-1)?.stackPointer ?? null;
  }

  /** What is blocked while it runs. */
  get mask(): SigSet {
    return this.#mask;
  }

  /**
   * Has its process go on with it.
   *
   * @throws ProcessError where it was used before, or its process has another computation or has ended
   */
  resume(): void {
    if (this.#stack === null) throw new ProcessError('state', 'the computation was resumed or dropped before');
    this.#home.restore(this.#stack, this.#mask);
    this.#stack = null;
  }

  /** Forgets it; a call it waits in is given up. Does nothing the second time. */
  drop(): void {
    const stack = this.#stack;
    if (stack === null) return;
    this.#stack = null;
    for (const { call } of stack) call?.cancel();
    this.#home.dropped(stack);
  }
}
