import { SchedulerError, type SchedulerErrorKind } from '../scheduler/index.ts';
import { LINUX_ERRNO, SignalError } from '../signals/index.ts';

/** The errors of the interface of threads, by their POSIX names; Linux's numbers. */
export const ERRNO = {
  ...LINUX_ERRNO,
  EBUSY: 16,
  EPIPE: 32,
  EDEADLK: 35,
  ETIMEDOUT: 110,
  ECANCELED: 125,
  EOWNERDEAD: 130,
} as const;
export type ThreadErrno = keyof typeof ERRNO;

/** What a function of the interface refused; the guest gets minus the error's number. */
export class ThreadError extends Error {
  readonly kind = 'thread';
  readonly errno: ThreadErrno;

  constructor(errno: ThreadErrno, message: string) {
    super(`${errno}: ${message}`);
    this.name = 'ThreadError';
    this.errno = errno;
  }
}

const KINDS: Partial<Record<SchedulerErrorKind, ThreadErrno>> = {
  'bad-argument': 'EINVAL',
  'no-memory': 'EAGAIN',
  'group-closed': 'EAGAIN',
  'not-owner': 'EPERM',
  'self-join': 'EDEADLK',
  closed: 'EPIPE',
  count: 'EINVAL',
  relock: 'EDEADLK',
  state: 'EPERM',
};

/** What the guest is told of an error. @throws the error, where it is none of the interface's */
export function returned(error: unknown): number {
  if (error instanceof ThreadError || error instanceof SignalError) return -ERRNO[error.errno];
  const errno = error instanceof SchedulerError ? KINDS[error.kind] : undefined;
  if (errno === undefined) throw error;
  return -ERRNO[errno];
}
