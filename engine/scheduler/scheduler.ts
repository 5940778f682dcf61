import { turn } from '../process/event-loop.ts';
import { makeBody } from './bodies.ts';
import { type Clock, hostClock } from './clock.ts';
import { Core } from './core.ts';
import type { Coroutine } from './coroutine.ts';
import { currentFiber } from './current.ts';
import { type DeadlockError, SchedulerError } from './errors.ts';
import type { Fiber } from './fiber.ts';
import type { Home, Operation } from './operation.ts';
import { FifoPolicy } from './policies/fifo.ts';
import type { Policy } from './policy.ts';
import type { SpawnOptions, Task } from './task.ts';
import type { TraceEvent } from './trace.ts';

export interface SchedulerOptions {
  /** Which task runs next. Default: FifoPolicy. A policy belongs to one scheduler. */
  readonly policy?: Policy;
  /** Default: the host's. With a VirtualClock the same seed makes the same schedule. */
  readonly clock?: Clock;
  /** For the choices made by chance: `select` among several that are ready, LotteryPolicy. Default 0. */
  readonly seed?: number;
  /** How many milliseconds tasks run until the host's event loop has a turn. Default 10. */
  readonly turn?: number;
  /** Called for everything that happens. What it throws, or `onFailure`, ends all tasks. */
  readonly onTrace?: (event: TraceEvent) => void;
  /** Called when a task has failed that nobody waits for and that has no group. Default: nothing happens. */
  readonly onFailure?: (task: Task, error: unknown) => void;
  /** Called when tasks wait for each other for ever. Host code that waits for one gets the error, too. */
  readonly onDeadlock?: (error: DeadlockError) => void;
}

/** How many runs, each from a microtask, until it is looked whether the event loop has to have a turn. */
const RUNS_PER_LOOK = 16;
/** Its `then` is a microtask; Node's queueMicrotask takes several times as long. */
const settledPromise = Promise.resolve();

/** What a task of such a function returns. */
export type Returned<R> = R extends Generator<unknown, infer T, unknown> ? T : Awaited<R>;

/**
 * Runs tasks on one thread: functions of the host's and of guests. It runs by itself, from the microtask on after the first
 * `spawn`; the host's event loop has turns in between.
 */
export class Scheduler {
  readonly #core: Core;
  readonly #turn: number;
  readonly #onDeadlock: ((error: DeadlockError) => void) | undefined;
  /** A run is on its way. */
  #scheduled = false;
  /** When the event loop had a turn, as far as it is known. */
  #turned = performance.now();
  #runs = 0;
  /** It waits for what is settled, before time goes on. */
  #settling = false;
  /** It has to have one before the next run. */
  #due = false;
  #alarm: { readonly time: number; readonly off: () => void } | null = null;

  /** @throws SchedulerError `bad-argument` for a seed that is no number, or a turn that is not above 0 */
  constructor(options: SchedulerOptions = {}) {
    const { policy = new FifoPolicy(), clock = hostClock, seed = 0, turn: time = 10 } = options;
    if (!Number.isFinite(seed)) throw new SchedulerError('bad-argument', `seed must be a number, not ${seed}`);
    if (!(time > 0)) throw new SchedulerError('bad-argument', `turn must be milliseconds above 0, not ${time}`);
    this.#turn = time;
    this.#onDeadlock = options.onDeadlock;
    const { onTrace, onFailure } = options;
    this.#core = new Core({
      policy,
      clock,
      seed,
      onTrace,
      onFailure,
      wake: () => this.#schedule(),
      turn: time,
      enter: () => this.#enter(),
      leave: () => this.#leave(),
      go: this.#go,
    });
  }

  /** The task of this scheduler's that runs; null: none does. */
  get current(): Task | null {
    const fiber = currentFiber();
    return fiber?.core === this.#core ? fiber : null;
  }

  /** What operations use of it. */
  get home(): Home {
    return this.#core;
  }

  /** How many milliseconds tasks run until the host's event loop has a turn. */
  get turn(): number {
    return this.#turn;
  }

  /** How many tasks have not ended. */
  get size(): number {
    return this.#core.live;
  }

  /** By its clock, in milliseconds. */
  now(): number {
    return this.#core.clock.now();
  }

  /**
   * Makes a task of a function: a generator function that yields operations, one that returns a promise, any other; or one that
   * a guest exports (`instantiate`); or of a continuation object that such a guest has handed over, which the task then owns: it is
   * consumed. It runs when the policy says so, and not before this returns.
   *
   * @throws SchedulerError `bad-argument`, `group-closed`; `no-memory` where a guest's task has no room for its stack; what a
   * broken policy threw
   * @throws TypeError where an argument cannot be converted to the parameter of a guest's function
   */
  spawn<A extends readonly unknown[], R>(
    func: (...args: A) => R,
    args?: Readonly<A> | readonly [],
    options?: SpawnOptions,
  ): Task<Returned<R>>;
  spawn<R = unknown>(continuation: object, args?: readonly unknown[], options?: SpawnOptions): Task<R>;
  spawn(what: unknown, args: readonly unknown[] = [], options: SpawnOptions = {}): Task {
    this.#core.check();
    options.group?.checkOpen();
    const body = makeBody(what, args, options, this.#core);
    try {
      return this.#core.spawn(body, options);
    } catch (error) {
      body.release();
      throw error;
    }
  }

  /** Makes a task of a body of one's own (engine/threads). @throws as `spawn` does; the body is then released */
  start<T>(body: Coroutine, options: SpawnOptions): Fiber<T> {
    try {
      this.#core.check();
      options.group?.checkOpen();
      return this.#core.spawn<T>(body, options);
    } catch (error) {
      body.release();
      throw error;
    }
  }

  /**
   * For host code that is no task: does the operation, or waits for it.
   *
   * @param options.signal gives up the wait where it is aborted: rejects with its reason
   * @returns rejects with what the operation throws, or with a DeadlockError where all tasks wait for each other
   */
  wait<T>(operation: Operation<T>, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    return this.#core.wait(operation, options.signal);
  }

  /**
   * Says that host code outside of all tasks will wake one: until it is released, there is no deadlock.
   *
   * @returns what releases it; the second call does nothing
   */
  hold(): () => void {
    return this.#core.hold();
  }

  /**
   * Runs in this call what can run without waiting for anything outside. A VirtualClock goes on.
   *
   * @throws SchedulerError `state` where it is called by a task of this scheduler; `bad-policy`
   * @throws DeadlockError where tasks are left and wait for each other
   */
  run(): void {
    while (this.#core.drain(Number.POSITIVE_INFINITY) && this.#skip());
    this.#arm();
    const deadlock = this.#core.deadlock();
    if (deadlock === null) return;
    this.#core.hosts.rejectAll(deadlock);
    throw deadlock;
  }

  // ---- by itself

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (!this.#due) void settledPromise.then(this.#go);
    else void this.#yield();
  }

  #enter(): boolean {
    if (this.#scheduled || this.#due) return false;
    this.#scheduled = true;
    return true;
  }

  #leave(): void {
    this.#scheduled = false;
    // Promises that are settled already can go on for ever without it.
    if (++this.#runs % RUNS_PER_LOOK === 0) this.#due = performance.now() - this.#turned >= this.#turn;
  }

  async #yield(): Promise<void> {
    await turn();
    this.#due = false;
    this.#turned = performance.now();
    this.#go();
  }

  readonly #go = (): void => {
    // It is called from within a task.
    if (this.#core.isRunning) {
      this.#scheduled = false;
      return;
    }
    this.#leave();
    let idle: boolean;
    try {
      idle = this.#core.drain(this.#turn);
    } catch {
      // The policy's mistake; all tasks have ended with it.
      return;
    }
    if (!idle) {
      this.#due = true;
      this.#schedule();
    } else this.#idle();
  };

  #idle(): void {
    const core = this.#core;
    if (core.holds > 0 && core.isVirtual && core.timers.size > 0) {
      // What is settled already goes before what sleeps.
      if (!this.#settling) void this.#settle();
      return;
    }
    if (this.#skip()) this.#schedule();
    this.#arm();
    const deadlock = core.deadlock();
    if (deadlock === null) return;
    this.#onDeadlock?.(deadlock);
    core.hosts.rejectAll(deadlock);
  }

  async #settle(): Promise<void> {
    this.#settling = true;
    await turn();
    this.#settling = false;
    if (!this.#core.canRun && this.#skip()) this.#schedule();
  }

  /** Has a clock that stands still go on to the next timer. */
  #skip(): boolean {
    const { clock, timers } = this.#core;
    if (timers.size === 0 || !('skipTo' in clock)) return false;
    clock.skipTo(Math.max(timers.next, clock.now()));
    return true;
  }

  /** Has a clock that goes by itself call at the next timer. */
  #arm(): void {
    const { clock, timers } = this.#core;
    // Nearly always there is neither.
    if (this.#alarm === null && timers.size === 0) return;
    if ('skipTo' in clock || this.#alarm?.time === timers.next) return;
    this.#alarm?.off();
    this.#alarm = null;
    if (timers.size === 0) return;
    const time = timers.next;
    const off = clock.at(time, () => {
      this.#alarm = null;
      this.#schedule();
    });
    this.#alarm = { time, off };
  }
}
