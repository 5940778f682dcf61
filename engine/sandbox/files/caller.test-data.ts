import { GuestMemory } from '../../process/index.ts';
import { byHandle, byPath, type Holding } from './directory.ts';
import { FileFunctions } from './functions.ts';

/** How directories can be held, and a way in which they must not be: it shows that the races are real. */
export const HOLDINGS = {
  handle: byHandle,
  path: byPath,
  unsafe: { ...byPath, isAnchored: true },
} satisfies Readonly<Record<string, Holding>>;

type Args = readonly (number | bigint)[];

/** A guest's calls of the file functions by paths, each with its errno. One folder is descriptor 3. */
export class Caller {
  readonly #memory = new WebAssembly.Memory({ initial: 4 });
  readonly #files: FileFunctions;
  readonly #imports: Readonly<Record<string, (...args: never[]) => unknown>>;

  constructor(folder: string, holding?: Holding) {
    this.#files = new FileFunctions({}, [{ host: folder, guest: '/' }], () => new GuestMemory(this.#memory), holding);
    this.#imports = this.#files.imports;
  }

  close(): void {
    this.#files.close();
  }

  #call(name: string, ...args: Args): number {
    return (this.#imports[name] as unknown as (...args: Args) => number)(...args);
  }

  #text(content: string, at: number): [number, number] {
    const bytes = new TextEncoder().encode(content);
    new Uint8Array(this.#memory.buffer).set(bytes, at);
    return [at, bytes.length];
  }

  /** @returns the descriptor, or minus an errno */
  open(path: string, oflags = 0, rights = 2n, fd = 3): number {
    const errno = this.#call('path_open', fd, 1, ...this.#text(path, 1024), oflags, rights, 0n, 0, 512);
    return errno === 0 ? new DataView(this.#memory.buffer).getUint32(512, true) : -errno;
  }

  shut(fd: number): void {
    this.#call('fd_close', fd);
  }

  /** What can be read there; null: nothing. */
  read(fd: number): string | null {
    const view = new DataView(this.#memory.buffer);
    view.setUint32(256, 8192, true);
    view.setUint32(260, 256, true);
    if (this.#call('fd_read', fd, 256, 1, 520) !== 0) return null;
    return this.#bytes(8192, view.getUint32(520, true));
  }

  write(fd: number, content: string): number {
    const view = new DataView(this.#memory.buffer);
    const [at, size] = this.#text(content, 8192);
    view.setUint32(256, at, true);
    view.setUint32(260, size, true);
    return this.#call('fd_write', fd, 256, 1, 520);
  }

  /** The names in a directory that is open. */
  list(fd: number): string[] {
    if (this.#call('fd_readdir', fd, 16_384, 8192, 0n, 520) !== 0) return [];
    const view = new DataView(this.#memory.buffer);
    const end = 16_384 + view.getUint32(520, true);
    const names: string[] = [];
    for (let at = 16_384; at + 24 <= end; ) {
      const size = view.getUint32(at + 16, true);
      names.push(this.#bytes(at + 24, size));
      at += 24 + size;
    }
    return names;
  }

  /** Size of a file; minus an errno. */
  size(path: string): number {
    const errno = this.#call('path_filestat_get', 3, 1, ...this.#text(path, 1024), 16_384);
    return errno === 0 ? Number(new DataView(this.#memory.buffer).getBigUint64(16_384 + 32, true)) : -errno;
  }

  touch(path: string): number {
    return this.#call('path_filestat_set_times', 3, 1, ...this.#text(path, 1024), 1_000_000_000n, 1_000_000_000n, 5);
  }

  makeDirectory(path: string): number {
    return this.#call('path_create_directory', 3, ...this.#text(path, 1024));
  }
  removeDirectory(path: string): number {
    return this.#call('path_remove_directory', 3, ...this.#text(path, 1024));
  }
  unlink(path: string): number {
    return this.#call('path_unlink_file', 3, ...this.#text(path, 1024));
  }
  rename(from: string, to: string): number {
    return this.#call('path_rename', 3, ...this.#text(from, 1024), 3, ...this.#text(to, 4096));
  }
  hardLink(from: string, to: string, follow = 0): number {
    return this.#call('path_link', 3, follow, ...this.#text(from, 1024), 3, ...this.#text(to, 4096));
  }
  symlink(target: string, path: string): number {
    return this.#call('path_symlink', ...this.#text(target, 1024), 3, ...this.#text(path, 4096));
  }
  readLink(path: string): string | null {
    const errno = this.#call('path_readlink', 3, ...this.#text(path, 1024), 8192, 256, 520);
    return errno === 0 ? this.#bytes(8192, new DataView(this.#memory.buffer).getUint32(520, true)) : null;
  }

  #bytes(at: number, size: number): string {
    return new TextDecoder().decode(new Uint8Array(this.#memory.buffer, at, size).slice());
  }
}
