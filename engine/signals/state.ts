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
import { PendingSignals } from './pending.ts';
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
  | { readonly kind: 'terminate'; readonly signal: Signo }
  | { readonly kind: 'stop'; readonly signal: Signo };

/** The signals of one process: what waits, what is blocked, and what is done about each (signal(7)). */
export class SignalState {
  readonly #pending = new PendingSignals();
  readonly #actions = new Map<Signo, SigAction>();
  #blocked = SigSet.empty;
  #stopped = false;
  #fatal: Signo | null = null;

  get blocked(): SigSet {
    return this.#blocked;
  }

  /** The whole mask; SIGKILL and SIGSTOP stay out of it. */
  set blocked(mask: SigSet) {
    this.#blocked = mask.difference(UNBLOCKABLE);
  }

  /** Whether a stop signal was delivered, and no SIGCONT or SIGKILL sent since. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Everything that waits, blocked or not. */
  get pending(): SigSet {
    return this.#pending.set;
  }

  /** sigpending(2): what waits because it is blocked. */
  sigpending(): SigSet {
    return this.#pending.set.intersection(this.#blocked);
  }

  /** The action of a signal. */
  action(signal: Signo): SigAction {
    return this.#actions.get(signal) ?? DEFAULT_ACTION;
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
    this.#actions.set(signal, { ...action, mask: action.mask.difference(UNBLOCKABLE) });
    if (this.#ignores(signal)) this.#pending.remove(SigSet.of(signal));
    return old;
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
   */
  send(info: SigInfo): Sent {
    const { signo } = info;
    if (signo === SIGCONT) {
      this.#pending.remove(STOPS);
      this.#stopped = false;
    } else if (STOPS.has(signo)) this.#pending.remove(CONTINUE);
    if (signo === SIGKILL) {
      this.#fatal = SIGKILL;
      return 'pending';
    }
    // What is blocked is never ignored: the action may be another one once it is unblocked.
    const blocked = this.#blocked.has(signo);
    if (!blocked && this.#ignores(signo)) return 'ignored';
    if (!this.#pending.add(info)) return 'lost';
    // As in complete_signal: a signal sure to end the process does so before others that wait.
    if (!blocked && !this.#stopped && this.#default(signo) === 'terminate') this.#fatal ??= signo;
    return 'pending';
  }

  /** Whether `take` has something to deliver. */
  get deliverable(): boolean {
    if (this.#fatal !== null) return true;
    return !this.#stopped && this.#pending.next(this.#blocked) !== null;
  }

  /** The signal that ends the process whatever else waits, or null. */
  get fatal(): Signo | null {
    return this.#fatal;
  }

  /** Takes the next signal that has an effect; null: there is none. What is ignored by now goes without a word. */
  take(): Delivery | null {
    if (this.#fatal !== null) return { kind: 'terminate', signal: this.#fatal };
    while (!this.#stopped) {
      const signal = this.#pending.next(this.#blocked);
      if (signal === null) return null;
      const info = this.#pending.take(signal);
      const action = this.action(signal);
      if (action.disposition.kind === 'handler') {
        return { kind: 'handler', info, handler: action.disposition.handler, action };
      }
      switch (this.#default(signal)) {
        case 'terminate':
        case 'core':
          return { kind: 'terminate', signal };
        case 'stop':
          this.#stopped = true;
          return { kind: 'stop', signal };
        case 'ignore':
        case 'continue':
        case null:
          break;
      }
    }
    return null;
  }

  /** Applies what entering a handler does: SA_RESETHAND, and the mask while it runs (sigaction(2)). */
  enterHandler({ info, action }: Extract<Delivery, { kind: 'handler' }>): void {
    if (hasFlag(action, 'RESETHAND')) {
      this.#actions.set(info.signo, { ...action, disposition: { kind: 'default' } });
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
