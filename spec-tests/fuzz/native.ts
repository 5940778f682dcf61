import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from '../../asyncify/index.ts';
import type { Job, Report } from './child.ts';
import { generate, type Program } from './generate.ts';
import type { Trace } from './trace.ts';
import { Types } from './types.ts';

/** What a program did natively; `crashed` and `hung` say nothing about the program. */
export type Native =
  | { readonly kind: 'trace'; readonly trace: Trace }
  | { readonly kind: 'rejected'; readonly message: string }
  | { readonly kind: 'crashed' }
  | { readonly kind: 'hung' };

/** An engine with native stack switching. */
export interface Engine {
  readonly name: string;
  /** Whether it has `switch`, and `resume_throw_ref` as the proposal has it. */
  readonly complete: boolean;
  /** Whether it resumes and binds a continuation by a supertype of its type. V8 15.0 traps there, as at an indirect call. */
  readonly supertypes: boolean;
  /** The command that runs child.ts; its arguments follow. */
  readonly command: readonly string[];
}

const FLAGS = [
  '--experimental-wasm-wasmfx',
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
  '--no-turboshaft-wasm-load-elimination',
];
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

export const nodeEngine: Engine = {
  name: 'node',
  complete: false,
  supertypes: true,
  command: [process.execPath, ...FLAGS, '--no-warnings', CHILD],
};

/** @param deno the path of the program */
export function denoEngine(deno: string): Engine {
  return {
    name: 'deno',
    complete: true,
    supertypes: false,
    command: [
      deno,
      'run',
      '--no-check',
      '--no-lock',
      '--allow-read',
      '--allow-env',
      `--v8-flags=${FLAGS.join(',')}`,
      CHILD,
    ],
  };
}

/** Whether the engine can be run and knows continuation types. */
export function isSupported(engine: Engine): boolean {
  const types = new Types();
  types.contOf([], []);
  const module = {
    ...generate(0, { switch: false, throwRef: false, supertypes: false, stats: false }).module,
    ...NOTHING,
  };
  const [native] = runNatively(engine, [{ module: { ...module, recGroups: types.groups }, calls: [] }]);
  return native?.kind === 'trace';
}

const NOTHING = { imports: [], funcs: [], tables: [], memories: [], tags: [], globals: [], exports: [], elems: [] };
const ONE_BATCH = 20_000;

/** Runs programs natively, several to a process; one that brings the process down costs that process only. */
export function runNatively(engine: Engine, programs: readonly Pick<Program, 'module' | 'calls'>[]): Native[] {
  const folder = mkdtempSync(join(tmpdir(), 'bobbin-fuzz-'));
  try {
    const file = join(folder, 'jobs.json');
    const jobs = programs.map(
      ({ module, calls }, id): Job => ({ id, wasm: Buffer.from(encode(module)).toString('base64'), calls }),
    );
    writeFileSync(file, JSON.stringify(jobs));
    const results: Native[] = [];
    while (results.length < jobs.length) batch(engine, file, results);
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function batch(engine: Engine, file: string, results: Native[]): void {
  const [program = '', ...args] = engine.command;
  const child = spawnSync(program, [...args, file, String(results.length)], {
    encoding: 'utf8',
    timeout: ONE_BATCH,
    maxBuffer: 1 << 28,
  });
  if (child.error !== undefined && !('code' in child.error && child.error.code === 'ETIMEDOUT')) throw child.error;
  const before = results.length;
  let started = false;
  for (const line of child.stdout.split('\n')) {
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    const report = JSON.parse(line) as Report;
    started = report.state === 'started';
    if (report.state === 'ended') results.push({ kind: 'trace', trace: report.trace });
    else if (report.state === 'rejected') results.push({ kind: 'rejected', message: report.message });
  }
  if (started) results.push({ kind: child.error === undefined ? 'crashed' : 'hung' });
  else if (results.length === before) throw new Error(`${engine.name} does not run: ${child.stderr}`);
}
