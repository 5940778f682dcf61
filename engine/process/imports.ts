import type { Imports } from '../../continuations/index.ts';
import {
  type ErrnoTable,
  isSigno,
  LINUX_ERRNO,
  SA,
  SI,
  type SigInfo,
  SignalError,
  type SigSet,
  signo,
} from '../signals/index.ts';
import type { BlockingCall } from './blocking.ts';
import { ProcessError } from './errors.ts';
import {
  readItimerval,
  readSigaction,
  readSigset,
  readStack,
  readTimespec,
  SIZE,
  type TimerValue,
  writeItimerval,
  writeSigaction,
  writeSigset,
  writeStack,
  writeTimespec,
} from './layout.ts';
import { type GuestMemory, pointer } from './memory.ts';
import type { Process } from './process.ts';

/** The import module of signals. */
export const SIGNAL_MODULE = 'bobbin:signal';
const SUSPENDING = [
  'sigprocmask',
  'sigsuspend',
  'kill',
  'raise',
  'sigqueue',
  'pause',
  'nanosleep',
  'sigleave',
] as const;
type Suspending = (typeof SUSPENDING)[number];
/** Made once: a string that is put together anew is hashed anew. */
const NAMES = Object.fromEntries(SUSPENDING.map((name) => [name, `${SIGNAL_MODULE}.${name}`])) as Record<
  Suspending,
  string
>;
const full = (name: Suspending): string => NAMES[name];

/** The imports of the module that suspend: for the option `suspending` of `transform`. */
export const suspendingImports: readonly string[] = SUSPENDING.map(full);

const ITIMER_REAL = 0;
const ITIMER_PROF = 2;
const never = (): (() => void) => () => {};

export interface SignalImportOptions {
  /** What the functions return for an error is minus its number in this table. Default: Linux's. */
  readonly errno?: ErrnoTable;
}

/**
 * The module `bobbin:signal` for the guest of a process (docs/signals.md). Its functions return 0 or more, or minus an errno.
 */
export function signalImports(process: Process, options: SignalImportOptions = {}): Imports {
  const errno = options.errno ?? LINUX_ERRNO;
  const functions = new SignalFunctions(process, errno).functions();
  const guarded = Object.entries(functions).map(([name, func]) => [
    name,
    (...args: number[]): unknown => {
      try {
        return func(...args);
      } catch (error) {
        if (error instanceof SignalError) return -errno[error.errno];
        throw error;
      }
    },
  ]);
  return { [SIGNAL_MODULE]: Object.fromEntries(guarded) };
}

type Functions = Readonly<Record<string, (...args: number[]) => unknown>>;

class SignalFunctions {
  readonly #process: Process;
  readonly #errno: ErrnoTable;

  constructor(process: Process, errno: ErrnoTable) {
    this.#process = process;
    this.#errno = errno;
  }

  get #memory(): GuestMemory {
    const { memory } = this.#process.guest;
    if (memory === null) throw new ProcessError('no-memory', 'the guest exports no memory "memory"');
    return memory;
  }

  functions(): Functions {
    const process = this.#process;
    const own = (code: number, value = 0n) => ({ code, pid: process.pid, value });
    return {
      getpid: () => process.pid,
      sigaction: (signal = 0, act = 0, old = 0) => this.#sigaction(signal, act, old),
      sigprocmask: (how = 0, set = 0, old = 0) => this.#sigprocmask(how, set, old),
      sigpending: (set = 0) => {
        writeSigset(this.#memory.required(pointer(set), SIZE.sigset), process.runner.signals.sigpending());
        return 0;
      },
      sigsuspend: (set = 0) => {
        const mask = readSigset(this.#memory.required(pointer(set), SIZE.sigset));
        process.runner.requireSuspendable(full('sigsuspend'));
        process.runner.suspendMask(mask);
        return this.#wait('sigsuspend', { start: never });
      },
      sigaltstack: (stack = 0, old = 0) => this.#sigaltstack(stack, old),
      kill: (pid = 0, signal = 0) => this.#send('kill', this.#target(pid), signal, own(SI.USER)),
      raise: (signal = 0) => {
        if (signal !== 0 && !isSigno(signal)) throw new SignalError('EINVAL', `there is no signal ${signal}`);
        if (!process.killThread(process.runner.signals, signal, own(SI.TKILL))) {
          throw new SignalError('EAGAIN', 'too many signals wait');
        }
        return this.#done('raise');
      },
      sigqueue: (pid = 0, signal = 0, value = 0) =>
        this.#send('sigqueue', this.#target(pid), signal, own(SI.QUEUE, BigInt(value >>> 0))),
      alarm: (seconds = 0) => {
        const old = process.timer.set({ value: (seconds >>> 0) * 1000, interval: 0 });
        if (old.value === 0) return 0;
        // As in the kernel: rounded, but what is left of an alarm is never 0.
        return Math.max(Math.round(old.value / 1000), 1);
      },
      setitimer: (which = 0, value = 0, old = 0) => this.#setitimer(which, value, old),
      getitimer: (which = 0, value = 0) => {
        this.#checkTimer(which);
        writeItimerval(this.#memory.required(pointer(value), SIZE.itimerval), process.timer.get());
        return 0;
      },
      pause: () => this.#wait('pause', { start: never }),
      nanosleep: (request = 0, remaining = 0) => this.#nanosleep(request, remaining),
      sigleave: (entry = 0, argument = 0, set = 0) => {
        const mask = this.#memory.optional(pointer(set), SIZE.sigset);
        return process.runner.leave(full('sigleave'), entry, argument, mask === null ? null : readSigset(mask));
      },
    };
  }

  /** Waits; a handler ends it with EINTR. */
  #wait(name: Suspending, call: Pick<BlockingCall, 'start'> & Partial<BlockingCall>): unknown {
    return this.#process.block(full(name), { interrupted: () => -this.#errno.EINTR, ...call });
  }

  /** Returns 0, after the signals that can be delivered. */
  #done(name: Suspending): unknown {
    this.#process.leaveIfKilled();
    return this.#wait(name, {
      start: (done) => {
        done(0);
        return () => {};
      },
    });
  }

  #sigaction(signal: number, act: number, old: number): number {
    const process = this.#process;
    const view = this.#memory.optional(pointer(act), SIZE.sigaction);
    const action = view === null ? null : readSigaction(view);
    const number = signo(signal);
    if (action?.disposition.kind === 'handler') this.#checkHandler(action.disposition.handler, action.flags);
    const before = action === null ? process.signals.action(number) : process.signals.sigaction(number, action);
    const oldView = this.#memory.optional(pointer(old), SIZE.sigaction);
    if (oldView !== null) writeSigaction(oldView, before);
    return 0;
  }

  /** @throws SignalError EINVAL where no function is there, ProcessError where it has not the parameters of a handler */
  #checkHandler(handler: number, flags: number): void {
    const known = this.#process.guest.handler(handler);
    if (known === 'unknown') return;
    if (known === 'none') throw new SignalError('EINVAL', `there is no function at ${handler} in the guest's table`);
    const wanted = (flags & SA.SIGINFO) === 0 ? 1 : 3;
    if (known.params === wanted) return;
    const form = wanted === 1 ? 'without SA_SIGINFO takes 1 parameter' : 'with SA_SIGINFO takes 3 parameters';
    throw new ProcessError('handler-type', `a handler ${form}; the function at ${handler} takes ${known.params}`);
  }

  #sigprocmask(how: number, set: number, old: number): unknown {
    const { signals } = this.#process.runner;
    const view = this.#memory.optional(pointer(set), SIZE.sigset);
    const before: SigSet = signals.blocked;
    if (view !== null) signals.sigprocmask(how, readSigset(view));
    const oldView = this.#memory.optional(pointer(old), SIZE.sigset);
    if (oldView !== null) writeSigset(oldView, before);
    return this.#done('sigprocmask');
  }

  #sigaltstack(stack: number, old: number): number {
    const { runner } = this.#process;
    const { altStack, onAltStack } = runner;
    const view = this.#memory.optional(pointer(stack), SIZE.stack);
    const before = altStack.fields(onAltStack);
    if (view !== null) altStack.set(readStack(view), onAltStack);
    const oldView = this.#memory.optional(pointer(old), SIZE.stack);
    if (oldView !== null) writeStack(oldView, before);
    return 0;
  }

  /** The process that kill(2) means: 0 and minus its number are the groups of which it is the only member. */
  #target(pid: number): Process {
    const process = pid === 0 || pid === -this.#process.pid ? this.#process : this.#process.findProcess(pid);
    if (process === undefined || process.status !== null) throw new SignalError('ESRCH', `there is no process ${pid}`);
    return process;
  }

  #send(name: Suspending, target: Process, signal: number, info: Omit<SigInfo, 'signo'>): unknown {
    if (signal !== 0) {
      if (!isSigno(signal)) throw new SignalError('EINVAL', `there is no signal ${signal}`);
      // As on Linux kill(2) does not say that a real-time signal of which others wait is lost.
      if (!target.kill(signal, info) && name !== 'kill') throw new SignalError('EAGAIN', 'too many signals wait');
    }
    return this.#done(name);
  }

  #checkTimer(which: number): void {
    if (which === ITIMER_REAL) return;
    if (which > ITIMER_REAL && which <= ITIMER_PROF) throw new SignalError('ENOSYS', 'only ITIMER_REAL is there');
    throw new SignalError('EINVAL', `there is no timer ${which}`);
  }

  #setitimer(which: number, value: number, old: number): number {
    // Linux takes a null pointer for a timer that is disarmed.
    const view = this.#memory.optional(pointer(value), SIZE.itimerval);
    const timer: TimerValue | null = view === null ? { value: 0, interval: 0 } : readItimerval(view);
    if (timer === null) throw new SignalError('EINVAL', 'microseconds are from 0 to 999,999, and seconds not negative');
    this.#checkTimer(which);
    const before = this.#process.timer.set(timer);
    const oldView = this.#memory.optional(pointer(old), SIZE.itimerval);
    if (oldView !== null) writeItimerval(oldView, before);
    return 0;
  }

  #nanosleep(request: number, remaining: number): unknown {
    const time = readTimespec(this.#memory.required(pointer(request), SIZE.timespec));
    if (time === null)
      throw new SignalError('EINVAL', 'nanoseconds are from 0 to 999,999,999, and seconds not negative');
    const { clock } = this.#process;
    const deadline = clock.now() + time;
    return this.#wait('nanosleep', {
      start: (done) => clock.at(deadline, () => done(0)),
      interrupted: () => {
        const left = deadline - clock.now();
        // As in the kernel (hrtimer_nanosleep): it is over, whatever else has come.
        if (left <= 0) return 0;
        try {
          const view = this.#memory.optional(pointer(remaining), SIZE.timespec);
          if (view !== null) writeTimespec(view, left);
          return -this.#errno.EINTR;
        } catch (error) {
          if (error instanceof SignalError) return -this.#errno[error.errno];
          throw error;
        }
      },
    });
  }
}
