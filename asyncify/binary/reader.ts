import { MalformedError } from '../errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Most offsets are small: making one of these anew takes longer than to read it. */
const SMALL: readonly bigint[] = Array.from({ length: 1024 }, (_, value) => BigInt(value));

/**
 * Reads the primitives of the binary format (Wasm 3.0 §5.1–5.2) from a byte range.
 * Every method throws `MalformedError` where the bytes are no such value or run past `end`.
 */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  /** Where the innermost sized construct (module, section, function body) ends. */
  end: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  fail(message: string, at: number = this.pos): never {
    throw new MalformedError(message, at);
  }

  /** The next byte, not consumed; -1 at the end. */
  peek(): number {
    return this.pos < this.end ? (this.bytes[this.pos] as number) : -1;
  }

  byte(): number {
    if (this.pos >= this.end) this.fail('unexpected end');
    return this.bytes[this.pos++] as number;
  }

  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.#last();
    if (last > 0x0f) this.fail('integer too large', this.pos - 1);
    return (value | (last << 28)) >>> 0;
  }

  s32(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    const last = this.#last();
    const sign = last & 0x78;
    if (sign !== 0 && sign !== 0x78) this.fail('integer too large', this.pos - 1);
    return value | (last << 28);
  }

  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    const last = this.#last();
    const sign = last & 0x70;
    if (sign !== 0 && sign !== 0x70) this.fail('integer too large', this.pos - 1);
    return value + ((last & 0x0f) - (last & 0x10)) * 0x1000_0000;
  }

  u64(): bigint {
    let low = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return low < SMALL.length ? (SMALL[low] as bigint) : BigInt(low);
      scale *= 128;
    }
    const high = this.#high();
    if (high.length === 3 && (high[2] as number) > 1) this.fail('integer too large', this.pos - 1);
    return join(low, high);
  }

  /** Passes over what `u64` would read. */
  skipU64(): void {
    const start = this.pos;
    if (this.#skipShort()) return;
    this.pos = start;
    this.u64();
  }

  /** Passes over what `s64` would read. */
  skipS64(): void {
    const start = this.pos;
    if (this.#skipShort()) return;
    this.pos = start;
    this.s64();
  }

  /** Passes over an integer of up to seven bytes, in which nothing can be wrong; false where it has more. */
  #skipShort(): boolean {
    for (let i = 0; i < 7; i++) if (this.byte() < 0x80) return true;
    return false;
  }

  s64(): bigint {
    let low = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return BigInt(byte & 0x40 ? low - scale : low);
    }
    const high = this.#high();
    const last = high.at(-1) as number;
    if (high.length === 3 && last !== 0 && last !== 0x7f) this.fail('integer too large', this.pos - 1);
    return BigInt.asIntN(Math.min(64, 49 + 7 * high.length), join(low, high));
  }

  /**
   * `length` bytes, copied: the caller may change or detach its buffer afterwards, or may have passed a view of shared memory
   * or a Node `Buffer`, whose `slice` does not copy.
   */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.pos;
    this.skip(length);
    return new Uint8Array(this.bytes.subarray(start, this.pos));
  }

  skip(length: number): void {
    if (length > this.end - this.pos) this.fail('length out of bounds');
    this.pos += length;
  }

  /** A count of things of at least one byte each, so that nothing is allocated for things that are not there. */
  count(): number {
    const at = this.pos;
    const count = this.u32();
    if (count > this.end - this.pos) this.fail('length out of bounds', at);
    return count;
  }

  vec<T>(item: (reader: Reader) => T): T[] {
    const list: T[] = [];
    for (let left = this.count(); left > 0; left--) list.push(item(this));
    return list;
  }

  /** A name: a byte vector that is UTF-8 (§5.2.4). */
  name(): string {
    const length = this.count();
    const start = this.pos;
    const content = this.take(length);
    try {
      return utf8.decode(content);
    } catch {
      return this.fail('malformed UTF-8 encoding', start);
    }
  }

  /** Narrows `end` to the next `size` bytes and returns the old `end`, for `leave`. */
  enter(size: number): number {
    const outer = this.end;
    if (size > outer - this.pos) this.fail('length out of bounds');
    this.end = this.pos + size;
    return outer;
  }

  /** Ends what `enter` began; its bytes must all have been read. */
  leave(outer: number, mismatch: string): void {
    if (this.pos !== this.end) this.fail(mismatch);
    this.end = outer;
  }

  /** The last byte a 32-bit or 33-bit integer may have. */
  #last(): number {
    const last = this.byte();
    if (last >= 0x80) this.fail('integer representation too long', this.pos - 1);
    return last;
  }

  /** The payloads of bytes 8 to 10 of a 64-bit integer. */
  #high(): number[] {
    const payloads: number[] = [];
    for (let i = 0; i < 3; i++) {
      const byte = this.byte();
      payloads.push(byte & 0x7f);
      if (byte < 0x80) return payloads;
    }
    return this.fail('integer representation too long', this.pos - 1);
  }
}

function join(low: number, high: readonly number[]): bigint {
  let value = BigInt(low);
  for (let i = 0; i < high.length; i++) value |= BigInt(high[i] as number) << BigInt(49 + 7 * i);
  return value;
}
