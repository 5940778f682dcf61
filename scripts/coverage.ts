import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(import.meta.dirname, '..');
const MODES = ['roundtrip', 'frames', 'closed', 'frames-yield', 'frames-chaos', 'binaryen-chaos'] as const;
const MEASURED = /^(asyncify|continuations)\/.*(?<!\.test|\.test-data)\.ts$/;

export interface FileCoverage {
  readonly file: string;
  readonly lines: number;
  readonly coveredLines: number;
  readonly functions: number;
  readonly coveredFunctions: number;
}

/** What the engine counted of one file; the source is as it is on disk, since types are stripped in place. */
export function coverageOf(
  file: string,
  source: string,
  functions: readonly Profiler.FunctionCoverage[],
): FileCoverage {
  const uncovered = new Uint8Array(source.length);
  // Inner ranges come behind the outer ones whose count they replace.
  const ranges = functions
    .flatMap((each) => each.ranges)
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) uncovered.fill(count === 0 ? 1 : 0, startOffset, endOffset);
  const code = withoutComments(stripTypeScriptTypes(source));
  let lines = 0;
  let coveredLines = 0;
  let at = 0;
  for (const line of code.split('\n')) {
    const first = line.search(/\S/);
    // Brackets alone are no code of their own.
    if (first >= 0 && /\w/.test(line)) {
      lines++;
      if (uncovered.subarray(at + first, at + line.trimEnd().length).every((byte) => byte === 0)) coveredLines++;
    }
    at += line.length + 1;
  }
  // The first one is the module itself.
  const own = functions.filter(
    ({ ranges: [range] }) => range !== undefined && range.endOffset - range.startOffset < source.length,
  );
  const coveredFunctions = own.filter(({ ranges: [range] }) => (range?.count ?? 0) > 0).length;
  return { file, lines, coveredLines, functions: own.length, coveredFunctions };
}

/** Comments that have lines of their own become spaces. */
function withoutComments(code: string): string {
  const blank = (text: string): string => text.replace(/[^\n]/g, ' ');
  return code.replace(/^\s*\/\*[\s\S]*?\*\//gm, blank).replace(/^\s*\/\/.*$/gm, blank);
}

/** Runs the suites in the modes that transform, and returns what of the measured files ran. */
async function measure(): Promise<FileCoverage[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  // Not before: what is loaded earlier is not counted.
  const { loadMode, loadKnownFailures, runPaths } = await import('../spec-tests/runner/index.ts');
  const official = process.env.BOBBIN_SPEC_SUITE ?? join(root, '..', 'shared', 'spec-suite');
  const own = ['suites', 'regressions'].map((name) => join(root, 'spec-tests', name));
  const paths = [official, ...own].filter((path) => existsSync(path));
  const knownFailures = loadKnownFailures();
  for (const name of MODES) {
    const mode = await loadMode(name);
    const output = {
      out: () => {},
      err: (text: string) => process.stderr.write(text),
      isTerminal: process.stderr.isTTY,
    };
    const { report } = await runPaths(paths, { mode, knownFailures }, output);
    process.stderr.write(`${name}: ${report.totals.passed} passed, ${report.totals.failed} failed\n`);
  }
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  return result
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url, functions }) => ({ path: fileURLToPath(url), functions }))
    .filter(({ path }) => MEASURED.test(relative(root, path)))
    .map(({ path, functions }) => coverageOf(relative(root, path), readFileSync(path, 'utf8'), functions))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);

/** A table in Markdown: folders with all that is in them, then files. */
export function coverageTable(files: readonly FileCoverage[]): string {
  const sum = (some: readonly FileCoverage[], file: string): FileCoverage => {
    const add = (of: (each: FileCoverage) => number): number => some.reduce((all, each) => all + of(each), 0);
    return {
      file,
      lines: add(({ lines }) => lines),
      coveredLines: add(({ coveredLines }) => coveredLines),
      functions: add(({ functions }) => functions),
      coveredFunctions: add(({ coveredFunctions }) => coveredFunctions),
    };
  };
  const folders = Map.groupBy(files, ({ file }) => file.split('/')[0] ?? '');
  const rows = [...[...folders].map(([name, some]) => sum(some, `**${name}/**`)), ...files];
  const line = (each: FileCoverage): string =>
    `| ${each.file} | ${percent(each.coveredLines, each.lines)} | ${each.coveredLines} of ${each.lines} ` +
    `| ${percent(each.coveredFunctions, each.functions)} | ${each.coveredFunctions} of ${each.functions} |`;
  return ['| file | lines | | functions | |', '| --- | --: | --: | --: | --: |', ...rows.map(line)].join('\n');
}

/** The report: what was run, and the table. */
function coverageReport(files: readonly FileCoverage[]): string {
  const intro = `# Coverage

Written by \`npm run coverage\` on Node.js ${process.version}: what of the transform and the runtime runs while the scripts of the
official suite and of \`spec-tests/\` run in ${MODES.map((mode) => `\`${mode}\``).join(', ')}.
A line counts as covered if all of its code ran. What other tests cover, such as processes, hostile modules and the API's errors, is
not in it.`;
  return `${intro}\n\n${coverageTable(files)}\n`;
}

if (import.meta.main) {
  const [, , file] = process.argv;
  const report = coverageReport(await measure());
  if (file === undefined) process.stdout.write(report);
  else writeFileSync(file, report);
}
