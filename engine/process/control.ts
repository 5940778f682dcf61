import {
  isRealtime,
  type Places,
  SI,
  SIGCONT,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  type SigInfo,
  type Signo,
  SigSet,
  signo,
} from '../signals/index.ts';
import { QUEUE_LIMIT } from '../signals/pending.ts';
import { ProcessError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { requireSharedMemory } from './guest.ts';
import { TIME_LIMITS } from './time-limits.ts';

/** What a process and its RemoteProcess have between them; to be sent to the process's thread, the port among what is transferred. */
export interface ProcessControl {
  readonly buffer: SharedArrayBuffer;
  readonly port: MessagePort;
}

export type ProcessState = 'new' | 'ready' | 'running' | 'blocked' | 'stopped' | 'suspended' | 'ended';
const STATES = ['new', 'ready', 'running', 'blocked', 'stopped', 'suspended', 'ended'] as const;
/** 0: it has not ended. */
const ENDINGS = [null, 'exited', 'signaled', 'failed', 'timed-out'] as const;

/** How many signals with their information the mailbox holds. */
export const MAILBOX_LIMIT = 1024;

/** Words of the buffer; sets are of standard signals only, signal n is bit n - 1. */
const AT = {
  state: 0,
  attached: 1,
  notified: 2,
  head: 3,
  tail: 4,
  waiting: 5,
  bare: 6,
  places: 7,
  ending: 8,
  endedWith: 9,
  ring: 10,
} as const;
const ENTRY = 5;
const SIZE = 4 * (AT.ring + MAILBOX_LIMIT * ENTRY);

const STOPS: readonly Signo[] = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU];
const bit = (signal: Signo): number => 1 << (signal - 1);

/**
 * Signals on their way from one thread to a process in another one. One thread sends, one takes. A signal lies in the ring, or,
 * where that is full and it is a standard one, as a bare bit without information. Standard signals wait once: `waiting` has
 * those that lie in either. A real-time signal is sent with a place that it will have in the process's queue.
 */
export class Mailbox implements Places {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** @throws ProcessError `no-shared-memory`, `not-shared`, `bad-control` for what is no buffer of a mailbox */
  constructor(buffer?: SharedArrayBuffer) {
    requireSharedMemory();
    this.buffer = buffer ?? new SharedArrayBuffer(SIZE);
    if (!(this.buffer instanceof SharedArrayBuffer)) {
      throw new ProcessError('not-shared', 'the buffer of a control has to be shared memory');
    }
    if (this.buffer.byteLength !== SIZE) throw new ProcessError('bad-control', 'the buffer is not that of a control');
    this.#words = new Int32Array(this.buffer);
  }

  /** False where another process has done so before. */
  attach(): boolean {
    return Atomics.exchange(this.#words, AT.attached, 1) === 0;
  }

  get state(): ProcessState {
    return STATES[Atomics.load(this.#words, AT.state)] ?? 'new';
  }
  set state(state: ProcessState) {
    Atomics.store(this.#words, AT.state, STATES.indexOf(state));
  }

  /** How the process has ended, without what belongs to its thread: results, and the error. Null: it has not. */
  get ending(): Exclude<ExitStatus, { kind: 'failed' }> | { readonly kind: 'failed' } | null {
    const words = this.#words;
    const kind = ENDINGS[Atomics.load(words, AT.ending)] ?? null;
    switch (kind) {
      case null:
      case 'failed':
        return kind && { kind };
      case 'exited':
        return { kind, status: Atomics.load(words, AT.endedWith) >>> 0, results: [] };
      case 'signaled':
        return { kind, signal: signo(Atomics.load(words, AT.endedWith)) };
      case 'timed-out':
        return { kind, limit: TIME_LIMITS[Atomics.load(words, AT.endedWith)] ?? 'wall' };
      default:
        return kind satisfies never;
    }
  }

  end(status: ExitStatus): void {
    const words = this.#words;
    Atomics.store(words, AT.endedWith, numberIn(status));
    Atomics.store(words, AT.ending, ENDINGS.indexOf(status.kind));
    this.state = 'ended';
  }

  /** For the sender, once a signal is in: whether the taker has to be told so. */
  notify(): boolean {
    return Atomics.exchange(this.#words, AT.notified, 1) === 0;
  }
  /** For the taker, before it takes: from now on it has to be told again. */
  heard(): void {
    Atomics.store(this.#words, AT.notified, 0);
  }

  /** A place in the process's queue, for either side. */
  take(): boolean {
    const words = this.#words;
    for (let taken = Atomics.load(words, AT.places); taken < QUEUE_LIMIT; ) {
      const seen = Atomics.compareExchange(words, AT.places, taken, taken + 1);
      if (seen === taken) return true;
      taken = seen;
    }
    return false;
  }

  giveBack(count: number): void {
    Atomics.sub(this.#words, AT.places, count);
  }

  /** False where a real-time signal finds no room, here or in the process's queue (sigqueue(3), EAGAIN). */
  send(info: SigInfo): boolean {
    const words = this.#words;
    const { signo, code, pid, value } = info;
    const tail = Atomics.load(words, AT.tail);
    const isFull = ((tail - Atomics.load(words, AT.head)) | 0) >= MAILBOX_LIMIT;
    if (isRealtime(signo)) {
      if (isFull || !this.take()) return false;
    } else {
      // As in the kernel, a stop signal drops SIGCONT and the other way round: which of them came last matters.
      if (signo === SIGCONT) for (const stop of STOPS) this.#drop(stop);
      else if (STOPS.includes(signo)) this.#drop(SIGCONT);
      if ((Atomics.or(words, AT.waiting, bit(signo)) & bit(signo)) !== 0) return true;
      if (isFull) {
        // It gets through, but what it would say about itself is lost.
        Atomics.or(words, AT.bare, bit(signo));
        return true;
      }
    }
    words.set([signo, code, pid, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))], at(tail));
    Atomics.store(words, AT.tail, (tail + 1) | 0);
    return true;
  }

  /** What of it lies in the ring stays there: it comes before what is sent now. */
  #drop(signal: Signo): void {
    Atomics.and(this.#words, AT.bare, ~bit(signal));
    Atomics.and(this.#words, AT.waiting, ~bit(signal));
  }

  /** Whether there is something to take. */
  get isEmpty(): boolean {
    const words = this.#words;
    return Atomics.load(words, AT.head) === Atomics.load(words, AT.tail) && Atomics.load(words, AT.bare) === 0;
  }

  /** Takes everything out, oldest first. */
  collect(): SigInfo[] {
    const words = this.#words;
    const taken: SigInfo[] = [];
    // Whoever sends a standard signal from now on sends it anew: the one here is as good as delivered.
    const noted = (signal: Signo): void => {
      if (!isRealtime(signal)) Atomics.and(words, AT.waiting, ~bit(signal));
    };
    const tail = Atomics.load(words, AT.tail);
    for (let head = Atomics.load(words, AT.head); head !== tail; head = (head + 1) | 0) {
      const [number = 0, code = 0, pid = 0, low = 0, high = 0] = words.subarray(at(head), at(head) + ENTRY);
      noted(number as Signo);
      taken.push({ signo: number as Signo, code, pid, value: (BigInt(high) << 32n) | BigInt(low >>> 0) });
    }
    Atomics.store(words, AT.head, tail);
    for (const signal of SigSet.ofBits(BigInt(Atomics.exchange(words, AT.bare, 0) >>> 0))) {
      noted(signal);
      taken.push({ signo: signal, code: SI.USER, pid: 0, value: 0n });
    }
    return taken;
  }
}

const at = (entry: number): number => AT.ring + ((entry >>> 0) % MAILBOX_LIMIT) * ENTRY;

function numberIn(status: ExitStatus): number {
  switch (status.kind) {
    case 'exited':
      return status.status;
    case 'signaled':
      return status.signal;
    case 'timed-out':
      return TIME_LIMITS.indexOf(status.limit);
    case 'failed':
      return 0;
    default:
      return status satisfies never;
  }
}
