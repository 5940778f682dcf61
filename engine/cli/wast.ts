import knownFailures from '../../spec-tests/known-failures.json' with { type: 'json' };
import { type KnownFailure, type Mode, nativeMode, PathError, runPaths } from '../../spec-tests/runner/index.ts';
import { loadBinaryenModes } from '../../spec-tests/runner/modes/binaryen.ts';
import { chaosMode, yieldMode } from '../../spec-tests/runner/modes/chaos.ts';
import { closedMode, framesMode, roundtripMode } from '../../spec-tests/runner/modes/frames.ts';
import { type Command, CommandError, choice, parse, UsageError, writeFile } from './command.ts';

const MODES = [
  'frames',
  'closed',
  'frames-yield',
  'frames-chaos',
  'binaryen-yield',
  'binaryen-chaos',
  'native',
  'roundtrip',
] as const;

const help = `Usage: bobbin wast [--mode MODE] [--json FILE] [--verbose] PATH...

Runs scripts of the WebAssembly specification's test suite (.wast), and folders of them.

  --mode frames       (default) transformed, as modules that link with each other
  --mode closed       transformed, as modules that link with the host only (those that a script links with each other are
                      transformed to do so)
  --mode frames-yield like frames, with yield points at which nothing happens
  --mode frames-chaos like frames, and what a script calls is unwound and rewound at every yield point
  --mode binaryen-yield, binaryen-chaos
                      the same two by Binaryen's Asyncify pass; modules it refuses are run as in frames
  --mode roundtrip    decoded and encoded again, run by the engine
  --mode native       by the engine as it is
  --json FILE         also write the report to a file
  --verbose           also print what scripts print
  -h, --help          this text
`;

async function modeOf(name: (typeof MODES)[number]): Promise<Mode> {
  switch (name) {
    case 'frames':
      return framesMode;
    case 'closed':
      return closedMode;
    case 'frames-yield':
      return yieldMode;
    case 'frames-chaos':
      return chaosMode;
    case 'binaryen-yield':
      return (await loadBinaryenModes()).yieldMode;
    case 'binaryen-chaos':
      return (await loadBinaryenModes()).chaosMode;
    case 'native':
      return nativeMode;
    case 'roundtrip':
      return roundtripMode;
    default:
      return name satisfies never;
  }
}

export const command: Command = {
  help,
  async run(args, io) {
    const { values, positionals } = parse({
      args: [...args],
      allowPositionals: true,
      options: {
        mode: { type: 'string', default: 'frames' },
        json: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    if (positionals.length === 0) throw new UsageError('no scripts given');
    const mode = await modeOf(choice('mode', values.mode, MODES));
    try {
      const { exitCode, report } = await runPaths(
        positionals,
        { mode, verbose: values.verbose, knownFailures: knownFailures as KnownFailure[] },
        io,
      );
      if (values.json !== undefined) writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
      return exitCode;
    } catch (error) {
      if (error instanceof PathError) throw new CommandError(error.message);
      throw error;
    }
  },
};
