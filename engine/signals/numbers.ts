import { SignalError } from './errno.ts';

/** A signal's number: 1 to 64. */
export type Signo = number & { readonly __brand: 'Signo' };

/** What happens to a process that neither handles nor ignores a signal; `core` terminates as `terminate` does. */
export type DefaultAction = 'terminate' | 'core' | 'ignore' | 'stop' | 'continue';

/** The number of signals: numbers go from 1 to this one. */
export const SIGNAL_COUNT = 64;

/** The first of the kernel's real-time signals, which queue. The C library keeps the first two to itself. */
export const FIRST_REALTIME = 32;
const RTMIN = 34;

/** Linux on x86-64, signal(7), numbers 1 to 31. */
const STANDARD = [
  ['SIGHUP', 'terminate'],
  ['SIGINT', 'terminate'],
  ['SIGQUIT', 'core'],
  ['SIGILL', 'core'],
  ['SIGTRAP', 'core'],
  ['SIGABRT', 'core'],
  ['SIGBUS', 'core'],
  ['SIGFPE', 'core'],
  ['SIGKILL', 'terminate'],
  ['SIGUSR1', 'terminate'],
  ['SIGSEGV', 'core'],
  ['SIGUSR2', 'terminate'],
  ['SIGPIPE', 'terminate'],
  ['SIGALRM', 'terminate'],
  ['SIGTERM', 'terminate'],
  ['SIGSTKFLT', 'terminate'],
  ['SIGCHLD', 'ignore'],
  ['SIGCONT', 'continue'],
  ['SIGSTOP', 'stop'],
  ['SIGTSTP', 'stop'],
  ['SIGTTIN', 'stop'],
  ['SIGTTOU', 'stop'],
  ['SIGURG', 'ignore'],
  ['SIGXCPU', 'core'],
  ['SIGXFSZ', 'core'],
  ['SIGVTALRM', 'terminate'],
  ['SIGPROF', 'terminate'],
  ['SIGWINCH', 'ignore'],
  ['SIGIO', 'terminate'],
  ['SIGPWR', 'terminate'],
  ['SIGSYS', 'core'],
] as const satisfies readonly (readonly [string, DefaultAction])[];

/** The names of the standard signals. */
export type StandardName = (typeof STANDARD)[number][0];

const numberOf = (name: StandardName): Signo => (STANDARD.findIndex(([known]) => known === name) + 1) as Signo;

export const SIGHUP: Signo = numberOf('SIGHUP');
export const SIGINT: Signo = numberOf('SIGINT');
export const SIGQUIT: Signo = numberOf('SIGQUIT');
export const SIGILL: Signo = numberOf('SIGILL');
export const SIGTRAP: Signo = numberOf('SIGTRAP');
export const SIGABRT: Signo = numberOf('SIGABRT');
export const SIGBUS: Signo = numberOf('SIGBUS');
export const SIGFPE: Signo = numberOf('SIGFPE');
export const SIGKILL: Signo = numberOf('SIGKILL');
export const SIGUSR1: Signo = numberOf('SIGUSR1');
export const SIGSEGV: Signo = numberOf('SIGSEGV');
export const SIGUSR2: Signo = numberOf('SIGUSR2');
export const SIGPIPE: Signo = numberOf('SIGPIPE');
export const SIGALRM: Signo = numberOf('SIGALRM');
export const SIGTERM: Signo = numberOf('SIGTERM');
export const SIGCONT: Signo = numberOf('SIGCONT');
export const SIGSTOP: Signo = numberOf('SIGSTOP');
export const SIGTSTP: Signo = numberOf('SIGTSTP');
export const SIGTTIN: Signo = numberOf('SIGTTIN');
export const SIGTTOU: Signo = numberOf('SIGTTOU');
export const SIGWINCH: Signo = numberOf('SIGWINCH');
export const SIGSYS: Signo = numberOf('SIGSYS');
export const SIGRTMIN: Signo = RTMIN as Signo;
export const SIGRTMAX: Signo = SIGNAL_COUNT as Signo;

const ALIASES: ReadonlyMap<string, Signo> = new Map([
  ['SIGIOT', SIGABRT],
  ['SIGPOLL', numberOf('SIGIO')],
  ['SIGRTMIN', SIGRTMIN],
  ['SIGRTMAX', SIGRTMAX],
]);

/** Whether each one that is sent is delivered, with what came with it. */
export const isRealtime = (signal: Signo): boolean => signal >= FIRST_REALTIME;

export function isSigno(value: number): value is Signo {
  return Number.isInteger(value) && value >= 1 && value <= SIGNAL_COUNT;
}

/**
 * The number of a signal given by number or name (`SIGINT`, `INT`, `SIGRTMIN+3`, `SIGRTMAX-1`).
 *
 * @throws SignalError EINVAL where there is no such signal
 */
export function signo(signal: number | string): Signo {
  if (typeof signal === 'number') {
    if (isSigno(signal)) return signal;
    throw new SignalError('EINVAL', `there is no signal ${signal}`);
  }
  if (typeof signal !== 'string') throw new SignalError('EINVAL', 'a signal is a number or a name');
  const upper = signal.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const at = STANDARD.findIndex(([known]) => known === name);
  if (at >= 0) return (at + 1) as Signo;
  const alias = ALIASES.get(name);
  if (alias !== undefined) return alias;
  const relative = /^SIGRT(?:MIN\+|MAX-)(\d{1,2})$/.exec(name);
  if (relative !== null) {
    const offset = Number(relative[1]);
    const number = name.startsWith('SIGRTMIN') ? SIGRTMIN + offset : SIGRTMAX - offset;
    if (isSigno(number) && number >= SIGRTMIN) return number;
  }
  throw new SignalError('EINVAL', `there is no signal "${signal}"`);
}

/** The name of a signal: `SIGINT`, `SIGRTMIN+3`; `SIG32` and `SIG33` have none of their own. */
export function signalName(number: Signo): string {
  const standard = STANDARD[number - 1];
  if (standard !== undefined) return standard[0];
  if (number < RTMIN) return `SIG${number}`;
  if (number === SIGRTMIN) return 'SIGRTMIN';
  return number === SIGRTMAX ? 'SIGRTMAX' : `SIGRTMIN+${number - RTMIN}`;
}

/** Signal(7), "Standard signals" and "Real-time signals". */
export function defaultAction(number: Signo): DefaultAction {
  return STANDARD[number - 1]?.[1] ?? 'terminate';
}
