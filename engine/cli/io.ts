import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { standardStreams } from '../sandbox/index.ts';
import type { Io } from './command.ts';

/** What a shell reports for a program that a broken pipe ended. */
const BROKEN_PIPE_STATUS = 141;

/** The process's own streams, written at once and in order, also from within a running WebAssembly program. */
export const processIo: Io = {
  out: (text) => writeAll(1, text),
  err: (text) => writeAll(2, text),
  isTerminal: isatty(2),
  streams: standardStreams,
};

function writeAll(fd: number, text: string | Uint8Array): void {
  let rest = typeof text === 'string' ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') process.exit(BROKEN_PIPE_STATUS);
      if (code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

/** Waits until a full pipe may have room again. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
