import type { BinaryenInstrumenter } from '../../asyncify/index.ts';
import { check, comparable, type Difference } from './compare.ts';
import { generate, type Program } from './generate.ts';
import { endedByItself, guarded } from './guard.ts';
import { type Engine, type Native, runNatively } from './native.ts';
import { generateNumeric } from './numeric/index.ts';
import { type Candidate, shrink } from './shrink.ts';
import { type Coverage, Tally } from './tally.ts';
import type { Trace } from './trace.ts';
import { toWast } from './wast.ts';
import { numericWaysFor, plain, untransformed, type Way, waysFor } from './ways.ts';

export interface Finding {
  readonly seed: number;
  readonly difference: Difference;
  /** A script that shows it, shrunk. */
  readonly wast: string;
}
export interface Summary extends Coverage {
  readonly findings: readonly Finding[];
}
export interface FuzzOptions {
  readonly seed: number;
  /** Stops at either. */
  readonly modules?: number;
  readonly seconds?: number;
  /** How long to shrink one finding. */
  readonly shrinkSeconds?: number;
  readonly found?: (finding: Finding) => void;
}

/** Modules that are run natively by one process, where there is time for several such batches. */
const BATCH = 40;
const SMALL_BATCH = 6;
const SHORT_SECONDS = 10;
const SHRINK_SECONDS = 120;

/**
 * Makes programs that switch stacks, runs them in all ways, and compares.
 *
 * @param engine what to compare with; null: only our own ways with each other
 */
export async function fuzz(options: FuzzOptions & { readonly engine: Engine | null }): Promise<Summary> {
  const { engine } = options;
  const full = engine === null || engine.complete;
  const first = plain('closed');
  return rounds(options, async (seeds, examined) => {
    const programs = seeds.map((seed, at) =>
      // Every fourth counts what happens in it; its code is twice as long.
      generate(seed, { switch: full, throwRef: full, supertypes: engine?.supertypes ?? true, stats: at % 4 === 0 }),
    );
    const natives = engine === null ? [] : runNatively(engine, programs);
    for (const [at, program] of programs.entries()) {
      const native = natives[at] ?? null;
      const checked = check(program, first, waysFor(program.seed), native);
      const lost = native?.kind === 'crashed' || native?.kind === 'hung';
      if (
        !(await examined(checked, lost, (seconds) => examine(program, checked.difference, { first, engine, seconds })))
      )
        return;
    }
  });
}

/**
 * Makes programs of numbers only, runs them untransformed and interrupted, and compares.
 *
 * @param binaryen the other instrumenter, loaded; null: without it
 */
export async function fuzzNumeric(
  options: FuzzOptions & { readonly binaryen: BinaryenInstrumenter | null },
): Promise<Summary> {
  return rounds(options, async (seeds, examined) => {
    for (const seed of seeds) {
      const program = generateNumeric(seed);
      const checked = check(program, untransformed, numericWaysFor(seed, options.binaryen));
      const how = { first: untransformed, engine: null };
      if (!(await examined(checked, false, (seconds) => examine(program, checked.difference, { ...how, seconds }))))
        return;
    }
  });
}

type Examined = (
  checked: ReturnType<typeof check>,
  lost: boolean,
  examine: (seconds: number) => Promise<Finding | null>,
) => Promise<boolean>;

/** Goes through batches of seeds until the time is over; `batch` ends early where `examined` says so. */
async function rounds(
  options: FuzzOptions,
  batch: (seeds: readonly number[], examined: Examined) => Promise<void>,
): Promise<Summary> {
  const end = performance.now() + 1000 * (options.seconds ?? Infinity);
  const limit = options.modules ?? Infinity;
  const findings: Finding[] = [];
  const tally = new Tally();
  const size = (options.seconds ?? Infinity) < SHORT_SECONDS ? SMALL_BATCH : BATCH;
  const done = (): boolean => tally.modules >= limit || performance.now() >= end;
  while (!done()) {
    const seeds = Array.from(
      { length: Math.min(size, limit - tally.modules) },
      (_, at) => options.seed + tally.modules + at,
    );
    await batch(seeds, async (checked, lost, examining) => {
      tally.add(checked, lost);
      if (checked.difference === null) return !done();
      const finding = await examining(options.shrinkSeconds ?? SHRINK_SECONDS);
      if (finding !== null) {
        findings.push(finding);
        options.found?.(finding);
      }
      return !done();
    });
  }
  return { ...tally.coverage(), findings };
}

interface Examination {
  /** What is right unless the engine says otherwise. */
  readonly first: Way;
  readonly engine: Engine | null;
  readonly seconds: number;
}

/** Shrinks a program while it shows the same difference, and makes a script of it. */
async function examine(
  program: Program,
  difference: Difference | null,
  { first, engine, seconds }: Examination,
): Promise<Finding | null> {
  if (difference === null) return null;
  const ways = difference.way == null ? [] : [difference.way];
  const native = (candidates: readonly Candidate[]): (Native | null)[] =>
    engine === null || !needsNative(difference) ? candidates.map(() => null) : runNatively(engine, candidates);
  const small = shrink(
    program,
    (candidates) => {
      const programs = candidates.map(guarded);
      const natives = native(programs);
      return programs.map((candidate, at) => {
        const { difference: now, trace } = check(candidate, first, ways, natives[at] ?? null);
        return now?.kind === difference.kind && (trace === null || endedByItself(trace));
      });
    },
    performance.now() + seconds * 1000,
    // A process for every few candidates.
    needsNative(difference) ? 24 : 1,
  );
  const [last = null] = native([small]);
  const detail = check(small, first, ways, last).difference?.detail ?? difference.detail;
  const comment = `${difference.kind}\n${detail}\nseed ${program.seed}${engine === null ? '' : `, ${engine.name}`}`;
  // A script's runner knows yield points where guests have them only.
  const shown = difference.way?.prepared?.(small) ?? small;
  return { seed: program.seed, difference, wast: await toWast(shown, expected(small, first, last), comment) };
}

/** Whether the difference can be seen only in comparison with an engine. */
function needsNative({ kind }: Difference): boolean {
  return kind.startsWith('native');
}

/** What is right: what the engine did, and without one the first way; where that fails, linked with others. */
function expected(program: Candidate, first: Way, native: Native | null): Trace {
  for (const way of [first, plain('linked')]) {
    try {
      const ours = way.run(program);
      return native?.kind === 'trace' ? comparable(native.trace, ours).native : ours;
    } catch {
      // The failure may be what was found.
    }
  }
  return native?.kind === 'trace' ? native.trace : { runs: [], globals: {} };
}
