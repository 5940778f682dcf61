import { SI, type SigInfo } from './action.ts';
import { isRealtime, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, type Signo } from './numbers.ts';
import { SigSet } from './sigset.ts';

/** Linux takes those first that the program caused itself (kernel/signal.c, SYNCHRONOUS_MASK). */
const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

/** How many siginfo_t a process keeps (RLIMIT_SIGPENDING). */
export const QUEUE_LIMIT = 4096;

/** The places of signals that wait with their information: as many as QUEUE_LIMIT. */
export interface Places {
  /** False: all are taken. */
  take(): boolean;
  giveBack(count: number): void;
}

export class LocalPlaces implements Places {
  #taken = 0;

  take(): boolean {
    if (this.#taken >= QUEUE_LIMIT) return false;
    this.#taken++;
    return true;
  }

  giveBack(count: number): void {
    this.#taken -= count;
  }
}

interface Entry {
  readonly info: SigInfo;
  /** Without a place it waits without its information, once of each signal. */
  readonly placed: boolean;
}

/** The next one of a set to deliver that is not blocked (kernel/signal.c, next_signal): the lowest number first. */
export function nextOf(set: SigSet, blocked: SigSet): Signo | null {
  if (set.isEmpty) return null;
  const open = set.difference(blocked);
  return open.intersection(SYNCHRONOUS).lowest ?? open.lowest;
}

/** The signals that wait for delivery. Standard signals wait once, with the information of the first; real-time ones queue. */
export class PendingSignals {
  #set = SigSet.empty;
  readonly #queues = new Map<Signo, Entry[]>();
  readonly #places: Places;

  constructor(places: Places = new LocalPlaces()) {
    this.#places = places;
  }

  get set(): SigSet {
    return this.#set;
  }

  /**
   * False where it is lost because too many wait (sigqueue(3), EAGAIN).
   *
   * @param placed it has its place already
   */
  add(info: SigInfo, placed = false): boolean {
    const { signo, code } = info;
    const waits = this.#set.has(signo);
    if (waits && !isRealtime(signo)) return true;
    const hasPlace = placed || this.#places.take();
    if (!hasPlace) {
      // Kill(2) and the kernel get through, but what they would say about themselves is lost; nobody is told of more than one.
      if (isRealtime(signo) && (waits || (code !== SI.USER && code !== SI.KERNEL))) return false;
    }
    const entry = { info: hasPlace ? info : { signo, code: SI.USER, pid: 0, value: 0n }, placed: hasPlace };
    const queue = this.#queues.get(signo);
    if (queue === undefined) this.#queues.set(signo, [entry]);
    else queue.push(entry);
    this.#set = this.#set.with(signo);
    return true;
  }

  remove(signals: SigSet): void {
    for (const signal of this.#set.intersection(signals)) {
      const queue = this.#queues.get(signal) ?? [];
      this.#places.giveBack(queue.filter(({ placed }) => placed).length);
      this.#queues.delete(signal);
    }
    this.#set = this.#set.difference(signals);
  }

  /** The next one to deliver that is not blocked (kernel/signal.c, next_signal): the lowest number first. */
  next(blocked: SigSet): Signo | null {
    return nextOf(this.#set, blocked);
  }

  /** Takes the oldest of a signal that waits. */
  take(signal: Signo): SigInfo {
    const queue = this.#queues.get(signal);
    const entry = queue?.shift();
    if (entry?.placed) this.#places.giveBack(1);
    if (queue === undefined || queue.length === 0) {
      this.#queues.delete(signal);
      this.#set = this.#set.without(signal);
    }
    return entry?.info ?? { signo: signal, code: SI.USER, pid: 0, value: 0n };
  }
}
