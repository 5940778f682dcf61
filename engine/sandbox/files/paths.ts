import { sep } from 'node:path';
import type { Directory } from './directory.ts';
import { FileError } from './errno.ts';

/** The kernel's limit for one path. */
const MOST_LINKS = 40;

/** Where a guest's path leads to. */
export interface Located {
  /** The directory that it is, or would be, an entry of. */
  readonly directory: Directory;
  /** Its name there; `.` where it is the folder itself from which the path went out. */
  readonly name: string;
  /** On the host: an entry, which may be a link that is not to be followed. */
  readonly path: string;
  /** It is the folder itself from which the path went out. */
  readonly isBase: boolean;
}

interface Step {
  readonly directory: Directory;
  readonly name: string;
}

/**
 * Finds what a guest's path leads to, name by name, from a folder of the host's and never out of it: neither by `..` nor by a
 * symbolic link (path_resolution(7), openat2(2) RESOLVE_BENEATH). Each directory on the way is opened, and the next name looked for in what is open; `..`
 * leads back to what was open before.
 *
 * @param follow whether a symbolic link that the path ends with is followed. One that ends with a slash always is
 * @param use is told where it is, or would be: the last name need not exist
 * @throws FileError NOTCAPABLE for what leads out, NOENT, NOTDIR, LOOP, INVAL; errors of node:fs; what `use` throws
 */
export function locate<T>(base: Directory, path: string, follow: boolean, use: (located: Located) => T): T {
  if (path === '') throw new FileError('NOENT');
  if (path.includes('\0')) throw new FileError('INVAL');
  if (path.startsWith('/')) throw new FileError('NOTCAPABLE');
  const steps: Step[] = [];
  try {
    const name = walk(base, path, follow, steps);
    const directory = steps.at(-1)?.directory ?? base;
    if (name === null) return use({ directory: base, name: '.', path: base.self, isBase: true });
    return use({ directory, name, path: directory.at(name), isBase: false });
  } finally {
    for (const { directory } of steps) directory.close();
  }
}

/** Opens the directories on the way. @returns the last name; null: it is the base */
function walk(base: Directory, path: string, follow: boolean, steps: Step[]): string | null {
  const left = path.split('/').reverse();
  let links = 0;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      const last = steps.pop();
      if (last === undefined) throw new FileError('NOTCAPABLE');
      last.directory.close();
      continue;
    }
    // Where backslashes separate names, the host would find another path in this one.
    if (sep !== '/' && /[\\:]/.test(name)) throw new FileError('INVAL');
    const parent = steps.at(-1)?.directory ?? base;
    const isLast = left.length === 0;
    if (isLast && !follow) return name;
    const entered = isLast ? null : enter(parent, name);
    if (entered === undefined) {
      if (left.some((rest) => rest !== '' && rest !== '.')) throw new FileError('NOENT');
      return name;
    }
    if (entered !== null) {
      steps.push({ directory: entered, name });
      continue;
    }
    const target = parent.link(name);
    if (target === null) {
      if (isLast) return name;
      throw new FileError('NOTDIR');
    }
    if (++links > MOST_LINKS) throw new FileError('LOOP');
    if (target.startsWith('/') || (sep !== '/' && /[\\:]/.test(target))) throw new FileError('NOTCAPABLE');
    left.push(...target.split('/').reverse());
  }
  const last = steps.pop();
  last?.directory.close();
  return last?.name ?? null;
}

/** Undefined: there is nothing of that name. */
function enter(parent: Directory, name: string): Directory | null | undefined {
  try {
    return parent.enter(name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
