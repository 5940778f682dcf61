/** The errors of the signal interface, by their POSIX names. */
export type ErrorName = 'EPERM' | 'ESRCH' | 'EINTR' | 'EAGAIN' | 'ENOMEM' | 'EFAULT' | 'EINVAL' | 'ENOSYS';
export type ErrnoTable = Readonly<Record<ErrorName, number>>;

/** Linux, asm-generic/errno.h. */
export const LINUX_ERRNO: ErrnoTable = {
  EPERM: 1,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EINVAL: 22,
  ENOSYS: 38,
};

/** WASI preview 1, `errno`; what wasi-libc has in `<errno.h>`. */
export const WASI_ERRNO: ErrnoTable = {
  EPERM: 63,
  ESRCH: 71,
  EINTR: 27,
  EAGAIN: 6,
  ENOMEM: 48,
  EFAULT: 21,
  EINVAL: 28,
  ENOSYS: 52,
};

/** What a signal function refused; `errno` is the POSIX name of the reason. */
export class SignalError extends Error {
  readonly kind = 'signal';
  readonly errno: ErrorName;

  constructor(errno: ErrorName, message: string) {
    super(`${errno}: ${message}`);
    this.name = 'SignalError';
    this.errno = errno;
  }
}
