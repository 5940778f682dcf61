// Signals for AssemblyScript, over the import module `bobbin:signal` (docs/signals.md). Compile with `--exportTable`, so that
// handlers are checked, and `--tableBase 2`: 0 and 1 are no handlers. The program's entry file has to export the dispatcher:
//
//   export { __bobbin_signal } from "./signal";
//
// Results are 0 or more, or minus the number of an error. A handler may run wherever the program yields, also within the
// allocator: it must not allocate, nor throw.

@external("bobbin:signal", "getpid")
export declare function getpid(): i32;
@external("bobbin:signal", "sigaction")
declare function hostSigaction(signo: i32, action: usize, old: usize): i32;
@external("bobbin:signal", "sigprocmask")
declare function hostSigprocmask(how: i32, set: usize, old: usize): i32;
@external("bobbin:signal", "sigpending")
declare function hostSigpending(set: usize): i32;
@external("bobbin:signal", "sigsuspend")
declare function hostSigsuspend(set: usize): i32;
@external("bobbin:signal", "sigaltstack")
declare function hostSigaltstack(stack: usize, old: usize): i32;
@external("bobbin:signal", "kill")
export declare function kill(pid: i32, signo: i32): i32;
@external("bobbin:signal", "raise")
export declare function raise(signo: i32): i32;
@external("bobbin:signal", "sigqueue")
export declare function sigqueue(pid: i32, signo: i32, value: i32): i32;
@external("bobbin:signal", "alarm")
export declare function alarm(seconds: u32): u32;
@external("bobbin:signal", "setitimer")
declare function hostSetitimer(which: i32, value: usize, old: usize): i32;
@external("bobbin:signal", "pause")
export declare function pause(): i32;
@external("bobbin:signal", "nanosleep")
declare function hostNanosleep(duration: usize, left: usize): i32;

export const SIGHUP: i32 = 1;
export const SIGINT: i32 = 2;
export const SIGQUIT: i32 = 3;
export const SIGUSR1: i32 = 10;
export const SIGUSR2: i32 = 12;
export const SIGALRM: i32 = 14;
export const SIGTERM: i32 = 15;
export const SIGCONT: i32 = 18;
export const SIGTSTP: i32 = 20;
export const SIGWINCH: i32 = 28;

export const SA_RESTART: u32 = 0x1000_0000;
export const SA_NODEFER: u32 = 0x4000_0000;
export const SA_RESETHAND: u32 = 0x8000_0000;
const SA_SIGINFO: u32 = 4;
const SA_ONSTACK: u32 = 0x0800_0000;

export const EINVAL: i32 = 22;

const DEFAULT: u32 = 0;
const IGNORE: u32 = 1;
const BLOCK: i32 = 0;
const UNBLOCK: i32 = 1;

/** What the host calls handlers through. */
export function __bobbin_signal(handler: u32, signo: i32, info: usize, context: usize, flags: u32): void {
  if (flags & SA_SIGINFO) call_indirect<void>(handler, signo, info, context);
  else call_indirect<void>(handler, signo);
}

/** The set of one signal; sets are made of several by `|`. */
export function bit(signo: i32): u64 {
  return (<u64>1) << (<u64>(signo - 1));
}

// The host reads these before anything else can run; so one of each is enough.
const action: usize = memory.data(16);
const set: usize = memory.data(8);
const time: usize = memory.data(32);

function install(signo: i32, handler: u32, flags: u32, mask: u64): i32 {
  store<u32>(action, handler, 0);
  store<u32>(action, flags, 4);
  store<u64>(action, mask, 8);
  return hostSigaction(signo, action, 0);
}

/** Calls a function for each signal of this number; it is blocked meanwhile, and so are those of `mask`. */
export function handle(signo: i32, handler: (signo: i32) => void, flags: u32 = SA_RESTART, mask: u64 = 0): i32 {
  const index = handler.index;
  if (index <= IGNORE) return -EINVAL;
  return install(signo, index, flags & ~SA_SIGINFO, mask);
}

/** Where the host puts what handlers of `handleInfo` get: at least 2048 bytes. */
export function alternateStack(lowest: usize, size: u32): i32 {
  store<usize>(action, lowest, 0);
  store<i32>(action, 0, 4);
  store<u32>(action, size, 8);
  return hostSigaltstack(action, 0);
}

/** The same with the addresses of `siginfo` and the context; they are 0 without an alternate stack. */
export function handleInfo(
  signo: i32,
  handler: (signo: i32, info: usize, context: usize) => void,
  flags: u32 = SA_RESTART,
  mask: u64 = 0,
): i32 {
  const index = handler.index;
  if (index <= IGNORE) return -EINVAL;
  return install(signo, index, flags | SA_SIGINFO | SA_ONSTACK, mask);
}

export function ignore(signo: i32): i32 {
  return install(signo, IGNORE, 0, 0);
}

export function restoreDefault(signo: i32): i32 {
  return install(signo, DEFAULT, 0, 0);
}

export function block(signals: u64): i32 {
  store<u64>(set, signals);
  return hostSigprocmask(BLOCK, set, 0);
}

/** What is pending of these signals is delivered before it returns. */
export function unblock(signals: u64): i32 {
  store<u64>(set, signals);
  return hostSigprocmask(UNBLOCK, set, 0);
}

/** The blocked signals that have come. */
export function pending(): u64 {
  hostSigpending(set);
  return load<u64>(set);
}

/** Waits for a signal that is not of this set; then it is minus EINTR. */
export function suspend(blocked: u64): i32 {
  store<u64>(set, blocked);
  return hostSigsuspend(set);
}

/** Has SIGALRM come after so many microseconds, and again after each `interval` of them; 0 calls it off. */
export function timer(microseconds: i64, interval: i64 = 0): i32 {
  store<i64>(time, interval / 1_000_000, 0);
  store<i64>(time, interval % 1_000_000, 8);
  store<i64>(time, microseconds / 1_000_000, 16);
  store<i64>(time, microseconds % 1_000_000, 24);
  return hostSetitimer(0, time, 0);
}

/** Waits so many milliseconds; minus EINTR where a handler has run before. */
export function sleep(milliseconds: i64): i32 {
  store<i64>(time, milliseconds / 1000, 0);
  store<i64>(time, (milliseconds % 1000) * 1_000_000, 8);
  return hostNanosleep(time, 0);
}
