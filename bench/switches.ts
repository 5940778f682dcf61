import type { Group } from './catalogue.ts';
import { type Ended, measure, NATIVE_FLAG, NOT_NATIVE } from './child.ts';
import { VARIANTS, type Variant } from './load.ts';
import type { Sample, SwitchesJob } from './measure-switches.ts';
import type { Options } from './options.ts';
import { ratio, type Summary, summarise } from './stats.ts';

/** What was measured of one case. Series are by round; the native one is missing where the engine cannot run it. */
export interface Row {
  readonly name: string;
  readonly ns: Partial<Record<Variant, Summary>>;
  /** How many times faster the transformed module is than native, from the ratios of each round. */
  readonly faster: Partial<Record<Exclude<Variant, 'native'>, Summary>>;
  readonly series: Partial<Record<Variant, readonly number[]>>;
  /** How native stack switching had to be run, or why it was not. */
  readonly note: string | null;
}

/** A measuring process of transformed programs alone died: that is a mistake of ours. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
  readonly kind = 'crash';
}

interface Attempt {
  readonly variants: readonly Variant[];
  readonly flags: readonly string[];
}

/** V8's native stack switching crashes on some programs, on fewer of them without this optimisation. */
const SAFER = '--no-turboshaft-wasm-load-elimination';

const TRANSFORMED: Attempt = { variants: VARIANTS.filter((variant) => variant !== 'native'), flags: [] };
const ATTEMPTS: readonly Attempt[] = [
  { variants: VARIANTS, flags: [NATIVE_FLAG] },
  // It does not crash each time.
  { variants: VARIANTS, flags: [NATIVE_FLAG] },
  { variants: VARIANTS, flags: [NATIVE_FLAG, SAFER] },
  TRANSFORMED,
];

/**
 * Measures the cases of a group with these names.
 *
 * @throws WrongResultError, CrashError
 */
export async function measureGroup(
  group: Group,
  names: readonly string[],
  native: boolean,
  options: Options,
): Promise<Row[]> {
  const crashes: string[] = [];
  for (const attempt of native ? ATTEMPTS : [TRANSFORMED]) {
    const ended = await measure<SwitchesJob, Sample>(
      'measure-switches.ts',
      {
        group: group.name,
        cases: names,
        variants: attempt.variants,
        rounds: options.rounds,
        scale: options.scale,
        clock: options.clock,
      },
      attempt.flags,
    );
    if (ended.crash === null) return names.map((name) => row(name, ended.reports, note(attempt, crashes)));
    // An engine that crashes dies by a signal; an error that JavaScript sees is ours.
    const ofNative =
      attempt !== TRANSFORMED && (!ended.crash.startsWith('exit') || ended.crash === `exit ${NOT_NATIVE}`);
    if (!ofNative) throw new CrashError(`${group.name}: ${ended.crash}\n${ended.stderr}`);
    crashes.push(lastWords(ended));
  }
  throw new CrashError(`${group.name}: no attempt was made`);
}

/** What a process that died said about it, in a few words. */
export function lastWords({ crash, stderr }: Ended<unknown>): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^#\s*/, '').trim());
  const fatal = lines.findIndex((line) => line.startsWith('Fatal error in'));
  const said = fatal >= 0 ? lines[fatal + 1] : lines.find((line) => /^(FATAL ERROR|\w*Error): /.test(line));
  return said ? `${crash}, ${said}` : `${crash}`;
}

function note({ variants, flags }: Attempt, crashes: readonly string[]): string | null {
  if (crashes.length === 0) return null;
  const said = [...new Set(crashes)].join('; ');
  if (!variants.includes('native')) return `native crashes: ${said}`;
  return flags.includes(SAFER) ? `with ${SAFER}; without it native crashes: ${said}` : `native crashed once: ${said}`;
}

function row(name: string, samples: readonly Sample[], note: string | null): Row {
  const series: Partial<Record<Variant, number[]>> = {};
  for (const sample of samples) {
    if (sample.case !== name) continue;
    const values = series[sample.variant] ?? [];
    values[sample.round] = sample.ns;
    series[sample.variant] = values;
  }
  const ns: Partial<Record<Variant, Summary>> = {};
  const faster: Partial<Record<Exclude<Variant, 'native'>, Summary>> = {};
  for (const variant of VARIANTS) {
    const values = series[variant];
    if (values === undefined) continue;
    ns[variant] = summarise(values);
    if (variant !== 'native' && series.native !== undefined) faster[variant] = ratio(series.native, values);
  }
  return { name, ns, faster, series, note };
}
