import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compare, comparisonLine, runModes } from './conformance.ts';
import { conformanceReport } from './markdown.ts';
import { chaosMode } from './modes/chaos.ts';
import { framesMode } from './modes/frames.ts';
import { loadMode } from './modes/index.ts';
import type { Mode } from './modes/mode.ts';
import { nativeMode } from './modes/native.ts';
import { runPaths } from './run.ts';

const numeric = `(module
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))
(assert_return (invoke "sum" (i32.const 4)) (i32.const 10)) (assert_return (invoke "sum" (i32.const 1)) (i32.const 1))
(assert_return (invoke "sum" (i32.const 2)) (i32.const 3))`;
const switching = `(module (type $ft (func)) (type $ct (cont $ft)) (tag $t)
  (func $f (suspend $t)) (elem declare func $f)
  (func (export "suspended") (result i32)
    (block $on (result (ref $ct)) (resume $ct (on $t $on) (cont.new $ct (ref.func $f))) (return (i32.const 0)))
    (drop) (i32.const 1)))
(assert_return (invoke "suspended") (i32.const 1))`;
const references = `(module (func (export "id") (param externref) (result externref) (local.get 0)))
(assert_return (invoke "id" (ref.extern 1)) (ref.extern 1))`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  mkdirSync(join(folder, 'core', 'sub'), { recursive: true });
  writeFileSync(join(folder, 'core', 'numeric.wast'), numeric);
  writeFileSync(join(folder, 'core', 'sub', 'switching.wast'), switching);
  writeFileSync(join(folder, 'core', 'references.wast'), references);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The native mode with functions that return what they should and 1. */
const wrong: Mode = {
  name: 'wrong',
  createStore(script, tally) {
    const store = nativeMode.createStore(script, tally);
    return {
      ...store,
      instantiate(module, imports) {
        const exports = store.instantiate(module, imports);
        const sum = exports.sum as ((n: number) => number) | undefined;
        return sum === undefined ? exports : { ...exports, sum: (n: number) => (n === 1 ? 9 : sum(n)) };
      },
    };
  },
};

let out = '';
const output = {
  out: (text: string) => {
    out += text;
  },
  err: () => {},
  isTerminal: false,
};
beforeEach(() => {
  out = '';
});

describe('runModes', () => {
  it('compares assertion by assertion', async () => {
    const core = join(folder, 'core');
    const { exitCode, conformance } = await runModes([core], [nativeMode, framesMode, wrong], {}, output);
    // The first run already fails, where the engine has no stack switching and the list does not say so.
    expect(exitCode).toBe(1);
    const [frames, other] = conformance.comparisons;
    expect(frames).toMatchObject({ mode: 'frames', lost: [], neither: [] });
    expect((frames?.both ?? 0) + (frames?.gained.length ?? 0)).toBe(5);
    expect(other?.lost).toEqual([{ file: join(core, 'numeric.wast'), line: 6, command: 'assert_return' }]);
    expect(out).toContain(
      `${core}, wrong: ${other?.both ?? 0} of ${(other?.both ?? 0) + 1} assertions that pass natively`,
    );
  });

  it('fails where the engine passes and a mode does not, even where it was known', async () => {
    const file = join(folder, 'core', 'numeric.wast');
    const known = [{ file: 'core/numeric.wast', line: 6, modes: ['wrong'], reason: 'why' }];
    expect((await runModes([file], [nativeMode, framesMode], {}, output)).exitCode).toBe(0);
    expect((await runModes([file], [nativeMode, wrong], {}, output)).exitCode).toBe(1);
    const excused = await runModes([file], [nativeMode, wrong], { knownFailures: known }, output);
    expect(excused.exitCode).toBe(0);
    expect(excused.conformance.comparisons[0]?.lost).toHaveLength(1);
  });

  it('tells assertions of one line from each other', async () => {
    const file = join(folder, 'core', 'numeric.wast');
    const native = await runPaths([file], { mode: nativeMode }, output);
    const other = await runPaths([file], { mode: wrong }, output);
    expect(other.report.files[0]?.failures).toMatchObject([{ index: 2, line: 6 }]);
    expect(compare(native.report, other.report, file)).toMatchObject({ both: 2, gained: [], neither: [] });
    expect(comparisonLine(compare(native.report, native.report, file))).toBe(
      'native: all 3 assertions that pass natively pass, and 0 of 0 others',
    );
  });

  it('does not compare different scripts', async () => {
    const run = (name: string) => runPaths([join(folder, 'core', name)], { mode: nativeMode }, output);
    const [one, other] = [await run('numeric.wast'), await run('references.wast')];
    expect(() => compare(one.report, other.report, folder)).toThrow(RangeError);
  });

  it('sees which instructions are executed', async () => {
    const { conformance } = await runModes([join(folder, 'core')], [framesMode], { opcodes: true }, output);
    const { unseen } = conformance;
    for (const op of ['loop', 'br_if', 'local.tee', 'suspend', 'cont.new', 'end', 'drop'] as const) {
      expect(unseen?.has(op), op).toBe(false);
    }
    for (const op of ['return', 'switch', 'else', 'f32.add', 'nop'] as const) expect(unseen?.has(op), op).toBe(true);
  });
});

describe('chaos', () => {
  it('unwinds in every block, and counts that', async () => {
    const file = join(folder, 'core', 'numeric.wast');
    const { report } = await runPaths([file], { mode: chaosMode }, output);
    // The other module is "spectest". At the entry, at the start of each round, and where the loop starts over.
    expect(report.statistics).toMatchObject({ modules: 2, changed: 2, functions: 1, calls: 3 });
    expect(report.statistics.suspensions).toBe(3 + (4 + 1 + 2) + (3 + 0 + 1));
  });
});

describe('the report', () => {
  it('names no path of the machine, and counts refusals by reason', async () => {
    const paths = [join(folder, 'core')];
    const modes = [nativeMode, framesMode, await loadMode('binaryen-chaos')];
    const { conformance } = await runModes(paths, modes, { opcodes: true }, output);
    expect(out).toMatch(/ of \d+ modules refused by Binaryen's instrumenter and done with frames:\n +1 {2}/);
    const text = conformanceReport(conformance, { paths, command: 'bobbin wast', engine: 'an engine' });
    expect(text).not.toContain(tmpdir());
    expect(text).toContain('| core/sub | 1 | 1 |');
    expect(text).toContain('| frames | 3 | 5 | 5 | 0 | 0 | 0 |');
    expect(text).toMatch(/\| Asyncify cannot save references: [^|]*\(ref null extern\)[^|]* \| 1 \|/);
    expect(text).toMatch(/\| \*\*refused\*\* \| 2 \|/);
    expect(text).toContain('- `nop` (mvp)');
    expect(text).not.toContain('- `suspend`');
  });
});
