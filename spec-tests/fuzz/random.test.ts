import { describe, expect, it } from 'vitest';
import { loadBinaryen } from '../../asyncify/index.ts';
import { type Finding, type FuzzOptions, fuzz, fuzzNumeric, type Summary } from './fuzz.ts';
import { isSupported, nodeEngine } from './native.ts';
import { describeCoverage } from './tally.ts';

// Other programs each time: a failure says the seed, and BOBBIN_FUZZ_SEED=<seed> makes the same ones.
const seed = Number(process.env.BOBBIN_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
const SECONDS =
  process.env.CI === undefined
    ? { switching: 2, natively: 2, numeric: 2 }
    : { switching: 20, natively: 20, numeric: 20 };
const SHRINK_SECONDS = 30;
const timeout = 300_000;

const options = (kind: keyof typeof SECONDS): FuzzOptions => ({
  seed,
  seconds: SECONDS[kind],
  shrinkSeconds: SHRINK_SECONDS,
});

function expectNone(title: string, summary: Summary): void {
  console.log([`${title}, seed ${seed}:`, ...describeCoverage(summary)].join('\n  '));
  expect(summary.findings.map(described), `BOBBIN_FUZZ_SEED=${seed}`).toEqual([]);
  expect(summary.modules).toBeGreaterThan(0);
}

const described = ({ seed: at, difference, wast }: Finding): string =>
  `seed ${at}: ${difference.kind}: ${difference.detail}\n${wast}`;

describe('programs that nobody has seen before', () => {
  it('switch stacks and do the same in every way', { timeout }, async () => {
    expectNone('modules that switch stacks', await fuzz({ ...options('switching'), engine: null }));
  });

  it('switch stacks and do the same natively', { timeout }, async ({ skip }) => {
    if (!isSupported(nodeEngine)) skip();
    expectNone('modules that switch stacks natively', await fuzz({ ...options('natively'), engine: nodeEngine }));
  });

  it('compute the same interrupted as untransformed', { timeout }, async () => {
    expectNone('numeric modules', await fuzzNumeric({ ...options('numeric'), binaryen: await loadBinaryen() }));
  });
});
