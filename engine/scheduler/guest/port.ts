import { HOST_EXPORTS } from '../../../asyncify/lower/interface.ts';
import { manifestOf } from '../../../continuations/index.ts';
import { Guest, type GuestOptions } from '../../process/guest.ts';
import type { Home } from '../operation.ts';
import type { GuestBody } from './guest-coroutine.ts';
import { GrowingAllocator, type StackAllocator, Stacks } from './stacks.ts';

export interface PortOptions extends GuestOptions {
  /** Bytes of each task's shadow stack, where `spawn` says nothing else. Default 65,536. */
  readonly stackSize?: number;
  /** Where the shadow stacks of tasks lie. Default: in pages that the guest's memory grows by. */
  readonly stacks?: (exports: WebAssembly.Exports) => StackAllocator;
}

const DEFAULT_STACK_SIZE = 65_536;
/** Polls after which it is looked whether the host needs a turn: at first, and how many milliseconds they should take. */
const FIRST_CHUNK = 10_000;
const CHUNK_TIME = 1;
const LARGEST_STEP = 8;
const POLL_LIMIT = 0x7fff_ffff;

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
  #chunk = FIRST_CHUNK;
  #interrupted = false;
  #since = 0;

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
    if (this.#interrupted) this.#since = performance.now();
    const polls = Math.min(budget, this.#chunk);
    this.#refuel(polls - 1);
    return polls;
  }

  /** How many polls it has passed of those. */
  used(polls: number): number {
    if (this.#refuel === null) return 0;
    // A call that is no task finds no host to yield to, and is not to ask at each poll.
    this.#left = this.#refuel(POLL_LIMIT);
    if (!this.isEmpty) this.#interrupted = false;
    return Math.min(Math.max(polls - 1 - this.#left, 0), polls);
  }

  /** Whether it has passed all its polls; with `epoch` ones it is never empty. */
  get isEmpty(): boolean {
    return this.#refuel !== null && this.#left < 0;
  }

  /** It has passed a chunk, and its slice is not over. What that took says how large the next is to be. */
  interrupted(): void {
    if (this.#interrupted) {
      const factor = CHUNK_TIME / Math.max(performance.now() - this.#since, Number.MIN_VALUE);
      const limited = Math.min(Math.max(factor, 1 / LARGEST_STEP), LARGEST_STEP);
      this.#chunk = Math.round(Math.min(Math.max(this.#chunk * limited, 1), POLL_LIMIT));
    }
    this.#interrupted = true;
  }

  /** @returns the stack pointer before; null: the guest's tasks have no stacks of their own */
  switchStack(to: number | null): number | null {
    return this.stacks === null || to === null ? null : this.guest.switchStack(to);
  }
}

function stacksOf(guest: Guest, exports: WebAssembly.Exports, options: PortOptions): Stacks | null {
  if (guest.stackPointer === null || !(exports.memory instanceof WebAssembly.Memory)) return null;
  const allocator = options.stacks?.(exports) ?? new GrowingAllocator(exports.memory);
  return new Stacks(exports.memory, allocator, options.stackSize ?? DEFAULT_STACK_SIZE);
}
