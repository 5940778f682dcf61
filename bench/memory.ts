import { measure, NATIVE_FLAG } from './child.ts';
import { VARIANTS, type Variant } from './load.ts';
import type { Abandoned, AbandonedJob } from './measure-abandoned.ts';
import type { Live, LiveJob } from './measure-live.ts';
import type { Options } from './options.ts';
import { CrashError, lastWords } from './switches.ts';

export interface MemoryRow<Report> {
  readonly variant: Variant;
  readonly reports: readonly Report[];
  readonly last: Report | null;
  /** How the process died before it was through; native only. */
  readonly crash: string | null;
}

const MILLION = 1_000_000;

/** As many live continuations as asked for, each variant in a process of its own. Throws WrongResultError, CrashError. */
export function measureLive(native: boolean, { scale, clock }: Options): Promise<MemoryRow<Live>[]> {
  return each<LiveJob, Live>('measure-live.ts', native, (variant) => ({
    variant,
    count: MILLION * scale,
    step: variant === 'native' ? 500 : MILLION * scale,
    clock,
  }));
}

/** Ten times as many that are abandoned, with what the process holds after each tenth. Throws WrongResultError, CrashError. */
export function measureAbandoned(native: boolean, { scale, clock }: Options): Promise<MemoryRow<Abandoned>[]> {
  return each<AbandonedJob, Abandoned>('measure-abandoned.ts', native, (variant) => ({
    variant,
    count: 10 * MILLION * scale,
    step: variant === 'native' ? 500 : MILLION * scale,
    clock,
  }));
}

async function each<Job, Report>(
  script: string,
  native: boolean,
  job: (variant: Variant) => Job,
): Promise<MemoryRow<Report>[]> {
  const rows: MemoryRow<Report>[] = [];
  for (const variant of VARIANTS) {
    if (variant === 'native' && !native) continue;
    const ended = await measure<Job, Report>(script, job(variant), variant === 'native' ? [NATIVE_FLAG] : []);
    if (ended.crash !== null && variant !== 'native') {
      throw new CrashError(`${script}, ${variant}: ${ended.crash}\n${ended.stderr}`);
    }
    rows.push({
      variant,
      reports: ended.reports,
      last: ended.reports.at(-1) ?? null,
      crash: ended.crash === null ? null : lastWords(ended),
    });
  }
  return rows;
}
