import { SignalError } from '../signals/index.ts';

/** A pointer of a guest with a 32-bit memory, as its imports get it. */
export type Pointer = number & { readonly __brand: 'Pointer' };

export const pointer = (value: number): Pointer => (value >>> 0) as Pointer;

/** The memory of a guest; every access is checked, and growing does no harm. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /**
   * A view of the bytes, until the memory grows.
   *
   * @throws SignalError EFAULT where they are not all inside
   */
  view(at: Pointer, length: number): DataView {
    const { buffer } = this.#memory;
    if (at + length > buffer.byteLength) {
      throw new SignalError('EFAULT', `${length} bytes at 0x${at.toString(16)} are not in the guest's memory`);
    }
    return new DataView(buffer, at, length);
  }

  /** The same for a pointer that may be null: null then. */
  optional(at: Pointer, length: number): DataView | null {
    return at === 0 ? null : this.view(at, length);
  }

  /** The same for a pointer that may not: null is EFAULT. */
  required(at: Pointer, length: number): DataView {
    if (at === 0) throw new SignalError('EFAULT', 'a null pointer');
    return this.view(at, length);
  }

  /** A copy of the bytes. */
  copy(at: Pointer, length: number): Uint8Array {
    const { buffer } = this.view(at, length);
    return new Uint8Array(buffer, at, length).slice();
  }

  write(at: Pointer, bytes: Uint8Array): void {
    const { buffer } = this.view(at, bytes.length);
    new Uint8Array(buffer, at, bytes.length).set(bytes);
  }
}
