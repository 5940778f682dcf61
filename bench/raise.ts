import { setTimeout as delay } from 'node:timers/promises';

/** What the thread that raises signals and the guest's share: how many were handled, and when the last handler began. */
export class Handled {
  readonly #words: BigInt64Array<SharedArrayBuffer>;

  constructor(buffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#words = new BigInt64Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  /** To be called by the handler. */
  now(): void {
    Atomics.store(this.#words, 1, process.hrtime.bigint());
    Atomics.add(this.#words, 0, 1n);
  }

  get count(): number {
    return Number(Atomics.load(this.#words, 0));
  }

  /** Nanoseconds on the clock that all threads share. */
  get last(): bigint {
    return Atomics.load(this.#words, 1);
  }
}

const PATIENCE_NS = 5_000_000_000n;

/**
 * Sends signals, one after the other, at times that have nothing to do with the guest's.
 *
 * @returns the milliseconds from each to its handler
 * @throws Error where one is not handled
 */
export async function raise(count: number, handled: Handled, send: () => void): Promise<number[]> {
  const latencies: number[] = [];
  let random = 1;
  for (let sent = 1; sent <= count; sent++) {
    random = (random * 48_271) % 0x7fff_ffff;
    await delay(3 + (random % 20));
    const start = process.hrtime.bigint();
    send();
    while (handled.count < sent) {
      if (process.hrtime.bigint() - start > PATIENCE_NS) throw new Error(`signal ${sent} did not reach its handler`);
      await delay(1);
    }
    latencies.push(Number(handled.last - start) / 1e6);
  }
  return latencies;
}
