/** A growing byte sequence, for modules that no assembler would write. */
export class Bytes {
  #buffer = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  put(...bytes: readonly number[]): this {
    return this.#append(bytes);
  }

  /** Appends an unsigned LEB128 integer. */
  u(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.put((rest % 0x80) | 0x80);
    return this.put(rest);
  }

  /** Appends a non-negative integer as signed LEB128: a type index where a heap type may stand. */
  s(value: number): this {
    let rest = value;
    for (; rest >= 0x40; rest = Math.floor(rest / 0x80)) this.put((rest % 0x80) | 0x80);
    return this.put(rest);
  }

  /** Appends the same bytes many times. */
  times(count: number, ...bytes: readonly number[]): this {
    for (let left = count; left > 0; left--) this.#append(bytes);
    return this;
  }

  /** Appends what `each` appends, many times. */
  repeat(count: number, each: (index: number, to: this) => void): this {
    for (let index = 0; index < count; index++) each(index, this);
    return this;
  }

  add(...parts: readonly Bytes[]): this {
    for (const part of parts) this.#append(part.bytes);
    return this;
  }

  #append(bytes: ArrayLike<number>): this {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
    return this;
  }
}

export const bytes = (...content: readonly number[]): Bytes => new Bytes().put(...content);

export const vector = (...items: readonly Bytes[]): Bytes => new Bytes().u(items.length).add(...items);

export const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] as const;

/** Section ids (Wasm 3.0 §5.5.2). */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  elem: 9,
  code: 10,
  data: 11,
  datacount: 12,
  tag: 13,
} as const;

export type Sections = { readonly [name in keyof typeof SECTION]?: Bytes };

/** A module of these sections, in the order they are given in. */
export function moduleOf(sections: Sections): Uint8Array<ArrayBuffer> {
  const module = bytes(...HEADER);
  for (const [name, content] of Object.entries(sections)) {
    module
      .put(SECTION[name as keyof typeof SECTION])
      .u(content.length)
      .add(content);
  }
  return module.bytes;
}

/** An entry of the code section: the locals' runs, and a body without its `end`. */
export function code(body: Bytes, locals: Bytes = bytes(0)): Bytes {
  return new Bytes()
    .u(locals.length + body.length + 1)
    .add(locals, body)
    .put(0x0b);
}
