import { measure } from './child.ts';
import { SHAPES, type Shape } from './generated.ts';
import type { TransformJob, TransformTime } from './measure-transform.ts';
import type { Options } from './options.ts';
import { type Summary, summarise } from './stats.ts';
import { CrashError } from './switches.ts';

export interface TransformRow {
  readonly shape: Shape;
  readonly linking: TransformJob['linking'];
  readonly bytes: TransformTime['bytes'];
  readonly outputBytes: TransformTime['outputBytes'];
  /** Milliseconds: of the small module, of the one ten times as large, and of the latter as the first in a process. */
  readonly small: Summary;
  readonly large: Summary;
  readonly first: number;
  /** How many times longer the large one takes: best against best, which other work on the machine disturbs least. */
  readonly growth: number;
}

const SMALL = 50_000;

/** Times the transform on generated modules. Throws CrashError. */
export async function measureTransforms({ rounds, clock }: Options): Promise<TransformRow[]> {
  const rows: TransformRow[] = [];
  for (const shape of SHAPES) {
    for (const linking of ['closed', 'linked'] as const) {
      rows.push(await measureTransform({ shape, linking, rounds, size: SMALL, clock }));
    }
  }
  return rows;
}

export async function measureTransform(job: TransformJob): Promise<TransformRow> {
  const { reports, crash, stderr } = await measure<TransformJob, TransformTime>('measure-transform.ts', job);
  const [cold, ...warm] = reports;
  if (crash !== null || cold === undefined) throw new CrashError(`transforming: ${crash ?? 'no report'}\n${stderr}`);
  const small = summarise(warm.flatMap(({ ms }) => ms[0] ?? []));
  const large = summarise(warm.map(({ ms }) => ms[1]));
  return {
    shape: job.shape,
    linking: job.linking,
    bytes: cold.bytes,
    outputBytes: cold.outputBytes,
    small,
    large,
    first: cold.ms[1],
    growth: large.min / small.min,
  };
}
