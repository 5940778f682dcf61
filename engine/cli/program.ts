import { manifestOf, Store, type StoreOptions } from '../../continuations/index.ts';
import { keepAlive } from '../process/event-loop.ts';
import { type ExitStatus, Process, type ProcessOptions, signalImports } from '../process/index.ts';
import { Scheduler } from '../scheduler/index.ts';
import { SIGINT } from '../signals/index.ts';
import { schedulerClock, schedulerClocks, Threads, WasiThreads } from '../threads/index.ts';
import { suspendingWasi, WASI_MODULE } from '../wasi/index.ts';
import type { Io } from './command.ts';
import { expectsSignal, forwardSignals, stopHost } from './signals.ts';
import { deadlockReport, type Scheduling } from './threads.ts';
import type { World } from './wasi.ts';

/** The export of a WASI reactor that is to be called before all others. */
const INITIALIZE = '_initialize';
/** The exit status of a program that ran out of time, as that of timeout(1). */
const TIMED_OUT = 124;
/** The end of a program that did not answer SIGINT. */
const INTERRUPTED: ExitStatus = { kind: 'signaled', signal: SIGINT };
/** Of a program whose threads wait for each other. */
const FAILED = 1;
/**
 * How long a program computes at most until the event loop has a turn, in milliseconds: signals of this process's are heard of only
 * there. A turn takes about a hundredth of it.
 */
const TURN = 1;
/** How long a program whose time is up may take to end itself, in milliseconds. */
const GRACE = 1000;

export interface ProgramOptions {
  /** The export to run. */
  readonly entry: string;
  readonly args: readonly unknown[];
  readonly limits: StoreLimits;
  /** How many units of fuel the program uses before the host's event loop has a turn. Default: as many as last some milliseconds. */
  readonly fuel?: number | undefined;
  /** In milliseconds. */
  readonly timeout?: number | undefined;
  /** Whether signals of this process reach the program: it must have yield points, or it could not be ended any more. */
  readonly signals: boolean;
  /** Its threads are tasks of a scheduler; null: it has none, and runs by itself. */
  readonly scheduling: Scheduling | null;
  /** Says what a thread has failed with that has ended alone. */
  readonly onFailure: (thread: string, error: unknown) => void;
}

/** How a program ended; a number is an exit status that this side has decided on. */
export type Ending = ExitStatus | number;

/**
 * Runs a module that was transformed for a process to its end.
 *
 * @throws ProcessError for a module that lacks what its imports need, and what instantiating throws
 */
export async function runProgram(
  module: WebAssembly.Module,
  world: World,
  io: Io,
  options: ProgramOptions,
): Promise<Ending> {
  const streams = io.streams?.();
  try {
    const guest = instantiate(module, world, io, options, (process, scheduler) =>
      suspendingWasi(process, world.imports, {
        ...streams,
        ...(scheduler !== null && options.scheduling?.isVirtual ? { clocks: schedulerClocks(scheduler) } : {}),
      }),
    );
    return await runToEnd(guest, options);
  } finally {
    streams?.close();
  }
}

interface Guest {
  readonly process: Process;
  /** Null: the process runs by itself. */
  readonly threads: Threads | null;
  /** The exit status where all threads wait for each other; null: they do not. */
  readonly deadlocked: () => number | null;
  /** It has ended. */
  readonly close: () => void;
}

/** What a continuation may take of memory. */
export type StoreLimits = Pick<StoreOptions, 'frameLimit' | 'stackLimit'>;

function instantiate(
  module: WebAssembly.Module,
  world: World,
  io: Io,
  { entry, args, limits, timeout, signals, scheduling, onFailure }: ProgramOptions,
  wasi: (process: Process, scheduler: Scheduler | null) => Record<string, unknown>,
): Guest {
  let deadlocked: number | null = null;
  let awake: (() => void) | null = null;
  const scheduler =
    scheduling === null
      ? null
      : new Scheduler({
          ...scheduling.options,
          turn: TURN,
          onFailure: (task, error) => onFailure(task.name, error),
          onDeadlock: (error) => {
            if (signals && expectsSignal(process)) {
              // As it would wait elsewhere: a handler may release what a thread waits for.
              awake ??= keepAlive();
              return;
            }
            io.err(`bobbin run: ${deadlockReport(error)}\n`);
            deadlocked = FAILED;
            process.kill('SIGKILL');
          },
        });
  const clock = scheduler === null ? {} : { clock: schedulerClock(scheduler) };
  // What a reactor wants to be called first.
  const isReactor = manifestOf(module)?.host?.entries.includes(INITIALIZE) === true && entry !== '_start';
  const options: ProcessOptions = {
    entry,
    args,
    before: isReactor && entry !== INITIALIZE ? [INITIALIZE] : [],
    ...(timeout === undefined ? {} : { limits: { wall: timeout, grace: GRACE } }),
    slice: TURN,
    ...clock,
    ...(signals ? { onStop: (signal, goOn) => void stopHost(signal, goOn) } : {}),
  };
  const process = new Process(options);
  const threads = scheduler === null ? null : new Threads(scheduler, process);
  const store = new Store(limits);
  const imports = { ...signalImports(process), ...threads?.imports, [WASI_MODULE]: wasi(process, scheduler) };
  const { instance, exports } =
    threads === null
      ? store.instantiate(module, imports, { start: 'deferred' })
      : new WasiThreads(threads, store, module, imports).instantiate();
  if (exports.memory instanceof WebAssembly.Memory) world.attach(exports.memory);
  process.attach(module, instance);
  threads?.attach(instance);
  return {
    process,
    threads,
    deadlocked: () => deadlocked,
    close: () => awake?.(),
  };
}

async function runToEnd(
  { process, threads, deadlocked, close }: Guest,
  { fuel, signals }: ProgramOptions,
): Promise<Ending> {
  let decided: Ending | null = null;
  const kill = (status: Ending): void => {
    decided = status;
    process.kill('SIGKILL');
  };
  const unforward = signals ? forwardSignals(process, () => kill(INTERRUPTED)) : () => {};
  try {
    if (threads !== null) threads.start();
    else if (fuel === undefined) process.start();
    else await runInSlices(process, fuel);
    const status = await process.wait();
    return decided ?? deadlocked() ?? (process.timedOut === null ? status : TIMED_OUT);
  } finally {
    unforward();
    close();
  }
}

/** The program yields at the same instructions whatever the time is. */
async function runInSlices(process: Process, fuel: number): Promise<void> {
  const release = keepAlive();
  try {
    while (!process.run({ fuel }).finished) await process.ready();
  } finally {
    release();
  }
}
