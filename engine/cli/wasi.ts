import { readSync } from 'node:fs';
import { type GivenFolder, type InputSource, type OutputSink, Wasi } from '../sandbox/index.ts';
import type { Io } from './command.ts';
import { pause } from './io.ts';

/** What a WASI preview 1 program finds around it, and what it ended with. Its imports block. */
export type World = Pick<Wasi, 'imports' | 'attach' | 'exitStatus' | 'close'>;

/** Standard input of this process, which is waited for. */
const standardInput: InputSource = {
  peek: () => 1,
  take(size) {
    const buffer = Buffer.alloc(size);
    for (;;) {
      try {
        return buffer.subarray(0, readSync(0, buffer));
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EOF') return buffer.subarray(0, 0);
        if (code !== 'EAGAIN') throw error;
        pause();
      }
    }
  },
  onReady: () => () => {},
};

function sink(write: (bytes: Uint8Array) => void): OutputSink {
  return {
    write(bytes) {
      write(bytes);
      return bytes.length;
    },
    hasRoom: () => true,
    onReady: () => () => {},
  };
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
  const text = new TextDecoder();
  const options = {
    args,
    env: Object.fromEntries(
      env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    ),
    stdin: standardInput,
    stdout: sink((bytes) => io.out(bytes)),
    stderr: sink((bytes) => io.err(text.decode(bytes))),
  };
  return new Wasi(options, folders);
}
