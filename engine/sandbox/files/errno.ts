import { SignalError, WASI_ERRNO } from '../../signals/index.ts';

/** WASI preview 1, `errno`: in the order of their numbers. */
const NAMES = [
  ...['SUCCESS', '2BIG', 'ACCES', 'ADDRINUSE', 'ADDRNOTAVAIL', 'AFNOSUPPORT', 'AGAIN', 'ALREADY', 'BADF', 'BADMSG'],
  ...['BUSY', 'CANCELED', 'CHILD', 'CONNABORTED', 'CONNREFUSED', 'CONNRESET', 'DEADLK', 'DESTADDRREQ', 'DOM', 'DQUOT'],
  ...['EXIST', 'FAULT', 'FBIG', 'HOSTUNREACH', 'IDRM', 'ILSEQ', 'INPROGRESS', 'INTR', 'INVAL', 'IO'],
  ...['ISCONN', 'ISDIR', 'LOOP', 'MFILE', 'MLINK', 'MSGSIZE', 'MULTIHOP', 'NAMETOOLONG', 'NETDOWN', 'NETRESET'],
  ...['NETUNREACH', 'NFILE', 'NOBUFS', 'NODEV', 'NOENT', 'NOEXEC', 'NOLCK', 'NOLINK', 'NOMEM', 'NOMSG'],
  ...['NOPROTOOPT', 'NOSPC', 'NOSYS', 'NOTCONN', 'NOTDIR', 'NOTEMPTY', 'NOTRECOVERABLE', 'NOTSOCK', 'NOTSUP', 'NOTTY'],
  ...['NXIO', 'OVERFLOW', 'OWNERDEAD', 'PERM', 'PIPE', 'PROTO', 'PROTONOSUPPORT', 'PROTOTYPE', 'RANGE', 'ROFS'],
  ...['SPIPE', 'SRCH', 'STALE', 'TIMEDOUT', 'TXTBSY', 'XDEV', 'NOTCAPABLE'],
] as const;
export type ErrnoName = (typeof NAMES)[number];

export const errno = (name: ErrnoName): number => NAMES.indexOf(name);

/** What a function of WASI gives up with. */
export class FileError extends Error {
  readonly kind = 'file';
  override readonly name = 'FileError';
  readonly errno: ErrnoName;

  constructor(errno: ErrnoName) {
    super(errno);
    this.errno = errno;
  }
}

/** The number for what went wrong. @throws what is no error of a file */
export function errnoOf(error: unknown): number {
  if (error instanceof FileError) return errno(error.errno);
  if (error instanceof SignalError) return WASI_ERRNO[error.errno];
  if (!(error instanceof Error) || !('code' in error)) throw error;
  const code = String(error.code);
  // The same error by its other names.
  if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') return errno('NOTSUP');
  if (code === 'EWOULDBLOCK') return errno('AGAIN');
  const number = (NAMES as readonly string[]).indexOf(code.replace(/^E/, ''));
  if (number > 0) return number;
  if ('syscall' in error) return errno('IO');
  throw error;
}
