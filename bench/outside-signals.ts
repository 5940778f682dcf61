import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assemble } from './load.ts';
import type { Options } from './options.ts';
import { type Summary, summarise } from './stats.ts';

/** Signals that another process sends to `bobbin run`, whose program spins. */
export interface OutsideRow {
  /** What `bobbin run` was given. */
  readonly options: readonly string[];
  readonly sent: number;
  /** How often the handler ran: signals that find an earlier one waiting are one with it. */
  readonly handled: number;
  /** Milliseconds from sending a signal to reading what its handler has written; null: none was handled. */
  readonly ms: Summary | null;
}

export const OUTSIDE_WAYS: readonly (readonly string[])[] = [
  ['--yield', 'fuel'],
  ['--yield', 'epoch'],
  ['--yield', 'fuel', '--policy', 'round-robin'],
  ['--yield', 'epoch', '--policy', 'round-robin'],
];
const SIGNALS = 500;
const FEWEST = 50;
/** Milliseconds from one signal to the next. */
const EVERY = 5;
/** How long nothing more has to come for all to have come, in milliseconds. */
const QUIET = 300;

const bobbin = fileURLToPath(new URL('../engine/cli/main.ts', import.meta.url));

/** @throws Error where the program does not begin */
export async function measureOutside(options: readonly string[], count: number): Promise<OutsideRow> {
  const folder = await mkdtemp(join(tmpdir(), 'bobbin-'));
  const program = join(folder, 'heard.wasm');
  try {
    await writeFile(program, await assemble('heard'));
    const child = spawn(process.execPath, [bobbin, 'run', ...options, program], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'close');
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    if (child.exitCode !== null) throw new Error(`bobbin run has ended: ${errors}`);
    // What is measured is how long a signal takes, and not what the engine does about a program that it has just begun.
    await delay(QUIET);
    /** When signals were sent that nobody has heard of yet. */
    let waiting: number[] = [];
    const ms: number[] = [];
    let heard = performance.now();
    child.stdout.on('data', (bytes: Uint8Array) => {
      heard = performance.now();
      for (let at = 0; at < bytes.length; at++) {
        const first = waiting.shift();
        if (first !== undefined) ms.push(heard - first);
      }
      // The rest of them were one with that.
      waiting = waiting.filter((sent) => heard - sent < EVERY / 2);
    });
    const begun = performance.now();
    for (let sent = 0; sent < count; sent++) {
      await delay(Math.max(begun + sent * EVERY - performance.now(), 0));
      waiting.push(performance.now());
      child.kill('SIGUSR1');
    }
    while (performance.now() - heard < QUIET) await delay(QUIET / 10);
    child.kill('SIGKILL');
    await ended;
    return { options, sent: count, handled: ms.length, ms: ms.length === 0 ? null : summarise(ms) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function measureOutsideSignals({ scale }: Pick<Options, 'scale'>): Promise<OutsideRow[]> {
  const rows: OutsideRow[] = [];
  const count = Math.max(FEWEST, Math.round(SIGNALS * scale));
  for (const options of OUTSIDE_WAYS) rows.push(await measureOutside(options, count));
  return rows;
}
