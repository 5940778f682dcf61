import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadKnownFailures, type Mode, nativeMode } from './runner/index.ts';
import { chaosMode } from './runner/modes/chaos.ts';
import { closedMode, framesMode, roundtripMode } from './runner/modes/frames.ts';
import { fileLines } from './runner/report.ts';
import { runFile } from './runner/run.ts';

const here = import.meta.dirname;
const official = process.env.BOBBIN_SPEC_SUITE ?? resolve(import.meta.dirname, '../../shared/spec-suite');
const knownFailures = loadKnownFailures();

const scriptsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wast'))
    .sort();

const report = (file: string, mode: Mode) => runFile(file, { mode, knownFailures }, () => {});

async function expectPass(file: string, mode: Mode): Promise<void> {
  const result = await report(file, mode);
  const failures = result.failures.filter(({ known }) => known === undefined);
  expect(fileLines({ ...result, failures }).slice(1)).toEqual([]);
}

describe.each([framesMode, closedMode, chaosMode])('own suites, $name', (mode) => {
  const scripts = ['suites', 'regressions'].flatMap((folder) =>
    scriptsIn(join(here, folder)).map((name) => join(folder, name)),
  );
  it.each(scripts)('%s', async (name) => expectPass(join(here, name), mode));
});

describe.skipIf(!existsSync(official))('official suite', () => {
  const scripts = existsSync(official) ? scriptsIn(official) : [];
  const switching = scripts.filter((name) => /^(stack-switching|proposal-examples)\//.test(name));

  it('is all there', () => {
    expect(switching).toHaveLength(21);
    expect(scripts.length).toBeGreaterThan(240);
  });

  describe.each([framesMode, closedMode])('$name', (mode) => {
    it.each(scripts)('%s', async (name) => expectPass(join(official, name), mode));
  });

  describe('roundtrip passes what the engine passes', () => {
    it.each(scripts)('%s', async (name) => {
      const native = await report(join(official, name), nativeMode);
      const ours = await report(join(official, name), roundtripMode);
      const excused = new Set(native.failures.map(({ line }) => line));
      const failures = ours.failures.filter(({ line }) => !excused.has(line));
      expect(fileLines({ ...ours, failures }).slice(1)).toEqual([]);
    });
  });
});
