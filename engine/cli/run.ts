import type { Module as Decoded } from '../../asyncify/binary/module.ts';
import { transformModule } from '../../asyncify/index.ts';
import { Engine, ExhaustionError, type Exports, type Module, SuspensionError } from '../index.ts';
import { type Command, CommandError, type Io, parse, UsageError } from './command.ts';
import { inFile, readModule } from './input.ts';
import { exportedFunction, parseArguments, showResults } from './values.ts';
import { createProcess, WASI_MODULE } from './wasi.ts';

const help = `Usage: bobbin run [OPTIONS] FILE [ARGS...]
       bobbin run [OPTIONS] FILE --invoke NAME [ARGS...]

Runs a module. A WASI command (one that exports "_start") runs as a program, with ARGS as its arguments.
With --invoke an exported function is called with ARGS, literals of the text format such as -1, 0x10, 2.5 or nan, and its
results are printed, one line each, with their types.

  --invoke NAME        the function to call; everything after NAME is ARGS
  --env NAME=VALUE     an environment variable of the program; may be repeated
  --frame-limit N      how many saved frames one continuation may have (default 1048576)
  -h, --help           this text

A module that was transformed before runs as it is. The exit status is the program's own, or 1 where it trapped.
`;

const OPTIONS = {
  invoke: { type: 'string' },
  env: { type: 'string', multiple: true, default: [] as string[] },
  'frame-limit': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const command: Command = {
  help,
  async run(args, io) {
    const [head, rest] = split(args);
    const { values, positionals } = parse({ args: head, allowPositionals: true, options: OPTIONS });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const [path] = positionals;
    if (path === undefined) throw new UsageError('no module given');
    const badVariable = values.env.find((entry) => !/^[^=]+=/.test(entry));
    if (badVariable !== undefined) throw new UsageError(`--env takes NAME=VALUE, not "${badVariable}"`);
    const engine = new Engine(frameLimit(values['frame-limit']));

    const { bytes, module: decoded, transformed } = await readModule(path);
    const module = await inFile(path, () => {
      return engine.load(transformed ? (bytes as Uint8Array<ArrayBuffer>) : closed(decoded, bytes));
    });
    const name = values.invoke ?? entryPoint(path, decoded);
    const type = exportedFunction(decoded, name);
    if (type === undefined) throw new CommandError(`${path}: exports no function "${name}"${list(decoded)}`);
    const isProgram = values.invoke === undefined;
    const callArgs = isProgram ? [] : parseArguments(name, type, rest);
    checkImports(path, module);

    const program = createProcess(isProgram ? [path, ...rest] : [path], values.env, io);
    try {
      const { exports } = module.instantiate({ [WASI_MODULE]: program.imports });
      if (exports.memory instanceof WebAssembly.Memory) program.attach(exports.memory);
      if (!isProgram && name !== '_initialize') callOf(exports, '_initialize')?.();
      const returned = callOf(exports, name)?.(...callArgs);
      for (const line of showResults(type, returned)) io.out(`${line}\n`);
      return 0;
    } catch (error) {
      if (program.exitStatus !== undefined) return program.exitStatus;
      return fail(path, error, io);
    }
  },
};

/** Splits before the arguments that are the program's: after FILE, or after --invoke NAME. */
function split(args: readonly string[]): [head: string[], rest: string[]] {
  const takesValue = (word: string) => word === '--invoke' || word === '--env' || word === '--frame-limit';
  let hasFile = false;
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const isInvoke = word === '--invoke' || word.startsWith('--invoke=');
    if (takesValue(word)) at++;
    else if (word === '--' || !word.startsWith('-') || word === '-') {
      if (hasFile) return [args.slice(0, at), args.slice(word === '--' ? at + 1 : at)];
      if (word === '--') continue;
      hasFile = true;
    } else if (hasFile && !isInvoke && word !== '--help' && word !== '-h') return [args.slice(0, at), args.slice(at)];
    if (isInvoke && hasFile) return [args.slice(0, at + 1), args.slice(at + 1)];
  }
  return [[...args], []];
}

function frameLimit(text: string | undefined): { frameLimit?: number } {
  if (text === undefined) return {};
  const limit = Number(text);
  if (!/^[0-9]+$/.test(text) || limit < 1 || limit > 0x7fff_ffff) {
    throw new UsageError(`--frame-limit is a number from 1 to ${0x7fff_ffff}, not "${text}"`);
  }
  return { frameLimit: limit };
}

/** The only other party is the host. */
function closed(decoded: Decoded, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return transformModule(decoded, bytes, { linking: 'closed' }).bytes;
}

function entryPoint(path: string, module: Decoded): string {
  if (exportedFunction(module, '_start') !== undefined) return '_start';
  throw new UsageError(
    `${path} is no WASI command (it exports no "_start"); name a function with --invoke${list(module)}`,
  );
}

function list(module: Decoded): string {
  const names = module.exports.filter(({ kind }) => kind === 'func').map(({ name }) => JSON.stringify(name));
  return `\nExported functions: ${names.length === 0 ? 'none' : names.join(', ')}`;
}

function checkImports(path: string, module: Module): void {
  const foreign = module.imports.filter((entry) => entry.module !== WASI_MODULE);
  if (foreign.length === 0) return;
  const names = foreign.map((entry) => `"${entry.module}" "${entry.name}" (${entry.kind})`);
  throw new CommandError(`${path}: imports what only a host program can provide: ${names.join(', ')}`);
}

function callOf(exports: Exports, name: string): ((...args: unknown[]) => unknown) | undefined {
  const value = exports[name];
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown) : undefined;
}

/** Says how the program failed. Throws on what is not the program's failure. */
function fail(path: string, error: unknown, io: Io): number {
  if (error instanceof CommandError) throw new CommandError(`${path}: ${error.message}`);
  if (error instanceof WebAssembly.LinkError) throw new CommandError(`${path}: ${error.message}`);
  const what = failure(error);
  if (what === undefined) throw error;
  io.err(`bobbin run: ${path}: ${what}\n`);
  return 1;
}

function failure(error: unknown): string | undefined {
  if (error instanceof SuspensionError) return `unhandled suspension: ${error.message}`;
  if (error instanceof ExhaustionError || error instanceof RangeError) return `exhaustion: ${error.message}`;
  if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}`;
  if (error instanceof WebAssembly.Exception) return 'uncaught exception';
  return undefined;
}
