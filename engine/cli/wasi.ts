import { readSync } from 'node:fs';
import { ConsoleStdout, Fd, WASI, wasi } from '@bjorn3/browser_wasi_shim';
import { leaveByTrap } from '../process/errors.ts';
import { GuestMemory } from '../process/index.ts';
import { FileFunctions, type GivenFolder } from '../sandbox/index.ts';
import type { WasiImports } from '../wasi/index.ts';
import { CommandError, type Io } from './command.ts';
import { pause } from './io.ts';

/** What a WASI preview 1 program finds around it, and what it ended with. Its imports block. */
export interface World {
  readonly imports: WasiImports;
  /** Gives the program its memory, which is known once it is instantiated. */
  attach(memory: WebAssembly.Memory): void;
  /** The status of `proc_exit`, once that was called. */
  readonly exitStatus: number | undefined;
  /** Closes the files that the program has left open. */
  close(): void;
}

/** Standard input of this process. */
class StandardInput extends Fd {
  override fd_fdstat_get() {
    return { ret: wasi.ERRNO_SUCCESS, fdstat: new wasi.Fdstat(wasi.FILETYPE_CHARACTER_DEVICE, 0) };
  }

  override fd_filestat_get() {
    return { ret: wasi.ERRNO_SUCCESS, filestat: new wasi.Filestat(0n, wasi.FILETYPE_CHARACTER_DEVICE, 0n) };
  }

  override fd_read(size: number) {
    const buffer = Buffer.alloc(Math.min(size, 65536));
    for (;;) {
      try {
        return { ret: wasi.ERRNO_SUCCESS, data: buffer.subarray(0, readSync(0, buffer)) };
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EOF') return { ret: wasi.ERRNO_SUCCESS, data: buffer.subarray(0, 0) };
        if (code !== 'EAGAIN') return { ret: wasi.ERRNO_IO, data: buffer.subarray(0, 0) };
        pause();
      }
    }
  }
}

export interface WorldOptions {
  readonly args: readonly string[];
  /** `NAME=VALUE` each. */
  readonly env: readonly string[];
  /** All that there is of the file system. */
  readonly folders: readonly GivenFolder[];
}

/** Makes the world of a WASI program (WASI preview 1): arguments, environment, standard streams, folders, clocks, random. */
export function createWorld({ args, env, folders }: WorldOptions, io: Io): World {
  const fds = [
    new StandardInput(),
    new ConsoleStdout((bytes) => io.out(bytes)),
    new ConsoleStdout((bytes) => io.err(new TextDecoder().decode(bytes))),
  ];
  const shim = new WASI([...args], [...env], fds, { debug: false });
  let attached: { readonly memory: WebAssembly.Memory; readonly checked: GuestMemory } | undefined;
  let exitStatus: number | undefined;
  const memories = () => {
    if (attached === undefined) throw new CommandError('WASI was called before there was a memory to work on');
    return attached;
  };
  shim.inst = {
    exports: {
      get memory() {
        return memories().memory;
      },
    },
  };
  const files = new FileFunctions(shim.wasiImport as WasiImports, folders, () => memories().checked);
  const imports = {
    ...(shim.wasiImport as WasiImports),
    ...files.imports,
    // The shim counts UTF-16 units here, and writes UTF-8.
    args_sizes_get(count: number, size: number) {
      const view = new DataView(shim.inst.exports.memory.buffer);
      view.setUint32(count, args.length, true);
      view.setUint32(
        size,
        args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0),
        true,
      );
      return wasi.ERRNO_SUCCESS;
    },
    proc_exit(status: number) {
      exitStatus = status >>> 0;
      leaveByTrap();
    },
  };
  return {
    imports,
    attach(memory) {
      attached = { memory, checked: new GuestMemory(memory) };
    },
    close: () => files.close(),
    get exitStatus() {
      return exitStatus;
    },
  };
}
