import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from './exec.ts';
import type { KnownFailure } from './known-failures.ts';
import { FileExpectations } from './known-failures.ts';
import { decodeUtf8, ScriptSyntaxError } from './lexer.ts';
import { type Mode, Tally } from './modes/mode.ts';
import type { FailureReport, FileReport, RunReport } from './report.ts';
import { fileLines, statisticsOf, succeeded, total, totalLines } from './report.ts';
import type { Command } from './script.ts';
import { parseScript } from './script.ts';

export type RunOptions = {
  readonly mode: Mode;
  /** Print the report as JSON instead of lines. */
  readonly json?: boolean;
  readonly knownFailures?: readonly KnownFailure[];
  /** Also print what scripts print through the module "spectest". */
  readonly verbose?: boolean;
};

export type RunOutput = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether `err` is a terminal: only then is there a progress line. */
  readonly isTerminal: boolean;
};

export type RunResult = { readonly exitCode: 0 | 1; readonly report: RunReport };

/** A path that cannot be run. */
export class PathError extends Error {
  readonly kind = 'path';
  constructor(message: string) {
    super(message);
    this.name = 'PathError';
  }
}

/**
 * Runs scripts, and folders of scripts, in a mode and reports on `output`. The exit code is 0 if nothing failed but known
 * failures and all of those did. Throws {@link PathError} if a path cannot be read or there is no script at all.
 */
export async function runPaths(paths: readonly string[], options: RunOptions, output: RunOutput): Promise<RunResult> {
  const scripts = findScripts(paths);
  if (scripts.length === 0) throw new PathError(`no .wast files in ${paths.join(', ')}`);
  const start = performance.now();
  const progress = new Progress(scripts.length, output);
  const files: FileReport[] = [];
  const tally = new Tally();
  for (const file of scripts) {
    progress.show(files.length, file);
    const report = await runFile(
      file,
      options,
      (line) => {
        if (options.verbose !== true) return;
        progress.clear();
        // Standard output belongs to the report.
        output.err(`${line}\n`);
      },
      tally,
    );
    files.push(report);
    progress.clear();
    if (options.json !== true) output.out(`${fileLines(report).join('\n')}\n`);
  }
  const totals = total(files);
  const seconds = Math.round(performance.now() - start) / 1000;
  const statistics = statisticsOf(tally);
  const report: RunReport = { mode: options.mode.name, seconds, totals, statistics, files };
  const text = options.json === true ? JSON.stringify(report, null, 2) : totalLines(totals, statistics).join('\n');
  output.out(`${text}\n`);
  return { exitCode: succeeded(totals) ? 0 : 1, report };
}

/** Runs one script. A file that is no script at all has one failure. */
export async function runFile(
  file: string,
  options: RunOptions,
  print: (line: string) => void,
  tally: Tally = new Tally(),
): Promise<FileReport> {
  const expectations = new FileExpectations(options.knownFailures ?? [], file, options.mode.name);
  const failures: FailureReport[] = [];
  let passed = 0;
  const passedBy: Record<string, number> = {};
  const fail = (failure: Omit<FailureReport, 'file' | 'known'>): void => {
    const known = expectations.reasonFor(failure.line);
    failures.push({ file, ...failure, ...(known === undefined ? {} : { known }) });
  };
  const source = readFileSync(file);
  const commands = readCommands(source);
  if (commands.ok) {
    let index = 0;
    for await (const result of runScript(commands.commands, options.mode, print, tally)) {
      if (!result.ok) {
        const { line, keyword, expected, got } = result;
        fail({ index, line, command: keyword, expected, got });
      } else if (result.assertion) {
        passed++;
        passedBy[result.keyword] = (passedBy[result.keyword] ?? 0) + 1;
      }
      index++;
    }
  } else {
    fail({ index: -1, line: commands.line, command: 'script', expected: 'a script', got: commands.message });
  }
  const unexpectedPasses = expectations.unexpectedPasses().map(({ line, reason }) => {
    return { file, reason, ...(line === undefined ? {} : { line }) };
  });
  return { file, passed, passedBy, failed: failures.length, failures, unexpectedPasses };
}

function readCommands(
  bytes: Uint8Array,
): { ok: true; commands: readonly Command[] } | { ok: false; line: number; message: string } {
  let source = '';
  try {
    source = decodeUtf8(bytes);
    return { ok: true, commands: parseScript(source) };
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error;
    return { ok: false, line: source.slice(0, error.offset).split('\n').length, message: error.message };
  }
}

/** Scripts in the order they are run: paths as given, within a folder sorted by path, `.wast` files only. */
function findScripts(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new PathError(`no such file or folder: ${path}`);
    if (!stat.isDirectory()) return [path];
    const entries = readdirSync(path, { recursive: true, encoding: 'utf8' });
    return entries
      .filter((entry) => entry.endsWith('.wast'))
      .sort()
      .map((entry) => join(path, entry));
  });
}

class Progress {
  readonly #count: number;
  readonly #output: RunOutput;

  constructor(count: number, output: RunOutput) {
    this.#count = count;
    this.#output = output;
  }

  show(done: number, file: string): void {
    if (this.#output.isTerminal) this.#output.err(`\r\x1b[K[${done + 1}/${this.#count}] ${file}`);
  }

  clear(): void {
    if (this.#output.isTerminal) this.#output.err('\r\x1b[K');
  }
}
