// Endless programs of interpreters and libraries from npm are interrupted, while timers fire, and the same instance works afterwards.
//
//   npm run test:programs [NAME...]
//
// Installs the packages below node_modules/.cache. The exit status is 1 where a check has failed.
import { join } from 'node:path';
import type { Polls } from './loading.ts';
import { lua } from './lua.ts';
import { micropython } from './micropython.ts';
import { Packages } from './packages.ts';
import type { Program, Running } from './program.ts';
import { sqlite } from './sqlite.ts';

const PROGRAMS: readonly Program[] = [micropython, lua, sqlite];
const POLLS: readonly Polls[] = ['fuel', 'epoch'];
const ROUNDS = 7;
/** Milliseconds from the interrupt to the end: half of the rounds at most this. */
const LIMIT = 50;
/** And none this, on a machine that does other things too. */
const WORST = 500;
/** How long a program runs before it is interrupted, and is given to end. */
const RUNS = 60;
const GIVEN = 10_000;

interface Row {
  readonly name: string;
  readonly latencies: readonly number[];
  readonly failure: string | null;
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function round(running: Running, code: string, says: string): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 2);
  let isOver = false;
  const run = running.run(code).finally(() => {
    isOver = true;
  });
  // Where it ends before it is interrupted it is reported below.
  run.catch(() => {});
  const begin = performance.now();
  while (performance.now() - begin < RUNS || (turns < 3 && performance.now() - begin < GIVEN)) await later(RUNS / 4);
  const late = setTimeout(() => running.process.drop(), GIVEN);
  try {
    if (isOver) throw new Error('ended by itself');
    const begun = performance.now();
    running.interrupt();
    const said = await run;
    const latency = performance.now() - begun;
    if (turns < 3) throw new Error(`timers fired ${turns} times`);
    if (said !== says) throw new Error(`said ${JSON.stringify(said)}`);
    return latency;
  } finally {
    clearTimeout(late);
    clearInterval(timer);
  }
}

async function row(running: Running, name: string, { code, says }: Program['endless'][string]): Promise<Row> {
  const latencies: number[] = [];
  try {
    for (let n = 0; n < ROUNDS; n++) {
      latencies.push(await round(running, code, says));
      await running.check();
    }
    latencies.sort((a, b) => a - b);
    const failure = median(latencies) > LIMIT || (latencies.at(-1) ?? 0) > WORST ? 'too late' : null;
    return { name, latencies, failure };
  } catch (error) {
    return { name, latencies, failure: error instanceof Error ? error.message : String(error) };
  }
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? Number.POSITIVE_INFINITY;
const shown = (ms: number | undefined): string => (ms === undefined ? '-' : ms.toFixed(1)).padStart(8);

async function main(wanted: readonly string[]): Promise<number> {
  const packages = new Packages(join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'bobbin-programs'));
  let passed = 0;
  let failed = 0;
  for (const program of PROGRAMS) {
    if (wanted.length > 0 && !wanted.some((name) => program.name.toLowerCase().includes(name.toLowerCase()))) continue;
    for (const polls of POLLS) {
      const running = await program.load(packages, polls);
      console.log(`${program.name}, ${polls} (transformed in ${running.transformed.toFixed(0)} ms)`);
      console.log(`  ${'interrupted'.padEnd(24)}  p50 (ms) max (ms)`);
      for (const [name, endless] of Object.entries(program.endless)) {
        const { latencies, failure } = await row(running, name, endless);
        if (failure === null) passed++;
        else failed++;
        const figures = `${shown(median(latencies))} ${shown(latencies.at(-1))}`;
        console.log(`  ${name.padEnd(24)} ${figures}  ${failure ?? 'ok'}`);
      }
      running.process.kill('SIGKILL');
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
