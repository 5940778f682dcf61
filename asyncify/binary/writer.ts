const utf8 = new TextEncoder();

/** Writes the primitives of the binary format (Wasm 3.0 §5.1–5.2), every integer in its shortest form. */
export class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A byte that was written. */
  at(offset: number): number {
    return this.#bytes[offset] as number;
  }

  /** Writes what another writer has between two offsets. */
  copy(from: Writer, start: number, end: number): void {
    this.#reserve(end - start);
    const source = from.#bytes;
    // Mostly a few bytes: a call would take longer.
    if (end - start > 64) this.#bytes.set(source.subarray(start, end), this.#length);
    else for (let at = start; at < end; at++) this.#bytes[this.#length + at - start] = source[at] as number;
    this.#length += end - start;
  }

  /** An index of a function, global or memory. */
  index(_space: 'func' | 'global' | 'memory', value: number): void {
    this.u32(value);
  }

  /** The alignment, up to 63, and the memory of an access. */
  access(align: number, memory: number): void {
    if (memory === 0) {
      this.byte(align);
      return;
    }
    this.byte(align | 0x40);
    this.u32(memory);
  }

  /** Throws `RangeError` on what is no 32-bit unsigned integer. */
  u32(value: number): void {
    if (value >>> 0 !== value) throw new RangeError(`${value} is no u32`);
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** A 32-bit integer, signed or not, as a signed one. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** A type index as a signed 33-bit integer. Throws `RangeError` on what is no 32-bit unsigned integer. */
  index33(value: number): void {
    if (value >>> 0 !== value) throw new RangeError(`${value} is no type index`);
    let rest = value;
    while (rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Throws `RangeError` on what is no 64-bit unsigned integer. */
  u64(value: bigint): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is no u64`);
    let rest = value;
    while (rest > 0xffff_ffffn) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u32(Number(rest));
  }

  /** A 64-bit integer, signed or not, as a signed one. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -0x8000_0000n || rest > 0x7fff_ffffn) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.s32(Number(rest));
  }

  vec<T>(list: readonly T[], item: (writer: Writer, value: T) => void): void {
    this.u32(list.length);
    for (const value of list) item(this, value);
  }

  name(text: string): void {
    const bytes = utf8.encode(text);
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** What `body` writes, preceded by its size in bytes. */
  sized(body: () => void): void {
    const start = this.#length;
    body();
    const end = this.#length;
    this.u32(end - start);
    const width = this.#length - end;
    const size = this.#bytes.slice(end, this.#length);
    this.#bytes.copyWithin(start + width, start, end);
    this.#bytes.set(size, start);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
