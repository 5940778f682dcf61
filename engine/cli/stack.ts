import { readFileSync } from 'node:fs';

/** What V8 allows JavaScript and WebAssembly on the main thread by default is less than 1 MB. */
const WANTED = 6000;
/** What the operating system has to allow for that: the rest is V8's own, and the handlers of signals. */
const NEEDED = 8192;

/**
 * Programs recurse as deep as they do natively only with more stack than Node gives them, and Node takes that option only as it
 * starts: where it can, this process becomes another one, with the same number and the same files, that has it.
 */
export function enlargeStack(): void {
  const { execve, execPath, execArgv, argv } = process as typeof process & {
    readonly execve?: (file: string, args: readonly string[]) => never;
  };
  if (execve === undefined || execArgv.some((option) => option.startsWith('--stack-size'))) return;
  if (stackLimit() < NEEDED) return;
  try {
    execve.call(process, execPath, [execPath, ...execArgv, `--stack-size=${WANTED}`, ...argv.slice(1)]);
  } catch {
    // It goes on with what it has.
  }
}

/** In kilobytes; 0 where it is not known. */
function stackLimit(): number {
  try {
    const limit = /^Max stack size +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit ?? 0) / 1024;
  } catch {
    return 0;
  }
}
