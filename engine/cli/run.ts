import type { Module as Decoded } from '../../asyncify/binary/module.ts';
import { Engine, ExhaustionError, type Module, ProcessError, SuspensionError, statusCode } from '../index.ts';
import { SIGNAL_MODULE } from '../process/index.ts';
import { SandboxError } from '../sandbox/index.ts';
import { SchedulerError } from '../scheduler/index.ts';
import type { Signo } from '../signals/index.ts';
import { ATOMICS_MODULE, THREADS_MODULE, WASI_THREADS_MODULE } from '../threads/index.ts';
import { WASI_MODULE } from '../wasi/index.ts';
import { type Command, CommandError, type Io, parse, UsageError } from './command.ts';
import { parseDir } from './dirs.ts';
import { inFile, readModule } from './input.ts';
import { greenAtomics, PROCESS_OPTIONS, processTransform, transformForProcess } from './load.ts';
import { duration, positive } from './options.ts';
import { type Ending, runProgram, type StoreLimits } from './program.ts';
import { isScheduled, scheduling, THREAD_OPTIONS } from './threads.ts';
import { isTimed, openTimeline, TIMELINE_OPTIONS } from './timeline.ts';
import { exportedFunction, parseArguments, showResults } from './values.ts';
import { createWorld, type World } from './wasi.ts';

const help = `Usage: bobbin run [OPTIONS] FILE [ARGS...]
       bobbin run [OPTIONS] FILE --invoke NAME [ARGS...]

Runs a module. A WASI command (one that exports "_start") runs as a program, with ARGS as its arguments.
With --invoke an exported function is called with ARGS, literals of the text format such as -1, 0x10, 2.5 or nan, and its
results are printed, one line each, with their types.

  --invoke NAME        the function to call; everything after NAME is ARGS
  --env NAME=VALUE     an environment variable of the program; may be repeated
  --dir HOST[::GUEST]  a folder that the program may use, and what it calls it; may be repeated
  --timeout TIME       500ms, 2s, 1m: sends SIGTERM then, and SIGKILL a second later; exit status 124
  --frame-limit N      how many saved frames one continuation may have (default 1048576)
  --stack-limit BYTES  how large they may be together (default 536870912)
  -h, --help           this text

How the program is made interruptible:

  --yield fuel         (default) it counts, and lets signals in every millisecond
  --yield epoch        it looks at a word that another thread sets
  --yield none         it computes without a break; signals reach it where it waits, and those of the terminal end it
  --fuel N             with fuel: lets signals in whenever N units of fuel are used up, so that runs do not depend on the
                       time; a poll takes one, or more after much work
  --instrumenter NAME  frames (default), or binaryen: Binaryen's Asyncify pass
  --depth heap         recursion is bounded by memory, not by the engine's stack: the default with fuel and epoch
  --depth native       it is not: the default with none
  --optimize LEVEL     with binaryen: how hard its optimiser works, 0 to 3 (default 2)

How its threads take turns, where it has any (it imports from "bobbin:threads", or was built for wasi-threads):

  --policy NAME[:N]    round-robin (default), fifo, priority, fair, deadline or lottery; N is the slice, in units
                       of fuel
  --seed N             of what is drawn (default 0)
  --virtual-time       time stands still while a thread can run, so that the same seed makes the same schedule
  --trace FILE         writes what they did, to be opened in Perfetto (Chrome's Trace Event Format)
  --stats              prints switches, slices, the run queue and memory at the end

Signals that bobbin gets reach the program: Ctrl-C as SIGINT, Ctrl-Z as SIGTSTP, SIGWINCH, SIGTERM and others. A second Ctrl-C
within a second of one that still waits ends the program.

A module that was transformed before runs as it is. The exit status is the program's own, 128 + n where signal n ended it,
or 1 where it trapped; where a signal ended it bobbin dies of the same.
`;

const OPTIONS = {
  invoke: { type: 'string' },
  env: { type: 'string', multiple: true, default: [] as string[] },
  dir: { type: 'string', multiple: true, default: [] as string[] },
  'frame-limit': { type: 'string' },
  'stack-limit': { type: 'string' },
  ...PROCESS_OPTIONS,
  fuel: { type: 'string' },
  timeout: { type: 'string' },
  ...THREAD_OPTIONS,
  ...TIMELINE_OPTIONS,
  help: { type: 'boolean', short: 'h', default: false },
} as const;
function storeLimits(values: { readonly [name in 'frame-limit' | 'stack-limit']?: string | undefined }): StoreLimits {
  const frameLimit = positive('frame-limit', values['frame-limit']);
  const stackLimit = positive('stack-limit', values['stack-limit']);
  return { ...(frameLimit === undefined ? {} : { frameLimit }), ...(stackLimit === undefined ? {} : { stackLimit }) };
}

/** Options whose value is the next word. */
const VALUED: ReadonlySet<string> = new Set(
  Object.entries(OPTIONS).flatMap(([name, { type }]) => (type === 'string' ? [`--${name}`] : [])),
);

type Values = ReturnType<typeof parse<{ options: typeof OPTIONS }>>['values'];

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
    const folders = values.dir.map(parseDir);
    const limits = storeLimits(values);
    const timeout = duration('timeout', values.timeout);
    const transform = processTransform(values);
    const fuel = positive('fuel', values.fuel);
    const schedule = scheduling(values);
    if (fuel !== undefined && transform.yields !== 'fuel') throw new UsageError('--fuel needs --yield fuel');

    const input = await readModule(path);
    if (input.transformed) checkUntouched(path, values);
    const engine = new Engine(limits);
    const module = await inFile(path, async () => {
      if (input.transformed) return engine.load(input.bytes);
      const how = { ...transform, ...greenAtomics(input.module) };
      return engine.load((await transformForProcess(input, how, io)).bytes);
    });
    const decoded = input.module;
    const name = values.invoke ?? entryPoint(path, decoded);
    const type = exportedFunction(decoded, name);
    if (type === undefined) throw new CommandError(`${path}: exports no function "${name}"${list(decoded)}`);
    const isProgram = values.invoke === undefined;
    const callArgs = isProgram ? [] : parseArguments(name, type, rest);
    const host = module.manifest?.host ?? null;
    const isProcess = host?.entries.includes(name) ?? false;
    const isThreaded = hasThreads(module) || isScheduled(values) || isTimed(values);
    checkImports(path, module, isProcess, isThreaded);
    if (fuel !== undefined && host?.poll !== 'fuel') throw new UsageError(`--fuel: ${path} does not yield by fuel`);
    if (timeout !== undefined && !isProcess) {
      throw new UsageError(`--timeout: ${path} was transformed before, and not so that it could be interrupted`);
    }

    if (isThreaded && !isProcess)
      throw new UsageError(`${path} was transformed before, and not so that it could have threads`);
    if (isThreaded && fuel !== undefined) {
      throw new UsageError('--fuel is for programs without threads: use --policy round-robin:N');
    }

    const timeline = openTimeline(values, io);
    let killer: Signo | null = null;
    const world = createWorld({ args: isProgram ? [path, ...rest] : [path], env: values.env, folders }, io);
    try {
      const ending = isProcess
        ? await runProgram(module.compiled, world, io, {
            entry: name,
            args: callArgs,
            limits,
            fuel,
            timeout,
            signals: host?.poll !== 'none',
            scheduling: isThreaded ? { ...schedule, options: { ...schedule.options, ...timeline.options } } : null,
            onFailure: (thread, error) =>
              io.err(`bobbin run: ${path}: thread "${thread}": ${failure(error) ?? error}\n`),
          })
        : call(module, world, name, callArgs);
      if (typeof ending !== 'number' && ending.kind === 'signaled') killer = ending.signal;
      return report(ending, (results) => {
        for (const line of showResults(type, results)) io.out(`${line}\n`);
      });
    } catch (error) {
      if (world.exitStatus !== undefined) return world.exitStatus;
      return fail(path, error, io);
    } finally {
      world.close();
      timeline.close();
      if (killer !== null) io.dieOf?.(killer);
    }
  },
};

/** Splits before the arguments that are the program's: after FILE, or after --invoke NAME. */
function split(args: readonly string[]): [head: string[], rest: string[]] {
  let hasFile = false;
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const isInvoke = word === '--invoke' || word.startsWith('--invoke=');
    if (VALUED.has(word)) {
      if (hasFile && !isInvoke) return [args.slice(0, at), args.slice(at)];
      at++;
    } else if (word === '--' || !word.startsWith('-') || word === '-') {
      if (hasFile) return [args.slice(0, at), args.slice(word === '--' ? at + 1 : at)];
      if (word === '--') continue;
      hasFile = true;
    } else if (hasFile && !isInvoke && word !== '--help' && word !== '-h') return [args.slice(0, at), args.slice(at)];
    if (isInvoke && hasFile) return [args.slice(0, at + 1), args.slice(at + 1)];
  }
  return [[...args], []];
}

/** Options about a transform that has happened already are a mistake. */
function checkUntouched(path: string, values: Values): void {
  const name = (['instrumenter', 'yield', 'optimize'] as const).find((name) => values[name] !== undefined);
  if (name !== undefined) throw new UsageError(`--${name} comes too late: ${path} was transformed before`);
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

/** Modules of the functions that threads need; what imports from them has threads, or waits as they do. */
const THREADS_MODULES: readonly string[] = [THREADS_MODULE, WASI_THREADS_MODULE, ATOMICS_MODULE];
const hasThreads = (module: Module): boolean => module.imports.some((entry) => THREADS_MODULES.includes(entry.module));

function checkImports(path: string, module: Module, isProcess: boolean, isThreaded: boolean): void {
  const provided = isProcess ? [WASI_MODULE, SIGNAL_MODULE, ...THREADS_MODULES] : [WASI_MODULE];
  const foreign = module.imports.filter(
    (entry) => !provided.includes(entry.module) && !(isProcess && isThreaded && entry.kind === 'memory'),
  );
  if (foreign.length === 0) return;
  const names = foreign.map((entry) => `"${entry.module}" "${entry.name}" (${entry.kind})`);
  throw new CommandError(`${path}: imports what only a host program can provide: ${names.join(', ')}`);
}

/** Calls a function without a process, for modules that none can run. */
function call(module: Module, world: World, name: string, args: readonly unknown[]): Ending {
  const { exports } = module.instantiate({ [WASI_MODULE]: world.imports });
  if (exports.memory instanceof WebAssembly.Memory) world.attach(exports.memory);
  const callOf = (name: string, ...args: readonly unknown[]): unknown => {
    const value = exports[name];
    return typeof value === 'function' ? value(...args) : undefined;
  };
  if (name !== '_start' && name !== '_initialize') callOf('_initialize');
  const returned = callOf(name, ...args);
  return { kind: 'exited', status: 0, results: Array.isArray(returned) ? returned : [returned] };
}

/** The exit status. @throws what the program failed with */
function report(ending: Ending, show: (results: readonly unknown[]) => void): number {
  if (typeof ending === 'number') return ending;
  if (ending.kind === 'failed') throw ending.error;
  // A program that called for its end has returned nothing.
  if (ending.kind === 'exited' && ending.results.length > 0) show(ending.results);
  return statusCode(ending);
}

/** Says how the program failed. Throws on what is not the program's failure. */
function fail(path: string, error: unknown, io: Io): number {
  if (error instanceof CommandError || error instanceof SandboxError || error instanceof WebAssembly.LinkError) {
    throw new CommandError(`${path}: ${error.message}`);
  }
  const what = failure(error);
  if (what === undefined) throw error;
  io.err(`bobbin run: ${path}: ${what}\n`);
  return 1;
}

function failure(error: unknown): string | undefined {
  if (error instanceof SuspensionError) return `unhandled suspension: ${error.message}`;
  if (error instanceof ExhaustionError || error instanceof RangeError) return `exhaustion: ${error.message}`;
  if (error instanceof ProcessError || error instanceof SchedulerError) return error.message;
  if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}`;
  if (error instanceof WebAssembly.Exception) return 'uncaught exception';
  return undefined;
}
