import { readFileSync, writeFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { StandardStreams } from '../sandbox/index.ts';
import type { Signo } from '../signals/index.ts';

/** What a command reads and writes beside files. */
export interface Io {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Whether `err` is a terminal. */
  readonly isTerminal: boolean;
  /** The standard streams for a program that suspends where they are not ready. Without them it reads and writes as above. */
  readonly streams?: () => StandardStreams;
  /** Ends this process as a signal does. Without it commands end with 128 + n. */
  readonly dieOf?: (signal: Signo) => never;
}

export interface Command {
  readonly help: string;
  /** Returns the exit status. Throws {@link UsageError}, {@link CommandError} and the library's own errors. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** The command line does not say what to do: exit status 2. */
export class UsageError extends Error {
  readonly kind = 'usage';
  override readonly name = 'UsageError';
}

/** What was asked cannot be done: exit status 1. */
export class CommandError extends Error {
  readonly kind = 'command';
  override readonly name = 'CommandError';
}

/** `parseArgs`, with its complaints as {@link UsageError}. */
export function parse<const C extends ParseArgsConfig>(config: C): ReturnType<typeof parseArgs<C>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/** The value of an option that has one of a few. Throws {@link UsageError}. */
export function choice<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`--${option} is ${choices.join(' or ')}, not "${value}"`);
  return found;
}

/** Throws {@link CommandError} where the file cannot be read. */
export function readFile(path: string): Uint8Array {
  return attempt(path, () => readFileSync(path));
}

/** Throws {@link CommandError} where the file cannot be written. */
export function writeFile(path: string, content: string | Uint8Array): void {
  attempt(path, () => writeFileSync(path, content));
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'is a folder',
  EACCES: 'permission denied',
  ENOSPC: 'no space left',
  EPIPE: 'nobody reads it',
};

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CommandError(`${path}: ${reasonOf(error)}`);
  }
}

/** Why something could not be done with a file. Throws what is no error of the operating system's. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  return REASONS[String(error.code)] ?? error.message;
}
