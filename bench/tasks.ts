import { type Ended, measure } from './child.ts';
import type { Idle, IdleJob } from './measure-idle.ts';
import type { Million, MillionJob } from './measure-million.ts';
import type { TaskSample, TasksJob } from './measure-tasks.ts';
import type { Options } from './options.ts';
import { ratio, type Summary, summarise } from './stats.ts';
import { CrashError } from './switches.ts';
import { type TaskGroupOfCases, WHO, type Who } from './task-cases.ts';

/** What was measured of one case. */
export interface TaskRow {
  readonly group: string;
  readonly name: string;
  readonly ns: Summary;
  /** How many times as long it takes as another case of the group, from the ratios of each round; null: it is that case. */
  readonly longer: { readonly than: string; readonly times: Summary } | null;
}

/**
 * Measures the cases of a group in one process, in turns.
 *
 * @throws WrongResultError, CrashError
 */
export async function measureTasks(group: TaskGroupOfCases, { rounds, scale, clock }: Options): Promise<TaskRow[]> {
  const cases = group.cases.map(({ name }) => name);
  const job = { group: group.name, cases, rounds, scale, clock };
  const reports = survived(group.name, await measure<TasksJob, TaskSample>('measure-tasks.ts', job));
  const series = (name: string): number[] => reports.filter((sample) => sample.case === name).map(({ ns }) => ns);
  return group.cases.map(({ name, against }) => {
    const values = series(name);
    const others = against === null ? [] : series(against);
    const longer = against !== null && others.length > 0 ? { than: against, times: ratio(values, others) } : null;
    return { group: group.name, name, ns: summarise(values), longer };
  });
}

export interface IdleRow extends Idle {
  readonly who: IdleJob['who'];
}

const MILLION = 1_000_000;
const IDLE = 100_000;

/** What an idle task takes. Throws WrongResultError, CrashError. */
export async function measureIdle({ scale }: Options): Promise<IdleRow[]> {
  const rows: IdleRow[] = [];
  for (const who of ['guest', 'host'] as const) {
    const job = { who, count: Math.round(IDLE * scale) };
    const [idle] = survived('idle tasks', await measure<IdleJob, Idle>('measure-idle.ts', job));
    if (idle !== undefined) rows.push({ who, ...idle });
  }
  return rows;
}

export interface MillionRow extends Million {
  readonly who: Who;
}

/** A million tasks are made, have ten turns each, and are joined. Throws WrongResultError, CrashError. */
export async function measureMillion({ scale, clock }: Options): Promise<MillionRow[]> {
  const rows: MillionRow[] = [];
  for (const who of WHO) {
    const job = { who, count: Math.round(MILLION * scale), clock };
    const [million] = survived('a million tasks', await measure<MillionJob, Million>('measure-million.ts', job));
    if (million !== undefined) rows.push({ who, ...million });
  }
  return rows;
}

function survived<Report>(what: string, { reports, crash, stderr }: Ended<Report>): readonly Report[] {
  if (crash !== null) throw new CrashError(`${what}: ${crash}\n${stderr}`);
  return reports;
}
