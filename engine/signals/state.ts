import { checkFlags, DEFAULT_ACTION, hasFlag, type SigAction, type SigInfo } from './action.ts';
import { SignalError } from './errno.ts';
import {
  type DefaultAction,
  defaultAction,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  type Signo,
  signalName,
} from './numbers.ts';
import { LocalPlaces, nextOf, PendingSignals, type Places } from './pending.ts';
import { SigSet } from './sigset.ts';

const UNBLOCKABLE = SigSet.of(SIGKILL, SIGSTOP);
const STOPS = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
const CONTINUE = SigSet.of(SIGCONT);

/** `how` of sigprocmask(2). */
export const SIG_HOW = { block: 0, unblock: 1, set: 2 } as const;

/** What became of a signal that was sent. */
export type Sent = 'pending' | 'ignored' | 'lost';

/** What a process has to do about a signal that was taken. */
export type Delivery =
  | { readonly kind: 'handler'; readonly info: SigInfo; readonly handler: number; readonly action: SigAction }
  | { readonly kind: 'host'; readonly info: SigInfo; readonly run: (info: SigInfo) => void }
  | { readonly kind: 'terminate'; readonly signal: Signo }
  | { readonly kind: 'stop'; readonly signal: Signo };

/** Whom a signal is sent to: any thread of the process that does not block it, or this one. */
export type Directed = 'process' | 'thread';

/** What all threads of a process have in common (signal(7)): the actions, what waits for any of them, whether they are stopped. */
class Shared {
  readonly places: Places;
  readonly pending: PendingSignals;
  readonly actions = new Map<Signo, SigAction>();
  /** The main thread first. */
  readonly threads = new Set<SignalState>();
  stopped = false;
  fatal: Signo | null = null;
  /** A thread blocks, or has left behind, what waits for any. */
  isAbandoned = false;

  constructor(places: Places) {
    this.places = places;
    this.pending = new PendingSignals(places);
  }
}

const NOBODY: readonly SignalState[] = [];

/** The signals of one thread, and of its process: what waits, what is blocked, and what is done about each (signal(7)). */
export class SignalState {
  readonly #shared: Shared;
  /** What waits for this thread only; null: nothing ever has. */
  #own: PendingSignals | null = null;
  #blocked = SigSet.empty;

  /**
   * Of the main thread of a new process; `parent`: of a thread that this one makes, which blocks what its maker does.
   *
   * @param places of what waits for the process. Default: nobody else knows them
   */
  constructor(parent?: SignalState, places: Places = new LocalPlaces()) {
    this.#shared = parent === undefined ? new Shared(places) : parent.#shared;
    this.#shared.threads.add(this);
    if (parent !== undefined) this.#blocked = parent.#blocked;
  }

  /** The thread has ended: what waits for it alone goes with it. */
  end(): void {
    if (this.#shared.threads.delete(this)) this.#leave(SigSet.full.difference(this.#blocked));
  }

  /** It takes these no more, whoever was woken for them. */
  #leave(signals: SigSet): void {
    const { set } = this.#shared.pending;
    if (!set.isEmpty && !set.intersection(signals).isEmpty) this.#shared.isAbandoned = true;
  }

  /**
   * The threads that are to be woken for what waits for any, as another one has blocked it since or has ended (kernel/signal.c,
   * retarget_shared_pending); each time they are given once.
   */
  takeOthers(): readonly SignalState[] {
    const shared = this.#shared;
    if (!shared.isAbandoned) return NOBODY;
    shared.isAbandoned = false;
    return [...shared.pending.set].flatMap((signal) => this.recipient(signal) ?? []);
  }

  /**
   * The thread that a process-directed signal goes to (kernel/signal.c, complete_signal): the main thread if it does not block
   * it, or else another; null: all block it, and it waits.
   */
  recipient(signal: Signo): SignalState | null {
    for (const thread of this.#shared.threads) if (!thread.#blocked.has(signal)) return thread;
    return null;
  }

  get blocked(): SigSet {
    return this.#blocked;
  }

  /** The whole mask; SIGKILL and SIGSTOP stay out of it. */
  set blocked(mask: SigSet) {
    const before = this.#blocked;
    this.#blocked = mask.difference(UNBLOCKABLE);
    this.#leave(this.#blocked.difference(before));
  }

  /** Whether a stop signal was delivered, and no SIGCONT or SIGKILL sent since. */
  get stopped(): boolean {
    return this.#shared.stopped;
  }

  /** Lets a stopped process go on without SIGCONT, as if no stop signal had been delivered. */
  unstop(): void {
    this.#shared.stopped = false;
  }

  /** Everything that waits for this thread or any, blocked or not. */
  get pending(): SigSet {
    const shared = this.#shared.pending.set;
    return this.#own === null ? shared : this.#own.set.union(shared);
  }

  /** sigpending(2): what waits because it is blocked. */
  sigpending(): SigSet {
    return this.pending.intersection(this.#blocked);
  }

  /** The action of a signal. */
  action(signal: Signo): SigAction {
    return this.#shared.actions.get(signal) ?? DEFAULT_ACTION;
  }

  /**
   * sigaction(2). Setting an action that ignores drops what waits of that signal, blocked or not.
   *
   * @returns the action there was
   * @throws SignalError EINVAL for SIGKILL and SIGSTOP, and for unknown flags
   */
  sigaction(signal: Signo, action: SigAction): SigAction {
    if (UNBLOCKABLE.has(signal)) {
      throw new SignalError('EINVAL', `${signalName(signal)} can be neither handled nor ignored`);
    }
    checkFlags(action.flags);
    const old = this.action(signal);
    this.#shared.actions.set(signal, { ...action, mask: action.mask.difference(UNBLOCKABLE) });
    if (this.#ignores(signal)) this.#drop(SigSet.of(signal));
    return old;
  }

  /** Nobody's any more. */
  #drop(signals: SigSet): void {
    this.#shared.pending.remove(signals);
    for (const thread of this.#shared.threads) thread.#own?.remove(signals);
  }

  /**
   * sigprocmask(2); `how` is one of SIG_HOW.
   *
   * @returns the mask there was
   * @throws SignalError EINVAL for another `how`
   */
  sigprocmask(how: number, set: SigSet): SigSet {
    const old = this.#blocked;
    switch (how) {
      case SIG_HOW.block:
        this.blocked = old.union(set);
        break;
      case SIG_HOW.unblock:
        this.blocked = old.difference(set);
        break;
      case SIG_HOW.set:
        this.blocked = set;
        break;
      default:
        throw new SignalError('EINVAL', `sigprocmask has no mode ${how}`);
    }
    return old;
  }

  /**
   * Generates a signal (kernel/signal.c, send_signal): SIGCONT lets a stopped process go on and drops stop signals that wait,
   * a stop signal drops SIGCONT, whatever is done about them and whether or not they are blocked. `lost`: too many wait.
   *
   * @param directed `thread`: as by pthread_kill(3); what it does by default it does to the whole process all the same
   * @param placed whoever sends it to the process has taken a place for it, which is given back once it does not wait any more
   */
  send(info: SigInfo, directed: Directed = 'process', placed = false): Sent {
    const shared = this.#shared;
    const { signo } = info;
    if (signo === SIGCONT) {
      this.#drop(STOPS);
      shared.stopped = false;
    } else if (STOPS.has(signo)) this.#drop(CONTINUE);
    if (signo === SIGKILL) {
      shared.fatal = SIGKILL;
      return 'pending';
    }
    // What is blocked is never ignored: the action may be another one once it is unblocked.
    if (!this.#blocked.has(signo) && this.#ignores(signo)) {
      if (placed) shared.places.giveBack(1);
      return 'ignored';
    }
    if (directed === 'thread') this.#own ??= new PendingSignals();
    const queue = directed === 'thread' && this.#own !== null ? this.#own : shared.pending;
    if (!queue.add(info, placed)) return 'lost';
    // As in complete_signal: a signal sure to end the process does so before others that wait.
    const open = directed === 'thread' ? !this.#blocked.has(signo) : this.recipient(signo) !== null;
    if (open && !shared.stopped && this.#default(signo) === 'terminate') shared.fatal ??= signo;
    return 'pending';
  }

  /** Whether `take` has something to deliver. */
  get deliverable(): boolean {
    const { fatal, stopped, pending } = this.#shared;
    if (fatal !== null) return true;
    return !stopped && (this.#own?.next(this.#blocked) ?? pending.next(this.#blocked)) !== null;
  }

  /** The signal that ends the process whatever else waits, or null. */
  get fatal(): Signo | null {
    return this.#shared.fatal;
  }

  /** The signal that would end the process if all that wait could be delivered now, or null. */
  get deadly(): Signo | null {
    const shared = this.#shared;
    if (shared.fatal !== null) return shared.fatal;
    let blocked = this.#blocked;
    let own = this.#own?.set ?? SigSet.empty;
    let others = shared.pending.set;
    if (shared.stopped) return null;
    for (;;) {
      const signal = nextOf(own, blocked) ?? nextOf(others, blocked);
      if (signal === null) return null;
      if (nextOf(own, blocked) === null) others = others.without(signal);
      else own = own.without(signal);
      const action = this.action(signal);
      if (action.disposition.kind === 'handler') {
        blocked = blocked.union(action.mask);
        if (!hasFlag(action, 'NODEFER')) blocked = blocked.with(signal);
      }
      switch (this.#default(signal)) {
        case 'terminate':
        case 'core':
          return signal;
        case 'stop':
          return null;
        case 'ignore':
        case 'continue':
        case null:
          break;
      }
    }
  }

  /** Takes the next signal that has an effect; null: there is none. What is ignored by now goes without a word. */
  take(): Delivery | null {
    const shared = this.#shared;
    if (shared.fatal !== null) return { kind: 'terminate', signal: shared.fatal };
    while (!shared.stopped) {
      // Those of the thread's own first (kernel/signal.c, dequeue_signal).
      const own = this.#own?.next(this.#blocked) ?? null;
      const signal = own ?? shared.pending.next(this.#blocked);
      if (signal === null) return null;
      const queue = own === null || this.#own === null ? shared.pending : this.#own;
      const info = queue.take(signal);
      const action = this.action(signal);
      if (action.disposition.kind === 'handler') {
        return { kind: 'handler', info, handler: action.disposition.handler, action };
      }
      if (action.disposition.kind === 'host') return { kind: 'host', info, run: action.disposition.run };
      switch (this.#default(signal)) {
        case 'terminate':
        case 'core':
          return { kind: 'terminate', signal };
        case 'stop':
          shared.stopped = true;
          return { kind: 'stop', signal };
        case 'ignore':
        case 'continue':
        case null:
          break;
      }
    }
    return null;
  }

  /** The same where nothing runs that could be ended or interrupted: takes what the host itself handles. */
  takeHosted(): Extract<Delivery, { kind: 'host' }> | null {
    const shared = this.#shared;
    if (shared.stopped) return null;
    for (const signal of shared.pending.set.difference(this.#blocked)) {
      const { disposition } = this.action(signal);
      if (disposition.kind === 'host') return { kind: 'host', info: shared.pending.take(signal), run: disposition.run };
    }
    return null;
  }

  /** Applies what entering a handler does: SA_RESETHAND, and the mask while it runs (sigaction(2)). */
  enterHandler({ info, action }: Extract<Delivery, { kind: 'handler' }>): void {
    if (hasFlag(action, 'RESETHAND')) {
      this.#shared.actions.set(info.signo, { ...action, disposition: { kind: 'default' } });
    }
    const mask = this.#blocked.union(action.mask);
    this.blocked = hasFlag(action, 'NODEFER') ? mask : mask.with(info.signo);
  }

  /** What happens by default, where nothing else was asked for. */
  #default(signal: Signo): DefaultAction | null {
    return this.action(signal).disposition.kind === 'default' ? defaultAction(signal) : null;
  }

  #ignores(signal: Signo): boolean {
    if (this.action(signal).disposition.kind === 'ignore') return true;
    const action = this.#default(signal);
    return action === 'ignore' || action === 'continue';
  }
}
