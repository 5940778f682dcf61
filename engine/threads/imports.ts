import type { Imports } from '../../continuations/index.ts';
import { GIVE_WAY } from '../process/blocking.ts';
import { pointer } from '../process/index.ts';
import { sleep } from '../scheduler/index.ts';
import { isSigno, SI } from '../signals/index.ts';
import { type Argument, full, THREADS_MODULE, ThreadCalls, type ThreadFunctions, timeout } from './calls.ts';
import { isThreadEntry } from './entry-type.ts';
import { ERRNO, returned, ThreadError } from './errno.ts';
import { Joining, Parking } from './operations.ts';
import { primitiveImports } from './primitives.ts';
import type { Thread } from './thread.ts';
import type { Threads } from './threads.ts';

/** The exports that threads begin with. */
export const THREAD_ENTRY = '__bobbin_thread';
export const THREAD_ENTRY_REF = '__bobbin_thread_ref';
/** The export that is told of a thread that has failed. */
export const THREAD_LOST = '__bobbin_thread_lost';

/** The module `bobbin:threads` for the guest of a process. */
export function threadImports(threads: Threads): Imports {
  const calls = new ThreadCalls(threads);
  const functions: ThreadFunctions = { ...threadFunctions(calls), ...primitiveImports(calls) };
  const guarded = Object.entries(functions).map(([name, func]) => [
    name,
    (...args: Argument[]): unknown => {
      try {
        return func(...args);
      } catch (error) {
        return returned(error);
      }
    },
  ]);
  return { [THREADS_MODULE]: Object.fromEntries(guarded) };
}

function threadFunctions(calls: ThreadCalls): ThreadFunctions {
  const { threads } = calls;
  return {
    spawn: (entry, argument, stack) => {
      const { guest } = threads.process;
      if (!guest.has(THREAD_ENTRY)) throw new ThreadError('EINVAL', `the guest exports no function "${THREAD_ENTRY}"`);
      const func = guest.tableEntry(entry >>> 0);
      if (func !== 'unknown' && !isThreadEntry(func)) {
        throw new ThreadError('EINVAL', `there is no function (i32) -> i32 at ${entry >>> 0} in the guest's table`);
      }
      return threads.spawn({ entry: THREAD_ENTRY, args: [entry, argument], stackSize: sizeOf(stack) }).id;
    },
    spawn_ref: (entry: unknown, argument, stack) => {
      if (!threads.process.guest.has(THREAD_ENTRY_REF)) {
        throw new ThreadError('EINVAL', `the guest exports no function "${THREAD_ENTRY_REF}"`);
      }
      if (!isThreadEntry(entry)) throw new ThreadError('EINVAL', 'not a function (i32) -> i32');
      return threads.spawn({ entry: THREAD_ENTRY_REF, args: [entry, argument], stackSize: sizeOf(stack) }).id;
    },
    exit: (result) => {
      const { current, process } = threads;
      process.runner.requireSuspendable(full('exit'));
      current.value = result;
      return process.runner.abandon(full('exit'));
    },
    self: () => threads.current.id,
    yield: () => {
      void threads.current;
      return threads.process.block(full('yield'), GIVE_WAY);
    },
    join: (id, result) => join(calls, id, result),
    detach: (id) => {
      const thread = threads.get(id);
      if (thread.isDetached || thread.joiner !== null) throw new ThreadError('EINVAL', `thread ${id} is not joinable`);
      thread.isDetached = true;
      if (thread.isOver) threads.forget(thread);
      return 0;
    },
    sleep: (time: bigint) => {
      if (time < 0n) throw new ThreadError('EINVAL', 'a time below 0');
      return calls.wait('sleep', sleep(Number(time) / 1e6), { result: () => 0, interruptible: true });
    },
    park: (time: bigint) =>
      calls.wait('park', new Parking(threads.current), {
        result: () => 0,
        timeout: timeout(time),
        busy: -ERRNO.ETIMEDOUT,
      }),
    unpark: (id) => {
      threads.get(id).unpark();
      return 0;
    },
    kill: (id, signal) => {
      const thread = threads.get(id);
      if (signal !== 0 && !isSigno(signal)) throw new ThreadError('EINVAL', `there is no signal ${signal}`);
      if (signal === 0 || thread.isOver) return 0;
      const { process } = threads;
      const info = { code: SI.TKILL, pid: process.pid };
      if (!process.killThread(thread.runner.signals, signal, info))
        throw new ThreadError('EAGAIN', 'too many signals wait');
      return calls.done('kill');
    },
    name: (id, text, length) => {
      const thread = threads.get(id);
      const bytes = calls.memory.copy(pointer(text), length >>> 0);
      thread.task.rename(new TextDecoder().decode(bytes));
      return 0;
    },
    local_get: () => threads.current.local,
    local_set: (value) => {
      threads.current.local = value;
    },
    area: (address, size) => {
      threads.areas.add(calls.memory, address, size, threads.current);
      return 0;
    },
  } as ThreadFunctions;
}

/** 0 is the default. */
const sizeOf = (stack: number): number | undefined => (stack === 0 ? undefined : stack >>> 0);

function join(calls: ThreadCalls, id: number, result: number): unknown {
  const { threads, current } = calls;
  const thread = threads.get(id);
  if (thread.isDetached || thread.joiner !== null) throw new ThreadError('EINVAL', `thread ${id} is not joinable`);
  for (let other: Thread | null = current; other !== null; other = other.joiner) {
    if (other === thread) throw new ThreadError('EDEADLK', `thread ${current.id} would wait for its own end`);
  }
  if (result !== 0) calls.memory.view(pointer(result), 4);
  const over = (): void => {
    thread.joiner = null;
  };
  const joined = (): void => {
    over();
    threads.forget(thread);
  };
  thread.joiner = current;
  const operation = new Joining(thread.task.joined, over);
  return calls.wait('join', operation, {
    result: () => {
      joined();
      if (result !== 0) calls.setInt32(current, pointer(result), thread.value);
      return 0;
    },
    failed: (error) => {
      const { outcome } = thread.task;
      if (outcome === null) {
        over();
        return returned(error);
      }
      joined();
      return -(outcome.kind === 'cancelled' ? ERRNO.ECANCELED : ERRNO.EOWNERDEAD);
    },
  });
}
