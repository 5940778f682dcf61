import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * A directory of the host's that is open, and the paths by which its entries are reached. No operation follows a link that an entry
 * is: that is for `locate` to do, name by name.
 */
export interface Directory {
  /** A path that leads to it. */
  readonly self: string;
  /** A path that leads to one of its entries, which need not exist. */
  at(name: string): string;
  /** Opens one of its directories, or itself by the name `.`; null: it is something else. @throws errors of node:fs */
  enter(name: string): Directory | null;
  /** What an entry that is a symbolic link holds; null: it is something else, or nothing. @throws errors of node:fs */
  link(name: string): string | null;
  close(): void;
}

/** How directories are held. */
export interface Holding {
  /** @throws errors of node:fs, also for what is no directory */
  open(path: string): Directory;
  /** Whether an entry is found in the directory that was opened, whatever has been renamed since: then guests may rename and link what they want. */
  readonly isAnchored: boolean;
}

/** Linux: a handle for paths alone, which needs no right to read (open(2)); `node:fs` has no name for it. */
const O_PATH = 0o1000_0000;
const HANDLES = '/proc/self/fd';

/**
 * By its descriptor. `/proc/self/fd/N` is no link that is followed by its text: it leads to the very directory that is open as N, so
 * that `/proc/self/fd/N/name` is what openat(2) and its like make of N and `name` (proc_pid_fd(5)).
 */
class Handle implements Directory {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get self(): string {
    return `${HANDLES}/${this.#fd}/.`;
  }

  at(name: string): string {
    return `${HANDLES}/${this.#fd}/${name}`;
  }

  enter(name: string): Directory | null {
    try {
      return openHandle(this.at(name));
    } catch (error) {
      // A link is no directory to O_NOFOLLOW with O_PATH and O_DIRECTORY.
      if (hasCode(error, 'ENOTDIR', 'ELOOP')) return null;
      throw error;
    }
  }

  link(name: string): string | null {
    try {
      return readlinkSync(this.at(name));
    } catch (error) {
      if (hasCode(error, 'EINVAL', 'ENOENT')) return null;
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function openHandle(path: string): Handle {
  return new Handle(openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW));
}

/** By its path, which is as good as long as nobody renames directories or makes links. */
class Place implements Directory {
  readonly self: string;

  constructor(path: string) {
    this.self = path;
  }

  at(name: string): string {
    return join(this.self, name);
  }

  enter(name: string): Directory | null {
    return lstatSync(this.at(name)).isDirectory() ? new Place(this.at(name)) : null;
  }

  link(name: string): string | null {
    const stat = lstatSync(this.at(name), { throwIfNoEntry: false });
    return stat?.isSymbolicLink() ? readlinkSync(this.at(name)) : null;
  }

  close(): void {}
}

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

export const byHandle: Holding = { open: openHandle, isAnchored: true };
export const byPath: Holding = { open: (path) => new Place(resolve(path)), isAnchored: false };

let found: Holding | undefined;

/** By handle where the system and the host can: Linux with /proc, and a `node:fs` that hands on the flags it is given. */
export function bestHolding(): Holding {
  found ??= process.platform === 'linux' && handlesWork() ? byHandle : byPath;
  return found;
}

function handlesWork(): boolean {
  // Deno makes options of its own of the flags.
  if ('Deno' in globalThis) return false;
  let fd: number | undefined;
  try {
    fd = openSync('/', O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const [opened, named] = [fstatSync(fd, { bigint: true }), statSync(`${HANDLES}/${fd}/.`, { bigint: true })];
    if (opened.dev !== named.dev || opened.ino !== named.ino) return false;
    return new Handle(fd).enter('proc/self/cwd') === null;
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
