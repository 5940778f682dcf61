import { basename, dirname, relative, resolve } from 'node:path';
import { OPCODES } from '../../asyncify/binary/opcodes.ts';
import { assertions, type Comparison, type Conformance } from './conformance.ts';
import type { FailureReport, FileReport, RunReport } from './report.ts';
import { isAssertion } from './report.ts';

/** What a report says beside its numbers. */
export type ReportOptions = {
  /** The paths that were run; the report names scripts from the last part of these on. */
  readonly paths: readonly string[];
  /** The command that writes the report. */
  readonly command: string;
  /** The engine and its version. */
  readonly engine: string;
};

const WIDTH = 120;
const count = (number: number): string => number.toLocaleString('en');
const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

/** A report in Markdown. It holds no path of the machine it was made on. */
export function conformanceReport({ runs, comparisons, unseen }: Conformance, options: ReportOptions): string {
  const names = namesOf(options.paths);
  const native = runs.find(({ mode }) => mode === 'native');
  const parts = [
    '# Conformance',
    paragraph(
      `Written by \`${options.command}\` on ${options.engine}. Every script is run in every mode, nothing is skipped: what ` +
        'JavaScript cannot carry, such as vectors and exception references, is passed and compared inside of WebAssembly.',
    ),
    table(
      ['mode', 'scripts', 'assertions', 'passed', 'failed', 'skipped', 'other commands failed', 'seconds'],
      runs.map((run) => modeRow(run)),
    ),
    ...(comparisons.length === 0 ? [] : compared(comparisons, names)),
    '## By folder',
    table(['folder', 'scripts', 'assertions', ...runs.map(({ mode }) => mode)], folderRows(runs, names)),
    ...(native === undefined ? [] : lacking(native, names)),
    ...transformed(runs),
    ...refusals(runs),
    ...(unseen === null ? [] : opcodes(unseen)),
    ...knownFailures(runs, names),
  ];
  return `${parts.join('\n\n')}\n`;
}

type Names = (file: string) => string;

/** Scripts by the last part of the path they were found under. */
function namesOf(paths: readonly string[]): Names {
  const roots = paths.map((path) => resolve(path)).sort((a, b) => b.length - a.length);
  return (file) => {
    const whole = resolve(file);
    const root = roots.find((each) => whole === each || whole.startsWith(`${each}/`)) ?? dirname(whole);
    return [basename(root), ...relative(root, whole).split('/')].filter((part) => part !== '').join('/');
  };
}

function modeRow({ mode, files, seconds }: RunReport): string[] {
  const failures = files.flatMap((file) => file.failures);
  const failed = failures.filter(isAssertion).length;
  const numbers = [files.length, sum(files, assertions), sum(files, ({ passed }) => passed), failed, 0];
  return [mode, ...numbers.map(count), count(failures.length - failed), seconds.toFixed(0)];
}

function compared(comparisons: readonly Comparison[], names: Names): string[] {
  const rows = comparisons.map(({ path, mode, both, lost, gained, neither }) => [
    basename(resolve(path)),
    mode,
    ...[both + lost.length, both, lost.length, gained.length, neither.length].map(count),
  ]);
  const lost = comparisons.flatMap(({ mode, lost }) =>
    lost.map(({ file, line, command, known }) => {
      return `- ${mode}: \`${names(file)}:${line}\` ${command}${known === undefined ? '' : ', a known failure'}`;
    }),
  );
  return [
    '## Against the engine',
    paragraph(
      'Each assertion is compared with itself in the native mode: the question is not whether as many pass, but whether the same do.',
    ),
    table(['scripts', 'mode', 'pass natively', 'of these here', 'natively only', 'here only', 'in neither'], rows, 2),
    lost.length === 0
      ? 'No assertion that passes natively fails in any other mode.'
      : ['Pass natively and fail in another mode:', '', ...lost].join('\n'),
  ];
}

function folderRows(runs: readonly RunReport[], names: Names): string[][] {
  const byFolder = runs.map(({ files }) => Map.groupBy(files, ({ file }) => dirname(names(file))));
  return [...(byFolder[0] ?? [])].map(([folder, files]) => [
    folder,
    count(files.length),
    count(sum(files, assertions)),
    ...byFolder.map((folders) => count(sum(folders.get(folder) ?? [], ({ passed }) => passed))),
  ]);
}

/** What fails natively, and why some of what needs the missing feature passes all the same. */
function lacking(native: RunReport, names: Names): string[] {
  const failing = native.files.filter(({ failed }) => failed > 0);
  if (failing.length === 0) return [];
  const all = sum(native.files, assertions);
  const passed = sum(native.files, (file) => file.passed);
  const byFolder = Map.groupBy(failing, ({ file }) => dirname(names(file)));
  const lines = [...byFolder].map(([folder, files]) => {
    const failures = files.flatMap((file) => file.failures);
    const failed = failures.filter(isAssertion);
    const reasons = new Set(failures.map(({ known }) => known ?? 'not known'));
    const vacuous = merge(files.map(({ passedBy }) => passedBy));
    return (
      `- \`${folder}\`, scripts ${count(files.length)}, assertions ${count(sum(files, assertions))}: ${count(failed.length)} ` +
      `of these fail${listed(byCommand(failed))}, and other commands ${count(failures.length - failed.length)}` +
      `${listed(byCommand(failures.filter((failure) => !isAssertion(failure))))}. ` +
      `Those that pass: ${listed(vacuous) === '' ? 'none' : listed(vacuous).slice(2, -1)}. Why: ${[...reasons].join('; ')}.`
    );
  });
  return [
    '## What the engine lacks',
    paragraph(
      `Of ${count(all)} assertions ${count(passed)} pass natively and ${count(all - passed)} fail, all of them in scripts with ` +
        'modules that the engine rejects. In such a script an `assert_invalid` passes natively whether or not the engine would ' +
        'see the mistake: it knows none of the module. The scripts:',
    ),
    lines.map((line) => wrap(line, '  ')).join('\n'),
  ];
}

const byCommand = (failures: readonly FailureReport[]): Record<string, number> => {
  const groups = Map.groupBy(failures, ({ command }) => command);
  return Object.fromEntries([...groups].map(([command, { length }]) => [command, length]));
};

function merge(counts: readonly FileReport['passedBy'][]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const each of counts) for (const [key, value] of Object.entries(each)) result[key] = (result[key] ?? 0) + value;
  return result;
}

function listed(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return entries.length === 0 ? '' : ` (${entries.map(([name, number]) => `${count(number)} ${name}`).join(', ')})`;
}

function transformed(runs: readonly RunReport[]): string[] {
  const rows = runs.filter(({ statistics }) => statistics.modules > 0);
  if (rows.length === 0) return [];
  return [
    '## What was transformed',
    paragraph(
      'Modules that the runner makes to carry values are among them. In the chaos modes there are yield points at the entry of ' +
        'every function and in every block, loop, arm and handler, and what a script calls is unwound and rewound at each of ' +
        'them that it reaches; the suspensions of the programs themselves are not counted.',
    ),
    table(
      ['mode', 'modules', 'changed', 'functions instrumented', 'calls in a continuation', 'unwound and rewound'],
      rows.map(({ mode, statistics: { modules, changed, functions, calls, suspensions } }) => [
        mode,
        ...[modules, changed, functions, calls, suspensions].map(count),
      ]),
    ),
  ];
}

function refusals(runs: readonly RunReport[]): string[] {
  const refusing = runs.filter(({ statistics }) => Object.keys(statistics.refused).length > 0);
  if (refusing.length === 0) return [];
  const reasons = [...new Set(refusing.flatMap(({ statistics }) => Object.keys(statistics.refused)))];
  const rows = reasons.map((reason) => [
    reason,
    ...refusing.map(({ statistics }) => count(statistics.refused[reason] ?? 0)),
  ]);
  const all = refusing.map(({ statistics }) => count(sum(Object.values(statistics.refused), (each) => each)));
  const done = refusing.map(({ statistics }) =>
    count(statistics.modules - sum(Object.values(statistics.refused), (each) => each)),
  );
  return [
    "## What Binaryen's instrumenter refuses",
    paragraph(
      'Where it refuses a module, the module is instrumented with frames and run all the same. In `binaryen-chaos` every function ' +
        'may suspend, so that a reference anywhere is enough.',
    ),
    table(
      ['reason', ...refusing.map(({ mode }) => mode)],
      [...rows, ['**refused**', ...all], ['**instrumented**', ...done]],
    ),
  ];
}

function opcodes(unseen: ReadonlySet<string>): string[] {
  const missing = OPCODES.filter(({ name }) => unseen.has(name));
  const executed = paragraph(
    `Of the ${OPCODES.length} instructions of the opcode table, ${OPCODES.length - missing.length} were executed in ` +
      '`frames-chaos` by a function that can be unwound anywhere. What counts is that control reached the instruction there: it ' +
      'sets a global just before, or just behind `else`, `end`, `delegate` and the like.',
  );
  const rest = missing.map(({ name, proposal }) => `- \`${name}\` (${proposal})`);
  return [
    '## Instructions executed',
    executed,
    ...(rest.length === 0 ? [] : [['Not executed by any of these scripts:', '', ...rest].join('\n')]),
  ];
}

function knownFailures(runs: readonly RunReport[], names: Names): string[] {
  const entries = new Map<string, Set<string>>();
  for (const { mode, files } of runs) {
    for (const { file, line, command, known } of files.flatMap(({ failures }) => failures)) {
      // What the engine lacks has a section of its own.
      if (mode === 'native' || mode === 'roundtrip') continue;
      const text = `\`${names(file)}:${line}\` ${command}: ${known ?? '**not known**'}`;
      entries.set(text, (entries.get(text) ?? new Set()).add(mode));
    }
  }
  const lines = [...entries].map(([text, modes]) => wrap(`- ${text}. In ${[...modes].join(', ')}.`, '  '));
  return ['## Known failures', lines.length === 0 ? 'None but what the engine lacks.' : lines.join('\n')];
}

/** The first columns hold words, the others numbers. */
function table(head: readonly string[], rows: readonly (readonly string[])[], words = 1): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index < words ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

const paragraph = (text: string): string => wrap(text, '');

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && `${line} ${word}`.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
