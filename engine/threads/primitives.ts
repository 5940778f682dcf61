import { pointer } from '../process/index.ts';
import {
  Barrier,
  Broadcast,
  Channel,
  Condition,
  Mutex,
  type Operation,
  type Received,
  Semaphore,
  select,
  WaitGroup,
} from '../scheduler/index.ts';
import { full, type SuspendingThreadImport, type ThreadCalls, type ThreadFunctions, timeout } from './calls.ts';
import { ERRNO, ThreadError } from './errno.ts';
import { Handles, RecursiveMutex, Subscribed, TrackedOnce } from './handles.ts';

/** In memory, for `select`. */
const CASE = { size: 24, channel: 0, kind: 4, value: 8, result: 16 } as const;
const KIND = { receive: 0, send: 1 } as const;
const VALUE_SIZE = 8;

const zero = (): number => 0;

/** The functions of `bobbin:threads` that work on primitives. */
export function primitiveImports(calls: ThreadCalls): ThreadFunctions {
  const handles = new Handles(calls.threads.limit);
  const receive = (
    name: SuspendingThreadImport,
    operation: Operation<Received<bigint>>,
    at: number,
    time: bigint,
  ): unknown => {
    const address = pointer(at);
    calls.memory.required(address, VALUE_SIZE);
    const { current } = calls;
    return calls.wait(name, operation, {
      result: ({ done, value }) => {
        if (!done) calls.setInt64(current, address, value);
        return done ? 0 : 1;
      },
      timeout: timeout(time),
    });
  };

  return {
    destroy: (handle) => {
      handles.destroy(handle);
      return 0;
    },

    mutex_new: (recursive) => handles.add((name) => (recursive === 0 ? new Mutex(name) : new RecursiveMutex(name))),
    mutex_lock: (handle, time: bigint) => {
      const mutex = handles.get(handle, Mutex);
      const { task } = calls.current;
      if (mutex instanceof RecursiveMutex && mutex.enter(task)) return 0;
      return calls.wait('mutex_lock', mutex.lock(), { result: zero, timeout: timeout(time), busy: -ERRNO.EBUSY });
    },
    mutex_unlock: (handle) => {
      const mutex = handles.get(handle, Mutex);
      if (mutex instanceof RecursiveMutex && mutex.exit(calls.current.task)) return 0;
      mutex.unlock();
      return 0;
    },

    cond_new: () => handles.add((name) => new Condition(name)),
    cond_wait: (handle, lock, time: bigint) => {
      const condition = handles.get(handle, Condition);
      const mutex = handles.get(lock, Mutex);
      const limit = timeout(time);
      const depth = mutex instanceof RecursiveMutex ? mutex.depth : 0;
      const restore = (): void => {
        if (mutex instanceof RecursiveMutex) mutex.depth = depth;
      };
      mutex.checkOwner('waited with', calls.current.task);
      // Before the mutex is given to another.
      calls.threads.process.runner.requireSuspendable(full('cond_wait'));
      if (mutex instanceof RecursiveMutex) mutex.depth = 0;
      return calls.wait('cond_wait', condition.wait(mutex, limit === null ? {} : { timeout: limit }), {
        result: (notified) => {
          restore();
          return notified ? 0 : -ERRNO.ETIMEDOUT;
        },
        dropped: (notified) => {
          mutex.pass();
          if (notified) condition.notify();
        },
      });
    },
    cond_signal: (handle) => {
      handles.get(handle, Condition).notify();
      return 0;
    },
    cond_broadcast: (handle) => {
      handles.get(handle, Condition).notifyAll();
      return 0;
    },

    sem_new: (count) => handles.add((name) => new Semaphore(count, { name })),
    sem_acquire: (handle, time: bigint) =>
      calls.wait('sem_acquire', handles.get(handle, Semaphore).acquire(), { result: zero, timeout: timeout(time) }),
    sem_release: (handle, count) => {
      const semaphore = handles.get(handle, Semaphore);
      if (count < 1) throw new ThreadError('EINVAL', `${count} permits`);
      semaphore.release(count);
      return 0;
    },

    barrier_new: (parties) => handles.add((name) => new Barrier(parties, name)),
    barrier_wait: (handle) =>
      calls.wait('barrier_wait', handles.get(handle, Barrier).wait(), { result: (last) => (last ? 1 : 0) }),

    group_new: () => handles.add((name) => new WaitGroup(name)),
    group_add: (handle, count) => {
      handles.get(handle, WaitGroup).add(count);
      return 0;
    },
    group_wait: (handle, time: bigint) =>
      calls.wait('group_wait', handles.get(handle, WaitGroup).wait(), { result: zero, timeout: timeout(time) }),

    once_new: () => handles.add((name) => new TrackedOnce(name)),
    once_enter: (handle) => {
      const once = handles.get(handle, TrackedOnce);
      const { task } = calls.current;
      return calls.wait('once_enter', once.enter(), {
        result: (mine) => {
          if (mine) once.by = task;
          return mine ? 1 : 0;
        },
      });
    },
    once_finish: (handle) => {
      const once = handles.get(handle, TrackedOnce);
      if (once.isDone || once.by !== calls.current.task) throw new ThreadError('EPERM', `${once} was not begun here`);
      once.finish();
      return 0;
    },

    channel_new: (capacity) => handles.add((name) => new Channel<bigint>(capacity, name)),
    channel_send: (handle, value: bigint, time: bigint) =>
      calls.wait('channel_send', handles.get(handle, Channel).send(value), { result: zero, timeout: timeout(time) }),
    channel_receive: (handle, value, time: bigint) =>
      receive('channel_receive', handles.get(handle, Channel).receive() as Operation<Received<bigint>>, value, time),
    channel_close: (handle) => {
      handles.get(handle, Channel).close();
      return 0;
    },

    select: (cases, count, time: bigint) => selectCases(calls, handles, cases, count, time),

    broadcast_new: (capacity) => handles.add((name) => new Broadcast<bigint>(capacity, name)),
    broadcast_subscribe: (handle) => {
      const broadcast = handles.get(handle, Broadcast);
      return handles.add(() => new Subscribed(broadcast.subscribe()));
    },
    broadcast_send: (handle, value: bigint, time: bigint) =>
      calls.wait('broadcast_send', handles.get(handle, Broadcast).send(value), {
        result: zero,
        timeout: timeout(time),
      }),
    broadcast_receive: (handle, value, time: bigint) => {
      const operation = handles.get(handle, Subscribed).subscription.receive() as Operation<Received<bigint>>;
      return receive('broadcast_receive', operation, value, time);
    },
    broadcast_close: (handle) => {
      handles.get(handle, Broadcast).close();
      return 0;
    },
  } as ThreadFunctions;
}

function selectCases(calls: ThreadCalls, handles: Handles, cases: number, count: number, time: bigint): unknown {
  const at = pointer(cases);
  const size = (count >>> 0) * CASE.size;
  const view = calls.memory.view(at, size);
  const operations: Record<string, Operation<unknown>> = {};
  for (let index = 0; index < count >>> 0; index++) {
    const base = index * CASE.size;
    const channel = handles.get(view.getInt32(base + CASE.channel, true), Channel);
    const kind = view.getInt32(base + CASE.kind, true);
    if (kind === KIND.receive) operations[index] = channel.receive();
    else if (kind === KIND.send) operations[index] = channel.send(view.getBigInt64(base + CASE.value, true));
    else throw new ThreadError('EINVAL', `a case of kind ${kind}`);
  }
  const { current } = calls;
  return calls.wait('select', select(operations), {
    result: ({ key, value }) => {
      const index = Number(key);
      const base = at + index * CASE.size;
      const received = value as Received<bigint> | undefined;
      if (received !== undefined && !received.done) {
        calls.setInt64(current, pointer(base + CASE.value), received.value);
      }
      calls.setInt32(current, pointer(base + CASE.result), received?.done === true ? 0 : 1);
      return index;
    },
    timeout: timeout(time),
  });
}
