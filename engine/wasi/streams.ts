/**
 * Where a guest's standard input comes from. It is asked, and never reads by itself for a guest that has given up: no byte
 * is lost where a signal interrupts a call.
 */
export interface InputSource {
  /**
   * How many bytes can be taken without waiting, as far as that is known, but at least 1 if there are any; 0: the end has been
   * reached; null: one has to wait.
   */
  peek(): number | null;
  /** Takes up to `size` bytes of those; empty at the end. Called where `peek` did not say null. @throws for an error of reading */
  take(size: number): Uint8Array;
  /** Calls back once, later, when `peek` may say something else. @returns what calls that off */
  onReady(wake: () => void): () => void;
}

/** Where a guest's output goes to. */
export interface OutputSink {
  /**
   * Writes as much as there is room for. @returns how many bytes; 0: one has to wait
   * @throws BrokenPipeError where nobody can read it any more, anything else for another error of writing
   */
  write(bytes: Uint8Array): number;
  /** Whether there may be room, as far as that is known without writing. */
  hasRoom(): boolean;
  /** Calls back once, later, when there may be room. @returns what calls that off */
  onReady(wake: () => void): () => void;
}

/** Nobody reads what is written: the guest gets SIGPIPE (pipe(7)). */
export class BrokenPipeError extends Error {
  readonly kind = 'broken-pipe';
  override readonly name = 'BrokenPipeError';
}

/** An input of the bytes that are pushed into it. */
export class QueuedInput implements InputSource {
  #chunks: Uint8Array[] = [];
  #ended = false;
  readonly #waiting = new Set<() => void>();

  /** Adds bytes. Does nothing after the end. */
  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#wake();
  }

  /** There will be no more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  peek(): number | null {
    const size = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return size > 0 || this.#ended ? size : null;
  }

  take(size: number): Uint8Array {
    const [first] = this.#chunks;
    if (first === undefined) return new Uint8Array();
    const taken = first.subarray(0, size);
    if (taken.length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(size);
    return taken;
  }

  onReady(wake: () => void): () => void {
    const entry = (): void => wake();
    this.#waiting.add(entry);
    return () => void this.#waiting.delete(entry);
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
