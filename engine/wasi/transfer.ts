import { type GuestMemory, pointer } from '../process/index.ts';
import { ERRNO } from './constants.ts';
import type { InputSource, OutputSink } from './streams.ts';

/** A stretch of the guest's memory (WASI preview 1, `iovec` and `ciovec`). */
export interface Buffer {
  readonly at: number;
  readonly size: number;
}

/** The kernel's limit, IOV_MAX. */
const MOST_BUFFERS = 1024;
/** What one call moves at most between looks at the signals. */
const CHUNK = 65536;

/** @returns an errno for too many. @throws SignalError EFAULT where one is not in memory */
export function readBuffers(memory: GuestMemory, at: number, count: number): readonly Buffer[] | number {
  if (count > MOST_BUFFERS) return ERRNO.INVAL;
  const view = memory.view(pointer(at), count * 8);
  return Array.from({ length: count }, (_, index) => {
    const buffer = { at: view.getUint32(index * 8, true), size: view.getUint32(index * 8 + 4, true) };
    memory.view(pointer(buffer.at), buffer.size);
    return buffer;
  });
}

/** Reads what is there into the buffers. @returns how much; null: one has to wait. @throws what the source throws */
export function receive(memory: GuestMemory, buffers: readonly Buffer[], source: InputSource): number | null {
  const wanted = buffers.reduce((sum, { size }) => sum + size, 0);
  if (wanted === 0) return 0;
  if (source.peek() === null) return null;
  let rest = source.take(Math.min(wanted, CHUNK));
  const received = rest.length;
  for (const { at, size } of buffers) {
    memory.write(pointer(at), rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return received;
}

/** Writes the buffers, all of them unless something comes between. */
export class Sending {
  readonly #memory: GuestMemory;
  readonly #buffers: readonly Buffer[];
  readonly #sink: OutputSink;
  readonly #size: number;
  #sent = 0;

  constructor(memory: GuestMemory, buffers: readonly Buffer[], sink: OutputSink) {
    this.#memory = memory;
    this.#buffers = buffers;
    this.#sink = sink;
    this.#size = buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** How many bytes have been written. */
  get sent(): number {
    return this.#sent;
  }

  /** @returns false where one has to wait. @throws what the sink throws */
  advance(): boolean {
    while (this.#sent < this.#size) {
      const written = this.#sink.write(this.#next());
      if (written === 0) return false;
      this.#sent += written;
    }
    return true;
  }

  #next(): Uint8Array {
    let skipped = this.#sent;
    for (const { at, size } of this.#buffers) {
      if (skipped < size) return this.#memory.copy(pointer(at + skipped), Math.min(size - skipped, CHUNK));
      skipped -= size;
    }
    return new Uint8Array();
  }
}
