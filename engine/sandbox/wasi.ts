import { leaveByTrap } from '../process/errors.ts';
import { GuestMemory, type Process, pointer } from '../process/index.ts';
import { type Clocks, hostClocks, read } from '../wasi/clocks.ts';
import { ERRNO } from '../wasi/constants.ts';
import {
  BrokenPipeError,
  type InputSource,
  type OutputSink,
  suspendingWasi,
  WASI_MODULE,
  type WasiImports,
} from '../wasi/index.ts';
import { Poll, type Pollable } from '../wasi/poll.ts';
import { readBuffers, receive, Sending } from '../wasi/transfer.ts';
import { SandboxError } from './errors.ts';
import { errno, errnoOf, FileError } from './files/errno.ts';
import { FileFunctions } from './files/functions.ts';
import { type GivenFolder, givenFolder } from './files/given.ts';
import { FILESTAT_SIZE } from './files/stat.ts';

export interface WasiOptions {
  /** The program's arguments; the first is its own name. Default: none. */
  readonly args?: readonly string[];
  /** Its environment. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The folders of the host's that it may use, by what it calls them. Default: none, and so no file system. */
  readonly folders?: Readonly<Record<string, string>>;
  /** File descriptor 0. Default: at its end. */
  readonly stdin?: InputSource;
  /** File descriptors 1 and 2. Default: what is written there is lost. */
  readonly stdout?: OutputSink;
  readonly stderr?: OutputSink;
  /** Default: the host's. */
  readonly clocks?: Clocks;
}

type Func = (...args: never[]) => unknown;
type Stream =
  | { readonly kind: 'input'; readonly source: InputSource }
  | { readonly kind: 'output'; readonly sink: OutputSink };

const CHARACTER_DEVICE = 2;
const RIGHTS = { input: 1n << 1n, output: 1n << 6n } as const;
/** The limit of one call of `crypto.getRandomValues`. */
const MOST_RANDOM = 65_536;
const NUL = '\0';

const NOTHING: InputSource = { peek: () => 0, take: () => new Uint8Array(), onReady: () => () => {} };
const NOWHERE: OutputSink = { write: ({ length }) => length, hasRoom: () => true, onReady: () => () => {} };

/**
 * What a program of WASI preview 1 finds around it on a host with `node:fs`: arguments, environment, standard streams, clocks, random numbers, and those
 * folders that it is given, out of which no path and no link leads, whatever other programs do to them meanwhile (docs/running.md says where that
 * cannot be had and what is refused there).
 */
export class Wasi {
  /** The functions. Those that have to wait block the host's thread, or are EAGAIN where that cannot help. */
  readonly imports: WasiImports;
  readonly #files: FileFunctions;
  readonly #streams: readonly Stream[];
  readonly #options: WasiOptions;
  readonly #clocks: Clocks;
  #memory: () => GuestMemory = () => {
    throw new SandboxError('no-memory', 'WASI was called before there was a memory to work on');
  };
  #exitStatus: number | undefined;

  /**
   * @throws SandboxError `no-folder` where the host has no such folder; `bad-argument` for arguments and variables that a program
   * cannot be given
   */
  constructor(options: WasiOptions = {}, folders: readonly GivenFolder[] = foldersOf(options.folders)) {
    this.#options = options;
    this.#clocks = options.clocks ?? hostClocks;
    this.#streams = [
      { kind: 'input', source: options.stdin ?? NOTHING },
      { kind: 'output', sink: options.stdout ?? NOWHERE },
      { kind: 'output', sink: options.stderr ?? NOWHERE },
    ];
    const args = stringList(options.args ?? [], 'an argument');
    const env = stringList(variables(options.env ?? {}), 'a variable');
    const memory = (): GuestMemory => this.#memory();
    const streams = guarded(this.#streamFunctions());
    this.#files = new FileFunctions(streams, folders, memory);
    this.imports = {
      ...streams,
      ...guarded({
        ...this.#ownFunctions(),
        ...listFunctions(args, 'args', memory),
        ...listFunctions(env, 'environ', memory),
      }),
      ...this.#files.imports,
      proc_exit: (status: number) => {
        this.#exitStatus = status >>> 0;
        leaveByTrap(`the program has ended with status ${status >>> 0}`);
      },
    };
  }

  /** The same, where those that wait suspend the guest of a process. The process's memory is the one to work on. */
  suspending(process: Process): Record<string, unknown> {
    this.#memory = () => {
      const { memory } = process.guest;
      if (memory === null) throw new SandboxError('no-memory', 'the guest exports no memory "memory"');
      return memory;
    };
    const { stdin = NOTHING, stdout = NOWHERE, stderr = NOWHERE } = this.#options;
    return suspendingWasi(process, this.imports, { stdin, stdout, stderr, clocks: this.#clocks });
  }

  /** The imports of a process: `module.spawn((process) => wasi.importsFor(process))`. */
  importsFor(process: Process): Record<string, Record<string, unknown>> {
    return { [WASI_MODULE]: this.suspending(process) };
  }

  /** Gives it the memory of the program, which is known once that is instantiated. */
  attach(memory: WebAssembly.Memory): void {
    const checked = new GuestMemory(memory);
    this.#memory = () => checked;
  }

  /** What `proc_exit` was called with outside of a process; undefined: it was not. */
  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  /** Closes the files that the program has left open. */
  close(): void {
    this.#files.close();
  }

  #view(at: number, size: number): DataView {
    return this.#memory().view(pointer(at), size);
  }

  #stream(fd: number): Stream {
    const stream = this.#streams[fd];
    if (stream === undefined) throw new FileError('BADF');
    return stream;
  }

  #ownFunctions() {
    return {
      clock_res_get: (id: number, at: number) => {
        if (read(this.#clocks, id) === null) throw new FileError('INVAL');
        this.#view(at, 8).setBigUint64(0, 1_000n, true);
      },
      clock_time_get: (id: number, _precision: bigint, at: number) => {
        const time = read(this.#clocks, id);
        if (time === null) throw new FileError('INVAL');
        this.#view(at, 8).setBigUint64(0, time, true);
      },
      random_get: (at: number, size: number) => {
        const view = this.#view(at, size >>> 0);
        for (let done = 0; done < view.byteLength; done += MOST_RANDOM) {
          const part = crypto.getRandomValues(new Uint8Array(Math.min(MOST_RANDOM, view.byteLength - done)));
          this.#memory().write(pointer((at >>> 0) + done), part);
        }
      },
      sched_yield: () => {},
      proc_raise: () => errno('NOSYS'),
      poll_oneoff: (input: number, out: number, length: number, count: number) =>
        this.#poll(input >>> 0, out >>> 0, length >>> 0, count >>> 0),
    };
  }

  #poll(input: number, out: number, length: number, count: number): number {
    const pollable = (fd: number): Pollable => this.#streams[fd] ?? { kind: 'file' };
    const poll = Poll.read({ memory: this.#memory(), clocks: this.#clocks, pollable }, input, out, length, count);
    if (typeof poll === 'number') return poll;
    let result: number | undefined;
    for (;;) {
      const stop = poll.start((errno) => {
        result = errno;
      });
      stop();
      if (result !== undefined) return result;
      pause();
    }
  }

  #streamFunctions() {
    const noPosition = (fd: number): void => {
      this.#stream(fd);
      throw new FileError('SPIPE');
    };
    return {
      fd_read: (fd: number, list: number, length: number, count: number) => {
        const stream = this.#stream(fd);
        if (stream.kind !== 'input') throw new FileError('BADF');
        const memory = this.#memory();
        const buffers = readBuffers(memory, list >>> 0, length >>> 0);
        if (typeof buffers === 'number') return buffers;
        const received = receive(memory, buffers, stream.source);
        if (received === null) return ERRNO.AGAIN;
        this.#view(count, 4).setUint32(0, received, true);
        return ERRNO.SUCCESS;
      },
      fd_write: (fd: number, list: number, length: number, count: number) => {
        const stream = this.#stream(fd);
        if (stream.kind !== 'output') throw new FileError('BADF');
        const memory = this.#memory();
        const buffers = readBuffers(memory, list >>> 0, length >>> 0);
        if (typeof buffers === 'number') return buffers;
        const sending = new Sending(memory, buffers, stream.sink);
        const result = this.#view(count, 4);
        const isThrough = sending.advance();
        result.setUint32(0, sending.sent, true);
        return isThrough || sending.sent > 0 ? ERRNO.SUCCESS : ERRNO.AGAIN;
      },
      fd_fdstat_get: (fd: number, at: number) => {
        const { kind } = this.#stream(fd);
        const view = this.#view(at, 24);
        for (let word = 0; word < 24; word += 8) view.setBigUint64(word, 0n, true);
        view.setUint8(0, CHARACTER_DEVICE);
        view.setBigUint64(8, RIGHTS[kind], true);
      },
      fd_filestat_get: (fd: number, at: number) => {
        this.#stream(fd);
        const view = this.#view(at, FILESTAT_SIZE);
        for (let word = 0; word < FILESTAT_SIZE; word += 8) view.setBigUint64(word, 0n, true);
        view.setUint8(16, CHARACTER_DEVICE);
      },
      fd_seek: noPosition,
      fd_tell: noPosition,
      fd_pread: noPosition,
      fd_pwrite: noPosition,
    };
  }
}

const foldersOf = (folders: WasiOptions['folders'] = {}): GivenFolder[] =>
  Object.entries(folders).map(([guest, host]) => givenFolder(guest, host));

function variables(env: NonNullable<WasiOptions['env']>): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name === '' || name.includes('=')) throw new SandboxError('bad-argument', `"${name}" is no name of a variable`);
    return [`${name}=${value}`];
  });
}

function stringList(texts: readonly string[], what: string): Uint8Array[] {
  return texts.map((text) => {
    if (text.includes(NUL))
      throw new SandboxError('bad-argument', `${what} with a NUL in it cannot be given to a program`);
    return new TextEncoder().encode(text + NUL);
  });
}

/** `args_get` and `args_sizes_get`, or the same of the environment. */
function listFunctions(texts: readonly Uint8Array[], name: 'args' | 'environ', memory: () => GuestMemory) {
  const size = texts.reduce((sum, { length }) => sum + length, 0);
  return {
    [`${name}_sizes_get`]: (count: number, bytes: number) => {
      memory().view(pointer(count), 4).setUint32(0, texts.length, true);
      memory().view(pointer(bytes), 4).setUint32(0, size, true);
    },
    [`${name}_get`]: (pointers: number, at: number) => {
      const list = memory().view(pointer(pointers), texts.length * 4);
      memory().view(pointer(at), size);
      let next = at >>> 0;
      for (const [index, text] of texts.entries()) {
        list.setUint32(index * 4, next, true);
        memory().write(pointer(next), text);
        next += text.length;
      }
    },
  };
}

/** Functions with their errors as numbers. */
function guarded(functions: Readonly<Record<string, Func>>): WasiImports {
  return Object.fromEntries(
    Object.entries(functions).map(([name, func]) => [
      name,
      (...args: never[]): unknown => {
        try {
          return func(...args) ?? ERRNO.SUCCESS;
        } catch (error) {
          if (error instanceof BrokenPipeError) return ERRNO.PIPE;
          return errnoOf(error);
        }
      },
    ]),
  );
}

/** Lets some time pass for what is waited for. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
