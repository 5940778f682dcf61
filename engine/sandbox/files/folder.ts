import { lstatSync, readdirSync } from 'node:fs';
import { FileError } from './errno.ts';
import type { Folder } from './open.ts';
import { type FileKind, filetype } from './stat.ts';

const DIRENT_SIZE = 24;

/**
 * What `fd_readdir` of WASI preview 1 writes: entries from a cookie on, the last one cut off where there is no more room. The
 * names are those that were there when reading began at cookie 0.
 */
export function directoryEntries(folder: Folder, room: number, cookie: bigint): Uint8Array {
  if (cookie === 0n || folder.names.length === 0) folder.names = ['.', '..', ...readdirSync(folder.directory.self)];
  if (cookie > BigInt(folder.names.length)) throw new FileError('INVAL');
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let at = Number(cookie); at < folder.names.length && size < room; at++) {
    const entry = encode(folder, at);
    if (entry === null) continue;
    parts.push(entry);
    size += entry.length;
  }
  return Buffer.concat(parts).subarray(0, room);
}

function encode({ names, directory }: Folder, at: number): Uint8Array | null {
  const name = names[at] ?? '';
  // What lies above is not the guest's: no number, as for what is not known.
  const stat = lstatSync(name === '..' ? directory.self : directory.at(name), { throwIfNoEntry: false, bigint: true });
  if (stat === undefined) return null;
  const bytes = Buffer.from(name);
  const entry = new Uint8Array(DIRENT_SIZE + bytes.length);
  const view = new DataView(entry.buffer);
  view.setBigUint64(0, BigInt(at + 1), true);
  view.setBigUint64(8, name === '..' ? 0n : stat.ino, true);
  view.setUint32(16, bytes.length, true);
  view.setUint8(20, filetype(stat satisfies FileKind));
  entry.set(bytes, DIRENT_SIZE);
  return entry;
}
