import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The exit status of a measuring process whose program returned something wrong. */
export const WRONG_RESULT = 3;

/** The exit status of a measuring process whose engine does not compile a program natively. */
export const NOT_NATIVE = 4;

export const NATIVE_FLAG = '--experimental-wasm-wasmfx';

/** How a measuring process ended. `reports` are those it made before. */
export interface Ended<Report> {
  readonly reports: readonly Report[];
  /** What killed it: a signal's name or `exit N`; null when it finished. */
  readonly crash: string | null;
  readonly stderr: string;
}

/** A program returned something wrong. */
export class WrongResultError extends Error {
  override readonly name = 'WrongResultError';
  readonly kind = 'wrong-result';
}

/**
 * Runs a script of this folder in a process of its own and collects what it reports.
 *
 * @throws WrongResultError when a program in it returned something wrong
 */
export function measure<Job, Report>(script: string, job: Job, flags: readonly string[] = []): Promise<Ended<Report>> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', ...flags, path, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A test runner's own flags are not the measured process's.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const reports: Report[] = [];
  let stderr = '';
  const lines = createInterface({ input: child.stdout });
  // A process that dies prints the engine's last words there too.
  lines.on('line', (line) => line.startsWith('{') && reports.push(JSON.parse(line) as Report));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === WRONG_RESULT) reject(new WrongResultError(stderr.trim()));
      else resolve({ reports, crash: signal ?? (code === 0 ? null : `exit ${code}`), stderr });
    });
  });
}

/** Wall time, or the processor time of all the process's threads, which other work on the machine disturbs less. */
export type Clock = 'wall' | 'cpu';

/** In a measuring process: starts a clock that tells the milliseconds since. */
export function stopwatch(clock: Clock): () => number {
  if (clock === 'wall') {
    const start = performance.now();
    return () => performance.now() - start;
  }
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
}

/** In a measuring process: ends it because the engine does not compile a program natively. */
export function notNative(error: WebAssembly.CompileError): never {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exit(NOT_NATIVE);
}

/** In a measuring process: what it was asked for. */
export function job<Job>(): Job {
  const text = process.argv[2];
  if (text === undefined) throw new TypeError('a measuring process is started by bench/main.ts');
  return JSON.parse(text) as Job;
}

/** In a measuring process: hands a report to the parent. */
export function report<Report extends object>(value: Report): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** In a measuring process: ends it unless the result is the right one. */
export function verify(what: string, actual: bigint, expected: bigint): void {
  if (actual === expected) return;
  process.stderr.write(`${what}: ${actual}, not ${expected}\n`);
  process.exit(WRONG_RESULT);
}

/**
 * In a measuring process: collects garbage. The `minor` kind before each sample, so that none pays for the one before: a
 * full collection also throws away what the engine learnt about the JavaScript code. The `major` kind to weigh what lives.
 */
export function collect(type: 'minor' | 'major'): void {
  if (globalThis.gc === undefined) throw new TypeError('a measuring process runs with --expose-gc');
  globalThis.gc({ type });
}
