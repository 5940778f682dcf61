import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadKnownFailures, type Mode } from './runner/index.ts';
import { type FileReport, fileLines } from './runner/report.ts';
import { runFile } from './runner/run.ts';

const knownFailures = loadKnownFailures();

/** The folder of the official suite, which may be missing. */
export const official = process.env.BOBBIN_SPEC_SUITE ?? resolve(import.meta.dirname, '../../shared/spec-suite');

/** The scripts of a folder and its folders, sorted; none where there is no such folder. */
export function scriptsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wast'))
    .sort();
}

/** Runs one script. */
export function report(file: string, mode: Mode): Promise<FileReport> {
  return runFile(file, { mode, knownFailures }, () => {});
}

/** Runs one script, in which nothing may fail but what is known to. */
export async function expectPass(file: string, mode: Mode): Promise<void> {
  const result = await report(file, mode);
  const failures = result.failures.filter(({ known }) => known === undefined);
  expect(fileLines({ ...result, failures }).slice(1)).toEqual([]);
}

/** A test for every script of the official suite, where it is there. */
export function describeOfficial(mode: Mode): void {
  describe.skipIf(!existsSync(official))(`official suite, ${mode.name}`, () => {
    it.each(scriptsIn(official))('%s', async (name) => expectPass(join(official, name), mode));
  });
}
