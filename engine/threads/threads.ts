import type { Exports, Imports, Store } from '../../continuations/index.ts';
import type { Conductor } from '../process/conductor.ts';
import { checkHost, type Guest } from '../process/guest.ts';
import { type ExitStatus, Process, ProcessError, type ProcessOptions, signalImports } from '../process/index.ts';
import { Runner } from '../process/runner.ts';
import type { Deadlines } from '../process/time-limits.ts';
import { type StackOptions, type Stacks, stacksOf } from '../scheduler/guest/stacks.ts';
import { type Scheduler, SchedulerError, type SpawnOptions, type Task } from '../scheduler/index.ts';
import { SIGCONT, SignalState, type Signo } from '../signals/index.ts';
import { Areas } from './areas.ts';
import { schedulerClock } from './clocks.ts';
import { ThreadError } from './errno.ts';
import { THREAD_LOST, threadImports } from './imports.ts';
import { Meter } from './meter.ts';
import { following } from './numbers.ts';
import { type Home, MAIN, Thread } from './thread.ts';
import { WasiThreads } from './wasi-threads.ts';

export interface ThreadsOptions extends StackOptions {
  /** How many threads there can be at once, the main thread and those to be joined included, and how many primitives. Default 1,048,576. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 2 ** 20;
/** The largest number of a thread: that of wasi-threads. */
const LARGEST_ID = 0x1fff_ffff;

/** What a new thread runs: an export of the guest's, and what it is called for reports. */
export interface Beginning {
  readonly entry: string;
  readonly args: readonly unknown[];
  /** Bytes of its shadow stack. Default: as the options say. */
  readonly stackSize?: number | undefined;
  /** The instance that it runs in, where that is not the process's. */
  readonly guest?: Guest;
  /** Nobody will join it. */
  readonly isDetached?: boolean;
  /** Its failure ends the process. */
  readonly isVital?: boolean;
}

/**
 * The threads of a process (docs/threads.md): each is a task of a scheduler, and has a shadow stack, a signal mask and a place of its
 * own in the guest's imports. A thread that fails ends alone; the process ends with its main thread, or by `exit` or a signal.
 */
export class Threads implements Conductor, Home {
  readonly scheduler: Scheduler;
  readonly process: Process;
  readonly meter: Meter;
  readonly #options: ThreadsOptions;
  readonly #threads = new Map<number, Thread>();
  readonly #bySignals = new Map<SignalState, Thread>();
  readonly #areas = new Areas();
  #stacks: Stacks | null = null;
  #exports: Exports = {};
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
    this.meter = new Meter(scheduler.turn);
  }

  /**
   * Instantiates a transformed module as a process with threads; `bobbin:signal`, `bobbin:threads`, what wasi-threads needs and the
   * memories that it imports are added to its imports. It is to be started.
   *
   * @throws what Store.instantiate and Process.attach throw, and ProcessError where it cannot have the threads of wasi-threads
   */
  static instantiate(
    scheduler: Scheduler,
    store: Store,
    module: WebAssembly.Module,
    imports: Imports | ((process: Process, threads: Threads) => Imports) = {},
    options: ThreadsOptions & ProcessOptions = {},
  ): Threads {
    checkHost(module);
    const process = new Process({ clock: schedulerClock(scheduler), ...options });
    const threads = new Threads(scheduler, process, options);
    const own = typeof imports === 'function' ? imports(process, threads) : imports;
    const all = { ...signalImports(process), ...threads.imports, ...own };
    const { instance, exports } = new WasiThreads(threads, store, module, all, options).instantiate();
    threads.#exports = exports;
    process.attach(module, instance);
    threads.attach(instance);
    return threads;
  }

  /** What the guest exports, for those who work on its memory; none before `Threads.instantiate` has returned. */
  get exports(): Exports {
    return this.#exports;
  }

  /** The module `bobbin:threads`. */
  get imports(): Imports {
    return threadImports(this);
  }

  /** The process has its guest: the instance that `Process.attach` was given. */
  attach(instance: WebAssembly.Instance): void {
    this.#stacks = stacksOf(this.process.guest, instance.exports, this.#options);
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
    const main = new Thread(MAIN, this.process.entry ?? '', this, null, null);
    main.runner = runner;
    this.#main = main;
    this.#add(main, { ...rest, name });
    return main.task as unknown as Task<ExitStatus | undefined>;
  }

  #add(thread: Thread, options: SpawnOptions): void {
    this.#threads.set(thread.id, thread);
    this.#bySignals.set(thread.runner.signals, thread);
    this.#live++;
    try {
      thread.task = this.scheduler.start(thread, options);
    } catch (error) {
      this.forget(thread);
      throw error;
    }
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

  /** How many there can be, of threads and of primitives. */
  get limit(): number {
    return this.#options.limit ?? DEFAULT_LIMIT;
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
  spawn(beginning: Beginning): Thread {
    const { entry, args, stackSize, guest = this.process.guest, isDetached = false, isVital = false } = beginning;
    if (this.#threads.size >= this.limit) throw new ThreadError('EAGAIN', 'too many threads');
    const id = this.nextId;
    this.#spawned = id;
    const parent = this.#running?.runner.signals ?? this.process.signals;
    const own = guest === this.process.guest;
    const stack = own ? (this.#stacks?.allocate(stackSize) ?? null) : null;
    const thread = new Thread(id, entry, this, stack, own ? this.#stacks : null);
    const runner = new Runner(guest, new SignalState(parent), thread, stack ?? undefined);
    thread.runner = runner;
    thread.isDetached = isDetached;
    thread.isVital = isVital;
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

  /** A thread has ended the process. */
  exited(status: ExitStatus): void {
    this.#main?.runner.finish(status);
  }

  /** The number of the next thread that is made. */
  get nextId(): number {
    return following(this.#spawned, LARGEST_ID, this.#threads);
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

  get limits(): Deadlines | null {
    return this.process.limits;
  }

  collect(): void {
    this.process.collect();
  }

  stopped(signal: Signo): void {
    this.process.stopped(signal);
  }

  threadEnded(thread: Thread): void {
    this.#bySignals.delete(thread.runner.signals);
    thread.runner.signals.end();
    this.#wakeOthers();
    if (thread.isDetached) this.forget(thread);
    this.#live--;
    if ((thread.status ?? thread.runner.ended)?.kind === 'failed') this.#lost(thread);
    if (this.#live > 0) return;
    this.meter.close();
    // pthread_exit(3): after the last thread the process ends as by exit(0).
    this.#main?.runner.finish({ kind: 'exited', status: 0, results: [] });
  }

  /** Has the guest give back what a thread had that has failed. */
  #lost(thread: Thread): void {
    const { guest, status } = this.process;
    if (thread.id === MAIN || thread.entry === THREAD_LOST || status !== null || !guest.has(THREAD_LOST)) return;
    if (!thread.hasTask) return;
    // Its stack may be the last there is.
    thread.release();
    try {
      const made = this.spawn({ entry: THREAD_LOST, args: [thread.id], isDetached: true });
      made.task.rename(`after ${thread.task.name}`);
    } catch {
      // There is no memory for a stack, nothing runs any more, or the export is of another type: what it had stays its own.
    }
  }

  turn(thread: Thread | null): void {
    this.#running = thread;
    if (thread !== null) this.#areas.enter(this.process.guest.memory, thread);
    else this.#wakeOthers();
  }

  /** For signals that a thread was woken for and takes no more. */
  #wakeOthers(): void {
    for (const signals of this.process.signals.takeOthers()) this.#bySignals.get(signals)?.wake();
  }
}
