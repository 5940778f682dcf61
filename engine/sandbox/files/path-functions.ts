import {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { FileError } from './errno.ts';
import { type Folder, type HostFile, open } from './open.ts';
import type { Located } from './paths.ts';
import { RIGHT_READ, RIGHT_WRITE } from './rights.ts';
import { FILESTAT_SIZE, wantedTimes, writeFilestat } from './stat.ts';

/** `lookupflags`. */
const FOLLOW = 1;

/** What the functions need of the guest's descriptors and memory. */
export interface PathContext {
  /** Whether entries are found in the directory that was opened, whatever is renamed. */
  readonly isAnchored: boolean;
  /** Finds a path from the folder of a descriptor on. */
  locate<T>(fd: number, path: string, follow: boolean, use: (located: Located) => T): T;
  /** @throws FileError ILSEQ */
  string(at: number, size: number): string;
  view(at: number, size: number): DataView;
  write(at: number, bytes: Uint8Array): void;
  /** Gives it the lowest descriptor that is free. */
  add(entry: Folder | HostFile): number;
}

/** The functions `path_*` of WASI preview 1. What fails they throw: FileError, and errors of node:fs. */
export function pathFunctions(guest: PathContext) {
  const locate: PathContext['locate'] = (fd, path, follow, use) => guest.locate(fd, path, follow, use);
  return {
    path_open: (
      fd: number,
      lookup: number,
      at: number,
      size: number,
      oflags: number,
      rights: bigint,
      _inheriting: bigint,
      fdflags: number,
      result: number,
    ) => {
      const view = guest.view(result, 4);
      const entry = locate(fd, guest.string(at, size), (lookup & FOLLOW) !== 0, (located) => {
        const readable = (rights & RIGHT_READ) !== 0n;
        const writable = (rights & RIGHT_WRITE) !== 0n;
        return open(located, { oflags, fdflags, readable, writable });
      });
      view.setUint32(0, guest.add(entry), true);
    },
    path_create_directory: (fd: number, at: number, size: number) => {
      locate(fd, guest.string(at, size), false, ({ path }) => mkdirSync(path));
    },
    path_filestat_get: (fd: number, lookup: number, at: number, size: number, result: number) => {
      locate(fd, guest.string(at, size), (lookup & FOLLOW) !== 0, ({ path }) =>
        writeFilestat(guest.view(result, FILESTAT_SIZE), lstatSync(path, { bigint: true })),
      );
    },
    path_filestat_set_times: (
      fd: number,
      lookup: number,
      at: number,
      size: number,
      atime: bigint,
      mtime: bigint,
      flags: number,
    ) => {
      locate(fd, guest.string(at, size), (lookup & FOLLOW) !== 0, ({ path }) =>
        lutimesSync(path, ...wantedTimes(lstatSync(path, { bigint: true }), atime, mtime, flags)),
      );
    },
    path_link: (fd: number, lookup: number, at: number, size: number, toFd: number, to: number, toSize: number) => {
      locate(fd, guest.string(at, size), (lookup & FOLLOW) !== 0, (from) =>
        locate(toFd, guest.string(to, toSize), false, ({ path }) => {
          if (!guest.isAnchored) requireFile(from.path);
          linkSync(from.path, path);
        }),
      );
    },
    path_readlink: (fd: number, at: number, size: number, to: number, room: number, used: number) => {
      const link = locate(fd, guest.string(at, size), false, ({ path }) => readlinkSync(path, 'buffer'));
      const target = link.subarray(0, room);
      guest.write(to, target);
      guest.view(used, 4).setUint32(0, target.length, true);
    },
    path_remove_directory: (fd: number, at: number, size: number) => {
      locate(fd, guest.string(at, size), false, ({ path, isBase }) => {
        if (isBase) throw new FileError('INVAL');
        rmdirSync(path);
      });
    },
    path_rename: (fd: number, at: number, size: number, toFd: number, to: number, toSize: number) => {
      locate(fd, guest.string(at, size), false, (from) =>
        locate(toFd, guest.string(to, toSize), false, (target) => {
          if (from.isBase || target.isBase) throw new FileError('BUSY');
          if (!guest.isAnchored) requireFile(from.path);
          renameSync(from.path, target.path);
        }),
      );
    },
    path_unlink_file: (fd: number, at: number, size: number) => {
      locate(fd, guest.string(at, size), false, ({ path }) => {
        if (lstatSync(path).isDirectory()) throw new FileError('ISDIR');
        unlinkSync(path);
      });
    },
    // The descriptor is the third argument of this one alone.
    path_symlink: (at: number, size: number, fd: number, to: number, toSize: number) => {
      const target = guest.string(at, size);
      // Nobody else is to be led out by it either.
      if (target.startsWith('/')) throw new FileError('NOTCAPABLE');
      if (!guest.isAnchored) throw new FileError('NOTSUP');
      locate(fd, guest.string(to, toSize), false, ({ path }) => symlinkSync(target, path));
    },
  };
}

/**
 * Where paths are all that there is of directories, another guest's may lead elsewhere once directories and links can be moved.
 *
 * @throws FileError NOTSUP for what is not a file
 */
function requireFile(path: string): void {
  if (!lstatSync(path).isFile()) throw new FileError('NOTSUP');
}
