import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Directory } from './directory.ts';
import { FileError } from './errno.ts';
import type { Located } from './paths.ts';

/** WASI preview 1, `oflags`. */
const OFLAGS = { CREAT: 1, DIRECTORY: 2, EXCL: 4, TRUNC: 8 } as const;
/** `fdflags`. */
export const FDFLAGS = { APPEND: 1, DSYNC: 2, NONBLOCK: 4, RSYNC: 8, SYNC: 16 } as const;

/** A folder that the guest has open. */
export class Folder {
  readonly kind = 'folder';
  readonly directory: Directory;
  /** What the guest calls it, where it was given. */
  readonly given: string | null;
  /** Its names as they were when reading them began. */
  names: readonly string[] = [];

  constructor(directory: Directory, given: string | null = null) {
    this.directory = directory;
    this.given = given;
  }

  close(): void {
    this.directory.close();
  }
}

/** A file that the guest has open. */
export class HostFile {
  readonly kind = 'file';
  readonly fd: number;
  readonly flags: number;
  readonly readable: boolean;
  readonly writable: boolean;
  position = 0n;

  constructor(fd: number, flags: number, readable: boolean, writable: boolean) {
    this.fd = fd;
    this.flags = flags;
    this.readable = readable;
    this.writable = writable;
  }

  /** Fills the buffer as far as there is something. @throws an error of node:fs, before anything was read */
  read(buffer: Uint8Array, position: bigint): number {
    if (!this.readable) throw new FileError('BADF');
    return all(buffer.length, (done) =>
      readSync(this.fd, buffer, done, buffer.length - done, toPosition(position + BigInt(done))),
    );
  }

  /** Writes all of it, unless there is no room. @throws an error of node:fs, before anything was written */
  write(bytes: Uint8Array, position: bigint): number {
    if (!this.writable) throw new FileError('BADF');
    if (position > BigInt(Number.MAX_SAFE_INTEGER)) throw new FileError('FBIG');
    const appends = (this.flags & FDFLAGS.APPEND) !== 0;
    return all(bytes.length, (done) =>
      writeSync(this.fd, bytes, done, bytes.length - done, appends ? null : Number(position) + done),
    );
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Its size. */
  get end(): bigint {
    return fstatSync(this.fd, { bigint: true }).size;
  }
}

function toPosition(position: bigint): bigint {
  if (position > 0x7fff_ffff_ffff_ffffn) throw new FileError('INVAL');
  return position;
}

/** Repeats what may do only a part. */
function all(size: number, part: (done: number) => number): number {
  let done = 0;
  while (done < size) {
    try {
      const more = part(done);
      if (more === 0) break;
      done += more;
    } catch (error) {
      if (done > 0) break;
      throw error;
    }
  }
  return done;
}

export interface OpenOptions {
  readonly oflags: number;
  readonly fdflags: number;
  readonly readable: boolean;
  readonly writable: boolean;
}

/** open(2). @throws FileError, and errors of node:fs */
export function open(
  { directory, name, path }: Located,
  { oflags, fdflags, readable, writable }: OpenOptions,
): Folder | HostFile {
  const wants = (flag: keyof typeof OFLAGS): boolean => (oflags & OFLAGS[flag]) !== 0;
  if (wants('CREAT') && wants('DIRECTORY')) throw new FileError('INVAL');
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && wants('CREAT') && wants('EXCL')) throw new FileError('EXIST');
  if (stat?.isDirectory()) {
    if (writable || wants('TRUNC') || wants('CREAT')) throw new FileError('ISDIR');
    const entered = directory.enter(name);
    if (entered === null) throw new FileError('NOTDIR');
    return new Folder(entered);
  }
  if (stat?.isSymbolicLink()) throw new FileError('LOOP');
  if (wants('DIRECTORY')) throw new FileError(stat === undefined ? 'NOENT' : 'NOTDIR');

  let flags = writable ? (readable ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  if (wants('CREAT')) flags |= constants.O_CREAT;
  if (wants('EXCL')) flags |= constants.O_EXCL;
  if (wants('TRUNC')) flags |= constants.O_TRUNC;
  if ((fdflags & FDFLAGS.APPEND) !== 0) flags |= constants.O_APPEND;
  if ((fdflags & FDFLAGS.DSYNC) !== 0) flags |= constants.O_DSYNC ?? 0;
  if ((fdflags & (FDFLAGS.SYNC | FDFLAGS.RSYNC)) !== 0) flags |= constants.O_SYNC ?? 0;
  // Where somebody has put something else in its place meanwhile, neither a link is followed nor a pipe waited for.
  flags |= (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
  const fd = openSync(path, flags, 0o666);
  try {
    refuseWaiting(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return new HostFile(fd, fdflags, readable, writable);
}

/** The host would wait with the guest for what comes out of pipes and terminals. */
function refuseWaiting(fd: number): void {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket() || isatty(fd)) throw new FileError('NOTSUP');
  if (stat.isDirectory()) throw new FileError('ISDIR');
}
