import { type TransformOptions, transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { type ExitStatus, type Process, type ProcessOptions, suspendingImports } from '../process/index.ts';
import { Scheduler, type SchedulerOptions, type Task, type TraceEvent, VirtualClock } from '../scheduler/index.ts';
import { suspendingThreads, Threads, type ThreadsOptions } from './index.ts';

export type Build = 'closed' | 'linked' | 'binaryen';
export const BUILDS: readonly Build[] = ['closed', 'linked', 'binaryen'];

const binaryen = await loadBinaryen();

export const E = {
  EPERM: -1,
  ESRCH: -3,
  EINTR: -4,
  EAGAIN: -11,
  EFAULT: -14,
  EBUSY: -16,
  EINVAL: -22,
  EPIPE: -32,
  EDEADLK: -35,
  ETIMEDOUT: -110,
  ECANCELED: -125,
  EOWNERDEAD: -130,
} as const;

export const SIG = { HUP: 1, INT: 2, KILL: 9, USR1: 10, USR2: 12, TERM: 15, CONT: 18, STOP: 19 } as const;

/** A millisecond as the interface has it. */
export const MS = 1_000_000n;
export const FOREVER = -1n;
export const LONGEST = 2n ** 63n - 1n;

const I = 'i32';
const L = 'i64';
/** The import module of threads: parameters, and whether there is a result. */
const THREADS: Readonly<Record<string, readonly [readonly string[], boolean]>> = {
  spawn: [[I, I, I], true],
  exit: [[I], false],
  self: [[], true],
  yield: [[], true],
  join: [[I, I], true],
  detach: [[I], true],
  sleep: [[L], true],
  park: [[L], true],
  unpark: [[I], true],
  kill: [[I, I], true],
  name: [[I, I, I], true],
  local_get: [[], true],
  local_set: [[I], false],
  area: [[I, I], true],
  destroy: [[I], true],
  mutex_new: [[I], true],
  mutex_lock: [[I, L], true],
  mutex_unlock: [[I], true],
  cond_new: [[], true],
  cond_wait: [[I, I, L], true],
  cond_signal: [[I], true],
  cond_broadcast: [[I], true],
  sem_new: [[I], true],
  sem_acquire: [[I, L], true],
  sem_release: [[I, I], true],
  barrier_new: [[I], true],
  barrier_wait: [[I], true],
  group_new: [[], true],
  group_add: [[I, I], true],
  group_wait: [[I, L], true],
  once_new: [[], true],
  once_enter: [[I], true],
  once_finish: [[I], true],
  channel_new: [[I], true],
  channel_send: [[I, L, L], true],
  channel_receive: [[I, I, L], true],
  channel_close: [[I], true],
  select: [[I, I, L], true],
  broadcast_new: [[I], true],
  broadcast_subscribe: [[I], true],
  broadcast_send: [[I, L, L], true],
  broadcast_receive: [[I, I, L], true],
  broadcast_close: [[I], true],
};
const SIGNALS: typeof THREADS = {
  sigaction: [[I, I, I], true],
  sigprocmask: [[I, I, I], true],
  sigpending: [[I], true],
  sigsuspend: [[I], true],
  raise: [[I], true],
  pause: [[], true],
  nanosleep: [[I, I], true],
};

const imported = (module: string, functions: typeof THREADS, prefix = ''): string =>
  Object.entries(functions)
    .map(([name, [params, result]]) => {
      const type = `(param ${params.join(' ')}) ${result ? '(result i32)' : ''}`;
      return `(import "${module}" "${name}" (func $${prefix}${name} ${type}))`;
    })
    .join('\n');

/** Bytes for whoever wants some: below are the globals, above nobody's. */
export const SCRATCH = 40_000;
const SIGACTION = 39_000;
const SIGSET = 39_100;
/** Handlers lie in the table from here on, then threads. */
const FIRST_ENTRY = 2;

const prelude = (imports: string): string => `
  ${imported('bobbin:threads', THREADS)}
  ${imported('bobbin:signal', SIGNALS)}
  (import "bobbin:signal" "kill" (func $kill_process (param i32 i32) (result i32)))
  (import "env" "log" (func $log (param i32)))
  (import "env" "now" (func $now (result i32)))
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "call" (func $call (param i32)))
  (import "env" "exit" (func $exit_process (param i32)))
  ${imports}
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 32768))
  ${[...'abcdefgh'].map((name) => `(global $${name} (mut i32) (i32.const 0))`).join(' ')}
  (type $thread (func (param $arg i32) (result i32)))
  (type $handler (func (param i32)))
  (func (export "__bobbin_thread") (param $entry i32) (param $argument i32) (result i32)
    (call_indirect (type $thread) (local.get $argument) (local.get $entry)))
  (func (export "__bobbin_signal") (param $handler i32) (param $signo i32) (param i32 i32 i32)
    (call_indirect (type $handler) (local.get $signo) (local.get $handler)))
  (func $install (param $signo i32) (param $handler i32) (param $flags i32)
    (i32.store (i32.const ${SIGACTION}) (local.get $handler))
    (i32.store (i32.const ${SIGACTION + 4}) (local.get $flags))
    (i64.store (i32.const ${SIGACTION + 8}) (i64.const 0))
    (if (call $sigaction (local.get $signo) (i32.const ${SIGACTION}) (i32.const 0)) (then unreachable)))
  (func $mask (param $how i32) (param $signo i32)
    (i64.store (i32.const ${SIGSET}) (i64.shl (i64.const 1) (i64.extend_i32_u (i32.sub (local.get $signo) (i32.const 1)))))
    (if (call $sigprocmask (local.get $how) (i32.const ${SIGSET}) (i32.const 0)) (then unreachable)))
  (func $spin (param $turns i32)
    (loop $l
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (br_if $l (i32.gt_s (local.get $turns) (i32.const 0)))))`;

/** What a guest without results of its own is for. */
const VOID: ReadonlySet<string> = new Set([
  ...Object.entries(THREADS).flatMap(([name, [, result]]) => (result ? [] : [name])),
  ...['log', 'call', 'exit_process', 'install', 'mask', 'spin'],
]);

/** A number is an i32, a bigint an i64, a word one of the globals a to h, and what is in parentheses an expression. */
export type Arg = number | bigint | string;
const operand = (arg: Arg): string => {
  if (typeof arg === 'bigint') return `(i64.const ${arg})`;
  if (typeof arg === 'number') return `(i32.const ${arg})`;
  return arg.startsWith('(') ? arg : `(global.get $${arg})`;
};

/** The result of a call. */
export const of = (name: string, ...args: readonly Arg[]): string => `(call $${name} ${args.map(operand).join(' ')})`;
/** A call whose result is of no interest. */
export const act = (name: string, ...args: readonly Arg[]): string =>
  VOID.has(name) ? of(name, ...args) : `(drop ${of(name, ...args)})`;
export const log = (value: Arg): string => of('log', value);
/** A call whose result is logged. */
export const say = (name: string, ...args: readonly Arg[]): string => log(of(name, ...args));
export const set = (global: string, value: Arg): string => `(global.set $${global} ${operand(value)})`;
export const make = (global: string, name: string, ...args: readonly Arg[]): string => set(global, of(name, ...args));
export const give = (value: Arg): string => `(return ${operand(value)})`;
export const spawn = (thread: string, argument: Arg = 0, stack: Arg = 0): string =>
  of('spawn', `(global.get $at_${thread})`, argument, stack);
/** The address of a function in the table. */
export const at = (func: string): string => `(global.get $at_${func})`;
export const loop = (times: number, ...body: readonly string[]): string => `
  (local.set $i (i32.const ${times}))
  (loop $l ${body.join('\n')} (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))`;
export const load = (address: number): string => `(i32.load (i32.const ${address}))`;
export const store = (address: number, value: Arg): string => `(i32.store (i32.const ${address}) ${operand(value)})`;
export const ARG = '(local.get $arg)';

export interface ProgramOptions {
  /** Functions of signals; `$arg` is the signal. */
  readonly handlers?: Readonly<Record<string, readonly string[]>>;
  /** Further imports. */
  readonly imports?: string;
  /** Further fields of the module. */
  readonly extra?: string;
  readonly memory?: string;
}

/** A guest: the main thread's statements, and those of the functions that threads run, in the table in this order. */
export function program(
  main: readonly string[],
  threads: Readonly<Record<string, readonly string[]>> = {},
  options: ProgramOptions = {},
): string {
  const { handlers = {}, imports = '', extra = '', memory = '(memory (export "memory") 1)' } = options;
  const names = [...Object.keys(handlers), ...Object.keys(threads)];
  const elements = names.map((name) => `$${name}`).join(' ');
  return `${prelude(imports)} ${memory}
    (table $table (export "__indirect_function_table") ${FIRST_ENTRY + names.length + 8} funcref)
    (elem (i32.const ${FIRST_ENTRY}) ${elements})
    ${names.map((name, index) => `(global $at_${name} i32 (i32.const ${FIRST_ENTRY + index}))`).join('\n')}
    ${Object.entries(handlers)
      .map(([name, body]) => `(func $${name} (param $arg i32) ${body.join('\n')})`)
      .join('\n')}
    ${Object.entries(threads)
      .map(
        ([name, body]) =>
          `(func $${name} (type $thread) (param $arg i32) (result i32) (local $i i32) ${body.join('\n')} (i32.const 0))`,
      )
      .join('\n')}
    (func (export "_start") (local $i i32) ${main.join('\n')})
    ${extra}`;
}

export interface HostOptions extends SchedulerOptions {
  readonly threads?: ThreadsOptions & ProcessOptions;
  readonly build?: Build;
  readonly yields?: TransformOptions['yields'];
  /** Called before anything of it has run. */
  readonly begin?: (hosted: Hosted) => void;
  /** Further functions of the module `env`. */
  readonly env?: (hosted: () => Hosted) => Readonly<Record<string, (...args: never[]) => unknown>>;
  /** What `env.call` does. */
  readonly call?: (value: number, hosted: Hosted) => void;
}

export interface Hosted {
  readonly threads: Threads;
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly task: Task<ExitStatus | undefined>;
  readonly exports: WebAssembly.Exports;
  readonly log: number[];
  readonly trace: TraceEvent[];
  /** By the number it waits with: settles the call of `env.wait`. */
  readonly waits: Map<number, (value: number) => void>;
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

export function compile(text: string, options: HostOptions = {}): Promise<WebAssembly.Module> {
  const { build = 'closed', yields = 'none' } = options;
  const key = `${build} ${yields} ${text}`;
  let module = compiled.get(key);
  if (module === undefined) {
    module = compileNew(text, build, yields);
    compiled.set(key, module);
  }
  return module;
}

async function compileNew(
  text: string,
  build: Build,
  yields: NonNullable<TransformOptions['yields']>,
): Promise<WebAssembly.Module> {
  const source = await parseText(`(module ${text})`);
  const suspending = [...suspendingThreads, ...suspendingImports, 'env.wait'];
  const { bytes } =
    build === 'binaryen'
      ? binaryen.transform(source, { suspending, yields, optimizeLevel: 0 })
      : transform(source, { linking: build, suspending, yields });
  return new WebAssembly.Module(bytes);
}

/** A process with threads, in virtual time unless a clock is given, which runs in the background. */
export async function host(text: string, options: HostOptions = {}): Promise<Hosted> {
  const module = await compile(text, options);
  const trace: TraceEvent[] = [];
  const record: number[] = [];
  const waits = new Map<number, (value: number) => void>();
  const scheduler = new Scheduler({
    clock: new VirtualClock(),
    ...options,
    onTrace: (event) => {
      trace.push(event);
      options.onTrace?.(event);
    },
  });
  let exports: WebAssembly.Exports = {};
  class Watched extends Store {
    override instantiate(...args: Parameters<Store['instantiate']>) {
      const linked = super.instantiate(...args);
      exports = linked.instance.exports;
      return linked;
    }
  }
  const threads = Threads.instantiate(
    scheduler,
    new Watched(),
    module,
    (process) => ({
      env: {
        ...options.env?.(() => hosted),
        log: (value: number) => void record.push(value),
        now: () => scheduler.now(),
        call: (value: number) => options.call?.(value, hosted),
        exit: (status: number) => process.exit(status),
        wait: (id: number) =>
          process.block('env.wait', {
            start: (done) => {
              waits.set(id, done);
              return () => waits.delete(id);
            },
            interrupted: () => E.EINTR,
          }),
      },
    }),
    options.threads,
  );
  const hosted: Hosted = {
    threads,
    process: threads.process,
    scheduler,
    task: threads.start(),
    exports,
    log: record,
    trace,
    waits,
  };
  options.begin?.(hosted);
  return hosted;
}

/** Runs a guest until nothing can run. */
export async function play(text: string, options: HostOptions = {}): Promise<Hosted> {
  const hosted = await host(text, options);
  hosted.scheduler.run();
  return hosted;
}
