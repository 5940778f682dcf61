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

/** Lets timers, sockets and signals have their turn. */
export function turn(): Promise<void> {
  macrotask ??= typeof setImmediate === 'function' ? (run) => void setImmediate(run) : byMessage();
  const post = macrotask;
  return new Promise((resolve) => post(resolve));
}

/** The longest delay that timers take. */
const LONGEST = 0x7fff_ffff;

/** Milliseconds on a clock that never goes back. */
export const now = (): number => performance.now();

/**
 * Calls back at a time of `now`'s, not earlier, however far off it is.
 *
 * @returns what calls it off
 */
export function at(time: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const arm = (): void => {
    const delay = Math.min(Math.max(Math.ceil(time - now()), 0), LONGEST);
    timer = setTimeout(() => (now() >= time ? run() : arm()), delay);
  };
  arm();
  return () => clearTimeout(timer);
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
