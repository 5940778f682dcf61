import { ShortWaits } from './short-waits.ts';

type Macrotask = (run: () => void) => void;

function byMessage(): Macrotask {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return (run) => {
    waiting.push(run);
    port2.postMessage(null);
  };
}
let macrotask: Macrotask | undefined;

function soon(run: () => void): void {
  macrotask ??= typeof setImmediate === 'function' ? (run) => void setImmediate(run) : byMessage();
  macrotask(run);
}

/** Who will go on once the event loop has had its turn. */
let turning = 0;

/** Lets timers, sockets and signals have their turn. */
export function turn(): Promise<void> {
  turning++;
  return new Promise((resolve) =>
    soon(() => {
      turning--;
      resolve();
    }),
  );
}

/** The longest delay that timers take. */
const LONGEST = 0x7fff_ffff;
/** Below this many milliseconds a time is met to the fraction. */
const EXACT = 10;

/** Milliseconds on a clock that never goes back. */
export const now = (): number => performance.now();

const shortWaits = new ShortWaits({ now, soon, isBusy: () => turning > 0 });

/**
 * Calls back at a time of `now`'s, not earlier, however far off it is. Times that are near are met to a fraction of a millisecond,
 * where the thread has nothing to compute.
 *
 * @returns what calls it off
 */
export function at(time: number, run: () => void): () => void {
  let stop: () => void;
  const arm = (): void => {
    const left = time - now();
    if (left < 1) {
      stop = shortWaits.add(time, run);
      return;
    }
    const delay = Math.min(left < EXACT ? Math.floor(left) : Math.ceil(left), LONGEST);
    const timer = setTimeout(arm, delay);
    stop = () => clearTimeout(timer);
  };
  arm();
  return () => stop();
}

/** What the timers of a process go by, in milliseconds. */
export interface ProcessClock {
  /** It never goes back. */
  now(): number;
  /** Calls back at a time, not earlier. @returns what calls it off */
  at(time: number, run: () => void): () => void;
}

/** The host's monotonic clock. */
export const hostProcessClock: ProcessClock = { now, at };

/** Holds the host's event loop alive until it is called off. */
export function keepAlive(): () => void {
  const timer = setInterval(() => {}, LONGEST);
  return () => clearInterval(timer);
}
