import { parseArgs } from 'node:util';
import type { Clock } from './child.ts';

export interface Options {
  /** Only what has this in its name, in either case. */
  readonly filter: string;
  readonly rounds: number;
  /** What part of the usual number of operations is made. */
  readonly scale: number;
  readonly clock: Clock;
  readonly json: string;
}

export const USAGE = `usage: npm run bench -- [TEXT] [options]
Runs the programs in bench/programs on the engine's own stack switching, where it has one, and transformed, and ordinary guests
(examples/guests/bench-*.c) untransformed and transformed, and compares; fibers in C, made of Asyncify and of stack switching; and
the tasks of a scheduler.
  TEXT, --filter TEXT
                  only what has TEXT in its name: ${['generator', 'depth', 'live', 'abandoned', 'transform', 'guests', 'guests fib', 'guests latency', 'fibers', 'outside signals', 'task'].join(', ')} …
  --rounds N      how many times each is measured, in turns (default 11)
  --quick         3 rounds with a fifth of the operations
  --clock cpu     processor time of the whole process instead of wall time: for a machine with other work
  --json PATH     where the figures go (default bench/results.json)
  --help`;

/** A command line that is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly kind = 'usage';
}

/**
 * The options of a command line, or `help`.
 *
 * @throws UsageError
 */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parse(args);
  const { rounds, quick, clock, json, help } = values;
  const filter = values.filter ?? positionals[0];
  if (positionals.length > (values.filter === undefined ? 1 : 0)) {
    throw new UsageError(`${positionals.at(-1)}: one text is wanted`);
  }
  if (help) return 'help';
  if (rounds !== undefined && !/^[1-9]\d{0,3}$/.test(rounds)) {
    throw new UsageError(`--rounds ${rounds}: a number from 1 to 9999 is wanted`);
  }
  if (clock !== 'wall' && clock !== 'cpu') throw new UsageError(`--clock ${clock}: wall or cpu is wanted`);
  return {
    filter: (filter ?? '').toLowerCase(),
    rounds: rounds === undefined ? (quick ? 3 : 11) : Number(rounds),
    scale: quick ? 0.2 : 1,
    clock,
    json: json ?? 'bench/results.json',
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        filter: { type: 'string' },
        rounds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        clock: { type: 'string', default: 'wall' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
