/** How the waiting of a call ended: what the call returns, or what it throws into the guest. */
export type Settled =
  | { readonly kind: 'returned'; readonly results: readonly unknown[] }
  | { readonly kind: 'threw'; readonly error: unknown };

/** What a suspending import waits for. */
export interface BlockingCall {
  /**
   * Begins to wait; `done` is to be called once, now or later, with what the import returns, or `fail` with what it throws.
   *
   * @returns what stops waiting; it is called where a signal or the end of the process gets in between
   */
  start(done: (...results: readonly unknown[]) => void, fail: (error: unknown) => void): () => void;
  /** What the import returns where a handler interrupted it: its EINTR. Called after waiting has stopped. */
  interrupted(): unknown;
  /** Whether SA_RESTART starts it again instead (signal(7), "Interruption of system calls"). */
  readonly restartable?: boolean;
  /** A handler runs while it waits, and then it goes on waiting: no EINTR, and its place among others who wait is kept. */
  readonly persistent?: boolean;
  /** It only lets others have their turn. */
  readonly givesWay?: boolean;
  /** What it waits for, for reports. Default: the import's name. */
  describe?(): string;
  /** What the call returns while it is being suspended: a BigInt where the import's result is an i64. Default 0. */
  readonly placeholder?: unknown;
}

const nothing = (): void => {};
/** A call that only lets other threads have their turn, which answer it. */
export const GIVE_WAY: BlockingCall = {
  start: () => nothing,
  interrupted: () => 0,
  persistent: true,
  givesWay: true,
  describe: () => 'its turn',
};

/** What is told that a call is answered. */
export interface Wakeable {
  wake(): void;
}

/** A call of a suspending import while the guest waits in it. */
export class WaitingCall {
  readonly name: string;
  readonly #call: BlockingCall;
  readonly #thread: Wakeable;
  #stop: (() => void) | null = null;
  #settled: Settled | null = null;
  #round = 0;

  /** Begins to wait at once. */
  constructor(name: string, call: BlockingCall, thread: Wakeable) {
    this.name = name;
    this.#call = call;
    this.#thread = thread;
    if (call !== GIVE_WAY) this.start();
  }

  start(): void {
    const round = ++this.#round;
    this.#settled = null;
    const settle = (settled: Settled): void => {
      if (round !== this.#round || this.#settled !== null) return;
      this.#settled = settled;
      this.#thread.wake();
    };
    const stop = this.#call.start(
      (...results) => settle({ kind: 'returned', results }),
      (error) => settle({ kind: 'threw', error }),
    );
    this.#stop = stop;
  }

  get settled(): Settled | null {
    return this.#settled;
  }

  /** What was given to `block`. */
  get source(): BlockingCall {
    return this.#call;
  }

  get restartable(): boolean {
    return this.#call.restartable === true;
  }

  get persistent(): boolean {
    return this.#call.persistent === true;
  }

  get givesWay(): boolean {
    return this.#call.givesWay === true;
  }

  /** What it waits for. */
  describe(): string {
    return this.#call.describe?.() ?? this.name;
  }

  get placeholder(): unknown {
    return this.#call.placeholder ?? 0;
  }

  /** Stops waiting; what comes now is not heard. */
  cancel(): void {
    this.#round++;
    const stop = this.#stop;
    this.#stop = null;
    if (this.#settled === null) stop?.();
  }

  /** Stops waiting: the call returns this. */
  settle(...results: readonly unknown[]): void {
    this.cancel();
    this.#settled = { kind: 'returned', results };
  }

  /** Stops waiting: the call returns that it was interrupted. */
  interrupt(): void {
    this.cancel();
    this.#settled = { kind: 'returned', results: [this.#call.interrupted()] };
  }
}
