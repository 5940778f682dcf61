import { lstatSync, readlinkSync } from 'node:fs';
import { join, sep } from 'node:path';
import { FileError } from './errno.ts';

/** The kernel's limit for one path. */
const MOST_LINKS = 40;

export interface Located {
  /** On the host. No name of it is a symbolic link, but perhaps the last one. */
  readonly path: string;
  /** It is the folder itself from which the path went out. */
  readonly isBase: boolean;
}

/**
 * Finds what a guest's path leads to, name by name, from a folder of the host's and never out of it: neither by `..` nor by a
 * symbolic link (path_resolution(7), openat2(2) RESOLVE_BENEATH).
 *
 * @param follow whether a symbolic link that the path ends with is followed. One that ends with a slash always is
 * @returns where it is, or would be: the last name need not exist
 * @throws FileError NOTCAPABLE for what leads out, NOENT, NOTDIR, LOOP, INVAL; errors of node:fs
 */
export function locate(base: string, path: string, follow: boolean): Located {
  if (path === '') throw new FileError('NOENT');
  if (path.includes('\0')) throw new FileError('INVAL');
  if (path.startsWith('/')) throw new FileError('NOTCAPABLE');
  const left = path.split('/').reverse();
  const found: string[] = [];
  let links = 0;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (found.pop() === undefined) throw new FileError('NOTCAPABLE');
      continue;
    }
    // Where backslashes separate names, the host would find another path in this one.
    if (sep !== '/' && /[\\:]/.test(name)) throw new FileError('INVAL');
    const isLast = left.length === 0;
    const stat = isLast && !follow ? undefined : lstatSync(join(base, ...found, name), { throwIfNoEntry: false });
    if (stat === undefined) {
      if (left.some((rest) => rest !== '' && rest !== '.')) throw new FileError('NOENT');
      found.push(name);
    } else if (stat.isSymbolicLink()) {
      if (++links > MOST_LINKS) throw new FileError('LOOP');
      const target = readlinkSync(join(base, ...found, name));
      if (target.startsWith('/') || (sep !== '/' && /[\\:]/.test(target))) throw new FileError('NOTCAPABLE');
      left.push(...target.split('/').reverse());
    } else {
      if (!isLast && !stat.isDirectory()) throw new FileError('NOTDIR');
      found.push(name);
    }
  }
  return { path: join(base, ...found), isBase: found.length === 0 };
}
