import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadMode, nativeMode } from './runner/index.ts';
import { closedMode, framesMode, roundtripMode } from './runner/modes/frames.ts';
import { fileLines } from './runner/report.ts';
import { describeOfficial, expectPass, official, report, scriptsIn } from './scripts.ts';

const here = import.meta.dirname;
const modes = ['frames', 'closed', 'frames-size', 'frames-yield', 'frames-chaos', 'binaryen-chaos'] as const;

describe.each(await Promise.all(modes.map(loadMode)))('own suites, $name', (mode) => {
  const scripts = ['suites', 'regressions'].flatMap((folder) =>
    scriptsIn(join(here, folder)).map((name) => join(folder, name)),
  );
  it.each(scripts)('%s', async (name) => expectPass(join(here, name), mode));
});

describe.skipIf(!existsSync(official))('official suite', () => {
  const scripts = scriptsIn(official);

  it('is all there', () => {
    const switching = scripts.filter((name) => /^(stack-switching|proposal-examples)\//.test(name));
    expect(switching).toHaveLength(21);
    expect(scripts.length).toBeGreaterThan(240);
  });

  describe('roundtrip passes what the engine passes', () => {
    it.each(scripts)('%s', async (name) => {
      const native = await report(join(official, name), nativeMode);
      const ours = await report(join(official, name), roundtripMode);
      const excused = new Set(native.failures.map(({ index }) => index));
      const failures = ours.failures.filter(({ index }) => !excused.has(index));
      expect(fileLines({ ...ours, failures }).slice(1)).toEqual([]);
    });
  });
});

describeOfficial(framesMode);
describeOfficial(closedMode);
