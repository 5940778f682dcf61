import { basename, resolve } from 'node:path';
import knownFailures from '../../spec-tests/known-failures.json' with { type: 'json' };
import {
  CHECKED_MODE_NAMES,
  type CheckedModeName,
  conformanceReport,
  type KnownFailure,
  loadMode,
  MODE_NAMES,
  type ModeName,
  PathError,
  runModes,
  runPaths,
} from '../../spec-tests/runner/index.ts';
import { type Command, CommandError, choice, type Io, parse, UsageError, writeFile } from './command.ts';

/** `linked` is the other name of `frames`, beside `closed`. */
const MODES = [...MODE_NAMES, ...CHECKED_MODE_NAMES, 'linked', 'all'] as const;

const help = `Usage: bobbin wast [--mode MODE]... [--json FILE] [--report FILE] [--verbose] PATH...

Runs scripts of the WebAssembly specification's test suite (.wast), and folders of them.

  --mode frames, --mode linked
                      (default) transformed, as modules that link with each other
  --mode closed       transformed, as modules that link with the host only (those that a script links with each other are
                      transformed to do so)
  --mode frames-yield like frames, with yield points at which nothing happens
  --mode frames-chaos like frames, with yield points in every block, and what a script calls is unwound and rewound at each
  --mode binaryen-yield, binaryen-chaos
                      the same two by Binaryen's Asyncify pass; modules it refuses are run as in frames, and counted
  --mode frames-checked, closed-checked, frames-chaos-checked
                      test builds of the modes above, which check the runtime's invariants at every transition; slow, not in all
  --mode roundtrip    decoded and encoded again, run by the engine
  --mode native       by the engine as it is
  --mode all          in all of them, one after the other; so are several modes that are given, and compared with native
  --json FILE         also write the results to a file
  --report FILE       also write a report in Markdown, on all that was run and on the instructions that were executed
  --verbose           also print what scripts print
  -h, --help          this text
`;

export const command: Command = {
  help,
  async run(args, io) {
    const { values, positionals } = parse({
      args: [...args],
      allowPositionals: true,
      options: {
        mode: { type: 'string', multiple: true, default: ['frames'] },
        json: { type: 'string' },
        report: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    if (positionals.length === 0) throw new UsageError('no scripts given');
    const names = modeNames(values.mode);
    const { json, report, verbose } = values;
    try {
      if (names.length > 1 || report !== undefined)
        return await several(positionals, names, { json, report, verbose }, io);
      const mode = await loadMode(names[0] ?? 'frames');
      const options = { mode, verbose, knownFailures: knownFailures as KnownFailure[] };
      const result = await runPaths(positionals, options, io);
      if (json !== undefined) writeFile(json, `${JSON.stringify(result.report, null, 2)}\n`);
      return result.exitCode;
    } catch (error) {
      if (error instanceof PathError) throw new CommandError(error.message);
      throw error;
    }
  },
};

interface Several {
  readonly json: string | undefined;
  readonly report: string | undefined;
  readonly verbose: boolean;
}

async function several(
  paths: readonly string[],
  names: readonly (ModeName | CheckedModeName)[],
  { json, report, verbose }: Several,
  io: Io,
): Promise<number> {
  const modes = await Promise.all(names.map(loadMode));
  const options = { verbose, knownFailures: knownFailures as KnownFailure[], opcodes: report !== undefined };
  const { exitCode, conformance } = await runModes(paths, modes, options, io);
  if (json !== undefined) {
    const { runs, comparisons, unseen } = conformance;
    writeFile(json, `${JSON.stringify({ runs, comparisons, unseen: unseen && [...unseen] }, null, 2)}\n`);
  }
  if (report !== undefined) {
    const all = names.length === MODE_NAMES.length ? ['all'] : names;
    const flags = all.map((name) => `--mode ${name}`).join(' ');
    const scripts = paths.map((path) => basename(resolve(path))).join(' ');
    const command = `bobbin wast ${flags} --report ${basename(report)} ${scripts}`;
    const { v8 } = process.versions;
    const engine = v8 === undefined ? process.version : `Node.js ${process.version}, V8 ${v8}`;
    writeFile(report, conformanceReport(conformance, { paths, command, engine }));
  }
  return exitCode;
}

/** The modes that are asked for, each once, in the order they are given; `all` in that of the table. */
function modeNames(given: readonly string[]): (ModeName | CheckedModeName)[] {
  const names = given.flatMap((value): readonly (ModeName | CheckedModeName)[] => {
    const name = choice('mode', value, MODES);
    if (name === 'all') return MODE_NAMES;
    return [name === 'linked' ? 'frames' : name];
  });
  return [...new Set(names)];
}
