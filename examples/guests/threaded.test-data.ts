import { transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { type Imports, Store } from '../../continuations/index.ts';
import { type ExitStatus, type Process, suspendingImports } from '../../engine/process/index.ts';
import {
  DeadlinePolicy,
  type DeadlockError,
  FairPolicy,
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  PriorityPolicy,
  RoundRobinPolicy,
  Scheduler,
  type SchedulerOptions,
  type Task,
  type TraceEvent,
  VirtualClock,
} from '../../engine/scheduler/index.ts';
import { schedulerClocks, suspendingThreads, Threads, type ThreadsOptions } from '../../engine/threads/index.ts';
import { type OutputSink, QueuedInput, suspendingWasi, suspendingWasiImports } from '../../engine/wasi/index.ts';
import { type Instrumenter, type Poll, read, World } from './world.test-data.ts';

export const POLICIES: Readonly<Record<string, () => Policy>> = {
  FIFO: () => new FifoPolicy(),
  'round robin': () => new RoundRobinPolicy({ slice: 1000 }),
  'round robin, short slices': () => new RoundRobinPolicy({ slice: 7 }),
  'seeded lottery': () => new LotteryPolicy({ slice: 50, seed: 3 }),
};

/** Those that come with the scheduler. */
export const ALL_POLICIES: readonly (() => Policy)[] = [
  () => new FifoPolicy(),
  () => new RoundRobinPolicy({ slice: 100 }),
  () => new PriorityPolicy({ slice: 100 }),
  () => new FairPolicy({ slice: 100 }),
  () => new DeadlinePolicy({ slice: 100 }),
  () => new LotteryPolicy({ slice: 100, seed: 5 }),
];

export const INSTRUMENTERS: readonly Instrumenter[] = ['frames', 'binaryen -O0'];

/** The stream that a guest's connections come over: what is imported from it suspends. */
export const NETWORK = 'network';
const suspending: readonly string[] = [
  ...suspendingThreads,
  ...suspendingImports,
  ...suspendingWasiImports,
  `${NETWORK}.*`,
];

const binaryen = await loadBinaryen();
const modules = new Map<string, WebAssembly.Module>();

/** A checked-in guest with yield points; every variant once. */
export function threadedModule(
  guest: string,
  instrumenter: Instrumenter = 'frames',
  yields: Poll = 'fuel',
): WebAssembly.Module {
  const key = `${guest} ${instrumenter} ${yields}`;
  let module = modules.get(key);
  if (module === undefined) {
    const { bytes } =
      instrumenter === 'frames'
        ? transform(read(guest), { linking: 'closed', yields, suspending })
        : binaryen.transform(read(guest), {
            yields,
            suspending,
            optimizeLevel: instrumenter === 'binaryen -O0' ? 0 : 2,
          });
    module = new WebAssembly.Module(bytes);
    modules.set(key, module);
  }
  return module;
}

export interface ThreadedOptions extends SchedulerOptions {
  readonly threads?: ThreadsOptions;
  readonly instrumenter?: Instrumenter;
  /** Default `fuel`. */
  readonly yields?: Poll;
  readonly args?: readonly string[];
  /** What the guest imports beside WASI, signals and threads. */
  readonly imports?: (process: Process, memory: () => WebAssembly.Memory) => Imports;
  /** Standard input, all of it. Default: it comes when the test gives it. */
  readonly input?: string;
  /** Where standard output goes. Default: what the world keeps. */
  readonly stdout?: OutputSink | undefined;
}

export interface Threaded {
  readonly world: World;
  readonly input: QueuedInput;
  readonly threads: Threads;
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly task: Task<ExitStatus | undefined>;
  readonly trace: TraceEvent[];
  readonly deadlocks: DeadlockError[];
}

/** A threaded guest that was started, in virtual time unless another clock is given. */
export function launchThreaded(guest: string, options: ThreadedOptions = {}): Threaded {
  const world = new World([guest, ...(options.args ?? [])]);
  const trace: TraceEvent[] = [];
  const deadlocks: DeadlockError[] = [];
  const scheduler = new Scheduler({
    clock: new VirtualClock(),
    onDeadlock: (error) => void deadlocks.push(error),
    ...options,
    onTrace: (event) => void trace.push(event),
  });
  const input = new QueuedInput();
  const memory = (): WebAssembly.Memory => world.memory as WebAssembly.Memory;
  const threads = Threads.instantiate(
    scheduler,
    new Store(),
    threadedModule(guest, options.instrumenter, options.yields),
    (process) => ({
      wasi_snapshot_preview1: suspendingWasi(process, world.wasi.wasiImport, {
        stdin: input,
        stdout: options.stdout,
        clocks: schedulerClocks(scheduler),
      }) as Imports[string],
      ...options.imports?.(process, memory),
    }),
    options.threads,
  );
  world.attach(threads.exports);
  if (options.input !== undefined) {
    input.push(new TextEncoder().encode(options.input));
    input.end();
  }
  return { world, input, threads, process: threads.process, scheduler, task: threads.start(), trace, deadlocks };
}

/** Runs it to the end of its process. */
export async function runThreaded(guest: string, options: ThreadedOptions = {}): Promise<Threaded> {
  const threaded = launchThreaded(guest, options);
  await threaded.process.wait();
  return threaded;
}
