import type { BigIntStats } from 'node:fs';
import { FileError } from './errno.ts';

/** WASI preview 1, `filetype`. */
const FILETYPE = { UNKNOWN: 0, BLOCK: 1, CHARACTER: 2, DIRECTORY: 3, REGULAR: 4, SOCKET: 6, LINK: 7 } as const;
/** WASI preview 1, `fstflags`. */
const FST = { ATIM: 1, ATIM_NOW: 2, MTIM: 4, MTIM_NOW: 8 } as const;

export const FILESTAT_SIZE = 64;

export type FileKind = Pick<
  BigIntStats,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isCharacterDevice' | 'isBlockDevice' | 'isSocket'
>;

export function filetype(stat: FileKind): number {
  if (stat.isFile()) return FILETYPE.REGULAR;
  if (stat.isDirectory()) return FILETYPE.DIRECTORY;
  if (stat.isSymbolicLink()) return FILETYPE.LINK;
  if (stat.isCharacterDevice()) return FILETYPE.CHARACTER;
  if (stat.isBlockDevice()) return FILETYPE.BLOCK;
  // A pipe has no number here.
  return stat.isSocket() ? FILETYPE.SOCKET : FILETYPE.UNKNOWN;
}

/** Writes a `filestat` of WASI preview 1. */
export function writeFilestat(view: DataView, stat: BigIntStats): void {
  for (let at = 0; at < FILESTAT_SIZE; at += 8) view.setBigUint64(at, 0n, true);
  view.setBigUint64(0, stat.dev, true);
  view.setBigUint64(8, stat.ino, true);
  view.setUint8(16, filetype(stat));
  view.setBigUint64(24, stat.nlink, true);
  view.setBigUint64(32, stat.size, true);
  view.setBigUint64(40, stat.atimeNs, true);
  view.setBigUint64(48, stat.mtimeNs, true);
  view.setBigUint64(56, stat.ctimeNs, true);
}

/** The times that a call wants a file to have, in seconds. @throws FileError INVAL for flags that exclude each other */
export function wantedTimes(stat: BigIntStats, atime: bigint, mtime: bigint, flags: number): [number, number] {
  const pick = (given: bigint, now: boolean, set: boolean, was: bigint): number => {
    if (now && set) throw new FileError('INVAL');
    if (now) return Date.now() / 1000;
    return Number(set ? BigInt.asUintN(64, given) : was) / 1e9;
  };
  return [
    pick(atime, (flags & FST.ATIM_NOW) !== 0, (flags & FST.ATIM) !== 0, stat.atimeNs),
    pick(mtime, (flags & FST.MTIM_NOW) !== 0, (flags & FST.MTIM) !== 0, stat.mtimeNs),
  ];
}
