import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encode, loadBinaryen, validate } from '../../../asyncify/index.ts';
import { runPaths } from '../../runner/index.ts';
import { chaosMode } from '../../runner/modes/chaos.ts';
import { fuzzNumeric } from '../fuzz.ts';
import { withPolls } from '../polls.ts';
import { toWast } from '../wast.ts';
import { numericWaysFor, untransformed } from '../ways.ts';
import { generateNumeric } from './index.ts';

const QUIET = { out: () => {}, err: () => {}, isTerminal: false };

describe('the generator of numeric programs', () => {
  it('makes the same program for the same seed, and others for others', () => {
    const bytes = (seed: number): string => Buffer.from(encode(generateNumeric(seed).module)).toString('hex');
    expect(bytes(7)).toBe(bytes(7));
    expect(new Set([1, 2, 3, 4, 5].map(bytes)).size).toBe(5);
  });

  it('makes valid programs that end, most of them without a trap', () => {
    const outcomes: string[] = [];
    for (let seed = 0; seed < 100; seed++) {
      const program = generateNumeric(seed);
      expect(() => validate(program.module)).not.toThrow();
      outcomes.push(...untransformed.run(program).runs.map(({ outcome }) => outcome.split(' ')[0] ?? ''));
    }
    const share = (kind: string): number => outcomes.filter((outcome) => outcome === kind).length / outcomes.length;
    expect(share('return')).toBeGreaterThan(0.6);
    for (const kind of ['trap', 'exception']) expect(share(kind), kind).toBeGreaterThan(0.01);
    expect(share('return') + share('trap') + share('exception')).toBe(1);
  });
});

describe('random numeric programs', () => {
  it('do the same untransformed and interrupted, by both instrumenters', async () => {
    const binaryen = await loadBinaryen();
    const { rewinds, findings, refused } = await fuzzNumeric({ seed: 1, modules: 20, binaryen, shrinkSeconds: 5 });
    expect(findings).toEqual([]);
    expect(rewinds).toBeGreaterThan(10_000);
    for (const reason of refused.keys()) expect(reason).toMatch(/tail calls|exception handlers/);
    expect(numericWaysFor(0, binaryen).map(({ name }) => name)).toContainEqual(expect.stringContaining('binaryen'));
  });

  it('become scripts that pass', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bobbin-numeric-'));
    try {
      for (let seed = 0; seed < 4; seed++) {
        const program = generateNumeric(seed);
        const shown = { ...program, module: withPolls(program.module) };
        writeFileSync(join(folder, `${seed}.wast`), await toWast(shown, untransformed.run(program), 'passes'));
      }
      const { report } = await runPaths([folder], { mode: chaosMode }, QUIET);
      expect(report.totals.failed).toBe(0);
      expect(report.totals.passed).toBeGreaterThan(20);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
