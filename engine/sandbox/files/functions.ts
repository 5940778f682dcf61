import { fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, futimesSync, lstatSync, lutimesSync } from 'node:fs';
import { type GuestMemory, pointer } from '../../process/index.ts';
import type { WasiImports } from '../../wasi/index.ts';
import { type Buffer as GuestBuffer, readBuffers } from '../../wasi/transfer.ts';
import { bestHolding, type Holding } from './directory.ts';
import { errno, errnoOf, FileError } from './errno.ts';
import { directoryEntries } from './folder.ts';
import type { GivenFolder } from './given.ts';
import { FDFLAGS, Folder, type HostFile } from './open.ts';
import { pathFunctions } from './path-functions.ts';
import { locate } from './paths.ts';
import { RIGHT_READ, RIGHT_WRITE, RIGHTS, RIGHTS_TO_SEEK } from './rights.ts';
import { FILESTAT_SIZE, filetype, wantedTimes, writeFilestat } from './stat.ts';

/** What a file descriptor of the guest's is. A stream is one that the other functions know by this number. */
type Entry = { readonly kind: 'stream'; readonly fd: number } | Folder | HostFile;

const WHENCE = { SET: 0, CUR: 1, END: 2 } as const;
const LARGEST = 0x7fff_ffff_ffff_ffffn;
/** How much one call moves at most. */
const MOST = 1 << 24;

/**
 * The functions `fd_*` and `path_*` of WASI preview 1 for folders of the host's, and for streams that other functions provide:
 * one table of descriptors for both.
 */
export class FileFunctions {
  readonly #entries = new Map<number, Entry>();
  readonly #streams: WasiImports;
  readonly #memory: () => GuestMemory;
  readonly #isAnchored: boolean;

  /** @param streams what provides descriptors 0 to 2 */
  constructor(
    streams: WasiImports,
    folders: readonly GivenFolder[],
    memory: () => GuestMemory,
    holding: Holding = bestHolding(),
  ) {
    this.#isAnchored = holding.isAnchored;
    this.#streams = streams;
    this.#memory = memory;
    for (const fd of [0, 1, 2]) this.#entries.set(fd, { kind: 'stream', fd });
    for (const [at, { host, guest }] of folders.entries()) {
      this.#entries.set(3 + at, new Folder(holding.open(host), guest));
    }
  }

  /** The functions, by their names. */
  get imports(): WasiImports {
    const own = {
      ...this.#descriptors(),
      ...this.#transfers(),
      ...pathFunctions({
        isAnchored: this.#isAnchored,
        locate: (fd, path, follow, use) => locate(this.#folder(fd).directory, path, follow, use),
        string: (at, size) => this.#string(at, size),
        view: (at, size) => this.#view(at, size),
        write: (at, bytes) => this.#memory().write(pointer(at), bytes),
        add: (entry) => this.#add(entry),
      }),
      ...this.#sockets(),
    } as unknown as Record<string, Func>;
    return Object.fromEntries(Object.entries(own).map(([name, func]) => [name, this.#guarded(name, func)]));
  }

  /** Closes what the guest has left open. */
  close(): void {
    for (const entry of this.#entries.values()) if (entry.kind !== 'stream') entry.close();
    this.#entries.clear();
  }

  /** A function with its errors as numbers, and what the other functions do where its descriptor is one of theirs. */
  #guarded(name: string, func: Func): Func {
    return (...args) => {
      const [fd, ...rest] = args.map((arg) => (typeof arg === 'number' ? arg >>> 0 : arg));
      try {
        const entry = typeof fd === 'number' ? this.#entries.get(fd) : undefined;
        const elsewhere = this.#streams[name] as Func | undefined;
        if (entry?.kind === 'stream' && name.startsWith('fd_') && !OWN.has(name)) {
          return elsewhere?.(entry.fd, ...rest) ?? errno('NOTSUP');
        }
        return func(fd as number, ...rest) ?? errno('SUCCESS');
      } catch (error) {
        return errnoOf(error);
      }
    };
  }

  #descriptors() {
    return {
      fd_close: (fd: number) => {
        const entry = this.#entry(fd);
        this.#entries.delete(fd);
        if (entry.kind !== 'stream') entry.close();
      },
      fd_renumber: (from: number, to: number) => {
        const entry = this.#entry(from);
        const replaced = this.#entry(to);
        if (from === to) return;
        this.#entries.delete(from);
        this.#entries.set(to, entry);
        if (replaced.kind !== 'stream') replaced.close();
      },
      fd_prestat_get: (fd: number, at: number) => {
        const view = this.#view(at, 8);
        view.setUint32(0, 0, true);
        view.setUint32(4, this.#name(fd).length, true);
      },
      fd_prestat_dir_name: (fd: number, at: number, size: number) => {
        const name = this.#name(fd);
        if (size < name.length) throw new FileError('NAMETOOLONG');
        this.#memory().write(pointer(at), name);
      },
      fd_fdstat_get: (fd: number, at: number) => {
        const view = this.#view(at, 24);
        const entry = this.#open(fd);
        const isFile = entry.kind === 'file';
        let rights = RIGHTS;
        if (isFile && !entry.readable) rights &= ~RIGHT_READ;
        if (isFile && !entry.writable) rights &= ~RIGHT_WRITE;
        if (!isFile) rights &= ~(RIGHT_READ | RIGHT_WRITE | RIGHTS_TO_SEEK);
        view.setUint16(0, filetype(this.#stat(entry)), true);
        view.setUint16(2, isFile ? entry.flags : 0, true);
        view.setUint32(4, 0, true);
        view.setBigUint64(8, rights, true);
        view.setBigUint64(16, isFile ? 0n : RIGHTS, true);
      },
      fd_fdstat_set_flags: (fd: number, flags: number) => {
        const { flags: were } = this.#file(fd);
        // Files never block; the others can be chosen only in opening.
        if (((flags ^ were) & ~FDFLAGS.NONBLOCK) !== 0) throw new FileError('NOTSUP');
      },
      fd_fdstat_set_rights: (fd: number) => {
        this.#open(fd);
        throw new FileError('NOTSUP');
      },
      fd_filestat_get: (fd: number, at: number) => {
        writeFilestat(this.#view(at, FILESTAT_SIZE), this.#stat(this.#open(fd)));
      },
      fd_filestat_set_size: (fd: number, size: bigint) => {
        const file = this.#file(fd);
        const length = BigInt.asUintN(64, size);
        if (!file.writable) throw new FileError('INVAL');
        if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new FileError('FBIG');
        ftruncateSync(file.fd, Number(length));
      },
      fd_filestat_set_times: (fd: number, atime: bigint, mtime: bigint, flags: number) => {
        const entry = this.#open(fd);
        const times = wantedTimes(this.#stat(entry), atime, mtime, flags);
        if (entry.kind === 'file') futimesSync(entry.fd, ...times);
        else lutimesSync(entry.directory.self, ...times);
      },
      fd_advise: (fd: number) => void this.#file(fd),
      fd_allocate: (fd: number) => {
        this.#file(fd);
        throw new FileError('NOTSUP');
      },
      fd_sync: (fd: number) => {
        const entry = this.#open(fd);
        if (entry.kind === 'file') fsyncSync(entry.fd);
      },
      fd_datasync: (fd: number) => {
        const entry = this.#open(fd);
        if (entry.kind === 'file') fdatasyncSync(entry.fd);
      },
      fd_readdir: (fd: number, at: number, size: number, cookie: bigint, used: number) => {
        const result = this.#view(used, 4);
        this.#view(at, size);
        const entries = directoryEntries(this.#folder(fd), size, BigInt.asUintN(64, cookie));
        this.#memory().write(pointer(at), entries);
        result.setUint32(0, entries.length, true);
      },
    };
  }

  #transfers() {
    const read = (file: HostFile, list: number, length: number, position: bigint, count: number): number => {
      const { buffers, size, result } = this.#buffers(list, length, count);
      const data = new Uint8Array(size);
      const done = file.read(data, position);
      let at = 0;
      for (const buffer of buffers) {
        this.#memory().write(pointer(buffer.at), data.subarray(at, Math.min(at + buffer.size, done)));
        at = Math.min(at + buffer.size, done);
      }
      result.setUint32(0, done, true);
      return done;
    };
    const write = (file: HostFile, list: number, length: number, position: bigint, count: number): number => {
      const { buffers, size, result } = this.#buffers(list, length, count);
      const data = new Uint8Array(size);
      let at = 0;
      for (const buffer of buffers) {
        const part = Math.min(buffer.size, size - at);
        data.set(this.#memory().copy(pointer(buffer.at), part), at);
        at += part;
      }
      const done = file.write(data, position);
      result.setUint32(0, done, true);
      return done;
    };
    const seek = (fd: number, offset: bigint, whence: number, at: number): void => {
      const view = this.#view(at, 8);
      const file = this.#file(fd);
      const from = whence === WHENCE.SET ? 0n : whence === WHENCE.CUR ? file.position : file.end;
      const position = from + BigInt.asIntN(64, offset);
      if (whence > WHENCE.END || position < 0n) throw new FileError('INVAL');
      if (position > LARGEST) throw new FileError('OVERFLOW');
      file.position = position;
      view.setBigUint64(0, position, true);
    };
    return {
      fd_read: (fd: number, list: number, length: number, count: number) => {
        const file = this.#file(fd);
        file.position += BigInt(read(file, list, length, file.position, count));
      },
      fd_write: (fd: number, list: number, length: number, count: number) => {
        const file = this.#file(fd);
        const done = write(file, list, length, file.position, count);
        file.position = (file.flags & FDFLAGS.APPEND) === 0 ? file.position + BigInt(done) : file.end;
      },
      fd_pread: (fd: number, list: number, length: number, offset: bigint, count: number) => {
        read(this.#file(fd), list, length, BigInt.asUintN(64, offset), count);
      },
      fd_pwrite: (fd: number, list: number, length: number, offset: bigint, count: number) => {
        write(this.#file(fd), list, length, BigInt.asUintN(64, offset), count);
      },
      fd_seek: seek,
      fd_tell: (fd: number, at: number) => seek(fd, 0n, WHENCE.CUR, at),
    };
  }

  #sockets() {
    const refused = (fd: number): void => {
      this.#entry(fd);
      throw new FileError('NOTSOCK');
    };
    return { sock_accept: refused, sock_recv: refused, sock_send: refused, sock_shutdown: refused };
  }

  #entry(fd: number): Entry {
    const entry = this.#entries.get(fd);
    if (entry === undefined) throw new FileError('BADF');
    return entry;
  }

  #open(fd: number): Folder | HostFile {
    const entry = this.#entry(fd);
    if (entry.kind === 'stream') throw new FileError('NOTSUP');
    return entry;
  }

  #file(fd: number): HostFile {
    const entry = this.#open(fd);
    if (entry.kind === 'folder') throw new FileError('ISDIR');
    return entry;
  }

  #folder(fd: number): Folder {
    const entry = this.#entry(fd);
    if (entry.kind !== 'folder') throw new FileError('NOTDIR');
    return entry;
  }

  #name(fd: number): Uint8Array {
    const entry = this.#entry(fd);
    // What wasi-libc looks for is the first number that is not in use.
    if (entry.kind !== 'folder' || entry.given === null) throw new FileError('NOTSUP');
    return Buffer.from(entry.given);
  }

  #stat(entry: Folder | HostFile) {
    return entry.kind === 'file'
      ? fstatSync(entry.fd, { bigint: true })
      : lstatSync(entry.directory.self, { bigint: true });
  }

  /** @returns the lowest number that is free */
  #add(entry: Entry): number {
    let fd = 0;
    while (this.#entries.has(fd)) fd++;
    this.#entries.set(fd, entry);
    return fd;
  }

  #string(at: number, size: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#memory().copy(pointer(at), size));
    } catch (error) {
      if (error instanceof TypeError) throw new FileError('ILSEQ');
      throw error;
    }
  }

  #view(at: number, size: number): DataView {
    return this.#memory().view(pointer(at), size);
  }

  #buffers(list: number, length: number, count: number): Buffers {
    const buffers = readBuffers(this.#memory(), list, length);
    if (typeof buffers === 'number') throw new FileError('INVAL');
    const size = buffers.reduce((sum, buffer) => sum + buffer.size, 0);
    return { buffers, size: Math.min(size, MOST), result: this.#view(count, 4) };
  }
}

type Func = (...args: (number | bigint)[]) => unknown;

interface Buffers {
  readonly buffers: readonly GuestBuffer[];
  readonly size: number;
  readonly result: DataView;
}

/** These have a meaning of their own here whatever the descriptor is. */
const OWN: ReadonlySet<string> = new Set(['fd_close', 'fd_renumber']);
