import { HOST_EXPORTS } from '../../../asyncify/lower/interface.ts';
import { manifestOf } from '../../../continuations/index.ts';
import { POLL_LIMIT } from '../../process/budget.ts';
import { Guest, type GuestOptions } from '../../process/guest.ts';
import { Chunk } from '../../process/pace.ts';
import type { Home } from '../operation.ts';
import type { GuestBody } from './guest-coroutine.ts';
import { type StackOptions, type Stacks, stacksOf } from './stacks.ts';

export type PortOptions = GuestOptions & StackOptions;

/** An instance whose functions run as tasks. */
export class GuestPort {
  readonly guest: Guest;
  readonly home: Home;
  readonly stacks: Stacks | null;
  /** Whether there is nothing to do around a run: the guest's tasks have no polls and no shadow stacks. */
  readonly isPlain: boolean;
  /** Has the running call of a suspending import suspended once it returns. */
  readonly suspend: () => void;
  readonly #exports: WebAssembly.Exports;
  readonly #canSuspend: () => number;
  /** Sets how many more polls it passes, and says how many were left; null: it has other polls or none. */
  readonly #refuel: ((polls: number) => number) | null;
  /** What was left after the last run. */
  #left = 0;
  readonly #chunk = new Chunk();

  constructor(module: WebAssembly.Module, instance: WebAssembly.Instance, home: Home, options: PortOptions) {
    const { exports } = instance;
    this.guest = new Guest(module, instance, options);
    this.home = home;
    this.#exports = exports;
    this.suspend = exports[HOST_EXPORTS.suspend] as () => void;
    this.#canSuspend = exports[HOST_EXPORTS.canSuspend] as () => number;
    const counts = manifestOf(module)?.host?.poll === 'fuel';
    this.#refuel = counts ? (exports[HOST_EXPORTS.refuel] as (polls: number) => number) : null;
    this.stacks = stacksOf(this.guest, exports, options);
    this.isPlain = this.stacks === null && this.#refuel === null && this.guest.epoch === null;
  }

  /** Whether the running call of a suspending import can wait. */
  canSuspend(): boolean {
    return this.#canSuspend() !== 0;
  }

  /** What calls an exported function, any number of times. */
  entry(name: string): GuestBody {
    return {
      name,
      kind: 'exported function',
      begin: (args) => this.guest.start(name, args),
      results: this.#exports[HOST_EXPORTS.results(name)] as () => unknown,
    };
  }

  /** Sets how many polls it passes until it yields. @returns how many, at most those of the budget */
  fill(budget: number): number {
    this.guest.epoch?.clear();
    if (this.#refuel === null) return 0;
    const polls = Math.min(budget, this.#chunk.begin());
    this.#refuel(polls - 1);
    return polls;
  }

  /** How many polls it has passed of those. */
  used(polls: number): number {
    if (this.#refuel === null) return 0;
    // A call that is no task finds no host to yield to, and is not to ask at each poll.
    this.#left = this.#refuel(POLL_LIMIT);
    if (!this.isEmpty) this.#chunk.ended();
    return Math.max(polls - 1 - this.#left, 0);
  }

  /** Whether it has passed all its polls; with `epoch` ones it is never empty. */
  get isEmpty(): boolean {
    return this.#refuel !== null && this.#left < 0;
  }

  /** It has passed a chunk, and its slice is not over. */
  interrupted(): void {
    this.#chunk.passed();
  }

  /** @returns the stack pointer before; null: the guest's tasks have no stacks of their own */
  switchStack(to: number | null): number | null {
    return this.stacks === null || to === null ? null : this.guest.switchStack(to);
  }
}
