/** Why the word of `epoch` polls is set; outsiders may set it to anything else that is not 0. */
export const EPOCH = {
  /** The slice is over. */
  tick: 1,
  /** A signal of this thread's is to be delivered. */
  signal: 2,
  /** A signal of another thread's is. */
  remote: 4,
} as const;

/** The word that a guest with `epoch` polls looks at: it yields where the word is not 0. */
export interface EpochWord {
  /** Null: it lies in a global, out of the reach of other threads. */
  readonly buffer: SharedArrayBuffer | null;
  read(): number;
  raise(bits: number): void;
  lower(bits: number): void;
  clear(): void;
}

export class GlobalWord implements EpochWord {
  readonly buffer = null;
  readonly #global: WebAssembly.Global;

  constructor(global: WebAssembly.Global) {
    this.#global = global;
  }

  read(): number {
    return this.#global.value as number;
  }
  raise(bits: number): void {
    this.#global.value = this.read() | bits;
  }
  lower(bits: number): void {
    this.#global.value = this.read() & ~bits;
  }
  clear(): void {
    this.#global.value = 0;
  }
}

export class SharedWord implements EpochWord {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, 1);
  }

  read(): number {
    return Atomics.load(this.#words, 0);
  }
  raise(bits: number): void {
    Atomics.or(this.#words, 0, bits);
  }
  lower(bits: number): void {
    Atomics.and(this.#words, 0, ~bits);
  }
  clear(): void {
    Atomics.store(this.#words, 0, 0);
  }
}
