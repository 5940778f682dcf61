import { measure } from './child.ts';
import type { GuestJob, GuestReport, GuestVariant } from './measure-guests.ts';
import type { Options } from './options.ts';
import { geometricMean, ratio, type Summary, summarise } from './stats.ts';
import { CrashError } from './switches.ts';

/** One of the programs `bench-*.c` in examples/guests. */
export interface GuestProgram {
  readonly name: string;
  /** Its arguments for a part of the usual amount of work. */
  readonly args: (scale: number) => readonly number[];
}

const GOLDEN = (1 + Math.sqrt(5)) / 2;
const times = (count: number, scale: number): number => Math.max(1, Math.round(count * scale));

export const PROGRAMS: readonly GuestProgram[] = [
  { name: 'fib', args: (scale) => [Math.round(32 + Math.log(scale) / Math.log(GOLDEN))] },
  { name: 'sieve', args: (scale) => [2_000_000, times(8, scale)] },
  { name: 'sha256', args: (scale) => [times(8192, scale)] },
  { name: 'matrix', args: (scale) => [times(320, Math.cbrt(scale))] },
  { name: 'interpreter', args: (scale) => [times(40_000, scale)] },
  { name: 'quicksort', args: (scale) => [times(500_000, scale)] },
];

/** What was measured of one program, run in one way. */
export interface GuestFigures {
  /** Milliseconds of a run, and in how many times those of the untransformed program in the same round. */
  readonly ms: Summary;
  readonly slower: Summary;
  readonly series: readonly number[];
  /** Bytes of the code section and of the whole module. */
  readonly code: number;
  readonly bytes: number;
  /** Milliseconds; null: it was not transformed. */
  readonly transform: Summary | null;
}

export interface GuestRow {
  readonly program: string;
  readonly args: readonly number[];
  readonly figures: Readonly<Record<GuestVariant, GuestFigures>>;
}

export const GUEST_VARIANTS: readonly GuestVariant[] = [
  'untransformed',
  'frames, epoch',
  'frames, global',
  'frames, fuel',
  'binaryen, epoch',
  'stock, polls',
  'stock, imports',
];

/** A transform with Binaryen takes seconds. */
const TRANSFORMS = 3;

/**
 * Runs a program in all variants, in turns.
 *
 * @throws WrongResultError where a variant prints something else than the untransformed program, CrashError
 */
export async function measureGuest(
  { name, args }: GuestProgram,
  { rounds, scale, clock }: Pick<Options, 'rounds' | 'scale' | 'clock'>,
): Promise<GuestRow> {
  const given = args(scale);
  const { reports, crash, stderr } = await measure<GuestJob, GuestReport>('measure-guests.ts', {
    program: name,
    args: given,
    variants: GUEST_VARIANTS,
    rounds,
    transforms: Math.min(rounds, TRANSFORMS),
    clock,
  });
  if (crash !== null) throw new CrashError(`guest ${name}: ${crash}\n${stderr}`);
  const series = (variant: GuestVariant): number[] =>
    reports.flatMap((report) => (report.kind === 'run' && report.variant === variant ? [report.ms] : []));
  const untransformed = series('untransformed');
  const figures = (variant: GuestVariant): GuestFigures => {
    const made = reports.find((report) => report.kind === 'module' && report.variant === variant);
    if (made?.kind !== 'module') throw new CrashError(`guest ${name}: no report of ${variant}`);
    const ms = series(variant);
    return {
      ms: summarise(ms),
      slower: ratio(ms, untransformed),
      series: ms,
      code: made.code,
      bytes: made.bytes,
      transform: made.transformMs.length === 0 ? null : summarise(made.transformMs),
    };
  };
  return {
    program: name,
    args: given,
    figures: Object.fromEntries(GUEST_VARIANTS.map((variant) => [variant, figures(variant)])) as GuestRow['figures'],
  };
}

/** The geometric mean over the programs of what a variant has of something, as times what another has of it. */
export function meanRatio(
  rows: readonly GuestRow[],
  of: 'time' | 'code' | 'bytes',
  variant: GuestVariant,
  against: GuestVariant = 'untransformed',
): number {
  return geometricMean(
    rows.map(({ figures }) => {
      const [above, below] = [figures[variant], figures[against]];
      return of === 'time' ? ratio(above.series, below.series).median : above[of] / below[of];
    }),
  );
}
