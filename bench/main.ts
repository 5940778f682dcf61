import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, loadavg, platform } from 'node:os';
import { dirname } from 'node:path';
import { GROUPS } from './catalogue.ts';
import { NATIVE_FLAG, WrongResultError } from './child.ts';
import { type FiberRow, fibersTable, measureFibers } from './fibers/rows.ts';
import { PROGRAMS as FIBER_PROGRAMS } from './fibers/sources.ts';
import { type GuestRow, measureGuest, PROGRAMS } from './guests.ts';
import { measureLatencies } from './latency.ts';
import { measureAbandoned, measureLive } from './memory.ts';
import { type Options, parseOptions, USAGE, UsageError } from './options.ts';
import { measureOutsideSignals } from './outside-signals.ts';
import { type Requirement, type Results, requirements } from './requirements.ts';
import { CrashError, measureGroup, type Row } from './switches.ts';
import {
  abandonedTable,
  guestTables,
  latencyTable,
  liveTable,
  outsideTable,
  switchesTable,
  table,
  transformTable,
} from './table.ts';
import { TASK_GROUPS } from './task-cases.ts';
import { idleTable, millionTable, tasksTable } from './task-table.ts';
import { measureIdle, measureMillion, measureTasks, type TaskRow } from './tasks.ts';
import { measureTransforms } from './transforms.ts';

const line = (text: string): boolean => process.stdout.write(`${text}\n`);

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Measures what the filter lets through and prints each table when it is complete. */
async function run(options: Options, native: boolean): Promise<Results> {
  const wanted = (name: string): boolean => name.toLowerCase().includes(options.filter);
  const show = (text: string): void => {
    progress('');
    line(`${text}\n`);
  };
  const section = async <T>(name: string, measure: () => Promise<T[]>, format: (rows: T[]) => string): Promise<T[]> => {
    if (!wanted(name)) return [];
    progress(`${name} …`);
    const rows = await measure();
    show(format(rows));
    return rows;
  };
  const switches: Row[] = [];
  for (const group of GROUPS) {
    const names = group.cases.map(({ name }) => name).filter(wanted);
    if (names.length === 0) continue;
    progress(`${group.name} …`);
    switches.push(...(await measureGroup(group, names, native, options)));
  }
  if (switches.length > 0) show(switchesTable(switches));
  const live = await section('live continuations', () => measureLive(native, options), liveTable);
  const abandoned = await section('abandoned continuations', () => measureAbandoned(native, options), abandonedTable);
  const transforms = await section('transform', () => measureTransforms(options), transformTable);
  const guests: GuestRow[] = [];
  for (const program of PROGRAMS.filter(({ name }) => wanted(`guests ${name}`))) {
    progress(`guests ${program.name} …`);
    guests.push(await measureGuest(program, options));
  }
  if (guests.length > 0) show(guestTables(guests));
  const fibers: FiberRow[] = [];
  for (const program of FIBER_PROGRAMS.filter(({ name }) => wanted(`fibers ${name}`))) {
    progress(`fibers ${program.name} …`);
    fibers.push(await measureFibers(program, { ...options, native }));
  }
  if (fibers.length > 0) show(fibersTable(fibers));
  const latencies = await section('guests latency', () => measureLatencies(options), latencyTable);
  const outside = await section('outside signals', () => measureOutsideSignals(options), outsideTable);
  const tasks: TaskRow[] = [];
  for (const group of TASK_GROUPS) {
    tasks.push(...(await section(group.name, () => measureTasks(group, options), tasksTable)));
  }
  const idle = await section('idle tasks', () => measureIdle(options), idleTable);
  const million = await section('a million tasks', () => measureMillion(options), millionTable);
  return { switches, live, abandoned, transforms, guests, fibers, latencies, outside, tasks, idle, million };
}

function requirementsTable(list: readonly Requirement[]): string {
  const figure = (value: number): string => (Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0));
  return table(list.map(({ text, figure: f, limit, met }) => [text, `${limit}`, figure(f), met ? 'met' : 'NOT MET']));
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') {
    line(USAGE);
    return 0;
  }
  const native = spawnSync(process.execPath, [NATIVE_FLAG, '-e', '0']).status === 0;
  const engine = `Node ${process.versions.node}, V8 ${process.versions.v8}, ${platform()} ${arch()}`;
  line(`${engine}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, load ${loadavg()[0]?.toFixed(1)}`);
  line(
    `${options.rounds} rounds, ${options.clock} time${native ? '' : '; this engine has no native stack switching'}\n`,
  );
  const results = await run(options, native);
  const met = requirements(results);
  if (met.length > 0) line(requirementsTable(met));
  await mkdir(dirname(options.json), { recursive: true });
  const load = loadavg();
  await writeFile(
    options.json,
    `${JSON.stringify({ engine, load, options, ...results, requirements: met }, null, 1)}\n`,
  );
  line(`\nfigures: ${options.json}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    process.exitCode = 2;
  } else if (error instanceof WrongResultError || error instanceof CrashError) {
    process.stderr.write(`${error.name}: ${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
