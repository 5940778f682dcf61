import { GUEST_VARIANTS, type GuestRow, meanRatio } from './guests.ts';
import type { LatencyRow } from './latency.ts';
import { VARIANTS } from './load.ts';
import type { Abandoned } from './measure-abandoned.ts';
import type { Live } from './measure-live.ts';
import type { MemoryRow } from './memory.ts';
import type { OutsideRow } from './outside-signals.ts';
import type { Summary } from './stats.ts';
import type { Row } from './switches.ts';
import type { TransformRow } from './transforms.ts';

/** Lays out rows of cells, the first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const cells of rows) {
    cells.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  const pad = (cell: string, at: number): string => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!));
  return rows.map((cells) => cells.map(pad).join('  ').trimEnd()).join('\n');
}

const NONE = '–';
const ns = (value: number | undefined): string => (value === undefined ? NONE : value.toFixed(value < 10 ? 2 : 1));
const times = (summary: Summary | undefined): string[] =>
  summary === undefined
    ? [NONE, '']
    : [
        `${summary.median.toFixed(2)}×`,
        `[${summary.quartiles.map((value) => value.toFixed(2)).join(', ')}] ${summary.min.toFixed(1)}…${summary.max.toFixed(1)}`,
      ];
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const grouped = (value: number): string => value.toLocaleString('en-US');

export function switchesTable(rows: readonly Row[]): string {
  const quartiles = '[quartiles] min…max';
  const head = ['ns per operation', ...VARIANTS, 'closed: faster', quartiles, 'linked: faster', quartiles];
  const body = rows.map(({ name, ns: time, faster }) => [
    name,
    ...VARIANTS.map((variant) => ns(time[variant]?.median)),
    ...times(faster.closed),
    ...times(faster.linked),
  ]);
  // Cases measured together share their note.
  const notes = Map.groupBy(
    rows.filter((row) => row.note !== null),
    (row) => row.note,
  );
  const lines = [...notes].map(([note, noted]) => `  ${noted.map(({ name }) => name).join(', ')}: ${note}`);
  return [table([head, ...body]), ...lines].join('\n');
}

export function liveTable(rows: readonly MemoryRow<Live>[]): string {
  const head = ['live continuations', 'count', 'heap bytes each', 'resident bytes each', 'create ns', 'finish ns', ''];
  const body = rows.map(({ variant, last, crash }) => [
    variant,
    grouped(last?.count ?? 0),
    last?.heapBytes.toFixed(0) ?? NONE,
    last?.residentBytes.toFixed(0) ?? NONE,
    ns(last?.createNs),
    ns(last?.finishNs ?? undefined),
    crash === null ? '' : `died: ${crash}`,
  ]);
  return table([head, ...body]);
}

export function abandonedTable(rows: readonly MemoryRow<Abandoned>[]): string {
  const head = ['abandoned continuations', 'count', 'ns each', 'resident after each tenth'];
  const body = rows.map(({ variant, reports, last, crash }) => [
    variant,
    grouped(last?.count ?? 0),
    ns(last?.ns),
    crash === null
      ? reports.map(({ resident }) => megabytes(resident)).join(' ')
      : `${last === null ? '' : `${megabytes(last.resident)}, then `}died: ${crash}`,
  ]);
  return table([head, ...body]);
}

export function transformTable(rows: readonly TransformRow[]): string {
  const head = ['transform', 'bytes', 'to', 'ms', 'bytes', 'to', 'ms', 'min…max', 'first', 'best : best'];
  const body = rows.map(({ shape, linking, bytes, outputBytes, small, large, first, growth }) => [
    `${shape}, ${linking}`,
    grouped(bytes[0]),
    grouped(outputBytes[0]),
    small.median.toFixed(0),
    grouped(bytes[1]),
    grouped(outputBytes[1]),
    large.median.toFixed(0),
    `${large.min.toFixed(0)}…${large.max.toFixed(0)}`,
    first.toFixed(0),
    `${growth.toFixed(1)}×`,
  ]);
  return table([head, ...body]);
}

const TRANSFORMED = GUEST_VARIANTS.filter((variant) => variant !== 'untransformed');
const spread = ({ median, quartiles }: Summary): string =>
  `${median.toFixed(2)}× [${quartiles.map((value) => value.toFixed(2)).join(', ')}]`;

/** Times, sizes, and what the transforms take. */
export function guestTables(rows: readonly GuestRow[]): string {
  const times = rows.map(({ program, args, figures }) => [
    [program, ...args].join(' '),
    figures.untransformed.ms.median.toFixed(1),
    ...TRANSFORMED.map((variant) => spread(figures[variant].slower)),
  ]);
  const sizes = rows.map(({ program, figures }) => [
    program,
    `${grouped(figures.untransformed.code)} of ${grouped(figures.untransformed.bytes)}`,
    ...TRANSFORMED.map((variant) => {
      const { code, bytes } = figures[variant];
      const { code: codeBefore, bytes: before } = figures.untransformed;
      return `${(code / codeBefore).toFixed(2)}× (${(bytes / before).toFixed(2)}×)`;
    }),
  ]);
  const transforms = rows.map(({ program, figures }) => [
    program,
    '',
    ...TRANSFORMED.map((variant) => figures[variant].transform?.median.toFixed(0) ?? NONE),
  ]);
  const mean = (of: 'time' | 'code' | 'bytes', variant: (typeof TRANSFORMED)[number]): string =>
    `${meanRatio(rows, of, variant).toFixed(2)}×`;
  const tables = [
    table([
      ['guest, ms; times as long [quartiles]', 'untransformed', ...TRANSFORMED],
      ...times,
      ['geometric mean', '', ...TRANSFORMED.map((variant) => mean('time', variant))],
    ]),
    table([
      ['guest, bytes of code (and of module)', 'untransformed', ...TRANSFORMED],
      ...sizes,
      ['geometric mean', '', ...TRANSFORMED.map((variant) => `${mean('code', variant)} (${mean('bytes', variant)})`)],
    ]),
    table([['guest, ms of the transform', '', ...TRANSFORMED], ...transforms]),
  ];
  const legend = [
    '  frames, global: epoch polls of a global, which no other thread can set, in the place of a word in shared memory.',
    '  stock, polls: wasm-opt --asyncify -O2 on the guest with yield points where frames has them, each a test of a global and',
    '    a call of an import that may unwind the whole stack; stock, imports: without yield points, it cannot be interrupted.',
    '    The same imports suspend in all of them.',
  ];
  return [...tables, legend.join('\n')].join('\n\n');
}

export function latencyTable(rows: readonly LatencyRow[]): string {
  const head = ['guest, ms from raising a signal to its handler', 'signals', 'median', '[quartiles]', 'min…max', ''];
  const body = rows.map(({ place, poll, ms, crash }) => [
    `${place}, ${poll}`,
    `${ms?.count ?? NONE}`,
    ms?.median.toFixed(3) ?? NONE,
    ms === null ? '' : `[${ms.quartiles.map((value) => value.toFixed(3)).join(', ')}]`,
    ms === null ? '' : `${ms.min.toFixed(3)}…${ms.max.toFixed(3)}`,
    crash === null ? '' : `died: ${crash}`,
  ]);
  return table([head, ...body]);
}

export function outsideTable(rows: readonly OutsideRow[]): string {
  const head = [
    'bobbin run, ms from kill to what its handler wrote',
    'sent',
    'handled',
    'median',
    '[quartiles]',
    'min…max',
  ];
  const body = rows.map(({ options, sent, handled, ms }) => [
    options.join(' '),
    `${sent}`,
    `${handled}`,
    ms?.median.toFixed(2) ?? NONE,
    ms === null ? '' : `[${ms.quartiles.map((value) => value.toFixed(2)).join(', ')}]`,
    ms === null ? '' : `${ms.min.toFixed(2)}…${ms.max.toFixed(2)}`,
  ]);
  return table([head, ...body]);
}
