import { SI, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, type SigInfo, type Signo, SigSet } from '../signals/index.ts';
import { FIRST_REALTIME } from '../signals/numbers.ts';
import { ProcessError } from './errors.ts';
import { requireSharedMemory } from './guest.ts';

/** What a process and its RemoteProcess have between them; to be sent to the process's thread, the port among what is transferred. */
export interface ProcessControl {
  readonly buffer: SharedArrayBuffer;
  readonly port: MessagePort;
}

export type ProcessState = 'new' | 'ready' | 'running' | 'blocked' | 'stopped' | 'suspended' | 'ended';
const STATES = ['new', 'ready', 'running', 'blocked', 'stopped', 'suspended', 'ended'] as const;

/** How many signals with their information the mailbox holds. */
export const MAILBOX_LIMIT = 1024;

/** Words of the buffer; sets are two words, signal n is bit n - 1. */
const AT = { state: 0, attached: 1, notified: 2, head: 3, tail: 4, waiting: 5, bare: 7, ring: 9 } as const;
const ENTRY = 5;
const SIZE = 4 * (AT.ring + MAILBOX_LIMIT * ENTRY);

const STOPS: readonly Signo[] = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU];
const word = (signal: Signo): number => (signal - 1) >> 5;
const bit = (signal: Signo): number => 1 << ((signal - 1) & 31);

/**
 * Signals on their way from one thread to a process in another one. One thread sends, one takes. A signal lies in the ring, or,
 * where that is full, as a bare bit without information. Standard signals wait once: `waiting` has those that lie in the ring.
 */
export class Mailbox {
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

  /** For the sender, once a signal is in: whether the taker has to be told so. */
  notify(): boolean {
    return Atomics.exchange(this.#words, AT.notified, 1) === 0;
  }
  /** For the taker, before it takes: from now on it has to be told again. */
  heard(): void {
    Atomics.store(this.#words, AT.notified, 0);
  }

  /** False where it is lost because too many wait (sigqueue(3), EAGAIN). */
  send(info: SigInfo): boolean {
    const words = this.#words;
    const { signo, code, pid, value } = info;
    const standard = signo < FIRST_REALTIME;
    // As in the kernel, a stop signal drops SIGCONT and the other way round: which of them came last matters.
    if (signo === SIGCONT) for (const stop of STOPS) this.#remove(AT.waiting, stop);
    else if (STOPS.includes(signo)) this.#remove(AT.waiting, SIGCONT);
    if (standard && (Atomics.or(words, AT.waiting + word(signo), bit(signo)) & bit(signo)) !== 0) return true;
    const tail = Atomics.load(words, AT.tail);
    if (((tail - Atomics.load(words, AT.head)) | 0) >= MAILBOX_LIMIT) {
      // Those of kill(2) get through, but what they would say about themselves is lost.
      if (!standard && code !== SI.USER && code !== SI.KERNEL) return false;
      Atomics.or(words, AT.bare + word(signo), bit(signo));
      return true;
    }
    words.set([signo, code, pid, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))], at(tail));
    Atomics.store(words, AT.tail, (tail + 1) | 0);
    return true;
  }

  #remove(set: number, signal: Signo): void {
    Atomics.and(this.#words, set + word(signal), ~bit(signal));
  }

  /** Whether there is something to take. */
  get isEmpty(): boolean {
    const words = this.#words;
    return (
      Atomics.load(words, AT.head) === Atomics.load(words, AT.tail) &&
      (Atomics.load(words, AT.bare) | Atomics.load(words, AT.bare + 1)) === 0
    );
  }

  /** Takes everything out, oldest first. */
  take(): SigInfo[] {
    const words = this.#words;
    const taken: SigInfo[] = [];
    const tail = Atomics.load(words, AT.tail);
    for (let head = Atomics.load(words, AT.head); head !== tail; head = (head + 1) | 0) {
      const [signo = 0, code = 0, pid = 0, low = 0, high = 0] = words.subarray(at(head), at(head) + ENTRY);
      // Whoever sends it from now on sends it anew: this one is as good as delivered.
      this.#remove(AT.waiting, signo as Signo);
      taken.push({ signo: signo as Signo, code, pid, value: (BigInt(high) << 32n) | BigInt(low >>> 0) });
    }
    Atomics.store(words, AT.head, tail);
    const bits = [0, 1].map((half) => BigInt(Atomics.exchange(words, AT.bare + half, 0) >>> 0) << BigInt(32 * half));
    for (const signo of SigSet.ofBits(bits.reduce((all, half) => all | half, 0n))) {
      this.#remove(AT.waiting, signo);
      taken.push({ signo, code: SI.USER, pid: 0, value: 0n });
    }
    return taken;
  }
}

const at = (entry: number): number => AT.ring + ((entry >>> 0) % MAILBOX_LIMIT) * ENTRY;
