import type { GuestMemory, Pointer } from '../process/index.ts';
import type { Operation } from '../scheduler/index.ts';
import { ThreadError } from './errno.ts';
import type { Thread } from './thread.ts';
import type { Threads } from './threads.ts';
import { OperationCall, type WaitOptions } from './waits.ts';

/** The import module of threads. */
export const THREADS_MODULE = 'bobbin:threads';
const SUSPENDING = [
  'exit',
  'yield',
  'join',
  'sleep',
  'park',
  'kill',
  'mutex_lock',
  'cond_wait',
  'sem_acquire',
  'barrier_wait',
  'group_wait',
  'once_enter',
  'channel_send',
  'channel_receive',
  'select',
  'broadcast_send',
  'broadcast_receive',
] as const;
export type SuspendingThreadImport = (typeof SUSPENDING)[number];
/** Made once: a string that is put together anew is hashed anew. */
const NAMES = Object.fromEntries(SUSPENDING.map((name) => [name, `${THREADS_MODULE}.${name}`])) as Record<
  SuspendingThreadImport,
  string
>;
export const full = (name: SuspendingThreadImport): string => NAMES[name];

/** The imports of the module that suspend: for the option `suspending` of `transform`. */
export const suspendingThreads: readonly string[] = SUSPENDING.map(full);

export type Argument = number & bigint;
export type ThreadFunctions = Readonly<Record<string, (...args: Argument[]) => unknown>>;

/** What the functions of the interface use of the process whose guest calls them. */
export class ThreadCalls {
  readonly threads: Threads;

  constructor(threads: Threads) {
    this.threads = threads;
  }

  get current(): Thread {
    return this.threads.current;
  }

  get memory(): GuestMemory {
    const { memory } = this.threads.process.guest;
    if (memory === null) throw new ThreadError('EINVAL', 'the guest exports no memory "memory"');
    return memory;
  }

  /** Writes a result of a thread's call, whoever's turn it is. @throws SignalError EFAULT */
  setInt32(thread: Thread, at: Pointer, value: number): void {
    const { memory } = this;
    if (this.threads.areas.isAway(thread)) {
      const bytes = new DataView(new ArrayBuffer(4));
      bytes.setInt32(0, value, true);
      this.threads.areas.write(memory, thread, at, bytes);
    } else memory.view(at, 4).setInt32(0, value, true);
  }

  /** The same. */
  setInt64(thread: Thread, at: Pointer, value: bigint): void {
    const { memory } = this;
    if (this.threads.areas.isAway(thread)) {
      const bytes = new DataView(new ArrayBuffer(8));
      bytes.setBigInt64(0, value, true);
      this.threads.areas.write(memory, thread, at, bytes);
    } else memory.view(at, 8).setBigInt64(0, value, true);
  }

  /** Does an operation in the calling thread. @returns what the import has to return */
  wait<T>(name: SuspendingThreadImport, operation: Operation<T>, options: WaitOptions<T>): unknown {
    const { threads } = this;
    const call = new OperationCall(operation, threads.current.task, threads.scheduler.home, options);
    return call.poll() ?? threads.process.block(full(name), call);
  }

  /** Returns 0, after the signals that can be delivered. */
  done(name: SuspendingThreadImport): unknown {
    const { process } = this.threads;
    process.leaveIfKilled();
    return process.block(full(name), {
      start: (done) => {
        done(0);
        return () => {};
      },
      interrupted: () => 0,
    });
  }
}

/** Nanoseconds as the guest gives them, in milliseconds; null: below 0, there is no limit. */
export const timeout = (nanoseconds: bigint): number | null => (nanoseconds < 0n ? null : Number(nanoseconds) / 1e6);
