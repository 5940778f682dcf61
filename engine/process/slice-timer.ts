import { EPOCH } from './epoch-word.ts';
import { ProcessError } from './errors.ts';

/** Words that the timer's thread looks at. */
const CLOCK = {
  /** Grows with each slice begun or ended; odd while one runs. */
  run: 0,
  /** Whose word is to be set. */
  slot: 1,
  /** Microseconds: a slice that the thread finds running twice, this far apart, is over. */
  period: 2,
  /** 1: the thread waits for messages. */
  idle: 3,
} as const;
const WORDS = 4;
/** The longest period, in microseconds. */
const LONGEST = 0x7fff_ffff;

/*
 * The thread never spins, and main's side makes no system call while slices follow each other: the thread wakes every period and
 * compares. No tick gets lost, as it is repeated while the slice lasts; one that comes late ends some slice too early.
 * When no guest runs the thread goes back to its event loop: a host can end it there, and messages reach it.
 */
const SOURCE = `'use strict';
const name = 'node:worker_threads';
const isNode = globalThis.process?.versions?.node !== undefined;
const port = isNode ? (typeof require === 'function' ? require(name) : process.getBuiltinModule(name)).parentPort : globalThis;
const words = new Map();
let clock = null;
const watch = () => {
  for (let seen = 0; ; ) {
    const run = Atomics.load(clock, ${CLOCK.run});
    if ((run & 1) === 0) {
      Atomics.store(clock, ${CLOCK.idle}, 1);
      if (Atomics.load(clock, ${CLOCK.run}) === run) return;
      Atomics.store(clock, ${CLOCK.idle}, 0);
      continue;
    }
    const word = words.get(Atomics.load(clock, ${CLOCK.slot}));
    // Its message is on the way.
    if (word === undefined) return;
    const period = Atomics.load(clock, ${CLOCK.period}) / 1000;
    if (run === seen) Atomics.or(word, 0, ${EPOCH.tick});
    seen = run;
    Atomics.wait(clock, ${CLOCK.idle}, 0, period);
  }
};
const receive = ({ data }) => {
  if (data.clock !== undefined) {
    clock = new Int32Array(data.clock);
    port.postMessage('ready');
    return;
  }
  if (data.buffer !== undefined) words.set(data.slot, new Int32Array(data.buffer, 0, 1));
  else if (data.slot !== undefined) words.delete(data.slot);
  watch();
};
if (isNode) port.on('message', (data) => receive({ data }));
else port.onmessage = receive;
`;

/** A worker of the web's or of Node's. */
interface Thread {
  postMessage(message: unknown): void;
  terminate(): unknown;
  unref?(): void;
  addEventListener?(type: string, listener: (event: unknown) => void): void;
  on?(type: string, listener: (value: unknown) => void): void;
}
type NodeThread = new (source: string, options: object) => Thread;

/** The thread that ends the slices of this thread's guests with `epoch` polls. It does not keep the host alive. */
export class SliceTimer {
  static #current: Promise<SliceTimer> | null = null;
  readonly #clock: Int32Array<SharedArrayBuffer>;
  readonly #thread: Thread;
  readonly #dropped = new FinalizationRegistry<number>((slot) => this.#forget(slot));
  #slots = 0;
  /** The slices that run, one within an import of the other. */
  readonly #running: { readonly slot: number; readonly period: number }[] = [];

  private constructor(clock: Int32Array<SharedArrayBuffer>, thread: Thread) {
    this.#clock = clock;
    this.#thread = thread;
  }

  /**
   * The timer of this thread, started when it is first needed.
   *
   * @throws ProcessError `no-timer` where the host lets no thread be started
   */
  static get(): Promise<SliceTimer> {
    SliceTimer.#current ??= SliceTimer.#start().catch((cause: unknown) => {
      SliceTimer.#current = null;
      throw new ProcessError('no-timer', 'the thread that ends slices could not be started', { cause });
    });
    return SliceTimer.#current;
  }

  static async #start(): Promise<SliceTimer> {
    const thread = await newThread();
    const clock = new Int32Array(new SharedArrayBuffer(4 * WORDS));
    await new Promise<void>((resolve, reject) => {
      const failed = (error: unknown): void =>
        reject(Object(error) instanceof Error ? error : new Error(describe(error)));
      if (thread.on !== undefined) {
        thread.on('message', () => resolve());
        thread.on('error', failed);
      } else {
        thread.addEventListener?.('message', () => resolve());
        thread.addEventListener?.('error', failed);
        thread.addEventListener?.('messageerror', failed);
      }
      thread.postMessage({ clock: clock.buffer });
    });
    thread.unref?.();
    return new SliceTimer(clock, thread);
  }

  /**
   * Makes the word of a guest known.
   *
   * @param owner forgets it when this is collected, if `remove` has not been called before
   * @returns its slot
   */
  add(owner: object, buffer: SharedArrayBuffer): number {
    const slot = ++this.#slots;
    this.#thread.postMessage({ slot, buffer });
    this.#dropped.register(owner, slot, owner);
    return slot;
  }

  remove(owner: object, slot: number): void {
    this.#dropped.unregister(owner);
    this.#forget(slot);
  }

  #forget(slot: number): void {
    this.#thread.postMessage({ slot });
  }

  /** Calls a function that runs the guest of a slot; its word is set when half to all of the milliseconds are over, and again. */
  during<T>(slot: number, milliseconds: number, run: () => T): T {
    this.#running.push({ slot, period: Math.max(Math.min(milliseconds * 500, LONGEST), 1) });
    this.#arm();
    try {
      return run();
    } finally {
      this.#running.pop();
      this.#arm();
    }
  }

  #arm(): void {
    const clock = this.#clock;
    const top = this.#running.at(-1);
    const last = Atomics.load(clock, CLOCK.run);
    if (top === undefined) {
      Atomics.store(clock, CLOCK.run, (last + 1) & ~1);
      return;
    }
    Atomics.store(clock, CLOCK.slot, top.slot);
    Atomics.store(clock, CLOCK.period, top.period);
    Atomics.store(clock, CLOCK.run, (last + 1) | 1);
    // The thread sets this before it looks at `run` for the last time: one of the two sees the other.
    if (Atomics.exchange(clock, CLOCK.idle, 0) === 1) this.#thread.postMessage({});
  }
}

async function newThread(): Promise<Thread> {
  const { process, Worker } = globalThis as { process?: { versions?: { node?: string } }; Worker?: unknown };
  if (process?.versions?.node !== undefined) {
    // Not for bundlers to see: pages have no such module, and do not get here.
    const name = 'node:worker_threads';
    const threads = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { Worker: NodeThread };
    return new threads.Worker(SOURCE, { eval: true, execArgv: [], name: 'bobbin slices' });
  }
  if (typeof Worker !== 'function') throw new TypeError('the host has no workers');
  const url = URL.createObjectURL(new Blob([SOURCE], { type: 'text/javascript' }));
  return new (Worker as new (url: string, options: object) => Thread)(url, { name: 'bobbin slices' });
}

function describe(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === 'string' && message !== '' ? message : 'the worker failed';
}
