import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Linking, transform } from '../../asyncify/index.ts';
import {
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type TraceEvent,
  VirtualClock,
} from '../../engine/scheduler/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';

/** The ways in which the tasks take turns, with slices that end in the middle of nested continuations. */
export const POLICIES: Readonly<Record<string, () => Policy>> = {
  fifo: () => new FifoPolicy(),
  'round robin with slices': () => new RoundRobinPolicy({ slice: 3 }),
  lottery: () => new LotteryPolicy({ slice: 2 }),
};

/** Every module as its binary. */
export const example = async (name: string): Promise<Uint8Array> =>
  parseText(readFileSync(join(import.meta.dirname, `${name}.wat`), 'utf8'));

export const compile = (bytes: Uint8Array, linking: Linking, suspending: readonly string[] = ['host.*']) =>
  new WebAssembly.Module(transform(bytes, { linking, yields: 'fuel', suspending }).bytes);

/** In virtual time, with what happens in it. */
export function deterministic(policy: Policy): { readonly scheduler: Scheduler; readonly trace: TraceEvent[] } {
  const trace: TraceEvent[] = [];
  const scheduler = new Scheduler({
    policy,
    clock: new VirtualClock(),
    seed: 11,
    onTrace: (event) => trace.push(event),
  });
  return { scheduler, trace };
}

/** How often another task ran than before. */
export function switches(trace: readonly TraceEvent[]): number {
  const runs = trace.filter(({ kind }) => kind === 'run').map(({ task }) => task);
  return runs.filter((task, index) => index > 0 && task !== runs[index - 1]).length;
}

/** The proposal's own examples, where the official suite is there. */
const suite = process.env.BOBBIN_SPEC_SUITE ?? resolve(import.meta.dirname, '../../../shared/spec-suite');
const folder = join(suite, 'proposal-examples');
export const official: string | null = existsSync(folder) ? folder : null;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const fibonacci = (count: number): number[] => {
  const numbers = [0, 1];
  while (numbers.length < count) numbers.push(((numbers.at(-1) ?? 0) + (numbers.at(-2) ?? 0)) | 0);
  return numbers;
};

/** What each program logs, whoever runs between its steps: its own scheduler decides. */
export const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  threads: [
    [-1, 0, 1, 2, 3, 10, 11, 12, 20, 21, 22, 30, 31, 32],
    [-2, 0, 1, 2, 3, 10, 20, 30, 11, 21, 31, 12, 22, 32],
    [-3, 0, 10, 1, 20, 11, 2, 30, 21, 12, 3, 31, 22, 32],
    [-4, 0, 1, 10, 2, 20, 11, 3, 30, 21, 12, 31, 22, 32],
    [-5, 0, 10, 1, 11, 20, 2, 12, 21, 30, 3, 22, 31, 32, -6],
  ].flat(),
  actors: [...range(64).fill(-1), 42],
  promises: [-1, 1, -2, 5, 2, -3, 10, 6, 3, -4, 11, 7, 12, -5, 13, 14, 15, -6, 6 * 18 + 75, -7],
  generators: [
    ...[0, 5, 10, 15].flatMap((from) => [...range(20).slice(from, from + 5), ...fibonacci(20).slice(from, from + 5)]),
    ...range(42),
    ...fibonacci(42),
    (100 * 101) / 2,
    6,
  ],
  suspending: [0, 1, 0, 2, 1, 3, 2, 3],
  switching: [0, 1, 0, 2, 1, 3, 2, 3],
};
