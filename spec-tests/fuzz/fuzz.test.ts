import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encode, validate } from '../../asyncify/index.ts';
import { runPaths } from '../runner/index.ts';
import { framesMode } from '../runner/modes/frames.ts';
import { check, comparable, differ, runFrames } from './compare.ts';
import { fuzz } from './fuzz.ts';
import { generate, type Program } from './generate.ts';
import { endedByItself, guarded } from './guard.ts';
import { isSupported, nodeEngine } from './native.ts';
import { Rng } from './rng.ts';
import { type Candidate, shrink, size } from './shrink.ts';
import type { Trace } from './trace.ts';
import { toWast } from './wast.ts';

const QUIET = { out: () => {}, err: () => {}, isTerminal: false };
const FULL = { switch: true, throwRef: true, stats: false };

describe('the generator', () => {
  it('makes the same program for the same seed, and others for others', () => {
    const bytes = (seed: number): string => Buffer.from(encode(generate(seed, FULL).module)).toString('hex');
    expect(bytes(7)).toBe(bytes(7));
    expect(new Set([1, 2, 3, 4, 5].map(bytes)).size).toBe(5);
  });

  it('makes valid programs only', () => {
    for (let seed = 0; seed < 60; seed++) expect(() => validate(generate(seed, FULL).module)).not.toThrow();
  });

  it('reaches what is interesting in most programs', () => {
    const reached: Record<string, number> = {};
    const programs = 40;
    for (let seed = 0; seed < programs; seed++) {
      const { globals } = runFrames(generate(seed, { ...FULL, stats: true }), 'closed');
      for (const [name, value] of Object.entries(globals)) {
        const least = name === 'stat:resumed' ? 2 : 1;
        if (name.startsWith('stat:')) reached[name] = (reached[name] ?? 0) + (Number(value) >= least ? 1 : 0);
      }
    }
    const share = (name: string): number => (reached[`stat:${name}`] ?? 0) / programs;
    expect(share('resumed')).toBeGreaterThan(0.7);
    expect(share('handled')).toBeGreaterThan(0.7);
    expect(share('forwarded1')).toBeGreaterThan(0.4);
    expect(share('switches')).toBeGreaterThan(0.4);
    for (const name of ['forwarded2', 'heapHandled', 'reenteredThrows', 'resumeThrows', 'caught', 'binds']) {
      expect(share(name), name).toBeGreaterThan(0);
    }
  });
});

describe('random programs', () => {
  it('do the same closed and linked', { timeout: 30_000 }, async () => {
    const { modules, suspensions, findings } = await fuzz({ seed: 1, modules: 100, engine: null, shrinkSeconds: 5 });
    expect(findings).toEqual([]);
    expect(modules).toBe(100);
    expect(suspensions).toBeGreaterThan(1000);
  });

  it('do the same natively', { timeout: 60_000 }, async ({ skip }) => {
    if (!isSupported(nodeEngine)) skip();
    const { modules, lost, findings } = await fuzz({ seed: 1, modules: 60, engine: nodeEngine, shrinkSeconds: 5 });
    expect(findings).toEqual([]);
    expect(lost).toBeLessThan(modules / 4);
  });
});

describe('comparing', () => {
  const trace = (...runs: Trace['runs']): Trace => ({ runs, globals: { g: '1' } });

  it('finds a different log, outcome and global', () => {
    const a = trace({ log: ['1', '2'], outcome: 'return 3' });
    expect(differ('a/b', a, a)).toBeNull();
    expect(differ('a/b', a, trace({ log: ['1', '3'], outcome: 'return 3' }))?.kind).toBe('a/b: log');
    expect(differ('a/b', a, trace({ log: ['1'], outcome: 'return 3' }))?.kind).toBe('a/b: log');
    expect(differ('a/b', a, trace({ log: ['1', '2', '3'], outcome: 'return 3' }))?.kind).toBe('a/b: log');
    expect(differ('a/b', a, trace({ log: ['1', '2'], outcome: 'return 4' }))?.kind).toBe('a/b: return');
    expect(differ('a/b', a, trace({ log: ['1', '2'], outcome: 'trap x' }))?.kind).toBe('a/b: return and trap');
    expect(differ('a/b', a, { ...a, globals: { g: '2' } })?.kind).toBe('a/b: global');
  });

  it('stops at a suspension that is unhandled', () => {
    const ours = trace({ log: ['1'], outcome: 'suspension' }, { log: [], outcome: 'return 1' });
    const native = trace({ log: ['1', '2'], outcome: 'return 5' }, { log: [], outcome: 'return 2' });
    const both = comparable(native, ours);
    expect(differ('a/b', both.native, both.ours)).toBeNull();
    const early = comparable(trace({ log: ['7'], outcome: 'return 5' }), ours);
    expect(differ('a/b', early.native, early.ours)?.kind).toBe('a/b: log');
  });
});

describe('shrinking', () => {
  /** As a transform would do it that takes every multiplication for an addition. */
  function broken({ module, calls }: Candidate): Candidate {
    const funcs = module.funcs.map((func) => ({
      ...func,
      body: func.body.map((instr) => (instr.op === 'i32.mul' ? { ...instr, op: 'i32.add' as const } : instr)),
    }));
    return { module: { ...module, funcs }, calls };
  }
  const differs = (program: Candidate): boolean => {
    const [right, wrong] = [guarded(program), guarded(broken(program))].map((each) => runFrames(each, 'linked'));
    if (right === undefined || wrong === undefined || !endedByItself(right) || !endedByItself(wrong)) return false;
    const { guard: _, ...globals } = wrong.globals;
    return differ('right/broken', { ...wrong, globals }, right) !== null;
  };

  it('finds a mistake, makes its program small and writes a script of it', { timeout: 60_000 }, async () => {
    let found: Program | undefined;
    for (let seed = 100; found === undefined && seed < 200; seed++) {
      const program = generate(seed, FULL);
      if (differs(program)) found = program;
    }
    expect(found).toBeDefined();
    if (found === undefined) return;
    const small = shrink(found, (candidates) => candidates.map(differs), performance.now() + 10_000);
    expect(differs(small)).toBe(true);
    expect(size(small)).toBeLessThan(size(found) / 10);
    expect(small.module.funcs.some(({ body }) => body.some(({ op }) => op === 'i32.mul'))).toBe(true);

    const folder = mkdtempSync(join(tmpdir(), 'bobbin-shrunk-'));
    try {
      const failures = async (program: Candidate): Promise<number> => {
        const text = await toWast(program, runFrames(small, 'linked'), 'shrunk');
        writeFileSync(join(folder, 'shrunk.wast'), text);
        const { report } = await runPaths([folder], { mode: framesMode }, QUIET);
        expect(report.totals.passed).toBeGreaterThan(0);
        return report.totals.failed;
      };
      expect(await failures(small)).toBe(0);
      expect(await failures(broken(small))).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves a program alone that cannot be made smaller', () => {
    const program = generate(3, FULL);
    expect(shrink(program, (candidates) => candidates.map(() => false), performance.now() + 500)).toBe(program);
  });

  it('reports a program that the transform gives up on', () => {
    const { difference } = check(generate(3, FULL), { kind: 'rejected', message: 'no' });
    expect(difference?.kind).toBe('native: rejected');
  });
});

describe('random numbers', () => {
  it('depend on the seed and keep to their bounds', () => {
    const numbers = (seed: number): number[] => {
      const rng = new Rng(seed);
      return rng.list(50, () => rng.int(7));
    };
    expect(numbers(5)).toEqual(numbers(5));
    expect(numbers(5)).not.toEqual(numbers(6));
    expect(numbers(5).every((value) => value >= 0 && value < 7)).toBe(true);
    const rng = new Rng(1);
    expect(() => rng.pick([])).toThrow(RangeError);
    expect(() => rng.weighted([[0, 'never']])).toThrow(RangeError);
    expect(
      rng.weighted([
        [0, 'never'],
        [1, 'always'],
      ]),
    ).toBe('always');
  });
});
