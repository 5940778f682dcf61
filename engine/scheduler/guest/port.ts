import { HOST_EXPORTS } from '../../../asyncify/lower/interface.ts';
import { manifestOf } from '../../../continuations/index.ts';
import { Guest, type GuestOptions } from '../../process/guest.ts';
import type { Home } from '../operation.ts';
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
  readonly pending: WebAssembly.Global;
  readonly #canSuspend: () => number;
  readonly #fuel: WebAssembly.Global | null;
  #chunk = FIRST_CHUNK;
  #interrupted = false;
  #since = 0;

  constructor(module: WebAssembly.Module, instance: WebAssembly.Instance, home: Home, options: PortOptions) {
    const { exports } = instance;
    this.guest = new Guest(module, instance, options);
    this.home = home;
    this.pending = exports[HOST_EXPORTS.pending] as WebAssembly.Global;
    this.#canSuspend = exports[HOST_EXPORTS.canSuspend] as () => number;
    const counts = manifestOf(module)?.host?.poll === 'fuel';
    this.#fuel = counts ? (exports[HOST_EXPORTS.fuel] as WebAssembly.Global) : null;
    this.stacks = stacksOf(this.guest, exports, options);
  }

  /** Whether the running call of a suspending import can wait. */
  canSuspend(): boolean {
    return this.#canSuspend() !== 0;
  }

  /** What the entry returned whose continuation has just returned, as a call of it would. */
  results(entry: string): unknown {
    const results = this.guest.results(entry);
    return results.length < 2 ? results[0] : results;
  }

  /** Sets how many polls it passes until it yields. @returns how many, at most those of the budget */
  fill(budget: number): number {
    this.guest.epoch?.clear();
    if (this.#fuel === null) return 0;
    if (this.#interrupted) this.#since = performance.now();
    const polls = Math.min(budget, this.#chunk);
    this.#fuel.value = polls - 1;
    return polls;
  }

  /** How many polls it has passed of those. */
  used(polls: number): number {
    if (this.#fuel === null) return 0;
    if (!this.isEmpty) this.#interrupted = false;
    return Math.min(Math.max(polls - 1 - this.#fuel.value, 0), polls);
  }

  /** Whether it has passed all its polls; with `epoch` ones it is never empty. */
  get isEmpty(): boolean {
    return this.#fuel !== null && this.#fuel.value < 0;
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

  /** @returns the stack pointer before */
  switchStack(to: number | null): number | null {
    if (this.stacks === null) return null;
    const before = this.guest.stackPointer;
    this.guest.stackPointer = to;
    return before;
  }
}

function stacksOf(guest: Guest, exports: WebAssembly.Exports, options: PortOptions): Stacks | null {
  if (guest.stackPointer === null || !(exports.memory instanceof WebAssembly.Memory)) return null;
  const allocator = options.stacks?.(exports) ?? new GrowingAllocator(exports.memory);
  return new Stacks(exports.memory, allocator, options.stackSize ?? DEFAULT_STACK_SIZE);
}
