import { join, resolve, sep } from 'node:path';
import type { OpName } from '../../asyncify/binary/opcodes.ts';
import { OPCODES } from '../../asyncify/binary/opcodes.ts';
import { probingMode } from './modes/chaos.ts';
import type { Mode } from './modes/mode.ts';
import type { FailureReport, FileReport, RunReport } from './report.ts';
import { isAssertion } from './report.ts';
import { type RunOptions, type RunOutput, runPaths } from './run.ts';

/** How a mode's assertions compare with the same assertions run by the engine as it is. */
export type Comparison = {
  /** The path whose scripts are compared. */
  readonly path: string;
  readonly mode: string;
  /** Assertions that pass in both, only natively, only in the mode, and in neither. */
  readonly both: number;
  readonly lost: readonly AssertionPlace[];
  readonly gained: readonly AssertionPlace[];
  readonly neither: readonly AssertionPlace[];
};
export type AssertionPlace = {
  readonly file: string;
  readonly line: number;
  readonly command: string;
  /** Why it is known to fail, if it is; for an assertion that only fails natively, why it does there. */
  readonly known?: string;
};

/** Several runs of the same scripts, the first of which may be native. */
export type Conformance = {
  readonly runs: readonly RunReport[];
  readonly comparisons: readonly Comparison[];
  /** Instructions that no function of the scripts executed in `frames-chaos`; null: not looked at. */
  readonly unseen: ReadonlySet<OpName> | null;
};

export type ConformanceResult = { readonly exitCode: 0 | 1; readonly conformance: Conformance };

/**
 * Runs scripts in several modes, one after the other, and compares the modes with the native one assertion by assertion, where
 * it is among them. The exit code is 0 if each mode's is and nothing that passes natively fails in another mode but what is known to. Throws as
 * {@link runPaths} does.
 *
 * @param opcodes whether to look at which instructions are executed; takes one more run
 */
export async function runModes(
  paths: readonly string[],
  modes: readonly Mode[],
  options: Omit<RunOptions, 'mode' | 'json'> & { readonly opcodes?: boolean },
  output: RunOutput,
): Promise<ConformanceResult> {
  const runs: RunReport[] = [];
  let exitCode: 0 | 1 = 0;
  const run = async (mode: Mode, heading: string): Promise<RunReport> => {
    output.out(`${heading}\n`);
    const result = await runPaths(paths, { ...options, mode }, output);
    if (result.exitCode !== 0) exitCode = 1;
    return result.report;
  };
  for (const mode of modes) runs.push(await run(mode, `mode ${mode.name}`));
  let unseen: Set<OpName> | null = null;
  if (options.opcodes === true) {
    unseen = new Set(OPCODES.map(({ name }) => name));
    await run(probingMode(unseen), 'instructions executed in frames-chaos');
  }
  const native = runs.find(({ mode }) => mode === 'native');
  const others = native === undefined ? [] : runs.filter((each) => each !== native);
  const comparisons = paths.flatMap((path) => others.map((other) => compare(native!, other, path)));
  for (const comparison of comparisons) {
    if (comparison.lost.some(({ known }) => known === undefined)) exitCode = 1;
    output.out(`${comparison.path}, ${comparisonLine(comparison)}\n`);
  }
  return { exitCode, conformance: { runs, comparisons, unseen } };
}

/** In one line, how a mode compares with the engine. */
export function comparisonLine({ mode, both, lost, gained, neither }: Comparison): string {
  const native = both + lost.length;
  const part = lost.length === 0 ? `all ${native}` : `${both} of ${native}`;
  return `${mode}: ${part} assertions that pass natively pass, and ${gained.length} of ${gained.length + neither.length} others`;
}

/** Compares two runs of the same scripts, in what is under one path. Throws `RangeError` where they are not the same. */
export function compare(native: RunReport, other: RunReport, path: string): Comparison {
  let both = 0;
  const lost: AssertionPlace[] = [];
  const gained: AssertionPlace[] = [];
  const neither: AssertionPlace[] = [];
  const root = resolve(path);
  native.files.forEach((here, at) => {
    const there = other.files[at];
    if (there?.file !== here.file || assertions(there) !== assertions(here)) {
      throw new RangeError(`${other.mode} ran other assertions than ${native.mode}: ${here.file}`);
    }
    const whole = resolve(here.file);
    if (whole !== root && !whole.startsWith(join(root, sep))) return;
    const nativeFailures = failedAssertions(here);
    const failures = failedAssertions(there);
    for (const [index, failure] of nativeFailures) (failures.has(index) ? neither : gained).push(placeOf(failure));
    for (const [index, failure] of failures) if (!nativeFailures.has(index)) lost.push(placeOf(failure));
    both += assertions(here) - new Set([...nativeFailures.keys(), ...failures.keys()]).size;
  });
  return { path, mode: other.mode, both, lost, gained, neither };
}

/** How many assertions a script has. */
export function assertions(file: FileReport): number {
  return file.passed + file.failures.filter(isAssertion).length;
}

function failedAssertions(file: FileReport): Map<number, FailureReport> {
  return new Map(file.failures.filter(isAssertion).map((failure) => [failure.index, failure]));
}

function placeOf({ file, line, command, known }: FailureReport): AssertionPlace {
  return { file, line, command, ...(known === undefined ? {} : { known }) };
}
