import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestMemory } from '../../process/index.ts';
import { bestHolding } from './directory.ts';
import { type ErrnoName, errno } from './errno.ts';
import { FileFunctions } from './functions.ts';

/** The functions as a guest calls them: numbers as Wasm hands them to JavaScript, with a sign. */

const MEMORY = 65536;
const OUT = 512;
const READ = 2n;
const WRITE = 64n;
const [CREAT, DIRECTORY, TRUNC] = [1, 2, 8];

let folder = '';
let root = '';
let asked: string[] = [];
let memory = new WebAssembly.Memory({ initial: 1 });
let files = new FileFunctions({}, [], () => new GuestMemory(memory));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  root = join(folder, 'root');
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'file'), 'abcdef');
  writeFileSync(join(folder, 'outside'), 'secret');
  asked = [];
  memory = new WebAssembly.Memory({ initial: 1 });
  const stream = (name: string) => (fd: number) => {
    asked.push(`${name} ${fd}`);
    return 0;
  };
  const streams = Object.fromEntries(
    ['fd_read', 'fd_write', 'fd_close', 'fd_prestat_get'].map((name) => [name, stream(name)]),
  );
  files = new FileFunctions(streams, [{ host: root, guest: '/' }], () => new GuestMemory(memory));
});
afterEach(() => {
  files.close();
  rmSync(folder, { recursive: true });
});

const view = (): DataView => new DataView(memory.buffer);
const call = (name: string, ...args: (number | bigint)[]): unknown =>
  (files.imports[name] as unknown as (...args: (number | bigint)[]) => unknown)(...args);
const is = (name: ErrnoName): number => errno(name);

/** Puts a path into memory. */
function text(content: string | Uint8Array, at = 1024): [number, number] {
  const bytes = Buffer.from(content as string);
  new Uint8Array(memory.buffer).set(bytes, at);
  return [at, bytes.length];
}
function open(path: string | Uint8Array, oflags = 0, rights = READ, fdflags = 0, fd = 3): unknown {
  const result = call('path_open', fd, 1, ...text(path), oflags, rights, 0n, fdflags, OUT);
  return result === 0 ? { fd: view().getUint32(OUT, true) } : result;
}
/** One buffer of so many bytes at 2048. */
function buffers(size: number): [number, number] {
  view().setUint32(256, 2048, true);
  view().setUint32(260, size, true);
  return [256, 1];
}
function read(fd: number, size: number): unknown {
  view().setUint32(OUT, 0, true);
  const result = call('fd_read', fd, ...buffers(size), OUT);
  return result === 0 ? Buffer.from(memory.buffer, 2048, view().getUint32(OUT, true)).toString() : result;
}

describe('descriptors', () => {
  it('are the lowest numbers that are free', () => {
    expect(open('file')).toEqual({ fd: 4 });
    expect(open('file')).toEqual({ fd: 5 });
    expect(call('fd_close', 4)).toBe(0);
    expect(call('fd_close', 1)).toBe(0);
    expect(asked).toEqual([]);
    expect([open('file'), open('file')]).toEqual([{ fd: 1 }, { fd: 4 }]);
    expect(read(1, 3)).toBe('abc');
    expect(read(0, 3)).toBe('');
    expect(asked).toEqual(['fd_read 0']);
  });

  it('can be renumbered, streams among files', () => {
    expect(open('file')).toEqual({ fd: 4 });
    expect(call('fd_renumber', 4, 0)).toBe(0);
    expect([read(0, 2), read(4, 2)]).toEqual(['ab', is('BADF')]);
    expect(call('fd_renumber', 1, 0)).toBe(0);
    expect(read(0, 2)).toBe('');
    expect(asked).toEqual(['fd_read 1']);
    expect(call('fd_renumber', 0, 0)).toBe(0);
    expect([call('fd_renumber', 9, 0), call('fd_renumber', 0, 9)]).toEqual([is('BADF'), is('BADF')]);
    expect(call('fd_renumber', 2, 3)).toBe(0);
    expect(open('file')).toBe(is('NOTDIR'));
  });

  it.each([-1, 4, 77])('%i is none', (fd) => {
    for (const name of Object.keys(files.imports)) {
      if (name === 'path_symlink') continue;
      expect(call(name, fd, 0, 0, 0, 0, 0, 0, 0, 0), name).toBe(is('BADF'));
    }
    expect(call('path_symlink', ...text('x'), fd, ...text('y'))).toBe(is('BADF'));
  });

  it('of folders given say their names', () => {
    expect(call('fd_prestat_get', 3, 128)).toBe(0);
    expect([view().getUint8(128), view().getUint32(132, true)]).toEqual([0, 1]);
    expect(call('fd_prestat_dir_name', 3, 128, 0)).toBe(is('NAMETOOLONG'));
    expect(call('fd_prestat_dir_name', 3, 128, 1)).toBe(0);
    expect(view().getUint8(128)).toBe('/'.charCodeAt(0));
    expect(call('fd_prestat_get', 4, 128)).toBe(is('BADF'));
  });

  it('of files are of no use where folders or sockets are wanted', () => {
    open('file');
    expect(open('x', 0, READ, 0, 4)).toBe(is('NOTDIR'));
    expect(open('x', 0, READ, 0, 0)).toBe(is('NOTDIR'));
    expect(read(3, 1)).toBe(is('ISDIR'));
    expect(call('fd_readdir', 4, 0, 100, 0n, OUT)).toBe(is('NOTDIR'));
    expect(call('sock_recv', 4, 0, 0, 0, 0, 0)).toBe(is('NOTSOCK'));
    expect(call('sock_shutdown', 0, 0)).toBe(is('NOTSOCK'));
  });

  it('are closed with the program', () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let at = 0; at < 20; at++) open('file');
    expect(readdirSync('/proc/self/fd').length).toBe(before + 20);
    files.close();
    expect(readdirSync('/proc/self/fd').length).toBe(before - (bestHolding().isAnchored ? 1 : 0));
  });
});

describe('bad pointers', () => {
  it.each([MEMORY - 2, -4])('give EFAULT: %i', (at) => {
    open('file', 0, READ | WRITE);
    const calls: [string, ...(number | bigint)[]][] = [
      ['fd_prestat_get', 3, at],
      ['fd_prestat_dir_name', 3, MEMORY, 9],
      ['fd_fdstat_get', 4, at],
      ['fd_filestat_get', 4, at],
      ['fd_readdir', 3, at, 100, 0n, OUT],
      ['fd_readdir', 3, 0, 100, 0n, at],
      ['fd_readdir', 3, 0, -1, 0n, OUT],
      ['fd_read', 4, at, 1, OUT],
      ['fd_read', 4, ...buffers(4), at],
      ['fd_read', 4, ...buffers(-1), OUT],
      ['fd_pwrite', 4, at, 1, 0n, OUT],
      ['fd_write', 4, ...buffers(MEMORY), OUT],
      ['fd_seek', 4, 0n, 0, at],
      ['fd_tell', 4, at],
      ['path_open', 3, 0, at, 9, 0, READ, 0n, 0, OUT],
      ['path_open', 3, 0, ...text('new'), CREAT, READ, 0n, 0, at],
      ['path_filestat_get', 3, 0, ...text('file'), at],
      ['path_readlink', 3, at, 9, 0, 9, OUT],
      ['path_rename', 3, ...text('file'), 3, at, 9],
      ['path_symlink', at, 9, 3, ...text('new')],
    ];
    for (const [name, ...args] of calls) {
      text(name === 'path_open' ? 'new' : 'file');
      expect(call(name, ...args), `${name} ${args}`).toBe(is('FAULT'));
    }
    expect(readdirSync(root).sort()).toEqual(['file', 'sub']);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('abcdef');
  });

  it('and bad numbers EINVAL and others', () => {
    open('file', 0, READ | WRITE);
    expect(call('fd_seek', 4, 0n, 3, OUT)).toBe(is('INVAL'));
    expect(call('fd_seek', 4, -7n, 2, OUT)).toBe(is('INVAL'));
    expect(call('fd_seek', 4, 0x7fff_ffff_ffff_ffffn, 2, OUT)).toBe(is('OVERFLOW'));
    expect(call('fd_pread', 4, ...buffers(1), -1n, OUT)).toBe(is('INVAL'));
    expect(call('fd_pwrite', 4, ...buffers(1), -1n, OUT)).toBe(is('FBIG'));
    expect(call('fd_read', 4, 0, 1025, OUT)).toBe(is('INVAL'));
    expect(call('fd_filestat_set_size', 4, -1n)).toBe(is('FBIG'));
    expect(call('fd_filestat_set_times', 4, 0n, 0n, 3)).toBe(is('INVAL'));
    expect(call('fd_readdir', 3, 0, 100, 99n, OUT)).toBe(is('INVAL'));
    expect(call('fd_fdstat_set_flags', 4, 1)).toBe(is('NOTSUP'));
    expect(call('fd_fdstat_set_flags', 4, 4)).toBe(0);
    expect(open('')).toBe(is('NOENT'));
    expect(open('fi\0le')).toBe(is('INVAL'));
    expect(open(Uint8Array.of(0xff))).toBe(is('ILSEQ'));
    expect(open('x'.repeat(300))).toBe(is('NAMETOOLONG'));
    expect(open('new', CREAT | DIRECTORY)).toBe(is('INVAL'));
  });
});

describe('paths', () => {
  it.each(['..', '../outside', 'sub/../../outside', './../outside', '/outside', '/', 'sub/../..', '../root/file'])(
    '%s leads out',
    (path) => {
      expect(open(path)).toBe(is('NOTCAPABLE'));
      expect(call('path_filestat_get', 3, 0, ...text(path), OUT)).toBe(is('NOTCAPABLE'));
      expect(call('path_create_directory', 3, ...text(path))).toBe(is('NOTCAPABLE'));
      expect(call('path_rename', 3, ...text('file'), 3, ...text(path, 3000))).toBe(is('NOTCAPABLE'));
      expect(call('path_link', 3, 0, ...text('file'), 3, ...text(path, 3000))).toBe(is('NOTCAPABLE'));
      expect(call('path_symlink', ...text('file'), 3, ...text(path, 3000))).toBe(is('NOTCAPABLE'));
    },
  );

  it.each([
    ['../outside', 'link'],
    ['..', 'link/outside'],
    ['/', 'link/etc/passwd'],
    ['/etc/passwd', 'link'],
    ['sub/../../outside', 'link'],
    ['..', 'link/'],
  ])('a symbolic link that the host has made to %s leads out by %s', (target, path) => {
    symlinkSync(target, join(root, 'link'));
    expect(open(path)).toBe(is('NOTCAPABLE'));
    expect(open(path, CREAT | TRUNC, WRITE)).toBe(is('NOTCAPABLE'));
    expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('secret');
  });

  it('a symbolic link of a folder given below it does not lead above that', () => {
    symlinkSync('../file', join(root, 'sub/link'));
    expect(open('sub', DIRECTORY)).toEqual({ fd: 4 });
    expect(open('link', 0, READ, 0, 4)).toBe(is('NOTCAPABLE'));
    expect(open('../file', 0, READ, 0, 4)).toBe(is('NOTCAPABLE'));
    expect(open('sub/link')).toEqual({ fd: 5 });
  });

  it.each([
    ['file/', 'NOTDIR'],
    ['file/.', 'NOTDIR'],
    ['file/..', 'NOTDIR'],
    ['nowhere/..', 'NOENT'],
    ['nowhere/', 'ISDIR'],
  ] as const)('%s: %s', (path, name) => {
    if (name === 'ISDIR') expect(call('path_create_directory', 3, ...text(path))).toBe(0);
    expect(open(path, CREAT, WRITE)).toBe(is(name));
  });

  it('what is given is not removed, moved or replaced', () => {
    for (const path of ['.', 'sub/..']) {
      expect(call('path_remove_directory', 3, ...text(path))).toBe(is('INVAL'));
      expect(call('path_unlink_file', 3, ...text(path))).toBe(is('ISDIR'));
      expect(call('path_rename', 3, ...text(path), 3, ...text('x', 3000))).toBe(is('BUSY'));
      expect(call('path_rename', 3, ...text('sub'), 3, ...text(path, 3000))).toBe(is('BUSY'));
    }
  });

  it('a folder that is open stays so where it is moved', () => {
    expect(open('sub', DIRECTORY)).toEqual({ fd: 4 });
    expect(call('path_rename', 3, ...text('sub'), 3, ...text('moved', 3000))).toBe(0);
    expect(open('new', CREAT, WRITE, 0, 4)).toEqual({ fd: 5 });
    expect(readdirSync(join(root, 'moved'))).toEqual(['new']);
  });
});

describe('files', () => {
  it('that would be waited for are not opened', () => {
    execFileSync('mkfifo', [join(root, 'fifo')]);
    expect(open('fifo')).toBe(is('NOTSUP'));
    expect(open('fifo', 0, READ | WRITE)).toBe(is('NOTSUP'));
    expect(open('fifo', 0, WRITE)).toBe(is('NXIO'));
  });

  it('that grow while the memory does', () => {
    open('file', TRUNC, READ | WRITE);
    memory.grow(4);
    text('xyz', 3 * 65536);
    view().setUint32(256, 3 * 65536, true);
    view().setUint32(260, 3, true);
    expect(call('fd_write', 4, 256, 1, OUT)).toBe(0);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('xyz');
  });

  it('take and give several buffers', () => {
    open('file', 0, READ | WRITE);
    [2048, 2, 0, 0, 2100, 3].forEach((word, at) => {
      view().setUint32(256 + at * 4, word, true);
    });
    expect(call('fd_read', 4, 256, 3, OUT)).toBe(0);
    expect(Buffer.from(memory.buffer, 2048, 2).toString()).toBe('ab');
    expect(Buffer.from(memory.buffer, 2100, 4).toString()).toBe('cde\0');
    expect(call('fd_write', 4, 256, 3, OUT)).toBe(0);
    expect(view().getUint32(OUT, true)).toBe(5);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('abcdeabcde');
  });

  it('have their times set', () => {
    open('file', 0, WRITE);
    expect(call('fd_filestat_set_times', 4, 0n, 5_000_000_000n, 4)).toBe(0);
    expect(statSync(join(root, 'file')).mtimeMs).toBe(5000);
    expect(call('path_filestat_set_times', 3, 1, ...text('file'), 7_000_000_000n, 0n, 1)).toBe(0);
    const { atimeMs, mtimeMs } = statSync(join(root, 'file'));
    expect([atimeMs, mtimeMs]).toEqual([7000, 5000]);
  });

  it('are listed piece by piece', () => {
    for (let at = 0; at < 50; at++) writeFileSync(join(root, 'sub', `name ${at}`), '');
    open('sub', DIRECTORY);
    const names: string[] = [];
    let cookie = 0n;
    for (let more = true; more; ) {
      expect(call('fd_readdir', 4, 4096, 100, cookie, OUT)).toBe(0);
      const used = view().getUint32(OUT, true);
      more = used === 100;
      for (let at = 4096; at + 24 <= 4096 + used; ) {
        const size = view().getUint32(at + 16, true);
        if (at + 24 + size > 4096 + used) break;
        names.push(Buffer.from(memory.buffer, at + 24, size).toString());
        cookie = view().getBigUint64(at, true);
        at += 24 + size;
      }
    }
    expect(names.sort()).toEqual(['.', '..', ...readdirSync(join(root, 'sub'))].sort());
  });
});
