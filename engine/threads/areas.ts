import { type GuestMemory, type Pointer, pointer } from '../process/index.ts';
import { ThreadError } from './errno.ts';
import type { Thread } from './thread.ts';

/** How many bytes can be each thread's own. */
const LARGEST = 65_536;

interface Area {
  readonly address: Pointer;
  readonly size: number;
}

/** Bytes of a guest's memory that are each thread's own: the host swaps them when threads take turns. */
export class Areas {
  #areas: Area[] = [];
  #size = 0;
  /** What a new thread finds there. */
  #initial = new Uint8Array();
  /** Whose values are in the memory. */
  #present: Thread | null = null;

  /** @throws ThreadError EINVAL; SignalError EFAULT */
  add(memory: GuestMemory, address: number, size: number, thread: Thread): void {
    const at = pointer(address);
    const overlaps = this.#areas.some((area) => at < area.address + area.size && area.address < at + size);
    if (size <= 0 || this.#size + size > LARGEST || overlaps) {
      throw new ThreadError('EINVAL', `${size} bytes at 0x${at.toString(16)} cannot be each thread's own`);
    }
    const added = memory.copy(at, size);
    const initial = new Uint8Array(this.#size + size);
    initial.set(this.#initial);
    initial.set(added, this.#size);
    this.#areas = [...this.#areas, { address: at, size }];
    this.#size += size;
    this.#initial = initial;
    this.#present = thread;
  }

  /** The thread is about to run. */
  enter(memory: GuestMemory | null, thread: Thread): void {
    const before = this.#present;
    if (this.#size === 0 || memory === null || before === thread) return;
    if (before !== null && !before.isOver) before.area = this.#save(memory, before.area);
    this.#present = thread;
    this.#load(memory, thread.area ?? this.#initial);
  }

  #save(memory: GuestMemory, into: Uint8Array | null): Uint8Array {
    const saved = into?.length === this.#size ? into : this.#initial.slice();
    let offset = 0;
    for (const { address, size } of this.#areas) {
      const view = memory.view(address, size);
      for (let index = 0; index < size; index++) saved[offset + index] = view.getUint8(index);
      offset += size;
    }
    return saved;
  }

  /** What was saved before an area was added has what that had at first. */
  #load(memory: GuestMemory, saved: Uint8Array): void {
    let offset = 0;
    for (const { address, size } of this.#areas) {
      const bytes = offset + size <= saved.length ? saved : this.#initial;
      memory.write(address, bytes.subarray(offset, offset + size));
      offset += size;
    }
  }
}
