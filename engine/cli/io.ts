import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { standardStreams } from '../sandbox/index.ts';
import { SIGPIPE } from '../signals/index.ts';
import type { Io } from './command.ts';
import { dieOf } from './death.ts';

/** The process's own streams, written at once and in order, also from within a running WebAssembly program. */
export const processIo: Io = {
  out: (text) => writeAll(1, text),
  err: (text) => writeAll(2, text),
  isTerminal: isatty(2),
  streams: standardStreams,
  dieOf,
};

function writeAll(fd: number, text: string | Uint8Array): void {
  let rest = typeof text === 'string' ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') dieOf(SIGPIPE);
      if (code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

/** Waits until a full pipe may have room again. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
