import { DEPTHS, depthName, SPAWN } from './catalogue.ts';
import { type FiberRow, meanFaster } from './fibers/rows.ts';
import { PROGRAMS as FIBER_PROGRAMS } from './fibers/sources.ts';
import { type GuestRow, meanRatio, PROGRAMS } from './guests.ts';
import type { LatencyRow } from './latency.ts';
import type { Abandoned } from './measure-abandoned.ts';
import type { Live } from './measure-live.ts';
import type { MemoryRow } from './memory.ts';
import type { OutsideRow } from './outside-signals.ts';
import { ratio } from './stats.ts';
import type { Row } from './switches.ts';
import { CALLS, COUNTS, countName, JSPI, OURS, USUAL } from './task-cases.ts';
import type { IdleRow, MillionRow, TaskRow } from './tasks.ts';
import type { TransformRow } from './transforms.ts';

/** What the project asks of itself, and the figure that was measured. */
export interface Requirement {
  readonly text: string;
  readonly figure: number;
  readonly limit: number;
  readonly met: boolean;
}

export interface Results {
  readonly switches: readonly Row[];
  readonly live: readonly MemoryRow<Live>[];
  readonly abandoned: readonly MemoryRow<Abandoned>[];
  readonly transforms: readonly TransformRow[];
  readonly guests: readonly GuestRow[];
  readonly fibers: readonly FiberRow[];
  readonly latencies: readonly LatencyRow[];
  readonly outside: readonly OutsideRow[];
  readonly tasks: readonly TaskRow[];
  readonly idle: readonly IdleRow[];
  readonly million: readonly MillionRow[];
}

const LINKINGS = ['closed', 'linked'] as const;
const TIMES_FASTER = 5;
const DEPTH_GROWTH = 1.3;
const LIVE_BYTES = 400;
const ABANDONED_GROWTH = 16 * 2 ** 20;
const TRANSFORM_GROWTH = 12;
const TRANSFORM_MS = 2000;
const FIBERS_MEAN = 1.2;
const FIBERS_LEAST = 0.85;
const FIBERS_NATIVE = 3;
const FIBERS_LINKED = 1.25;
const MEAN_TIME = 1.25;
const LARGEST_TIME = 1.7;
const CODE_SIZE = 1.6;
const MOST_TASKS = countName(Math.max(...COUNTS));
const SWITCH_GROWTH = 3;
const MILLION_SECONDS = 60;
const MILLION_BYTES = 2e9;
const OUTSIDE_MS = 2;
const OUTSIDE_HANDLED = 0.99;
const LATENCY_MS: Record<LatencyRow['place'], number> = { 'main thread': 20, worker: 2 };

const atLeast = (text: string, figure: number, limit: number): Requirement => ({
  text: `${text}, at least`,
  figure,
  limit,
  met: figure >= limit,
});
const atMost = (text: string, figure: number, limit: number): Requirement => ({
  text: `${text}, at most`,
  figure,
  limit,
  met: figure <= limit,
});

/** The requirements that the results say something about. */
export function requirements(results: Results): Requirement[] {
  const { switches, live, abandoned, transforms } = results;
  const found: Requirement[] = [];
  const byName = (name: string) => switches.find((row) => row.name === name);
  for (const linking of LINKINGS) {
    for (const name of ['generator', ...DEPTHS.map(depthName), SPAWN]) {
      const faster = byName(name)?.faster[linking];
      if (faster) found.push(atLeast(`${name}, ${linking}: times faster than native`, faster.median, TIMES_FASTER));
    }
    const [deep, shallow] = [depthName(1024), depthName(1)].map((name) => byName(name)?.series[linking]);
    if (deep && shallow) {
      found.push(atMost(`depth 1024 against depth 1, ${linking}`, ratio(deep, shallow).median, DEPTH_GROWTH));
    }
  }
  for (const { variant, last } of live) {
    if (variant === 'native' || last === null) continue;
    const bytes = Math.max(last.heapBytes, last.residentBytes);
    found.push(atMost(`bytes per live continuation, ${variant}`, bytes, LIVE_BYTES));
  }
  for (const { variant, reports } of abandoned) {
    const [first, last] = [reports[0], reports.at(-1)];
    if (variant === 'native' || first === undefined || last === undefined) continue;
    const grown = last.resident - first.resident;
    found.push(atMost(`bytes grown after the first tenth of the abandoned, ${variant}`, grown, ABANDONED_GROWTH));
  }
  for (const { shape, linking, growth, large, bytes } of transforms) {
    found.push(atMost(`time for ten times the input, ${shape}, ${linking}`, growth, TRANSFORM_GROWTH));
    if (bytes[1] < 450_000) continue;
    found.push(atMost(`ms for ${bytes[1]} bytes, ${shape}, ${linking}`, large.median, TRANSFORM_MS));
  }
  return [
    ...found,
    ...ofGuests(results.guests),
    ...ofFibers(results.fibers),
    ...ofLatencies(results.latencies),
    ...ofOutside(results.outside),
    ...ofTasks(results.tasks),
    ...ofMillion(results.million),
  ];
}

function ofGuests(rows: readonly GuestRow[]): Requirement[] {
  // A mean over some of them says nothing.
  if (rows.length < PROGRAMS.length) return [];
  const frames = 'frames, epoch';
  const stock = 'stock, polls';
  const largest = (figure: (row: GuestRow) => number): number => Math.max(...rows.map(figure));
  return [
    atMost('guests, frames + epoch: time, geometric mean', meanRatio(rows, 'time', frames), MEAN_TIME),
    atMost(
      'guests, frames + epoch: time, the slowest',
      largest(({ figures }) => figures[frames].slower.median),
      LARGEST_TIME,
    ),
    atMost('guests, frames + epoch: code size, geometric mean', meanRatio(rows, 'code', frames), CODE_SIZE),
    atMost(
      'guests, frames + epoch: code size, the largest',
      largest(({ figures }) => figures[frames].code / figures.untransformed.code),
      CODE_SIZE,
    ),
    atMost("guests, frames + epoch: time as part of stock asyncify's", meanRatio(rows, 'time', frames, stock), 1),
    atMost("guests, frames + epoch: code as part of stock asyncify's", meanRatio(rows, 'code', frames, stock), 1),
  ];
}

function ofFibers(rows: readonly FiberRow[]): Requirement[] {
  if (rows.length < FIBER_PROGRAMS.length) return [];
  const least = Math.min(...rows.map(({ closedFaster }) => closedFaster.asyncify?.median ?? 0));
  const native = meanFaster(rows, 'native');
  return [
    atLeast(
      'fibers, closed: times faster than asyncify, geometric mean',
      meanFaster(rows, 'asyncify') ?? 0,
      FIBERS_MEAN,
    ),
    atLeast('fibers, closed: times faster than asyncify, the slowest', least, FIBERS_LEAST),
    ...(native === null
      ? []
      : [atLeast('fibers, closed: times faster than native, geometric mean', native, FIBERS_NATIVE)]),
    atMost(
      "fibers: linked time as part of closed's, geometric mean",
      meanFaster(rows, 'linked') ?? Infinity,
      FIBERS_LINKED,
    ),
  ];
}

function ofLatencies(rows: readonly LatencyRow[]): Requirement[] {
  return rows.map(({ place, poll, ms }) =>
    atMost(`ms from signal to handler, ${place}, ${poll}`, ms?.median ?? Infinity, LATENCY_MS[place]),
  );
}

function ofOutside(rows: readonly OutsideRow[]): Requirement[] {
  return rows.flatMap(({ options, sent, handled, ms }) => [
    atLeast(`signals from outside that are handled, of ${sent}, ${options.join(' ')}`, handled, OUTSIDE_HANDLED * sent),
    atMost(`ms from outside to handler, ${options.join(' ')}`, ms?.median ?? Infinity, OUTSIDE_MS),
  ]);
}

function ofTasks(rows: readonly TaskRow[]): Requirement[] {
  return rows.flatMap(({ group, name, longer }) => {
    if (longer === null) return [];
    const { median } = longer.times;
    if (name === MOST_TASKS && longer.than === countName(USUAL)) {
      return [atMost(`${group}: ${name} against ${longer.than}`, median, SWITCH_GROWTH)];
    }
    return group === CALLS && name === OURS ? [atMost(`${group}: time as part of ${JSPI}'s`, median, 1)] : [];
  });
}

function ofMillion(rows: readonly MillionRow[]): Requirement[] {
  return rows.flatMap(({ who, seconds, peak }) => [
    atMost(`seconds for a million tasks, ${who}`, seconds, MILLION_SECONDS),
    atMost(`bytes at most for a million tasks, ${who}`, peak, MILLION_BYTES),
  ]);
}
