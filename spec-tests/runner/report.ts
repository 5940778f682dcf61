import type { Tally } from './modes/mode.ts';

/** A command that failed; `known` is the reason it was expected to. */
export type FailureReport = {
  readonly file: string;
  /** Which command of the script it is, from 0; -1 where the file is no script. */
  readonly index: number;
  readonly line: number;
  readonly command: string;
  readonly expected: string;
  readonly got: string;
  readonly known?: string;
};

/** A listed failure that did not happen. */
export type UnexpectedPass = { readonly file: string; readonly line?: number; readonly reason: string };

export type FileReport = {
  readonly file: string;
  readonly passed: number;
  /** The same by keyword. */
  readonly passedBy: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly failures: readonly FailureReport[];
  readonly unexpectedPasses: readonly UnexpectedPass[];
};

/**
 * Assertions by how they ended. Of the other commands, those that failed count as failed, the others not at all.
 * `known` is how many of `failed` are on the list of known failures.
 */
export type Totals = {
  readonly files: number;
  readonly filesPassed: number;
  readonly passed: number;
  readonly failed: number;
  readonly known: number;
  readonly unexpectedPasses: number;
};

/** All of a run, as `--json` prints it. */
export type RunReport = {
  readonly mode: string;
  readonly seconds: number;
  readonly totals: Totals;
  readonly statistics: Statistics;
  readonly files: readonly FileReport[];
};

/** A {@link Tally} as data. */
export type Statistics = Omit<Tally, 'refused'> & { readonly refused: Readonly<Record<string, number>> };

/** What a tally has counted so far; the commonest refusals first. */
export function statisticsOf(tally: Tally): Statistics {
  const refused = [...tally.refused].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  return { ...tally, refused: Object.fromEntries(refused) };
}

/** Whether a failure is of an assertion, not of a command that leads to one. */
export function isAssertion({ command }: Pick<FailureReport, 'command'>): boolean {
  return command.startsWith('assert_');
}

/** Adds up the files of a run. */
export function total(files: readonly FileReport[]): Totals {
  const sum = (count: (file: FileReport) => number) => files.reduce((before, file) => before + count(file), 0);
  return {
    files: files.length,
    filesPassed: sum((file) => (file.failed === 0 ? 1 : 0)),
    passed: sum((file) => file.passed),
    failed: sum((file) => file.failed),
    known: sum((file) => file.failures.filter(({ known }) => known !== undefined).length),
    unexpectedPasses: sum((file) => file.unexpectedPasses.length),
  };
}

/** Whether nothing failed but what was known to, and that all did. */
export function succeeded(totals: Totals): boolean {
  return totals.failed === totals.known && totals.unexpectedPasses === 0;
}

/** The lines of one file: its counts, its failures, its unexpected passes. */
export function fileLines(report: FileReport): string[] {
  return [
    `${report.file}  ${report.passed}/${report.passed + report.failed}`,
    ...report.failures.map(({ file, line, command, expected, got, known }) => {
      return `${file}:${line}: ${command}: expected ${expected}, got ${got}${known === undefined ? '' : ` (known: ${known})`}`;
    }),
    ...report.unexpectedPasses.map(({ file, line, reason }) => {
      return `${line === undefined ? file : `${file}:${line}`}: unexpected pass of a known failure (${reason})`;
    }),
  ];
}

/** The lines at the end of a run; the last one is the counts alone. */
export function totalLines(totals: Totals, { refused, modules }: Statistics): string[] {
  const lines = [`${totals.filesPassed} of ${totals.files} files passed`];
  const reasons = Object.entries(refused);
  if (reasons.length > 0) {
    const count = reasons.reduce((sum, [, each]) => sum + each, 0);
    lines.push(`${count} of ${modules} modules refused by Binaryen's instrumenter and done with frames:`);
    for (const [reason, each] of reasons) lines.push(`${String(each).padStart(6)}  ${reason}`);
  }
  if (totals.known > 0) lines.push(`${totals.known} of the failures are known`);
  if (totals.unexpectedPasses > 0) lines.push(`${totals.unexpectedPasses} unexpected passes`);
  return [...lines, `${totals.passed} passed, ${totals.failed} failed`];
}
