import { type Clock, measure, NATIVE_FLAG } from '../child.ts';
import { geometricMean, ratio, type Summary, summarise } from '../stats.ts';
import { table } from '../table.ts';
import type { FiberJob, FiberReport } from './measure.ts';
import { FIBER_VARIANTS, type FiberVariant, type Program } from './sources.ts';

/** One program in all variants. */
export interface FiberRow {
  readonly program: Program;
  /** Nanoseconds an operation; a variant that does not run has none. */
  readonly ns: Partial<Readonly<Record<FiberVariant, Summary>>>;
  /** How many times faster than the variant the closed module is, round by round. */
  readonly closedFaster: Partial<Readonly<Record<FiberVariant, Summary>>>;
  /** Why a variant does not run. */
  readonly notes: readonly string[];
}

/** Measures a program: a process for each variant and round, in turns. */
export async function measureFibers(
  program: Program,
  { rounds, clock, native }: { readonly rounds: number; readonly clock: Clock; readonly native: boolean },
): Promise<FiberRow> {
  const series = new Map<FiberVariant, number[]>(FIBER_VARIANTS.map((variant) => [variant, []]));
  const notes = new Set<string>();
  if (!native) series.delete('native');
  for (let round = 0; round < rounds; round++) {
    for (const variant of [...series.keys()]) {
      const flags = variant === 'native' ? [NATIVE_FLAG] : [];
      const job: FiberJob = { program, variant, clock };
      const { reports, crash, stderr } = await measure<FiberJob, FiberReport>('fibers/measure.ts', job, flags);
      const [sample] = reports;
      if (crash !== null || sample === undefined) {
        notes.add(`${program.name}: ${variant} does not run: ${crash ?? 'nothing reported'}, ${reasonOf(stderr)}`);
        series.delete(variant);
      } else series.get(variant)?.push((sample.ms * 1e6) / program.operations);
    }
  }
  const closed = series.get('closed') ?? [];
  const ns: Partial<Record<FiberVariant, Summary>> = {};
  const closedFaster: Partial<Record<FiberVariant, Summary>> = {};
  for (const [variant, values] of series) {
    ns[variant] = summarise(values);
    if (variant !== 'closed' && closed.length === values.length) closedFaster[variant] = ratio(values, closed);
  }
  return { program, ns, closedFaster, notes: [...notes] };
}

/** The first line of what a process said when it died that says why. */
function reasonOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replaceAll(/^[\s#]+/g, ''));
  const first = (what: RegExp): string | undefined => lines.find((line) => what.test(line));
  return first(/unimplemented|unreachable|check failed|out of memory/i) ?? first(/error|fatal/i) ?? 'without a word';
}

/** The mean over the programs that have both. */
export function meanFaster(rows: readonly FiberRow[], variant: FiberVariant): number | null {
  const all = rows.flatMap(({ closedFaster }) => closedFaster[variant]?.median ?? []);
  return all.length === 0 ? null : geometricMean(all);
}

export function fibersTable(rows: readonly FiberRow[]): string {
  const times = (summary: Summary | undefined): string =>
    summary === undefined ? '–' : `${summary.median.toFixed(2)}×`;
  const ns = (summary: Summary | undefined): string => summary?.median.toFixed(1) ?? '–';
  const head = [
    'fibers, ns',
    ...FIBER_VARIANTS,
    'closed: faster than asyncify',
    '[quartiles]',
    'than native',
    'than linked',
  ];
  const body = rows.map(({ program, ns: time, closedFaster: { asyncify, native, linked } }) => [
    program.text,
    ...FIBER_VARIANTS.map((variant) => ns(time[variant])),
    times(asyncify),
    asyncify === undefined ? '' : `[${asyncify.quartiles.map((value) => value.toFixed(2)).join(', ')}]`,
    times(native),
    times(linked),
  ]);
  const mean = (variant: FiberVariant): string => {
    const value = meanFaster(rows, variant);
    return value === null ? '–' : `${value.toFixed(2)}×`;
  };
  const last = [
    'geometric mean',
    ...FIBER_VARIANTS.map(() => ''),
    mean('asyncify'),
    '',
    mean('native'),
    mean('linked'),
  ];
  const notes = rows.flatMap((row) => row.notes.map((note) => `  ${note}`));
  return [table([head, ...body, last]), ...notes].join('\n');
}
