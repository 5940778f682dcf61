import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Instr, OpName } from '../../asyncify/binary/opcodes.ts';
import { encode, validate } from '../../asyncify/index.ts';
import { runPaths } from '../runner/index.ts';
import { framesMode } from '../runner/modes/frames.ts';
import { check, comparable, differ } from './compare.ts';
import { fuzz } from './fuzz.ts';
import { generate, type Program } from './generate.ts';
import { endedByItself, guarded } from './guard.ts';
import { isSupported, nodeEngine } from './native.ts';
import { withPolls } from './polls.ts';
import { Rng } from './rng.ts';
import { type Candidate, shrink, size } from './shrink.ts';
import { split } from './split.ts';
import type { Trace } from './trace.ts';
import { toWast } from './wast.ts';
import { interrupted, plain, type Way } from './ways.ts';

const QUIET = { out: () => {}, err: () => {}, isTerminal: false };
const CLOSED = plain('closed');
const LINKED = plain('linked');
const FULL = { switch: true, throwRef: true, supertypes: true, stats: false };

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
      const { globals } = CLOSED.run(generate(seed, { ...FULL, stats: true }));
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
    expect(share('heapHandled')).toBeGreaterThan(0.1);
    for (const name of ['forwarded2', 'reenteredThrows', 'resumeThrows', 'caught', 'binds']) {
      expect(share(name), name).toBeGreaterThan(0);
    }
  });
});

describe('random programs', () => {
  it('do the same in every way', { timeout: 60_000 }, async () => {
    const { modules, suspensions, rewinds, findings } = await fuzz({
      seed: 1,
      modules: 15,
      engine: null,
      shrinkSeconds: 5,
    });
    expect(findings).toEqual([]);
    expect(modules).toBe(15);
    expect(suspensions).toBeGreaterThan(1000);
    expect(rewinds).toBeGreaterThan(10_000);
  });

  it('do the same natively', { timeout: 60_000 }, async ({ skip }) => {
    if (!isSupported(nodeEngine)) skip();
    const { modules, lost, findings } = await fuzz({ seed: 1, modules: 10, engine: nodeEngine, shrinkSeconds: 5 });
    expect(findings).toEqual([]);
    expect(lost).toBeLessThan(modules / 4);
  });

  it('can be cut in two modules', () => {
    const { module } = generate(2, FULL);
    const { first, second } = split(module);
    expect(() => validate(first)).not.toThrow();
    expect(() => validate(second)).not.toThrow();
    expect(second.funcs.length).toBeGreaterThan(3);
    // One more in the second: it starts.
    expect(first.funcs.length + second.funcs.length).toBe(module.funcs.length + 1);
  });

  it('are interrupted at every construct', () => {
    const program = generate(2, FULL);
    const rewinds = (everywhere: boolean): number =>
      interrupted('closed', { poll: 'fuel', everywhere, upTo: 1 }).run(program).rewinds;
    const opening = program.module.funcs.flatMap(({ body }) => body).filter((instr) => 'block' in instr).length;
    const polls = withPolls(program.module)
      .funcs.flatMap(({ body }) => body)
      .filter(({ op }) => op === 'loop').length;
    expect(polls).toBeGreaterThan(opening);
    expect(rewinds(true)).toBeGreaterThan(2 * rewinds(false));
    expect(rewinds(true)).toBeGreaterThan(50);
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

  it('reports ways that do something else, or fail', () => {
    const program = generate(4, FULL);
    const other: Way = { name: 'other', run: () => ({ ...CLOSED.run(generate(5, FULL)), rewinds: 0 }) };
    const failing: Way = {
      name: 'failing',
      run: () => {
        throw new RangeError('out of 7 things');
      },
    };
    expect(check(program, CLOSED, [LINKED]).difference).toBeNull();
    expect(check(program, CLOSED, [LINKED, other]).difference?.way).toBe(other);
    expect(check(program, CLOSED, [failing]).difference?.kind).toBe('failing: RangeError: out of ');
    expect(check(program, failing, [LINKED]).difference?.way).toBe(failing);
  });
});

describe('shrinking', () => {
  /** What a transform would do to it that takes one instruction for another. */
  const MISTAKES = new Map<OpName, OpName>([
    ['i32.mul', 'i32.add'],
    ['i32.xor', 'i32.and'],
    ['i32.lt_s', 'i32.gt_s'],
  ]);
  function broken({ module, calls }: Candidate): Candidate {
    const funcs = module.funcs.map((func) => ({
      ...func,
      body: func.body.map((instr) => ({ ...instr, op: MISTAKES.get(instr.op) ?? instr.op }) as Instr),
    }));
    return { module: { ...module, funcs }, calls };
  }
  const differs = (program: Candidate): boolean => {
    const [right, wrong] = [guarded(program), guarded(broken(program))].map((each) => LINKED.run(each));
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
    const small = shrink(found, (candidates) => candidates.map(differs), performance.now() + 25_000);
    expect(differs(small)).toBe(true);
    expect(size(small)).toBeLessThan(size(found) / 4);
    expect(small.module.funcs.some(({ body }) => body.some(({ op }) => MISTAKES.has(op)))).toBe(true);

    const folder = mkdtempSync(join(tmpdir(), 'bobbin-shrunk-'));
    try {
      const failures = async (program: Candidate): Promise<number> => {
        const text = await toWast(program, LINKED.run(small), 'shrunk');
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
    const { difference } = check(generate(3, FULL), CLOSED, [], { kind: 'rejected', message: 'no' });
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
