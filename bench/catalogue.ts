/** One measured run of a program: it exports `run(n, size): i64`. */
export interface Case {
  readonly name: string;
  /** File in `programs/`, without its extension. */
  readonly program: string;
  readonly n: number;
  readonly size: number;
  /** How many operations a run with this n makes; the time is given per operation. */
  readonly operations: (n: number) => number;
  /** What `run` must return; a wrong result fails the bench. */
  readonly expected: (n: number) => bigint;
}

/** Cases that are measured in one process, so that they can be compared with each other. */
export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
}

export const DEPTHS = [1, 4, 16, 64, 256, 1024] as const;
export const depthName = (depth: number): string => `generator at depth ${depth}`;
export const SPAWN = 'create + suspend + finish';

const SCHEDULED = 10_000;
const RING = 16;
const PROMPTS = 8;

const identity = (n: number): number => n;
/** 0 + 1 + … + (n - 1) */
const sumBelow = (n: number): bigint => (BigInt(n) * BigInt(n - 1)) / 2n;

function ringVisits(n: number): bigint {
  const rounds = Math.floor((n + 1) / RING);
  return BigInt(rounds) * sumBelow(RING) + sumBelow((n + 1) % RING);
}

function orderHash(n: number): bigint {
  let hash = 0n;
  for (let value = 0n; value < BigInt(n); value++) hash = BigInt.asIntN(64, hash * 31n + value);
  return hash;
}

function fibonacci(n: number): bigint {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a;
}

const alone = (entry: Case): Group => ({ name: entry.name, cases: [entry] });

export const GROUPS: readonly Group[] = [
  alone({
    name: 'generator',
    program: 'generator',
    n: 500_000,
    size: 0,
    operations: identity,
    expected: sumBelow,
  }),
  {
    name: 'depths',
    cases: DEPTHS.map((depth) => ({
      name: depthName(depth),
      program: 'depth',
      n: 400_000,
      size: depth,
      operations: identity,
      expected: (n) => sumBelow(n) + BigInt(depth),
    })),
  },
  alone({ name: SPAWN, program: 'spawn', n: 200_000, size: 0, operations: identity, expected: BigInt }),
  alone({
    name: `round robin over ${SCHEDULED}`,
    program: 'scheduler',
    n: 40,
    size: SCHEDULED,
    operations: (n) => n * SCHEDULED,
    expected: (n) => BigInt(n) * sumBelow(SCHEDULED),
  }),
  alone({
    name: `switch ring of ${RING}`,
    program: 'ring',
    n: 500_000,
    size: RING,
    operations: identity,
    expected: ringVisits,
  }),
  alone({
    name: 'tree walk, a yield a node',
    program: 'tree',
    n: 200_000,
    size: 0,
    operations: identity,
    expected: orderHash,
  }),
  alone({
    name: `resume through ${PROMPTS} prompts`,
    program: 'prompts',
    n: 300_000,
    size: PROMPTS,
    operations: identity,
    expected: sumBelow,
  }),
  alone({
    name: 'calls that could suspend, a call',
    program: 'fib',
    n: 27,
    size: 0,
    // fib(n) makes 2 fib(n + 1) - 1 calls.
    operations: (n) => Number(2n * fibonacci(n + 1) - 1n),
    expected: fibonacci,
  }),
];

/** The n of a run scaled down; a run that counts its own work exponentially takes so much off the exponent. */
export function scaledN(entry: Case, scale: number): number {
  if (entry.program === 'fib') return Math.round(entry.n + Math.log(scale) / Math.log((1 + Math.sqrt(5)) / 2));
  return Math.max(2, Math.round(entry.n * scale));
}
