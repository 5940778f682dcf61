import type { BlockingCall } from '../process/blocking.ts';
import { turn } from '../process/event-loop.ts';
import { type GuestMemory, type Process, ProcessError, pointer } from '../process/index.ts';
import { SignalError, WASI_ERRNO } from '../signals/index.ts';
import { type Clocks, hostClocks, read } from './clocks.ts';
import { ERRNO, FDFLAGS_NONBLOCK, WASI_MODULE, wasiSignal } from './constants.ts';
import { Poll, type Pollable } from './poll.ts';
import { BrokenPipeError, type InputSource, type OutputSink } from './streams.ts';
import { readBuffers, receive, Sending } from './transfer.ts';

type Import = (...args: never[]) => unknown;
/** The functions of a WASI implementation, by their names. */
export type WasiImports = Readonly<Record<string, Import>>;

export interface SuspendingWasiOptions {
  /** File descriptor 0. Default: what the wrapped functions have there. */
  readonly stdin?: InputSource | undefined;
  /** File descriptor 1. The same. */
  readonly stdout?: OutputSink | undefined;
  /** File descriptor 2. The same. */
  readonly stderr?: OutputSink | undefined;
  /** Default: the host's. */
  readonly clocks?: Clocks | undefined;
}

const SUSPENDING = ['fd_read', 'fd_write', 'poll_oneoff', 'sched_yield', 'proc_raise'] as const;
type Suspending = (typeof SUSPENDING)[number];
/** Made once: a string that is put together anew is hashed anew. */
const NAMES = Object.fromEntries(SUSPENDING.map((name) => [name, `${WASI_MODULE}.${name}`])) as Record<
  Suspending,
  string
>;
const full = (name: Suspending): string => NAMES[name];

/** The imports that suspend: for the option `suspending` of `transform`. */
export const suspendingWasiImports: readonly string[] = SUSPENDING.map(full);

/** These keep the table of streams, and need no process for that. */
const DESCRIPTORS: ReadonlySet<string> = new Set(['fd_close', 'fd_renumber', 'fd_fdstat_set_flags']);

/**
 * Makes the functions of an implementation of WASI preview 1 fit for the guest of a process: `poll_oneoff` (and with it
 * sleeping), reading and writing of the standard streams and `sched_yield` suspend the guest and do not block the host. A
 * handler ends those that wait with EINTR, or under SA_RESTART begins reading and writing again (signal(7)). `proc_raise` sends a
 * signal, `proc_exit` ends the process. All other functions are those given.
 *
 * The functions given do the work, too, while the process is not running its guest (its start function, a call from
 * elsewhere), and for imports that the transform was not told of.
 *
 * @throws nothing; the functions throw ProcessError `cannot-suspend` where a host function stands between the guest's frames
 */
export function suspendingWasi(
  process: Process,
  wasi: WasiImports,
  options: SuspendingWasiOptions = {},
): Record<string, unknown> {
  const own: Readonly<Record<string, Import>> = new SuspendingWasi(process, wasi, options).functions();
  const result: Record<string, unknown> = { ...wasi };
  for (const [name, func] of Object.entries(own)) {
    const given = wasi[name];
    const suspends = SUSPENDING.some((candidate) => candidate === name);
    result[name] = (...args: never[]): unknown => {
      const works =
        DESCRIPTORS.has(name) ||
        (process.state === 'running' && (!suspends || process.guest.suspends(`${WASI_MODULE}.${name}`)));
      if (!works && given !== undefined) return given(...args);
      try {
        return func(...args);
      } catch (error) {
        if (error instanceof SignalError) return WASI_ERRNO[error.errno];
        throw error;
      }
    };
  }
  return result;
}

/** What a file descriptor is, where not a file of the wrapped functions. */
type Stream =
  | { readonly kind: 'input'; readonly source: InputSource; nonblocking: boolean }
  | { readonly kind: 'output'; readonly sink: OutputSink; nonblocking: boolean };

class SuspendingWasi {
  readonly #process: Process;
  readonly #wasi: WasiImports;
  readonly #clocks: Clocks;
  readonly #streams = new Map<number, Stream>();

  constructor(process: Process, wasi: WasiImports, { stdin, stdout, stderr, clocks }: SuspendingWasiOptions) {
    this.#process = process;
    this.#wasi = wasi;
    this.#clocks = clocks ?? hostClocks;
    if (stdin !== undefined) this.#streams.set(0, { kind: 'input', source: stdin, nonblocking: false });
    if (stdout !== undefined) this.#streams.set(1, { kind: 'output', sink: stdout, nonblocking: false });
    if (stderr !== undefined) this.#streams.set(2, { kind: 'output', sink: stderr, nonblocking: false });
  }

  functions() {
    const process = this.#process;
    return {
      poll_oneoff: (input: number, out: number, length: number, count: number) =>
        this.#poll(input >>> 0, out >>> 0, length >>> 0, count >>> 0),
      fd_read: (fd: number, buffers: number, length: number, count: number) =>
        this.#read(fd, buffers >>> 0, length >>> 0, count >>> 0),
      fd_write: (fd: number, buffers: number, length: number, count: number) =>
        this.#write(fd, buffers >>> 0, length >>> 0, count >>> 0),
      sched_yield: () =>
        this.#block('sched_yield', {
          start: (done) => {
            void turn().then(() => done(ERRNO.SUCCESS));
            return () => {};
          },
          interrupted: () => ERRNO.SUCCESS,
          givesWay: true,
        }),
      proc_raise: (signal: number) => {
        if (signal !== 0) {
          const name = wasiSignal(signal);
          if (name === undefined) return ERRNO.INVAL;
          process.kill(name, { pid: process.pid });
          process.leaveIfKilled();
        }
        return this.#block('proc_raise', answer(ERRNO.SUCCESS));
      },
      proc_exit: (status: number) => process.exit(status),
      clock_time_get: (id: number, precision: bigint, time: number) => {
        const value = read(this.#clocks, id);
        if (value === null) return this.#given('clock_time_get', id, precision, time);
        this.#memory.view(pointer(time), 8).setBigUint64(0, value, true);
        return ERRNO.SUCCESS;
      },
      fd_fdstat_get: (fd: number, stat: number) => {
        const errno = this.#given('fd_fdstat_get', fd, stat);
        if (errno === ERRNO.SUCCESS && this.#streams.get(fd)?.nonblocking) {
          const view = this.#memory.view(pointer(stat), 4);
          view.setUint16(2, view.getUint16(2, true) | FDFLAGS_NONBLOCK, true);
        }
        return errno;
      },
      fd_fdstat_set_flags: (fd: number, flags: number) => {
        const stream = this.#streams.get(fd);
        if (stream === undefined) return this.#given('fd_fdstat_set_flags', fd, flags);
        stream.nonblocking = (flags & FDFLAGS_NONBLOCK) !== 0;
        return ERRNO.SUCCESS;
      },
      fd_close: (fd: number) => {
        const errno = this.#given('fd_close', fd);
        if (errno === ERRNO.SUCCESS) this.#streams.delete(fd);
        return errno;
      },
      fd_renumber: (from: number, to: number) => {
        const errno = this.#given('fd_renumber', from, to);
        if (errno !== ERRNO.SUCCESS || from === to) return errno;
        const stream = this.#streams.get(from);
        this.#streams.delete(from);
        if (stream === undefined) this.#streams.delete(to);
        else this.#streams.set(to, stream);
        return errno;
      },
    };
  }

  /** What the wrapped function does. */
  #given(name: string, ...args: readonly unknown[]): number {
    const func = this.#wasi[name] as ((...args: readonly unknown[]) => number | undefined) | undefined;
    if (func === undefined) throw new ProcessError('state', `there is no function ${name} to call`);
    return func(...args) ?? ERRNO.SUCCESS;
  }

  get #memory(): GuestMemory {
    const { memory } = this.#process.guest;
    if (memory === null) throw new ProcessError('no-memory', 'the guest exports no memory "memory"');
    return memory;
  }

  #block(name: Suspending, call: BlockingCall): unknown {
    return this.#process.block(full(name), call);
  }

  #poll(input: number, out: number, length: number, count: number): unknown {
    const host = {
      memory: this.#memory,
      clocks: this.#clocks,
      pollable: (fd: number, scratch: number) => this.#pollable(fd, scratch),
    };
    const poll = Poll.read(host, input, out, length, count);
    if (typeof poll === 'number') return poll;
    // Like poll(2) and the sleeping calls, it is never begun again.
    return this.#block('poll_oneoff', { start: (done) => poll.start(done), interrupted: () => ERRNO.INTR });
  }

  #pollable(fd: number, scratch: number): Pollable {
    const stream = this.#streams.get(fd);
    if (stream !== undefined) return stream;
    const errno = this.#given('fd_fdstat_get', fd, scratch);
    return errno === ERRNO.SUCCESS ? { kind: 'file' } : { kind: 'error', errno };
  }

  #read(fd: number, at: number, length: number, count: number): unknown {
    const stream = this.#streams.get(fd);
    if (stream === undefined) return this.#given('fd_read', fd, at, length, count);
    if (stream.kind === 'output') return ERRNO.BADF;
    const { source } = stream;
    const memory = this.#memory;
    const buffers = readBuffers(memory, at, length);
    if (typeof buffers === 'number') return buffers;
    const result = memory.view(pointer(count), 4);
    const attempt = (): number | null => {
      try {
        const received = receive(memory, buffers, source);
        if (received === null) return null;
        memory.view(pointer(count), 4).setUint32(0, received, true);
        return ERRNO.SUCCESS;
      } catch (error) {
        if (error instanceof SignalError) return WASI_ERRNO[error.errno];
        return ERRNO.IO;
      }
    };
    result.setUint32(0, 0, true);
    if (stream.nonblocking) return attempt() ?? ERRNO.AGAIN;
    return this.#block('fd_read', {
      start: (done) => repeat(attempt, (wake) => source.onReady(wake), done),
      interrupted: () => ERRNO.INTR,
      restartable: true,
    });
  }

  #write(fd: number, at: number, length: number, count: number): unknown {
    const stream = this.#streams.get(fd);
    if (stream === undefined) return this.#given('fd_write', fd, at, length, count);
    if (stream.kind === 'input') return ERRNO.BADF;
    const { sink } = stream;
    const memory = this.#memory;
    const buffers = readBuffers(memory, at, length);
    if (typeof buffers === 'number') return buffers;
    memory.view(pointer(count), 4);
    const sending = new Sending(memory, buffers, sink);
    const report = (errno: number): number => {
      memory.view(pointer(count), 4).setUint32(0, sending.sent, true);
      return sending.sent > 0 ? ERRNO.SUCCESS : errno;
    };
    const attempt = (): number | null => {
      try {
        return sending.advance() ? report(ERRNO.SUCCESS) : null;
      } catch (error) {
        if (error instanceof SignalError) return WASI_ERRNO[error.errno];
        if (!(error instanceof BrokenPipeError)) return report(ERRNO.IO);
        this.#process.kill('SIGPIPE');
        this.#process.leaveIfKilled();
        return report(ERRNO.PIPE);
      }
    };
    if (stream.nonblocking) return attempt() ?? report(ERRNO.AGAIN);
    return this.#block('fd_write', {
      start: (done) => repeat(attempt, (wake) => sink.onReady(wake), done),
      interrupted: () => report(ERRNO.INTR),
      get restartable() {
        return sending.sent === 0;
      },
    });
  }
}

/** A call that has its result at once, and lets signals in. */
const answer = (errno: number): BlockingCall => ({
  start: (done) => {
    done(errno);
    return () => {};
  },
  interrupted: () => errno,
});

/** Attempts until there is an errno. @returns what ends that */
function repeat(
  attempt: () => number | null,
  wait: (wake: () => void) => () => void,
  done: (errno: number) => void,
): () => void {
  let stop = (): void => {};
  const next = (): void => {
    const errno = attempt();
    if (errno === null) stop = wait(next);
    else done(errno);
  };
  next();
  return () => stop();
}
