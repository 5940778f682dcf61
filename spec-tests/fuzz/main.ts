import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadBinaryen } from '../../asyncify/index.ts';
import { describeFault, describeFinding, describeSummary, endless } from './endless/index.ts';
import { type Finding, type FuzzOptions, fuzz, fuzzNumeric, type Summary } from './fuzz.ts';
import { denoEngine, nodeEngine } from './native.ts';
import { describeCoverage } from './tally.ts';

const USAGE = `node spec-tests/fuzz/main.ts [--seconds N] [--modules N] [--seed S] [--only KIND] [--deno] [--internal]
node spec-tests/fuzz/main.ts --endless N [--seed S] [--lanes N] [--shrink SECONDS]
  --seconds N   how long (60): two thirds of it for modules that switch stacks, one for modules of numbers
  --modules N   how many modules of each kind at most
  --seed S      where to begin (random)
  --only KIND   modules of one kind only: switching or numeric
  --deno        compare with deno, which has switch, instead of node; the program is $DENO or on the path
  --internal    compare modules that switch stacks with nothing but our own ways to run them; else half of them,
                as node lacks some instructions
  --endless N   N programs that never end in the place of all that, each to be ended by a time limit and by SIGKILL. Where
                it is interrupted it says which seed comes next
  --lanes N     how many of them run at once: as many as there are processors
  --shrink S    for how long one that does not end is made smaller (60 seconds)`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    modules: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    deno: { type: 'boolean', default: false },
    internal: { type: 'boolean', default: false },
    endless: { type: 'string' },
    lanes: { type: 'string' },
    shrink: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function number(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`not a number: ${text}\n${USAGE}`);
  return value;
}

const regressions = new URL('../regressions/', import.meta.url);

function report(name: string, { seed, difference, wast }: Finding): void {
  const file = new URL(`${name}-${seed}.wast`, regressions);
  mkdirSync(regressions, { recursive: true });
  writeFileSync(file, wast);
  console.log(`mismatch, seed ${seed}: ${difference.kind}: ${difference.detail}\n  ${file.pathname}`);
}

function print(title: string, summary: Summary): void {
  console.log([`${title}:`, ...describeCoverage(summary), `${summary.findings.length} mismatches`].join('\n  '));
  if (summary.findings.length > 0) process.exitCode = 1;
}

const PROGRESS_EVERY = 250;

async function endlessPrograms(seed: number, programs: number): Promise<void> {
  const next = (done: number): string =>
    `${done} of ${programs}; go on with --endless ${programs - done} --seed ${seed + done}`;
  const summary = await endless({
    seed,
    programs,
    ...(values.lanes === undefined ? {} : { lanes: number(values.lanes, 1) }),
    shrinkSeconds: number(values.shrink, 60),
    doubted: (doubtful) => console.log(`${describeFault(doubtful)}\n  to be tried again, alone`),
    found: (finding) => console.log(describeFinding(finding)),
    progress: (done) => {
      if (done % PROGRESS_EVERY === 0 && done < programs) console.log(next(done));
    },
  });
  console.log(['programs that never end:', ...describeSummary(summary)].join('\n  '));
  if (summary.findings.length > 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  const seed = number(values.seed, Math.floor(Math.random() * 0x7fff_ffff));
  const seconds = number(values.seconds, 60);
  const { only } = values;
  if (only !== undefined && only !== 'switching' && only !== 'numeric') throw new RangeError(USAGE);
  console.log(`seed ${seed}`);
  if (values.endless !== undefined) return endlessPrograms(seed, number(values.endless, 0));
  const options = (share: number, name: string, parts = 1): FuzzOptions => ({
    seed,
    seconds: only === undefined ? seconds * share : seconds / parts,
    ...(values.modules === undefined ? {} : { modules: number(values.modules, 0) }),
    found: (finding) => report(name, finding),
  });
  if (only !== 'numeric') {
    const engine = values.deno ? denoEngine(process.env.DENO ?? 'deno') : nodeEngine;
    // What one engine lacks is compared among our own ways at least.
    const engines = values.internal ? [null] : engine.complete ? [engine] : [engine, null];
    for (const each of engines) {
      const name = each === null || each.complete ? 'switching-full' : 'switching';
      const title = `modules that switch stacks, ${each === null ? 'not run natively' : `natively in ${each.name}`}`;
      print(title, await fuzz({ ...options(2 / 3 / engines.length, name, engines.length), engine: each }));
    }
  }
  if (only !== 'switching') {
    print('numeric modules', await fuzzNumeric({ ...options(1 / 3, 'numeric'), binaryen: await loadBinaryen() }));
  }
}

if (values.help) console.log(USAGE);
else await main();
