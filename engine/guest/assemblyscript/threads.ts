// Green threads for AssemblyScript, over the import module `bobbin:threads` (docs/threads.md). The program's entry file has to
// export what threads begin with:
//
//   export { __bobbin_thread } from "./threads";
//
// Compile with `--runtime stub` and `--exportTable`. Results are 0 or more, or minus the number of an error. Times are
// nanoseconds; FOREVER is no limit, and 0 is a try.

@external("bobbin:threads", "spawn")
declare function hostSpawn(entry: u32, argument: i32, stack: i32): i32;
@external("bobbin:threads", "exit")
declare function hostExit(result: i32): void;
@external("bobbin:threads", "self")
export declare function self(): i32;
/** Lets others have their turn (sched_yield). */
@external("bobbin:threads", "yield")
export declare function giveWay(): i32;
@external("bobbin:threads", "join")
declare function hostJoin(thread: i32, result: usize): i32;
/** Nobody will join it. */
@external("bobbin:threads", "detach")
export declare function detach(thread: i32): i32;
/** Waits so many nanoseconds; minus EINTR where a handler has run meanwhile. */
@external("bobbin:threads", "sleep")
export declare function sleepFor(nanoseconds: i64): i32;
@external("bobbin:threads", "park")
declare function hostPark(timeout: i64): i32;
/** Wakes a thread that waits in `park`, or will. */
@external("bobbin:threads", "unpark")
export declare function unpark(thread: i32): i32;
/** Sends a signal to one thread (pthread_kill). */
@external("bobbin:threads", "kill")
export declare function killThread(thread: i32, signo: i32): i32;
@external("bobbin:threads", "name")
declare function hostName(thread: i32, text: usize, length: i32): i32;
/** The thread's own word, 0 at first. */
@external("bobbin:threads", "local_get")
export declare function localWord(): i32;
@external("bobbin:threads", "local_set")
export declare function setLocalWord(value: i32): void;
@external("bobbin:threads", "area")
declare function hostArea(address: usize, size: i32): i32;
@external("bobbin:threads", "destroy")
declare function hostDestroy(handle: i32): i32;
@external("bobbin:threads", "mutex_new")
declare function hostMutexNew(recursive: i32): i32;
@external("bobbin:threads", "mutex_lock")
declare function hostMutexLock(handle: i32, timeout: i64): i32;
@external("bobbin:threads", "mutex_unlock")
declare function hostMutexUnlock(handle: i32): i32;
@external("bobbin:threads", "cond_new")
declare function hostCondNew(): i32;
@external("bobbin:threads", "cond_wait")
declare function hostCondWait(handle: i32, mutex: i32, timeout: i64): i32;
@external("bobbin:threads", "cond_signal")
declare function hostCondSignal(handle: i32): i32;
@external("bobbin:threads", "cond_broadcast")
declare function hostCondBroadcast(handle: i32): i32;
@external("bobbin:threads", "sem_new")
declare function hostSemNew(count: i32): i32;
@external("bobbin:threads", "sem_acquire")
declare function hostSemAcquire(handle: i32, timeout: i64): i32;
@external("bobbin:threads", "sem_release")
declare function hostSemRelease(handle: i32, count: i32): i32;
@external("bobbin:threads", "barrier_new")
declare function hostBarrierNew(count: i32): i32;
@external("bobbin:threads", "barrier_wait")
declare function hostBarrierWait(handle: i32): i32;
@external("bobbin:threads", "group_new")
declare function hostGroupNew(): i32;
@external("bobbin:threads", "group_add")
declare function hostGroupAdd(handle: i32, count: i32): i32;
@external("bobbin:threads", "group_wait")
declare function hostGroupWait(handle: i32, timeout: i64): i32;
@external("bobbin:threads", "once_new")
declare function hostOnceNew(): i32;
@external("bobbin:threads", "once_enter")
declare function hostOnceEnter(handle: i32): i32;
@external("bobbin:threads", "once_finish")
declare function hostOnceFinish(handle: i32): i32;
@external("bobbin:threads", "channel_new")
declare function hostChannelNew(capacity: i32): i32;
@external("bobbin:threads", "channel_send")
declare function hostChannelSend(handle: i32, value: i64, timeout: i64): i32;
@external("bobbin:threads", "channel_receive")
declare function hostChannelReceive(handle: i32, value: usize, timeout: i64): i32;
@external("bobbin:threads", "channel_close")
declare function hostChannelClose(handle: i32): i32;
@external("bobbin:threads", "select")
declare function hostSelect(cases: usize, count: i32, timeout: i64): i32;
@external("bobbin:threads", "broadcast_new")
declare function hostBroadcastNew(capacity: i32): i32;
@external("bobbin:threads", "broadcast_subscribe")
declare function hostBroadcastSubscribe(handle: i32): i32;
@external("bobbin:threads", "broadcast_send")
declare function hostBroadcastSend(handle: i32, value: i64, timeout: i64): i32;
@external("bobbin:threads", "broadcast_receive")
declare function hostBroadcastReceive(subscription: i32, value: usize, timeout: i64): i32;
@external("bobbin:threads", "broadcast_close")
declare function hostBroadcastClose(handle: i32): i32;

/** A timeout that never comes. */
export const FOREVER: i64 = -1;

export const EPERM: i32 = 1;
export const ESRCH: i32 = 3;
export const EINTR: i32 = 4;
export const EAGAIN: i32 = 11;
export const EFAULT: i32 = 14;
export const EBUSY: i32 = 16;
export const EINVAL: i32 = 22;
export const EPIPE: i32 = 32;
export const EDEADLK: i32 = 35;
export const ETIMEDOUT: i32 = 110;
export const ECANCELED: i32 = 125;
export const EOWNERDEAD: i32 = 130;

// A collector sees neither the stacks of threads that do not run nor what lies in the host's channels, and yields in the middle of
// its work. The allocator of the stub has no yield point.
const STUB: i32 = 0;
if (ASC_RUNTIME != STUB) ERROR("threads need the option --runtime stub");

/** What the host calls threads through. */
export function __bobbin_thread(entry: u32, argument: i32): i32 {
  return call_indirect<i32>(entry, argument);
}

// @ts-ignore: decorator
@inline
function pack<T>(value: T): i64 {
  if (isReference<T>()) return <i64>changetype<usize>(value);
  if (isFloat<T>()) {
    if (sizeof<T>() == 8) return reinterpret<i64>(<f64>value);
    return <i64>reinterpret<i32>(<f32>value);
  }
  return <i64>value;
}

// @ts-ignore: decorator
@inline
function unpack<T>(raw: i64): T {
  if (isReference<T>()) return changetype<T>(<usize>raw);
  if (isFloat<T>()) {
    if (sizeof<T>() == 8) return <T>reinterpret<f64>(raw);
    return <T>reinterpret<f32>(<i32>raw);
  }
  return <T>raw;
}

/** What a thread receives into: a value of a channel, or another thread's result. One thread at a time uses it. */
export class Received<T> {
  private raw: i64 = 0;

  get value(): T {
    return unpack<T>(this.raw);
  }

  /** Where the host is to write. */
  get address(): usize {
    return changetype<usize>(this) + offsetof<Received<T>>("raw");
  }
}

/**
 * A thread that calls a function with one argument of at most 32 bits: a number, or a reference. Returns the thread's number.
 *
 * @param stack has no meaning without a shadow stack
 */
export function spawn<T>(entry: (argument: T) => i32, argument: T, stack: i32 = 0): i32 {
  if (isReference<T>()) return hostSpawn(entry.index, <i32>changetype<usize>(argument), stack);
  if (!isInteger<T>() || sizeof<T>() > 4) ERROR("a thread's argument is an integer of at most 32 bits, or a reference");
  return hostSpawn(entry.index, <i32>argument, stack);
}

/** Ends the calling thread. The main thread's end in this way leaves the others running. */
export function exitThread(result: i32): void {
  hostExit(result);
}

/** Waits for the end of a thread; `result` then has what it returned. */
export function join(thread: i32, result: Received<i32> | null = null): i32 {
  return hostJoin(thread, result === null ? 0 : result.address);
}

/** Waits for an `unpark` of this thread, or takes one that came before. */
export function park(timeout: i64 = FOREVER): i32 {
  return hostPark(timeout);
}

/** Names a thread, for reports and traces. */
export function setName(thread: i32, name: string): i32 {
  const length = String.UTF8.byteLength(name);
  const text = heap.alloc(length);
  String.UTF8.encodeUnsafe(changetype<usize>(name), name.length, text);
  const result = hostName(thread, text, length);
  heap.free(text);
  return result;
}

/** A variable of which each thread has its own, at first with the value `initial`. */
export class ThreadLocal<T> {
  private readonly address: usize;
  /** 0, or minus EINVAL: there are more than 65,536 bytes of them, and threads share this one. */
  readonly error: i32;

  constructor(initial: T) {
    this.address = heap.alloc(sizeof<T>());
    store<T>(this.address, initial);
    this.error = hostArea(this.address, <i32>sizeof<T>());
  }

  get value(): T {
    return load<T>(this.address);
  }

  set value(value: T) {
    store<T>(this.address, value);
  }
}

/** Something of the host's. `handle` is minus the number of an error where it could not be made; its functions are then EINVAL. */
export class Handle {
  constructor(readonly handle: i32) {}

  /** Minus EBUSY while it is locked or waited for. */
  destroy(): i32 {
    return hostDestroy(this.handle);
  }
}

export class Mutex extends Handle {
  constructor(recursive: bool = false) {
    super(hostMutexNew(<i32>recursive));
  }

  lock(timeout: i64 = FOREVER): i32 {
    return hostMutexLock(this.handle, timeout);
  }

  /** Minus EBUSY where another thread has it. */
  tryLock(): i32 {
    return hostMutexLock(this.handle, 0);
  }

  unlock(): i32 {
    return hostMutexUnlock(this.handle);
  }
}

export class Condition extends Handle {
  constructor() {
    super(hostCondNew());
  }

  /** Gives the mutex up, waits, and takes it again, after a timeout too. */
  wait(mutex: Mutex, timeout: i64 = FOREVER): i32 {
    return hostCondWait(this.handle, mutex.handle, timeout);
  }

  signal(): i32 {
    return hostCondSignal(this.handle);
  }

  broadcast(): i32 {
    return hostCondBroadcast(this.handle);
  }
}

export class Semaphore extends Handle {
  constructor(count: i32) {
    super(hostSemNew(count));
  }

  acquire(timeout: i64 = FOREVER): i32 {
    return hostSemAcquire(this.handle, timeout);
  }

  release(count: i32 = 1): i32 {
    return hostSemRelease(this.handle, count);
  }
}

export class Barrier extends Handle {
  constructor(count: i32) {
    super(hostBarrierNew(count));
  }

  /** 1 for the last that comes, 0 for the others. */
  wait(): i32 {
    return hostBarrierWait(this.handle);
  }
}

export class WaitGroup extends Handle {
  constructor() {
    super(hostGroupNew());
  }

  add(count: i32 = 1): i32 {
    return hostGroupAdd(this.handle, count);
  }

  done(): i32 {
    return hostGroupAdd(this.handle, -1);
  }

  wait(timeout: i64 = FOREVER): i32 {
    return hostGroupWait(this.handle, timeout);
  }
}

export class Once extends Handle {
  constructor() {
    super(hostOnceNew());
  }

  /** Calls the function the first time; the others wait until it has returned. */
  run(func: () => void): i32 {
    const entered = hostOnceEnter(this.handle);
    if (entered != 1) return entered;
    func();
    return hostOnceFinish(this.handle);
  }
}

/** A channel of numbers, or of references. */
export class Channel<T> extends Handle {
  constructor(capacity: i32 = 0) {
    super(hostChannelNew(capacity));
  }

  send(value: T, timeout: i64 = FOREVER): i32 {
    return hostChannelSend(this.handle, pack<T>(value), timeout);
  }

  /** 1 with a value in `into`, 0 where the channel is closed and empty. */
  receive(into: Received<T>, timeout: i64 = FOREVER): i32 {
    return hostChannelReceive(this.handle, into.address, timeout);
  }

  close(): i32 {
    return hostChannelClose(this.handle);
  }
}

/** Each subscriber gets each value. */
export class Broadcast<T> extends Handle {
  constructor(capacity: i32) {
    super(hostBroadcastNew(capacity));
  }

  /** What is sent from now on. */
  subscribe(): Subscription<T> {
    return new Subscription<T>(hostBroadcastSubscribe(this.handle));
  }

  send(value: T, timeout: i64 = FOREVER): i32 {
    return hostBroadcastSend(this.handle, pack<T>(value), timeout);
  }

  close(): i32 {
    return hostBroadcastClose(this.handle);
  }
}

export class Subscription<T> extends Handle {
  /** As of a channel. */
  receive(into: Received<T>, timeout: i64 = FOREVER): i32 {
    return hostBroadcastReceive(this.handle, into.address, timeout);
  }
}

const CASE_SIZE: usize = 24;
const RECEIVE: i32 = 0;
const SEND: i32 = 1;

/** Cases of which exactly one is done. They stay for the next `wait`. One thread at a time uses it. */
export class Select {
  private readonly cases: usize;
  private count: i32 = 0;

  constructor(private readonly most: i32) {
    this.cases = heap.alloc(<usize>most * CASE_SIZE);
  }

  /** Returns the index of the new case, or minus EINVAL where there are `most` already. */
  private add(channel: i32, kind: i32, value: i64): i32 {
    if (this.count >= this.most) return -EINVAL;
    const at = this.at(this.count);
    store<i32>(at, channel, 0);
    store<i32>(at, kind, 4);
    store<i64>(at, value, 8);
    store<i64>(at, 0, 16);
    return this.count++;
  }

  private at(index: i32): usize {
    assert(<u32>index < <u32>this.most);
    return this.cases + <usize>index * CASE_SIZE;
  }

  receive<T>(channel: Channel<T>): i32 {
    return this.add(channel.handle, RECEIVE, 0);
  }

  send<T>(channel: Channel<T>, value: T): i32 {
    return this.add(channel.handle, SEND, pack<T>(value));
  }

  /** Has a case send another value. */
  setValue<T>(index: i32, value: T): void {
    store<i64>(this.at(index), pack<T>(value), 8);
  }

  /** The index of the case that was done. */
  wait(timeout: i64 = FOREVER): i32 {
    return hostSelect(this.cases, this.count, timeout);
  }

  /** Of the case that was done: 1 with a value, 0 where the channel is closed and empty. */
  result(index: i32): i32 {
    return load<i32>(this.at(index), 16);
  }

  /** What was received. */
  value<T>(index: i32): T {
    return unpack<T>(load<i64>(this.at(index), 8));
  }

  clear(): void {
    this.count = 0;
  }
}
