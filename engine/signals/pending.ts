import { SI, type SigInfo } from './action.ts';
import { FIRST_REALTIME, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, type Signo } from './numbers.ts';
import { SigSet } from './sigset.ts';

/** Linux takes those first that the program caused itself (kernel/signal.c, SYNCHRONOUS_MASK). */
const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

/** How many siginfo_t a process keeps (RLIMIT_SIGPENDING). */
export const QUEUE_LIMIT = 4096;

/** The signals that wait for delivery. Standard signals wait once, with the information of the first; real-time ones queue. */
export class PendingSignals {
  #set = SigSet.empty;
  readonly #queues = new Map<Signo, SigInfo[]>();
  #queued = 0;

  get set(): SigSet {
    return this.#set;
  }

  /** False where it is lost because too many wait (sigqueue(3), EAGAIN). */
  add(info: SigInfo): boolean {
    const { signo } = info;
    if (signo < FIRST_REALTIME && this.#set.has(signo)) return true;
    if (this.#queued >= QUEUE_LIMIT) {
      // kill(2) and the kernel get through, but what they would say about themselves is lost.
      if (signo >= FIRST_REALTIME && info.code !== SI.USER && info.code !== SI.KERNEL) return false;
    } else {
      const queue = this.#queues.get(signo);
      if (queue === undefined) this.#queues.set(signo, [info]);
      else queue.push(info);
      this.#queued++;
    }
    this.#set = this.#set.with(signo);
    return true;
  }

  remove(signals: SigSet): void {
    for (const signal of this.#set.intersection(signals)) {
      this.#queued -= this.#queues.get(signal)?.length ?? 0;
      this.#queues.delete(signal);
    }
    this.#set = this.#set.difference(signals);
  }

  /** The next one to deliver that is not blocked (kernel/signal.c, next_signal): the lowest number first. */
  next(blocked: SigSet): Signo | null {
    if (this.#set.isEmpty) return null;
    const open = this.#set.difference(blocked);
    return open.intersection(SYNCHRONOUS).lowest ?? open.lowest;
  }

  /** Takes the oldest of a signal that waits. */
  take(signal: Signo): SigInfo {
    const queue = this.#queues.get(signal);
    const info = queue?.shift();
    if (info !== undefined) this.#queued--;
    if (queue === undefined || queue.length === 0) {
      this.#queues.delete(signal);
      this.#set = this.#set.without(signal);
    }
    return info ?? { signo: signal, code: SI.USER, pid: 0, value: 0n };
  }
}
