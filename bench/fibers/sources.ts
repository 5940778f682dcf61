import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a program's fibers are made of. */
export const BACK_ENDS = ['asyncify', 'switching'] as const;
export type BackEnd = (typeof BACK_ENDS)[number];

/** A program that is measured. */
export interface Program {
  /** It is `programs/NAME.c`, and exports `run(n: i32) -> i32`. */
  readonly name: string;
  readonly text: string;
  /** What it is run with, and the result that is right for it. */
  readonly n: number;
  readonly result: number;
  /** How many operations a run makes: the time is given for one. */
  readonly operations: number;
}

export const PROGRAMS: readonly Program[] = [
  { name: 'iterate', text: 'sum of a generator', n: 2_000_000, result: -1_455_759_936, operations: 2_000_000 },
  { name: 'tree-recursive', text: 'tree by recursive generators', n: 32_767, result: 458_753, operations: 32_767 },
  { name: 'tree-walk', text: 'tree by one generator', n: 500_000, result: 9_095_616, operations: 500_000 },
  { name: 'sieve', text: 'the 2,000th prime, a chain of fibers', n: 2_000, result: 17_389, operations: 2_000 },
  { name: 'skynet', text: 'skynet, a million fibers', n: 1_000_000, result: 1_783_293_664, operations: 1_111_111 },
  { name: 'machine', text: 'state machine', n: 3_000_000, result: 12_217_378, operations: 3_000_000 },
  { name: 'many', text: '10,000 at once of 10,000,000', n: 10_000_000, result: -1_278_160_320, operations: 10_000_000 },
  { name: 'pi', text: 'digits of pi by streams', n: 30_000, result: -364_862_272, operations: 30_000 },
  { name: 'scheduler', text: 'round-robin scheduler', n: 2_000_000, result: 1_726_657_280, operations: 2_000_000 },
  {
    name: 'switch-iterate',
    text: 'sum of a generator, switch',
    n: 1_500_000,
    result: -282_181_552,
    operations: 1_500_000,
  },
  { name: 'switch-tree', text: 'tree by one generator, switch', n: 500_000, result: 9_095_616, operations: 500_000 },
  { name: 'switch-pi', text: 'digits of pi by streams, switch', n: 20_000, result: 2_052_135_040, operations: 20_000 },
  {
    name: 'switch-scheduler',
    text: 'round-robin scheduler, switch',
    n: 2_000_000,
    result: 980_398_080,
    operations: 2_000_000,
  },
];

/** `asyncify`: the program's other build. The rest are its build with stack-switching instructions. */
export const FIBER_VARIANTS = ['asyncify', 'native', 'closed', 'linked'] as const;
export type FiberVariant = (typeof FIBER_VARIANTS)[number];

/** Whether its fibers switch to each other. */
export const isSymmetric = (program: string): boolean => program.startsWith('switch-');

const folder = import.meta.dirname;
export const builtPath = (backEnd: BackEnd, program: string): string =>
  join(folder, 'built', backEnd, `${program}.wasm`);
export const recordPath = join(folder, 'built', 'built.json');

/** Hashes are SHA-256 in hexadecimal. */
export interface Built {
  /** Of the sources and flags it was made from. */
  readonly source: string;
  readonly wasm: string;
}

/** Every file that programs are made from, by its name: no two folders have the same. */
export function sources(): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const part of ['library', 'programs']) {
    for (const name of readdirSync(join(folder, part)).sort()) files.set(name, readFileSync(join(folder, part, name)));
  }
  return files;
}

/** The compiler's arguments. */
export function flagsFor(program: string, backEnd: BackEnd): readonly string[] {
  return [
    '--target=wasm32-wasip1',
    '-mexec-model=reactor',
    '-O3',
    '-std=c17',
    '-Wall',
    '-Wextra',
    '-Werror',
    ...(isSymmetric(program) ? ['-DSYMMETRIC'] : []),
    '-Wl,--export=__stack_pointer',
    `${program}.c`,
    `fiber-${backEnd}.c`,
    '-o',
    'program.wasm',
  ];
}

/** What Binaryen's optimiser is told. */
export const OPTIMISE: Readonly<Record<BackEnd, readonly string[]>> = {
  asyncify: ['-O2', '-g', '--asyncify'],
  switching: ['-O2', '-g', '-all'],
};

export const hash = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** The hash of all that a program is made from, one back end's. */
export function sourceHash(program: string, backEnd: BackEnd): string {
  const own = (name: string): boolean =>
    name === `${program}.c` || name.startsWith(`fiber-${backEnd}.`) || name.endsWith('.h');
  const parts = [...sources()].flatMap(([name, bytes]) => (own(name) ? [`${name} ${hash(bytes)}\n`] : []));
  return hash([...parts, ...flagsFor(program, backEnd), ...OPTIMISE[backEnd]].join('\n'));
}

/** What was recorded when the programs were built: `BACK END/PROGRAM`. */
export function readRecord(): Readonly<Record<string, Built>> {
  return JSON.parse(readFileSync(recordPath, 'utf8'));
}
