import type { Imports, Store } from '../../continuations/index.ts';
import { checkHost, type Guest } from '../process/guest.ts';
import { type ExitStatus, Process, ProcessError, type ProcessOptions, signalImports } from '../process/index.ts';
import type { Conductor } from '../process/process.ts';
import { Runner } from '../process/runner.ts';
import { GrowingAllocator, type StackAllocator, Stacks } from '../scheduler/guest/stacks.ts';
import { type Scheduler, SchedulerError, type SpawnOptions, type Task } from '../scheduler/index.ts';
import { SIGCONT, SignalState, type Signo } from '../signals/index.ts';
import { Areas } from './areas.ts';
import { ThreadError } from './errno.ts';
import { threadImports } from './imports.ts';
import { Meter } from './meter.ts';
import { type Home, MAIN, Thread } from './thread.ts';

export interface ThreadsOptions {
  /** Bytes of a thread's shadow stack, where the guest does not say. Default 65,536. */
  readonly stackSize?: number;
  /** Where the threads' shadow stacks lie. Default: in pages that the guest's memory grows by. */
  readonly stacks?: (exports: WebAssembly.Exports) => StackAllocator;
  /** How many threads there can be at once, the main thread included. Default 1,048,576. */
  readonly limit?: number;
}

const DEFAULT_STACK_SIZE = 65_536;
const DEFAULT_LIMIT = 2 ** 20;

/** What a new thread runs: an export of the guest's, and what it is called for reports. */
export interface Beginning {
  readonly entry: string;
  readonly args: readonly unknown[];
  /** Bytes of its shadow stack. Default: as the options say. */
  readonly stackSize?: number | undefined;
  /** The instance that it runs in, where that is not the process's. */
  readonly guest?: Guest;
}

/**
 * The threads of a process (docs/threads.md): each is a task of a scheduler, and has a shadow stack, a signal mask and a place of its
 * own in the guest's imports. A thread that fails ends alone; the process ends with its main thread, or by `exit` or a signal.
 */
export class Threads implements Conductor, Home {
  readonly scheduler: Scheduler;
  readonly process: Process;
  readonly meter = new Meter();
  readonly #options: ThreadsOptions;
  readonly #threads = new Map<number, Thread>();
  readonly #bySignals = new Map<SignalState, Thread>();
  readonly #areas = new Areas();
  #stacks: Stacks | null = null;
  #taskOptions: SpawnOptions = {};
  #main: Thread | null = null;
  #running: Thread | null = null;
  #live = 0;
  #spawned = MAIN;

  /** @throws SchedulerError `bad-argument` for a limit below 1 */
  constructor(scheduler: Scheduler, process: Process, options: ThreadsOptions = {}) {
    const { limit = DEFAULT_LIMIT } = options;
    if (!(limit >= 1)) throw new SchedulerError('bad-argument', `there is a thread at least, and not ${limit}`);
    this.scheduler = scheduler;
    this.process = process;
    this.#options = options;
  }

  /**
   * Instantiates a transformed module as a process with threads; `bobbin:signal` and `bobbin:threads` are added to its imports. It is
   * to be started.
   *
   * @throws what Store.instantiate and Process.attach throw
   */
  static instantiate(
    scheduler: Scheduler,
    store: Store,
    module: WebAssembly.Module,
    imports: Imports | ((process: Process, threads: Threads) => Imports) = {},
    options: ThreadsOptions & ProcessOptions = {},
  ): Threads {
    checkHost(module);
    const process = new Process(options);
    const threads = new Threads(scheduler, process, options);
    const own = typeof imports === 'function' ? imports(process, threads) : imports;
    const { instance } = store.instantiate(module, { ...signalImports(process), ...threads.imports, ...own });
    process.attach(module, instance);
    threads.attach(instance);
    return threads;
  }

  /** The module `bobbin:threads`. */
  get imports(): Imports {
    return threadImports(this);
  }

  /** The process has its guest: the instance that `Process.attach` was given. */
  attach(instance: WebAssembly.Instance): void {
    const { memory } = instance.exports;
    if (this.process.guest.stackPointer === null || !(memory instanceof WebAssembly.Memory)) return;
    const allocator = this.#options.stacks?.(instance.exports) ?? new GrowingAllocator(memory);
    this.#stacks = new Stacks(memory, allocator, this.#options.stackSize ?? DEFAULT_STACK_SIZE);
  }

  /** Those that have not ended, the main thread among them. */
  get size(): number {
    return this.#live;
  }

  /**
   * Begins to run the process: makes a task of its main thread. All other threads get the same options, but for the name.
   *
   * @returns the task; its result is how the process has ended, or undefined where others go on after the main thread
   * @throws ProcessError for a process that was started before, or has no guest
   * @throws what Scheduler.spawn throws
   */
  start(options: SpawnOptions = {}): Task<ExitStatus | undefined> {
    const { name = 'main', ...rest } = options;
    const runner = this.process.conduct(this);
    this.#taskOptions = rest;
    const main = new Thread(MAIN, runner, runner.stack[0]?.entry ?? '', this, null, null);
    this.#main = main;
    this.#add(main, { ...rest, name });
    return main.task as unknown as Task<ExitStatus | undefined>;
  }

  #add(thread: Thread, options: SpawnOptions): void {
    this.#threads.set(thread.id, thread);
    this.#bySignals.set(thread.runner.signals, thread);
    this.#live++;
    thread.task = this.scheduler.start(thread, options);
  }

  // ---- used by the imports

  /** Whose turn it is. @throws ThreadError ESRCH where no thread calls */
  get current(): Thread {
    if (this.#running === null) throw new ProcessError('state', 'no thread of the guest is running');
    return this.#running;
  }

  /** @throws ThreadError ESRCH */
  get(id: number): Thread {
    const thread = this.#threads.get(id);
    if (thread === undefined) throw new ThreadError('ESRCH', `there is no thread ${id}`);
    return thread;
  }

  get areas(): Areas {
    return this.#areas;
  }

  /**
   * Makes a thread, which blocks the signals that its maker does (pthread_create(3)).
   *
   * @throws ThreadError EAGAIN; SchedulerError `no-memory`, `bad-argument`
   * @throws what the guest's continuations throw for arguments that are not of the entry's types
   */
  spawn({ entry, args, stackSize, guest = this.process.guest }: Beginning): Thread {
    if (this.#live >= (this.#options.limit ?? DEFAULT_LIMIT)) throw new ThreadError('EAGAIN', 'too many threads');
    const id = ++this.#spawned;
    const parent = this.#running?.runner.signals ?? this.process.signals;
    const own = guest === this.process.guest;
    const stack = own ? (this.#stacks?.allocate(stackSize) ?? null) : null;
    let thread: Thread | null = null;
    const runner: Runner = new Runner(
      guest,
      new SignalState(parent),
      {
        wake: () => thread?.wake(),
        collect: () => this.process.collect(),
        stopped: (signal) => this.process.stopped(signal),
        ended: (status, returned) => this.#runnerEnded(thread, status, returned),
        delivered: (signal) => this.delivered(signal),
        returned: null,
      },
      stack ?? undefined,
    );
    thread = new Thread(id, runner, entry, this, stack, own ? this.#stacks : null);
    try {
      runner.put([runner.fresh(entry, args)]);
    } catch (error) {
      // Its stack and its signals are given back; nobody has heard of it.
      thread.isOver = true;
      thread.release();
      throw error;
    }
    this.#add(thread, { ...this.#taskOptions, name: `thread ${id}` });
    return thread;
  }

  #runnerEnded(thread: Thread | null, status: ExitStatus, returned: boolean): void {
    if (thread === null || thread.isOver) return;
    thread.status = status;
    if (returned && status.kind === 'exited') thread.value = Number(status.results[0]);
    else if (status.kind !== 'failed') this.#main?.runner.finish(status);
  }

  /** Nobody will join it. */
  forget(thread: Thread): void {
    this.#threads.delete(thread.id);
  }

  // ---- as the conductor

  get active(): Runner | null {
    return this.#running?.runner ?? null;
  }

  wake(): void {
    this.#main?.wake();
  }

  signaled(signal: Signo, thread: SignalState | null): void {
    const { signals } = this.process;
    if (signal === SIGCONT || signals.fatal !== null) for (const each of this.#bySignals.values()) each.wake();
    else if (thread !== null) this.#bySignals.get(thread)?.wake();
  }

  /** What its other threads were doing is over. */
  ended(): void {
    for (const each of this.#bySignals.values()) {
      if (each !== this.#main) each.runner.finish({ kind: 'exited', status: 0, results: [] });
      each.wake();
    }
  }

  delivered(signal: Signo): void {
    const thread = this.#running;
    if (thread !== null) thread.task.core.trace?.(thread.task, { kind: 'signal', signo: signal });
  }

  // ---- as the threads' home

  threadEnded(thread: Thread): void {
    this.#bySignals.delete(thread.runner.signals);
    thread.runner.signals.end();
    if (thread.isDetached) this.forget(thread);
    if (--this.#live > 0) return;
    this.meter.close();
    // pthread_exit(3): after the last thread the process ends as by exit(0).
    this.#main?.runner.finish({ kind: 'exited', status: 0, results: [] });
  }

  turn(thread: Thread | null): void {
    this.#running = thread;
    if (thread !== null) this.#areas.enter(this.process.guest.memory, thread);
  }
}
