import type { Slice, StatsSummary } from './stats.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

function bytes(count: number): string {
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 1 });
const time = (ms: number): string => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 3 : 1)} ms`);

/** Names come from programs: one must not look like another line, or move the cursor of a terminal. */
const shown = (name: string): string => {
  const plain = name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain;
};

const slice = (best: Slice | null, show: (amount: number) => string): string =>
  best === null ? 'none' : `${show(best.amount)} (${shown(best.name)})`;

/** The numbers as text, for a terminal: one line each, then a table of the tasks that ran longest. */
export function formatStats(stats: StatsSummary): string {
  const { ended, stops } = stats;
  const percent = stats.elapsed > 0 ? `, ${((100 * stats.busy) / stats.elapsed).toFixed(1)} % of it busy` : '';
  const lines: [string, string][] = [
    ['time', `${time(stats.elapsed)}${percent}`],
    [
      'tasks',
      `${count(stats.spawned)} spawned, ${count(stats.liveMax)} at once at most; ${count(ended.done)} done, ` +
        `${count(ended.failed)} failed, ${count(ended.cancelled)} cancelled, ${count(stats.live)} left`,
    ],
    ['switches', `${count(stats.switches)} (${count(stats.runs)} runs)`],
    [
      'runs ended',
      `${count(stops.blocked)} waiting, ${count(stops.yielded)} yielding, ${count(stops.preempted)} preempted, ` +
        `${count(stops.interrupted)} for the host, ${count(stops.ended)} at their end`,
    ],
    ['run queue', `${stats.queueMean.toFixed(2)} on average, ${count(stats.queueMax)} at most`],
    ['wait for a turn', `${time(stats.latencyMean)} on average, ${time(stats.latencyMax)} at most`],
    ['longest slice', `${slice(stats.longest, time)}; ${slice(stats.mostPolls, (polls) => `${count(polls)} polls`)}`],
    ['shadow stacks', `${bytes(stats.stackPerTask)} a task, ${bytes(stats.stackMax)} at once at most`],
  ];
  if (stats.heapPerTask !== null) {
    lines.push(['heap', `${bytes(stats.heapPerTask)} a task at most, saved frames and garbage included`]);
  }
  const width = Math.max(...lines.map(([label]) => label.length));
  const text = lines.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('');
  return stats.top.length === 0 ? text : `${text}\n${table(stats)}`;
}

function table({ top }: StatsSummary): string {
  const rows = top.map((task) => [
    shown(task.name),
    count(task.runs),
    count(task.polls),
    time(task.running),
    time(task.ready),
  ]);
  const all = [['task', 'runs', 'polls', 'running', 'ready'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return all.map((row) => `${line(row)}\n`).join('');
}
