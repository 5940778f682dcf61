import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { BrokenPipeError, type InputSource, type OutputSink } from '../wasi/index.ts';

/** The standard streams of this process for a guest: none of them ever blocks it. */
export interface StandardStreams {
  readonly stdin: InputSource;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  /** Lets go of them: what still could be read keeps this process alive no longer. */
  close(): void;
}

export function standardStreams(): StandardStreams {
  const stdin = isFile(0) ? new FileInput(0) : new StreamInput(() => process.stdin);
  const stdout = new Output(1);
  const stderr = new Output(2);
  return {
    stdin,
    stdout,
    stderr,
    close() {
      stdin.close();
      stdout.close();
      stderr.close();
    },
  };
}

interface ClosableInput extends InputSource {
  close(): void;
}

const CHUNK = 65536;
const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/** Reading a file waits for nobody, and no more of it is read than was asked for: others may go on with the rest. */
class FileInput implements ClosableInput {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  peek(): number {
    return 1;
  }

  take(size: number): Uint8Array {
    const buffer = Buffer.alloc(Math.min(size, CHUNK));
    return buffer.subarray(0, readSync(this.#fd, buffer));
  }

  onReady(): () => void {
    return () => {};
  }

  close(): void {}
}

/** A terminal, a pipe or a socket. It is not touched before the guest asks for it. */
export class StreamInput implements ClosableInput {
  readonly #open: () => Readable;
  readonly #waiting = new Set<() => void>();
  #stream: Readable | null = null;
  #rest: Uint8Array = new Uint8Array();
  #ended = false;
  #error: unknown = null;

  constructor(open: () => Readable) {
    this.#open = open;
  }

  peek(): number | null {
    if (this.#rest.length === 0) {
      const chunk = this.#readable.read() as Buffer | null;
      if (chunk !== null) this.#rest = chunk;
    }
    if (this.#rest.length > 0) return this.#rest.length;
    if (this.#error !== null) return 1;
    return this.#ended ? 0 : null;
  }

  take(size: number): Uint8Array {
    const taken = this.#rest.subarray(0, size);
    if (taken.length === 0 && this.#error !== null) throw this.#error;
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  onReady(wake: () => void): () => void {
    const entry = (): void => wake();
    this.#waiting.add(entry);
    return () => void this.#waiting.delete(entry);
  }

  close(): void {
    const stream = this.#stream as (Readable & { unref?: () => void }) | null;
    this.#stream = null;
    if (stream === null) return;
    stream.off('readable', this.#wake).off('end', this.#end).off('close', this.#end).off('error', this.#fail);
    // What goes wrong from here on concerns nobody.
    stream.on('error', () => {});
    stream.pause();
    stream.unref?.();
  }

  get #readable(): Readable {
    if (this.#stream === null) {
      this.#stream = this.#open();
      this.#stream.on('readable', this.#wake).on('end', this.#end).on('close', this.#end).on('error', this.#fail);
    }
    return this.#stream;
  }

  readonly #wake = (): void => {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  };
  readonly #end = (): void => {
    this.#ended = true;
    this.#wake();
  };
  readonly #fail = (error: unknown): void => {
    this.#error = error;
    this.#wake();
  };
}

/** How many milliseconds pass until a full pipe is tried again. */
const RETRY = 5;

/** Writes at once, and in order with other streams that go to the same place. */
class Output implements OutputSink {
  #fd: number;
  readonly #own: boolean;
  #full = false;

  constructor(fd: number) {
    const opened = nonblocking(fd);
    this.#fd = opened ?? fd;
    this.#own = opened !== null;
  }

  write(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EPIPE') throw new BrokenPipeError('nobody reads this any more');
      if (code !== 'EAGAIN') throw error;
      this.#full = true;
      return 0;
    }
  }

  hasRoom(): boolean {
    return !this.#full;
  }

  onReady(wake: () => void): () => void {
    const timer = setTimeout(() => {
      this.#full = false;
      wake();
    }, RETRY);
    return () => clearTimeout(timer);
  }

  close(): void {
    if (this.#own) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/**
 * A descriptor that does not block, of the same pipe: whoever shares the given one keeps it as it is. Null: there is none, but
 * terminals and sockets do not block then either, since Node has prepared them for streams of its own.
 */
function nonblocking(fd: number): number | null {
  try {
    const stat = fstatSync(fd);
    if (stat.isFIFO()) {
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    }
    if (isatty(fd) || stat.isSocket()) void (fd === 1 ? process.stdout : process.stderr);
  } catch {
    // It blocks.
  }
  return null;
}
