/** The module of WASI preview 1. */
export const WASI_MODULE = 'wasi_snapshot_preview1';

/** WASI preview 1, `errno`. */
export const ERRNO = {
  SUCCESS: 0,
  AGAIN: 6,
  BADF: 8,
  FAULT: 21,
  INTR: 27,
  INVAL: 28,
  IO: 29,
  PIPE: 64,
} as const;
export type Errno = (typeof ERRNO)[keyof typeof ERRNO];

/** WASI preview 1, `eventtype`. */
export const EVENT = { CLOCK: 0, FD_READ: 1, FD_WRITE: 2 } as const;
/** `eventrwflags`. */
export const FD_READWRITE_HANGUP = 1;
/** `subclockflags`. */
export const CLOCK_ABSTIME = 1;
/** `clockid`. */
export const CLOCK = { REALTIME: 0, MONOTONIC: 1 } as const;
/** `fdflags`. */
export const FDFLAGS_NONBLOCK = 4;

/** WASI preview 1, `signal`, from 1 on. It lacks Linux's SIGSTKFLT. */
const SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGPOLL',
  'SIGPWR',
  'SIGSYS',
] as const;

/** The name of a signal of WASI's; undefined: there is none of this number. */
export const wasiSignal = (number: number): string | undefined => SIGNALS[number - 1];
