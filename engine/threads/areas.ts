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

  /** Whether other bytes than the thread's are in the memory. */
  isAway(thread: Thread): boolean {
    return this.#size > 0 && this.#present !== thread;
  }

  /** Writes what the thread is to find there when it runs again. @throws SignalError EFAULT */
  write(memory: GuestMemory, thread: Thread, at: Pointer, bytes: DataView): void {
    const view = memory.view(at, bytes.byteLength);
    const saved = this.#initial.slice();
    if (thread.area !== null) saved.set(thread.area);
    for (let index = 0; index < bytes.byteLength; index++) {
      const offset = this.#offsetOf(at + index);
      if (offset === null) view.setUint8(index, bytes.getUint8(index));
      else saved[offset] = bytes.getUint8(index);
    }
    thread.area = saved;
  }

  /** Where a byte is saved; null: it is in no area. */
  #offsetOf(at: number): number | null {
    let offset = 0;
    for (const { address, size } of this.#areas) {
      if (at >= address && at < address + size) return offset + at - address;
      offset += size;
    }
    return null;
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
