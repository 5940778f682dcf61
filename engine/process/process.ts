import type { Checker, Imports, Store } from '../../continuations/index.ts';
import {
  DEFAULT_ACTION,
  SI,
  SIGALRM,
  SIGCONT,
  SIGSTOP,
  type SigInfo,
  type SigInfoInit,
  SignalState,
  type Signo,
  signo,
} from '../signals/index.ts';
import { type Attachment, attachment, type Owner } from './attachment.ts';
import type { BlockingCall } from './blocking.ts';
import { checkFuel } from './budget.ts';
import { promisedTo } from './caller.ts';
import type { Conductor } from './conductor.ts';
import type { ProcessState } from './control.ts';
import { ProcessError } from './errors.ts';
import { hostProcessClock, type ProcessClock } from './event-loop.ts';
import type { ExitStatus } from './exit-status.ts';
import { checkHost, Guest } from './guest.ts';
import { checkGuest, requireFuel, requireSharedWord } from './guest-checks.ts';
import { HostActions } from './host-actions.ts';
import { signalImports } from './imports.ts';
import type { Interrupted } from './interrupted.ts';
import { IntervalTimer } from './interval-timer.ts';
import { DEFAULT_SLICE, type ProcessOptions, type Slice, type SliceOptions } from './options.ts';
import type { Pause } from './pause.ts';
import { RemoteControl } from './remote.ts';
import { Runner } from './runner.ts';
import { type Addressee, SignalSending } from './signal-sending.ts';
import { checkLimits, Deadlines, type TimeLimit, warn } from './time-limits.ts';

let lastPid = 1;

/**
 * A guest that runs in continuations: it can be interrupted at its yield points and in calls of suspending imports, has
 * POSIX signals (signal(7)), and lets the host's event loop run in between.
 */
export class Process {
  readonly pid: number;
  readonly signals: SignalState;
  readonly #options: ProcessOptions;
  readonly #ended: Promise<ExitStatus>;
  readonly #timer: IntervalTimer;
  #resolve: (status: ExitStatus) => void = () => {};
  /** For its parts. */
  readonly #hooks: Addressee & Owner;
  readonly #sending: SignalSending;
  #attachment: Attachment | null = null;
  #conductor: Conductor | null = null;
  #checker: Checker | null = null;
  #looping = false;
  readonly #actions = new HostActions();
  readonly #control: RemoteControl | null;
  /** Its time limits, for its threads; null: it has none. */
  readonly limits: Deadlines | null;

  /**
   * @throws RangeError for a slice or a time limit that is not more than 0 milliseconds
   * @throws ProcessError for a control that is none, or another process's
   */
  constructor(options: ProcessOptions = {}) {
    this.#options = options;
    if (!((options.slice ?? DEFAULT_SLICE) > 0)) throw new RangeError('slice must be a number of milliseconds above 0');
    this.#control = options.control === undefined ? null : new RemoteControl(options.control);
    this.signals = new SignalState(undefined, this.#control?.places);
    this.#hooks = {
      signals: this.signals,
      status: () => this.status,
      running: () => this.#running,
      conductor: () => this.#conductor,
      finish: (status) => this.#attachment?.runner.finish(status),
      begun: () => this.#timed(),
      notify: () => this.#notify(),
      publish: () => this.#publish(),
      slice: (run) => this.#slice(run),
    };
    this.#sending = new SignalSending(this.#hooks);
    this.#timer = new IntervalTimer(() => this.kill(SIGALRM, { code: SI.KERNEL }), this.clock);
    if (options.limits !== undefined) checkLimits(options.limits);
    this.limits = options.limits === undefined ? null : new Deadlines(options.limits, (limit) => warn(this, limit));
    this.pid = options.pid ?? ++lastPid;
    this.#ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /**
   * Instantiates a transformed module as a process; the module `bobbin:signal` is added to its imports.
   *
   * @throws what Store.instantiate and `attach` throw
   */
  static instantiate(
    store: Store,
    module: WebAssembly.Module,
    imports: Imports | ((process: Process) => Imports) = {},
    options: ProcessOptions = {},
  ): Process {
    checkHost(module);
    const process = new Process(options);
    const own = typeof imports === 'function' ? imports(process) : imports;
    const start = options.entry === null ? 'now' : 'deferred';
    const { instance } = store.instantiate(module, { ...signalImports(process), ...own }, { start });
    process.#checker = store.checker;
    process.attach(module, instance);
    return process;
  }

  /**
   * Gives the process its guest: an instance of a transformed module, whose imports may be this process's `signalImports`.
   *
   * @throws ProcessError where the module was not transformed for it, or lacks what its imports or the options need
   */
  attach(module: WebAssembly.Module, instance: WebAssembly.Instance): void {
    if (this.#attachment !== null) throw new ProcessError('state', 'the process has a guest already');
    const guest = new Guest(module, instance, this.#options);
    const { args = [], before = [], slice = DEFAULT_SLICE } = this.#options;
    const { entry } = this;
    checkGuest(guest, entry === null ? before : [...before, entry]);
    if (this.#control !== null) requireSharedWord(guest);
    const runner = new Runner(guest, this.signals, {
      wake: () => this.#notify(),
      collect: () => {
        this.collect();
        this.#actions.act(() => this.#running === null);
      },
      limits: this.limits,
      isWatched: this.limits !== null || this.#control !== null,
      stopped: (signal) => this.stopped(signal),
      delivered: (signal) => this.#conductor?.delivered(signal),
      ended: (status) => this.#finished(status),
      returned: this.#checker && ((before, after) => this.#checker?.stackPointer(before, after)),
    });
    this.#attachment = attachment(instance, runner, { entry, args, before }, slice, this.#hooks);
    this.#control?.open(guest.epoch?.buffer ?? null, () => this.collect());
  }

  get #attached(): Attachment {
    if (this.#attachment === null) throw new ProcessError('state', 'the process has no guest yet');
    return this.#attachment;
  }

  /** The guest, for imports that work on it. @throws ProcessError before `attach` */
  get guest(): Guest {
    return this.runner.guest;
  }

  /** The guest's instance, whose exports the host can call at any time: for code that instantiates a module its own way. */
  get instance(): WebAssembly.Instance {
    return this.#attached.instance;
  }

  /** The export that it runs; null: it has none. */
  get entry(): string | null {
    return this.#options.entry === undefined ? '_start' : this.#options.entry;
  }

  /** The first time limit that it has passed; null: it has passed none. It may have ended in another way for that. */
  get timedOut(): TimeLimit | null {
    return this.limits?.passed ?? null;
  }

  /** How it ended; null: it has not. */
  get status(): ExitStatus | null {
    return this.#attachment?.runner.ended ?? null;
  }

  get state(): ProcessState {
    const attachment = this.#attachment;
    if (attachment?.runner.ended) return 'ended';
    if (this.#running !== null) return 'running';
    if (this.signals.stopped) return 'stopped';
    if (!attachment?.computations.hasBegun) return 'new';
    const top = attachment.runner.stack.at(-1);
    if (top === undefined) return 'suspended';
    return top.call !== null && top.call.settled === null ? 'blocked' : 'ready';
  }

  /** Runs the process to its end, the host's event loop having its turn in between. @throws ProcessError the second time */
  start(): void {
    if (this.#looping) throw new ProcessError('state', 'the process was started before');
    const { computations, loop } = this.#attached;
    computations.begin();
    this.#looping = true;
    void loop.loop(this.entry !== null);
  }

  /** How it ends; a trap, too, is reported and not thrown. Resolves only once it was started or run to its end. */
  wait(): Promise<ExitStatus> {
    return this.#ended;
  }

  /**
   * Runs one slice of a process that was not started; its budget is topped up each time.
   *
   * @throws ProcessError for one that was started, is running (this is a call from its guest) or has no guest; `no-timer` for
   * one whose guest has `epoch` polls before `ready` has resolved for the first time, `no-fuel` where that is given fuel
   * @throws RangeError for a budget that is no integer from 1 to 2^31 - 1
   */
  run({ fuel }: SliceOptions = {}): Slice {
    if (this.#looping) throw new ProcessError('state', 'the process was started and runs by itself');
    if (fuel !== undefined) checkFuel(fuel);
    const { runner, computations, loop } = this.#attached;
    if (fuel !== undefined) requireFuel(runner.guest);
    if (runner.isRunning) throw new ProcessError('state', 'the process is running');
    computations.begin();
    const pause = loop.run(fuel);
    return { finished: pause === 'ended', pause };
  }

  /**
   * Resolves when slices can be run: at first, and when a process whose last slice was not cut short may go on, as its call is
   * answered or a signal has come.
   *
   * @throws ProcessError `no-timer` where the thread that ends slices cannot be started
   */
  async ready(): Promise<void> {
    await this.#attached.loop.ready();
  }

  /**
   * Sends a signal, by number or name; 0 only asks whether the process is there (kill(2)).
   *
   * @returns false where the process has ended, or too many signals wait
   * @throws SignalError EINVAL where there is no such signal, or what comes with it is not to be understood
   */
  kill(signal: number | string, info?: SigInfoInit): boolean {
    return this.#sending.send(signal, info, null);
  }

  /**
   * Sends a signal to one thread (pthread_kill(3)); what it does by default it does to the whole process.
   *
   * @param thread what `signals` of the thread's runner is
   */
  killThread(thread: SignalState, signal: number | string, info?: SigInfoInit): boolean {
    return this.#sending.send(signal, info, thread);
  }

  /** Stops the process: SIGSTOP. */
  stop(): boolean {
    return this.kill(SIGSTOP);
  }

  /** Has a stopped process go on: SIGCONT. */
  continue(): boolean {
    return this.kill(SIGCONT);
  }

  /**
   * Takes what the process is computing away from it, handlers included; it then waits for another computation.
   *
   * @throws ProcessError while the guest is running, and where there is nothing to take
   */
  suspend(): Interrupted {
    return this.#attached.computations.suspend();
  }

  /**
   * Calls an export as the computation of this process: in slices, the host's event loop having its turn in between, with signals, waits
   * and whatever else a process has. It begins where the shadow stack is now, as a call by the host does, and the process goes on when it is over.
   *
   * @returns what the export returns to JavaScript. Rejected with what comes out of it; with a ProcessError `dropped` or `ended` where it
   * was dropped or the process has ended; and at once, `no-entry` or `state`, where there is no such export, or another computation
   */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#attached.computations.call(name, args, promisedTo(name, resolve, reject));
      if (!this.#looping) this.start();
    });
  }

  /**
   * Has the host do something while what the process computes is suspended: at once, or where that is running (this is a call from an
   * import) at its next poll or wait. Exports that are called meanwhile have their shadow stack below what is suspended, which can also be taken
   * away (`suspend`) or dropped.
   *
   * @returns what the action returns; rejected with what it throws, and with a ProcessError `ended` where the process ends before
   */
  interrupt<T>(action: () => T): Promise<T> {
    const running = this.#running;
    const done = this.#actions.do(() => {
      if (this.status !== null) throw new ProcessError('ended', 'the process has ended', { cause: this.status });
      return this.runner.aside(action);
    }, running === null);
    if (running !== null) {
      running.budget.request();
      this.#notify();
    }
    return done;
  }

  /**
   * Has the host itself handle a signal: it is called while what the process computes is suspended, as by `interrupt`, and that goes on
   * afterwards, calls that wait included. What it throws is thrown into the guest where that is suspended, through signal handlers; where
   * nothing is computed the process fails with it. The guest's own action takes the place of it, and it that of the guest's.
   *
   * @param handle null: the default action
   * @throws SignalError EINVAL for SIGKILL, SIGSTOP, and where there is no such signal
   */
  onSignal(signal: number | string, handle: ((info: SigInfo) => void) | null): void {
    const disposition = handle === null ? ({ kind: 'default' } as const) : ({ kind: 'host', run: handle } as const);
    this.signals.sigaction(signo(signal), { ...DEFAULT_ACTION, disposition });
  }

  /**
   * Forgets what the process is computing, handlers included, also from within an import while it runs: it then waits for another
   * computation. Host functions between its frames get a ProcessEndedError.
   *
   * @throws ProcessError for a process with threads
   */
  drop(): void {
    this.#attached.computations.drop();
  }

  /**
   * A computation of this process that has not begun: a call of an export. To be resumed in the place of another.
   *
   * @throws ProcessError where there is no such export
   */
  fresh(entry: string, ...args: readonly unknown[]): Interrupted {
    return this.#attached.computations.fresh(entry, args);
  }

  // ---- for imports

  /**
   * What an import that may wait does, if `transform` was told that it suspends: its guest is suspended until the call
   * settles or a handler interrupts it (signal(7), "Interruption of system calls").
   *
   * @param name the import, `module.name`
   * @returns what the import has to return
   * @throws ProcessError `cannot-suspend` where a host function stands between, `not-suspending` for any other import
   */
  block(name: string, call: BlockingCall): unknown {
    return this.runner.block(name, call);
  }

  /** Ends the process from within an import (WASI, `proc_exit`). Does not return. */
  exit(status: number): never {
    return this.runner.exit(status >>> 0);
  }

  /** To be called by imports that send signals: a signal that ends the process does so before they return. */
  leaveIfKilled(): void {
    this.#running?.leaveIfDoomed();
  }

  /** That of the thread whose turn it is, or else of the main thread. */
  get runner(): Runner {
    return this.#conductor?.active ?? this.#attached.runner;
  }

  /** Whose guest code has called the host. */
  get #running(): Runner | null {
    const runner = this.#conductor?.active ?? this.#attachment?.runner;
    return runner?.isRunning ? runner : null;
  }

  /**
   * Has others run the process: its threads are tasks of a scheduler (engine/threads).
   *
   * @returns the main thread's runner
   * @throws ProcessError for a process that was started, has no guest, or no entry
   */
  conduct(conductor: Conductor): Runner {
    if (this.#looping) throw new ProcessError('state', 'the process was started before');
    if (this.entry === null) throw new ProcessError('state', 'threads need an entry that their process runs');
    const { runner, computations } = this.#attached;
    computations.begin();
    this.#looping = true;
    this.#conductor = conductor;
    return runner;
  }

  /** What its timers go by. */
  get clock(): ProcessClock {
    return this.#options.clock ?? hostProcessClock;
  }

  /** ITIMER_REAL. */
  get timer(): IntervalTimer {
    return this.#timer;
  }

  findProcess(pid: number): Process | undefined {
    return pid === this.pid ? this : this.#options.findProcess?.(pid);
  }

  // ---- running

  /** Its time counts from now on. */
  #timed(): void {
    this.limits?.begin(() => {
      this.collect();
      const limit = this.limits?.over ?? null;
      if (limit !== null && this.#running === null) this.#attachment?.runner.finish({ kind: 'timed-out', limit });
    });
  }

  /** A stop signal has stopped it. */
  stopped(signal: Signo): void {
    this.#options.onStop?.(signal, () => {
      if (!this.signals.stopped || this.status !== null) return;
      this.signals.unstop();
      this.#sending.sent(SIGCONT, null);
    });
  }

  /** Takes in the signals that another thread of the host has sent, and looks at the clocks of its limits. */
  collect(): void {
    if (this.#control !== null && !this.#sending.receive(this.#control.collect())) return;
    this.limits?.look();
  }

  #slice(run: () => Pause): Pause {
    const control = this.#control;
    if (control !== null) control.state = 'running';
    try {
      return run();
    } finally {
      if (this.#conductor === null) this.#attachment?.runner.makeRoom();
      this.#publish();
    }
  }

  #publish(): void {
    if (this.#control !== null && this.status === null) this.#control.state = this.state;
  }

  #notify(): void {
    this.#attachment?.loop.ring();
    this.#conductor?.wake();
  }

  #finished(status: ExitStatus): void {
    this.#timer.set({ value: 0, interval: 0 });
    this.limits?.close();
    this.#attachment?.loop.close();
    this.#control?.finish(status);
    this.#resolve(status);
    this.#actions.ended();
    this.#notify();
    this.#conductor?.ended();
  }
}
