// Runs programs on the engine's own stack switching, in a process of its own: the engine may crash. Also runs in Deno.
// Reads a batch of jobs from the file named on the command line, and writes a line before and after each one.
import { readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { type Call, observe, type Trace } from './trace.ts';

export interface Job {
  readonly id: number;
  /** The module, in base 64. */
  readonly wasm: string;
  readonly calls: readonly Call[];
}
export type Report =
  | { readonly id: number; readonly state: 'started' }
  | { readonly id: number; readonly state: 'ended'; readonly trace: Trace }
  | { readonly id: number; readonly state: 'rejected'; readonly message: string };

const write = (report: Report): void => {
  writeSync(1, `${JSON.stringify(report)}\n`);
};

const [, , file, first = '0'] = process.argv;
if (file === undefined) throw new Error('usage: child.ts JOBS [FIRST]');
const jobs = JSON.parse(readFileSync(file, 'utf8')) as Job[];
for (const { id, wasm, calls } of jobs.slice(Number(first))) {
  write({ id, state: 'started' });
  try {
    const module = new WebAssembly.Module(Uint8Array.from(atob(wasm), (char) => char.charCodeAt(0)));
    const trace = observe(calls, (imports) => new WebAssembly.Instance(module, imports).exports);
    write({ id, state: 'ended', trace });
  } catch (error) {
    write({ id, state: 'rejected', message: String(error) });
  }
}
