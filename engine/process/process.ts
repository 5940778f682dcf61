import type { Checker, Imports, Store } from '../../continuations/index.ts';
import {
  DEFAULT_ACTION,
  isRealtime,
  SI,
  SIGALRM,
  SIGCONT,
  SIGSTOP,
  SIGTERM,
  type SigInfo,
  type SigInfoInit,
  SignalState,
  type Signo,
  type SigSet,
  sigInfo,
  signo,
} from '../signals/index.ts';
import type { Activation } from './activation.ts';
import { Bell } from './bell.ts';
import type { BlockingCall } from './blocking.ts';
import { POLL_LIMIT } from './budget.ts';
import { promisedTo } from './caller.ts';
import type { Conductor } from './conductor.ts';
import type { ProcessState } from './control.ts';
import { ProcessError } from './errors.ts';
import { hostProcessClock, keepAlive, now, type ProcessClock, turn } from './event-loop.ts';
import type { ExitStatus } from './exit-status.ts';
import { checkHost, DISPATCHER, Guest } from './guest.ts';
import { signalImports, suspendingImports } from './imports.ts';
import { type Home, Interrupted } from './interrupted.ts';
import { IntervalTimer } from './interval-timer.ts';
import { DEFAULT_SLICE, type ProcessOptions, type Slice, type SliceOptions } from './options.ts';
import type { Pause } from './pause.ts';
import { RemoteControl } from './remote.ts';
import { Runner } from './runner.ts';
import { Slices } from './slices.ts';
import { checkLimits, Deadlines, type TimeLimit } from './time-limits.ts';

let lastPid = 1;

/**
 * A guest that runs in continuations: it can be interrupted at its yield points and in calls of suspending imports, has
 * POSIX signals (signal(7)), and lets the host's event loop run in between.
 */
export class Process implements Home {
  readonly pid: number;
  readonly signals: SignalState;
  readonly #options: ProcessOptions;
  readonly #ended: Promise<ExitStatus>;
  readonly #timer: IntervalTimer;
  #resolve: (status: ExitStatus) => void = () => {};
  #runner: Runner | null = null;
  #conductor: Conductor | null = null;
  #checker: Checker | null = null;
  #begun = false;
  #looping = false;
  #pause: Pause | null = null;
  readonly #bell = new Bell();
  #slices: Slices | null = null;
  #instance: WebAssembly.Instance | null = null;
  /** What the host is to do once the guest is suspended. */
  readonly #actions: (() => void)[] = [];
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
    this.#timer = new IntervalTimer(() => this.kill(SIGALRM, { code: SI.KERNEL }), this.clock);
    if (options.limits !== undefined) checkLimits(options.limits);
    this.limits = options.limits === undefined ? null : new Deadlines(options.limits, (limit) => this.#warn(limit));
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
    if (this.#runner !== null) throw new ProcessError('state', 'the process has a guest already');
    const guest = new Guest(module, instance, this.#options);
    for (const name of [...(this.#options.before ?? []), this.entry]) {
      if (name !== null && !guest.has(name))
        throw new ProcessError('no-entry', `the guest exports no function "${name}"`);
    }
    const signals = [...guest.imports].filter((name) => name.startsWith('bobbin:signal.'));
    if (signals.length > 0 && guest.memory === null) {
      throw new ProcessError('no-memory', 'the guest imports from "bobbin:signal" and exports no memory "memory"');
    }
    if (signals.includes('bobbin:signal.sigaction') && !guest.has(DISPATCHER)) {
      throw new ProcessError('no-dispatcher', `the guest imports sigaction and exports no function "${DISPATCHER}"`);
    }
    for (const name of signals) {
      if (suspendingImports.includes(name) && !guest.suspends(name)) {
        throw new ProcessError(
          'not-suspending',
          `${name} has to be imported once, and named to the transform as suspending`,
        );
      }
    }
    this.#instance = instance;
    const word = guest.epoch?.buffer ?? null;
    if (this.#control !== null && guest.epoch !== null && word === null) {
      throw new ProcessError(
        'not-shared',
        "other threads cannot set the word of the guest's polls: it lies in a global",
      );
    }
    this.#runner = new Runner(guest, this.signals, {
      wake: () => this.#notify(),
      collect: () => {
        this.collect();
        this.#act();
      },
      limits: this.limits,
      isWatched: this.limits !== null || this.#control !== null,
      stopped: (signal) => this.stopped(signal),
      delivered: (signal) => this.#conductor?.delivered(signal),
      ended: (status) => this.#finished(status),
      returned: this.#checker && ((before, after) => this.#checker?.stackPointer(before, after)),
    });
    this.#slices = new Slices(this.#runner, this.#options.slice ?? DEFAULT_SLICE);
    this.#control?.open(word, () => this.collect());
  }

  get #attached(): Runner {
    if (this.#runner === null) throw new ProcessError('state', 'the process has no guest yet');
    return this.#runner;
  }

  get #sliced(): Slices {
    if (this.#slices === null) throw new ProcessError('state', 'the process has no guest yet');
    return this.#slices;
  }

  /** The guest, for imports that work on it. @throws ProcessError before `attach` */
  get guest(): Guest {
    return this.runner.guest;
  }

  /** The guest's instance, whose exports the host can call at any time: for code that instantiates a module its own way. */
  get instance(): WebAssembly.Instance {
    if (this.#instance === null) throw new ProcessError('state', 'the process has no guest yet');
    return this.#instance;
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
    return this.#runner?.ended ?? null;
  }

  get state(): ProcessState {
    const runner = this.#runner;
    if (runner?.ended) return 'ended';
    if (this.#running !== null) return 'running';
    if (this.signals.stopped) return 'stopped';
    if (runner === null || !this.#begun) return 'new';
    const top = runner.stack.at(-1);
    if (top === undefined) return 'suspended';
    return top.call !== null && top.call.settled === null ? 'blocked' : 'ready';
  }

  /** Runs the process to its end, the host's event loop having its turn in between. @throws ProcessError the second time */
  start(): void {
    if (this.#looping) throw new ProcessError('state', 'the process was started before');
    this.#begin();
    this.#looping = true;
    void this.#loop();
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
    if (fuel !== undefined && !(Number.isInteger(fuel) && fuel >= 1 && fuel <= POLL_LIMIT)) {
      throw new RangeError(`fuel must be an integer from 1 to ${POLL_LIMIT}`);
    }
    const runner = this.#attached;
    if (fuel !== undefined && runner.guest.epoch !== null) {
      throw new ProcessError(
        'no-fuel',
        'the guest has epoch polls, which cannot be counted: transform it with fuel polls',
      );
    }
    if (runner.isRunning) throw new ProcessError('state', 'the process is running');
    this.#begin();
    this.#bell.silence();
    const pause = this.#slice(() => (fuel === undefined ? this.#sliced.run() : runner.run(fuel)));
    this.#pause = pause;
    return { finished: pause === 'ended', pause };
  }

  /**
   * Resolves when slices can be run: at first, and when a process whose last slice was not cut short may go on, as its call is
   * answered or a signal has come.
   *
   * @throws ProcessError `no-timer` where the thread that ends slices cannot be started
   */
  async ready(): Promise<void> {
    await this.#sliced.prepare();
    if (this.#pause === null || this.#pause === 'yielded' || this.status !== null) return turn();
    await this.#bell.heard();
  }

  /**
   * Sends a signal, by number or name; 0 only asks whether the process is there (kill(2)).
   *
   * @returns false where the process has ended, or too many signals wait
   * @throws SignalError EINVAL where there is no such signal, or what comes with it is not to be understood
   */
  kill(signal: number | string, info?: SigInfoInit): boolean {
    return this.#send(signal, info, null);
  }

  /**
   * Sends a signal to one thread (pthread_kill(3)); what it does by default it does to the whole process.
   *
   * @param thread what `signals` of the thread's runner is
   */
  killThread(thread: SignalState, signal: number | string, info?: SigInfoInit): boolean {
    return this.#send(signal, info, thread);
  }

  #send(signal: number | string, init: SigInfoInit | undefined, thread: SignalState | null): boolean {
    if (signal === 0) return this.status === null;
    const info = sigInfo(signo(signal), init);
    if (this.status !== null) return false;
    const sent = thread === null ? this.signals.send(info) : thread.send(info, 'thread');
    this.#sent(info.signo, thread);
    return sent !== 'lost';
  }

  /** @param thread the one it was sent to; null: the process */
  #sent(number: Signo, thread: SignalState | null): void {
    const running = this.#running;
    const { fatal } = this.signals;
    if (running !== null) {
      if (running.signals.deliverable) running.budget.request();
    } else if (fatal !== null) this.#runner?.finish({ kind: 'signaled', signal: fatal });
    this.#notify();
    this.#conductor?.signaled(number, thread ?? this.signals.recipient(number));
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
    const runner = this.#attached;
    if (this.#conductor !== null)
      throw new ProcessError('state', 'the process has threads, which cannot be taken away');
    if (runner.isRunning) throw new ProcessError('state', 'the process is running');
    if (!this.#begun && runner.ended === null) this.#begin();
    if (runner.stack.length === 0) throw new ProcessError('state', 'the process is computing nothing');
    const mask = this.signals.blocked;
    const taken = runner.take();
    this.#publish();
    return new Interrupted(this, taken, mask);
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
      const runner = this.#attached;
      const calledAt = runner.guest.stackPointer;
      const caller = promisedTo(name, resolve, reject);
      const activation = { ...runner.fresh(name, args), stackPointer: calledAt, calledAt, caller };
      this.restore([activation], this.signals.blocked);
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
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          if (this.status === null) resolve(this.runner.aside(action));
          else reject(new ProcessError('ended', 'the process has ended', { cause: this.status }));
        } catch (error) {
          reject(error);
        }
      };
      const running = this.#running;
      if (running === null) {
        run();
        return;
      }
      this.#actions.push(run);
      running.budget.request();
      this.#notify();
    });
  }

  /** Does what it was asked to while the guest ran. */
  #act(): void {
    while (this.#running === null) {
      const action = this.#actions.shift();
      if (action === undefined) return;
      action();
    }
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
    const runner = this.#attached;
    if (this.#conductor !== null)
      throw new ProcessError('state', 'the process has threads: what they do cannot be dropped');
    if (!this.#begun && runner.ended === null) this.#begin();
    runner.drop();
    this.#publish();
  }

  /**
   * A computation of this process that has not begun: a call of an export. To be resumed in the place of another.
   *
   * @throws ProcessError where there is no such export
   */
  fresh(entry: string, ...args: readonly unknown[]): Interrupted {
    return new Interrupted(this, [this.#attached.fresh(entry, args)], this.signals.blocked);
  }

  /** Used by Interrupted. */
  restore(stack: Activation[], mask: SigSet): void {
    const runner = this.#attached;
    if (runner.ended !== null) throw new ProcessError('state', 'the process has ended');
    if (this.#conductor !== null) throw new ProcessError('state', 'the process has threads: others run them');
    if (runner.isRunning || runner.stack.length > 0) {
      throw new ProcessError('state', 'the process has another computation: suspend that first');
    }
    this.#begun = true;
    this.#timed();
    this.signals.blocked = mask;
    runner.put(stack);
    this.#notify();
  }

  /** Used by Interrupted. */
  dropped(stack: readonly Activation[]): void {
    this.#runner?.leftBehind(stack);
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
    return this.#conductor?.active ?? this.#attached;
  }

  /** Whose guest code has called the host. */
  get #running(): Runner | null {
    const runner = this.#conductor?.active ?? this.#runner;
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
    const main = this.#attached;
    this.#begin();
    this.#looping = true;
    this.#conductor = conductor;
    return main;
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

  #begin(): void {
    const runner = this.#attached;
    if (this.#begun || runner.ended !== null) return;
    const { args = [], before = [] } = this.#options;
    const entry = this.entry === null ? [] : [runner.fresh(this.entry, args)];
    const first = before.reduceRight((then, name) => [runner.fresh(name, [], then)], entry);
    this.#begun = true;
    runner.put(first);
    this.#timed();
  }

  /** Its time counts from now on. */
  #timed(): void {
    this.limits?.begin(() => {
      this.collect();
      const limit = this.limits?.over ?? null;
      if (limit !== null && this.#running === null) this.#runner?.finish({ kind: 'timed-out', limit });
    });
  }

  /** A time limit is passed, and there is grace. */
  #warn(limit: TimeLimit): void {
    this.kill(limit === 'wall' ? SIGTERM : 'SIGXCPU', { code: SI.KERNEL });
    // As timeout(1) does: a stopped process could not act on it.
    this.kill(SIGCONT, { code: SI.KERNEL });
  }

  async #loop(): Promise<void> {
    const runner = this.#attached;
    let release = keepAlive();
    try {
      await this.#sliced.prepare();
      await turn();
      for (let turned = now(); ; ) {
        this.#bell.silence();
        this.#pause = this.#slice(() => this.#sliced.run());
        if (this.#pause === 'ended') return;
        if (this.#pause !== 'yielded') {
          // One that has nothing of its own to do does not hold its host.
          const isIdle = this.#pause === 'idle' && this.entry === null;
          if (isIdle) release();
          await this.#bell.heard();
          if (isIdle) release = keepAlive();
        }
        if (this.#pause === 'yielded' || now() - turned >= (this.#options.slice ?? DEFAULT_SLICE)) {
          await turn();
          turned = now();
        }
      }
    } catch (error) {
      runner.finish({ kind: 'failed', error });
    } finally {
      release();
    }
  }

  /** A stop signal has stopped it. */
  stopped(signal: Signo): void {
    this.#options.onStop?.(signal, () => {
      if (!this.signals.stopped || this.status !== null) return;
      this.signals.unstop();
      this.#sent(SIGCONT, null);
    });
  }

  /** Takes in the signals that another thread of the host has sent, and looks at the clocks of its limits. */
  collect(): void {
    if (this.#control !== null) {
      for (const info of this.#control.collect()) {
        if (this.status !== null) return;
        this.signals.send(info, 'process', isRealtime(info.signo));
        this.#sent(info.signo, null);
      }
    }
    this.limits?.look();
  }

  #slice(run: () => Pause): Pause {
    const control = this.#control;
    if (control !== null) control.state = 'running';
    try {
      return run();
    } finally {
      if (this.#conductor === null) this.#runner?.makeRoom();
      this.#publish();
    }
  }

  #publish(): void {
    if (this.#control !== null && this.status === null) this.#control.state = this.state;
  }

  #notify(): void {
    this.#bell.ring();
    this.#conductor?.wake();
  }

  #finished(status: ExitStatus): void {
    this.#timer.set({ value: 0, interval: 0 });
    this.limits?.close();
    this.#slices?.close();
    this.#control?.finish(status);
    this.#resolve(status);
    for (const action of this.#actions.splice(0)) action();
    this.#notify();
    this.#conductor?.ended();
  }
}
