import type { Summary } from './stats.ts';
import { table } from './table.ts';
import type { IdleRow, MillionRow, TaskRow } from './tasks.ts';

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');
const spread = ({ median, quartiles }: Summary): string[] => [
  `${median.toFixed(2)}×`,
  `[${quartiles.map((value) => value.toFixed(2)).join(', ')}]`,
];

/** The cases of one group. */
export function tasksTable(rows: readonly TaskRow[]): string {
  const head = [rows[0]?.group ?? '', 'ns each', 'each second', 'as long', '[quartiles]', 'as'];
  const body = rows.map(({ name, ns, longer }) => [
    name,
    ns.median.toFixed(0),
    grouped(1e9 / ns.median),
    ...(longer === null ? ['', '', ''] : [...spread(longer.times), longer.than]),
  ]);
  return table([head, ...body]);
}

export function idleTable(rows: readonly IdleRow[]): string {
  const head = ['idle tasks', 'count', 'heap bytes each', 'resident bytes each'];
  const body = rows.map(({ who, count, heapBytes, residentBytes }) => [
    who,
    grouped(count),
    heapBytes.toFixed(0),
    residentBytes.toFixed(0),
  ]);
  return table([head, ...body]);
}

export function millionTable(rows: readonly MillionRow[]): string {
  const head = ['a million tasks made, ten turns each, joined', 'count', 'seconds', 'peak MB'];
  const body = rows.map(({ who, count, seconds, peak }) => [
    who,
    grouped(count),
    seconds.toFixed(1),
    (peak / 2 ** 20).toFixed(0),
  ]);
  return table([head, ...body]);
}
