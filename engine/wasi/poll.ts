import { type GuestMemory, pointer } from '../process/index.ts';
import { type Clocks, type Deadline, deadline } from './clocks.ts';
import { CLOCK_ABSTIME, ERRNO, EVENT, FD_READWRITE_HANGUP } from './constants.ts';
import type { InputSource, OutputSink } from './streams.ts';

const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;
const FDSTAT_SIZE = 24;

/** One thing that is waited for. */
interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  /** What there is to say of it now; null: it has not happened. */
  readonly check: () => Happened | null;
  readonly wait: (wake: () => void) => () => void;
}

interface Happened {
  readonly error: number;
  readonly nbytes: bigint;
  readonly flags: number;
}

/** What a file descriptor is, for one who waits for it. */
export type Pollable =
  | { readonly kind: 'input'; readonly source: InputSource }
  | { readonly kind: 'output'; readonly sink: OutputSink }
  /** Never has to be waited for. */
  | { readonly kind: 'file' }
  | { readonly kind: 'error'; readonly errno: number };

export interface PollHost {
  readonly memory: GuestMemory;
  readonly clocks: Clocks;
  readonly pollable: (fd: number, scratch: number) => Pollable;
}

/** What `poll_oneoff` waits for, as the call has put it into memory (WASI preview 1, `subscription` and `event`). */
export class Poll {
  readonly #memory: GuestMemory;
  readonly #subscriptions: readonly Subscription[];
  readonly #out: number;
  readonly #count: number;

  /** @returns an errno where the call is not to be understood. @throws SignalError EFAULT */
  static read(host: PollHost, input: number, out: number, length: number, count: number): Poll | number {
    if (length === 0) return ERRNO.INVAL;
    const { memory } = host;
    memory.view(pointer(count), 4);
    memory.view(pointer(out), length * EVENT_SIZE);
    const view = memory.view(pointer(input), length * SUBSCRIPTION_SIZE);
    // What file descriptors are is asked for by way of the guest's memory.
    const saved = memory.copy(pointer(out), FDSTAT_SIZE);
    // They may lie where the events go: all are read before any is asked about.
    const records = Array.from({ length }, (_, at) => readRecord(view, at * SUBSCRIPTION_SIZE));
    const subscriptions = records.map((record) => subscribe(host, record, out));
    memory.write(pointer(out), saved);
    const refused = subscriptions.find((subscription) => typeof subscription === 'number');
    if (refused !== undefined) return refused;
    return new Poll(memory, subscriptions as Subscription[], out, count);
  }

  private constructor(memory: GuestMemory, subscriptions: readonly Subscription[], out: number, count: number) {
    this.#memory = memory;
    this.#subscriptions = subscriptions;
    this.#out = out;
    this.#count = count;
  }

  /** Calls back with an errno once something has happened and been reported. @returns what calls that off */
  start(done: (errno: number) => void): () => void {
    let stops: (() => void)[] = [];
    const stop = (): void => {
      const stopping = stops;
      stops = [];
      for (const each of stopping) each();
    };
    const attempt = (): void => {
      stop();
      if (this.#report()) done(ERRNO.SUCCESS);
      else stops = this.#subscriptions.map(({ wait }) => wait(attempt));
    };
    attempt();
    return stop;
  }

  /** False: nothing has happened. */
  #report(): boolean {
    let events = 0;
    for (const { userdata, type, check } of this.#subscriptions) {
      const happened = check();
      if (happened === null) continue;
      const view = this.#memory.view(pointer(this.#out + events++ * EVENT_SIZE), EVENT_SIZE);
      for (let at = 0; at < EVENT_SIZE; at += 8) view.setBigUint64(at, 0n, true);
      view.setBigUint64(0, userdata, true);
      view.setUint16(8, happened.error, true);
      view.setUint8(10, type);
      view.setBigUint64(16, happened.nbytes, true);
      view.setUint16(24, happened.flags, true);
    }
    if (events > 0) this.#memory.view(pointer(this.#count), 4).setUint32(0, events, true);
    return events > 0;
  }
}

interface RawSubscription {
  readonly userdata: bigint;
  readonly type: number;
  /** The clock, or the file descriptor. */
  readonly id: number;
  readonly timeout: bigint;
  readonly flags: number;
}

const readRecord = (view: DataView, at: number): RawSubscription => ({
  userdata: view.getBigUint64(at, true),
  type: view.getUint8(at + 8),
  id: view.getUint32(at + 16, true),
  timeout: view.getBigUint64(at + 24, true),
  flags: view.getUint16(at + 40, true),
});

const HAPPENED: Happened = { error: ERRNO.SUCCESS, nbytes: 0n, flags: 0 };
/** How much can be written is not known; that it is something is. */
const READY: Happened = { ...HAPPENED, nbytes: 1n };
const never = (): (() => void) => () => {};

function subscribe(host: PollHost, record: RawSubscription, scratch: number): Subscription | number {
  const { userdata, type, id, flags } = record;
  switch (type) {
    case EVENT.CLOCK: {
      const end: Deadline | null = deadline(host.clocks, id, record.timeout, (flags & CLOCK_ABSTIME) !== 0);
      if (end === null || (flags & ~CLOCK_ABSTIME) !== 0) return ERRNO.INVAL;
      return { userdata, type, check: () => (end.isDue() ? HAPPENED : null), wait: end.wait };
    }
    case EVENT.FD_READ:
    case EVENT.FD_WRITE: {
      const pollable = host.pollable(id, scratch);
      switch (pollable.kind) {
        case 'input': {
          const { source } = pollable;
          // It cannot be written to, and says so at once.
          if (type === EVENT.FD_WRITE) break;
          return { userdata, type, check: () => readable(source), wait: (wake) => source.onReady(wake) };
        }
        case 'output': {
          const { sink } = pollable;
          if (type === EVENT.FD_READ) break;
          return { userdata, type, check: () => (sink.hasRoom() ? READY : null), wait: (wake) => sink.onReady(wake) };
        }
        case 'file':
          break;
        case 'error': {
          const failed = { ...HAPPENED, error: pollable.errno };
          return { userdata, type, check: () => failed, wait: never };
        }
        default:
          pollable satisfies never;
      }
      return { userdata, type, check: () => READY, wait: never };
    }
    default:
      return ERRNO.INVAL;
  }
}

function readable(source: InputSource): Happened | null {
  const size = source.peek();
  if (size === null) return null;
  return { ...HAPPENED, nbytes: BigInt(size), flags: size === 0 ? FD_READWRITE_HANGUP : 0 };
}
