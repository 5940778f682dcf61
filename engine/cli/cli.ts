import packageJson from '../../package.json' with { type: 'json' };
import { BobbinError } from '../index.ts';
import { type Command, CommandError, type Io, UsageError } from './command.ts';

const COMMANDS: ReadonlyMap<string, () => Promise<{ readonly command: Command }>> = new Map([
  ['run', () => import('./run.ts')],
  ['transform', () => import('./transform.ts')],
  ['wast', () => import('./wast.ts')],
]);

const HELP = `Usage: bobbin COMMAND ...

Runs WebAssembly modules that use stack switching on engines that have none.

  run FILE [ARGS...]          run a module: a WASI command, or one function with --invoke
  transform IN -o OUT         turn a module into plain WebAssembly 3.0
  wast PATH...                run scripts of the specification's test suite

  bobbin COMMAND --help       what a command takes
  bobbin --version            the version

Modules are binaries or text, told apart by their content.
`;

/** Runs a command line and returns the exit status: 0, 1 where something failed, 2 where the command line is wrong. */
export async function cli(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  try {
    return await dispatch(name, rest, io);
  } catch (error) {
    const prefix = name !== undefined && COMMANDS.has(name) ? `bobbin ${name}` : 'bobbin';
    if (error instanceof UsageError) {
      io.err(`${prefix}: ${error.message}\nSee ${prefix} --help\n`);
      return 2;
    }
    io.err(`${prefix}: ${explainError(error)}\n`);
    return 1;
  }
}

async function dispatch(name: string | undefined, args: readonly string[], io: Io): Promise<number> {
  switch (name) {
    case undefined:
      throw new UsageError('no command');
    case '--help':
    case '-h':
      io.out(HELP);
      return 0;
    case '--version':
      io.out(`${packageJson.version}\n`);
      return 0;
    default: {
      const load = COMMANDS.get(name);
      if (load === undefined) throw new UsageError(`unknown command "${name}"`);
      const { command } = await load();
      return command.run(args, io);
    }
  }
}

function explainError(error: unknown): string {
  if (error instanceof CommandError || error instanceof BobbinError) return error.message;
  if (!(error instanceof Error)) return `unexpected: ${String(error)}`;
  // Not foreseen: whoever has to find out why needs the stack.
  return `unexpected ${error.stack ?? error.message}`;
}
