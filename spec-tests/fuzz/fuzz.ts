import { check, comparable, type Difference, runFrames } from './compare.ts';
import { generate, type Program } from './generate.ts';
import { endedByItself, guarded } from './guard.ts';
import { type Engine, type Native, runNatively } from './native.ts';
import { type Candidate, shrink } from './shrink.ts';
import type { Trace } from './trace.ts';
import { toWast } from './wast.ts';

export interface Finding {
  readonly seed: number;
  readonly difference: Difference;
  /** A script that shows it, shrunk. */
  readonly wast: string;
}
export interface Summary {
  readonly modules: number;
  /** Suspensions that a handler received, or `switch` passed on. */
  readonly suspensions: number;
  /** Modules the engine crashed on or did not get done with. */
  readonly lost: number;
  readonly findings: readonly Finding[];
}
export interface FuzzOptions {
  readonly seed: number;
  /** Stops at either. */
  readonly modules?: number;
  readonly seconds?: number;
  /** What to compare with; null: only our own two linkings with each other. */
  readonly engine: Engine | null;
  /** How long to shrink one finding. */
  readonly shrinkSeconds?: number;
  readonly found?: (finding: Finding) => void;
}

const BATCH = 40;

/** Makes programs, runs them in all ways, and compares. */
export async function fuzz(options: FuzzOptions): Promise<Summary> {
  const { engine } = options;
  const end = performance.now() + 1000 * (options.seconds ?? Infinity);
  const full = engine === null || engine.complete;
  const findings: Finding[] = [];
  let modules = 0;
  let suspensions = 0;
  let lost = 0;
  const limit = options.modules ?? Infinity;
  while (modules < limit && performance.now() < end) {
    const count = Math.min(BATCH, limit - modules);
    const programs = Array.from({ length: count }, (_, at) =>
      // Every fourth counts what happens in it; its code is twice as long.
      generate(options.seed + modules + at, { switch: full, throwRef: full, stats: (modules + at) % 4 === 0 }),
    );
    const natives = engine === null ? [] : runNatively(engine, programs);
    for (const [at, program] of programs.entries()) {
      const native = natives[at] ?? null;
      if (native?.kind === 'crashed' || native?.kind === 'hung') lost++;
      const { difference, trace } = check(program, native);
      modules++;
      // One module in four counts: an estimate for all of them.
      for (const stat of ['stat:handled', 'stat:switches']) suspensions += 4 * Number(trace?.globals[stat] ?? 0);
      if (difference === null) continue;
      const finding = await examine(program, difference, engine, options.shrinkSeconds ?? 120);
      findings.push(finding);
      options.found?.(finding);
    }
  }
  return { modules, suspensions, lost, findings };
}

async function examine(
  program: Program,
  difference: Difference,
  engine: Engine | null,
  seconds: number,
): Promise<Finding> {
  const native = (candidates: readonly Candidate[]): (Native | null)[] =>
    engine === null || !needsNative(difference) ? candidates.map(() => null) : runNatively(engine, candidates);
  const small = shrink(
    program,
    (candidates) => {
      const programs = candidates.map(guarded);
      const natives = native(programs);
      return programs.map((candidate, at) => {
        const { difference: now, trace } = check(candidate, natives[at] ?? null);
        return now?.kind === difference.kind && (trace === null || endedByItself(trace));
      });
    },
    performance.now() + seconds * 1000,
    // A process for every few candidates.
    needsNative(difference) ? 24 : 1,
  );
  const [last = null] = engine === null ? [] : runNatively(engine, [small]);
  const detail = check(small, last).difference?.detail ?? difference.detail;
  const comment = `${difference.kind}\n${detail}\nseed ${program.seed}${engine === null ? '' : `, ${engine.name}`}`;
  return { seed: program.seed, difference, wast: await toWast(small, expected(small, last), comment) };
}

/** Whether the difference can be seen only in comparison with an engine. */
function needsNative({ kind }: Difference): boolean {
  return kind.startsWith('native');
}

/** What is right: what the engine did, and without one the linking that links with others. */
function expected(program: Candidate, native: Native | null): Trace {
  let ours: Trace;
  try {
    ours = runFrames(program, 'linked');
  } catch {
    return native?.kind === 'trace' ? native.trace : { runs: [], globals: {} };
  }
  return native?.kind === 'trace' ? comparable(native.trace, ours).native : ours;
}
