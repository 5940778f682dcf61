import type { Guest } from '../../process/guest.ts';
import { SchedulerError } from '../errors.ts';

/** Where the shadow stacks of tasks come from: memory of the guest that nobody else uses. */
export interface StackAllocator {
  /** @returns the lowest address of this many bytes, a multiple of 16; or null: there are none */
  allocate(bytes: number): number | null;
  free(address: number, bytes: number): void;
}

/** A shadow stack; it grows down. */
export interface Stack {
  readonly low: number;
  readonly high: number;
  /** As it was allocated. */
  readonly address: number;
  readonly bytes: number;
}

const PAGE = 65_536;
const ALIGNMENT = 16;
/** Below each stack, never written by a guest that stays within it. */
const GUARD = 64;
const PATTERN = 0x5bd1_e995;

/** Takes pages that it has the memory grow by; what is freed is used again for stacks of the same size. */
export class GrowingAllocator implements StackAllocator {
  readonly #memory: WebAssembly.Memory;
  readonly #free = new Map<number, number[]>();
  #next = 0;
  #end = 0;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  allocate(bytes: number): number | null {
    const freed = this.#free.get(bytes)?.pop();
    if (freed !== undefined) return freed;
    if (this.#end - this.#next < bytes) {
      const from = this.#grow(bytes);
      if (from === null) return null;
      // What was left of the last pages is of use if nobody else has grown the memory since.
      if (from !== this.#end) this.#next = from;
      this.#end = this.#memory.buffer.byteLength;
    }
    const address = this.#next;
    this.#next += bytes;
    return address;
  }

  #grow(bytes: number): number | null {
    // Several small stacks share what is grown at once: growing is dear.
    const pages = Math.ceil(bytes / PAGE);
    for (const wanted of [Math.max(pages, 16), pages]) {
      try {
        return this.#memory.grow(wanted) * PAGE;
      } catch {
        // The memory has reached its limit, or the host's.
      }
    }
    return null;
  }

  free(address: number, bytes: number): void {
    const freed = this.#free.get(bytes);
    if (freed === undefined) this.#free.set(bytes, [address]);
    else freed.push(address);
  }
}

/** The stacks of the tasks of one guest. */
export class Stacks {
  readonly #memory: WebAssembly.Memory;
  readonly #allocator: StackAllocator;
  readonly #defaultSize: number;
  #view: Int32Array;

  constructor(memory: WebAssembly.Memory, allocator: StackAllocator, defaultSize: number) {
    this.#memory = memory;
    this.#allocator = allocator;
    this.#defaultSize = checkSize(defaultSize);
    this.#view = new Int32Array(memory.buffer);
  }

  /** @throws SchedulerError `bad-argument` for a size that is none, `no-memory` */
  allocate(size = this.#defaultSize): Stack {
    const rounded = Math.ceil(checkSize(size) / ALIGNMENT) * ALIGNMENT;
    const bytes = rounded + GUARD;
    const address = this.#allocator.allocate(bytes);
    if (address === null) throw new SchedulerError('no-memory', `the guest has no memory for a stack of ${size} bytes`);
    if (address % ALIGNMENT !== 0 || address < 0 || address + bytes > this.#memory.buffer.byteLength) {
      throw new SchedulerError(
        'bad-argument',
        `the allocator of stacks has returned ${address}, where no stack can be`,
      );
    }
    const stack = { low: address + GUARD, high: address + bytes, address, bytes };
    this.#words(stack).fill(PATTERN, address / 4, stack.low / 4);
    return stack;
  }

  free(stack: Stack): void {
    this.#allocator.free(stack.address, stack.bytes);
  }

  /** Whether nothing was written below it. */
  isIntact(stack: Stack): boolean {
    const words = this.#words(stack);
    const first = stack.address / 4;
    for (let index = stack.low / 4 - 1; index >= first; index--) if (words[index] !== PATTERN) return false;
    return true;
  }

  /** The memory as far as a stack at least. Growing detaches the buffer that it had; that of a shared one stays, and is too short. */
  #words(stack: Stack): Int32Array {
    if (this.#view.byteLength < stack.high) this.#view = new Int32Array(this.#memory.buffer);
    return this.#view;
  }
}

/** The smallest size a stack can have: room for one frame. */
const SMALLEST = 64;
const LARGEST = 2 ** 31;

function checkSize(size: number): number {
  if (Number.isInteger(size) && size >= SMALLEST && size <= LARGEST) return size;
  throw new SchedulerError('bad-argument', `a stack has from ${SMALLEST} to ${LARGEST} bytes, and not ${size}`);
}

export interface StackOptions {
  /** Bytes of a shadow stack, where whoever needs one says nothing else. Default 65,536. */
  readonly stackSize?: number;
  /** Where the shadow stacks lie. Default: in pages that the guest's memory grows by. */
  readonly stacks?: (exports: WebAssembly.Exports) => StackAllocator;
}

const DEFAULT_STACK_SIZE = 65_536;

/**
 * The stacks of an instance's tasks; null: it exports no stack pointer or no memory, and has none.
 *
 * @throws SchedulerError `bad-argument` for a size that is none
 */
export function stacksOf(guest: Guest, exports: WebAssembly.Exports, options: StackOptions): Stacks | null {
  if (guest.stackPointer === null || !(exports.memory instanceof WebAssembly.Memory)) return null;
  const allocator = options.stacks?.(exports) ?? new GrowingAllocator(exports.memory);
  return new Stacks(exports.memory, allocator, options.stackSize ?? DEFAULT_STACK_SIZE);
}
