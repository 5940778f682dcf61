import type { Clock } from './clock.ts';
import { type Coroutine, PAUSE } from './coroutine.ts';
import { currentFiber, setCurrent } from './current.ts';
import { type DeadlockError, SchedulerError } from './errors.ts';
import { Fiber } from './fiber.ts';
import { HostWaits } from './host-waits.ts';
import { LiveTasks } from './live.ts';
import type { Home, Operation, Waiter } from './operation.ts';
import { GuardedPolicy, type Policy, type ReadyReason } from './policy.ts';
import { type Random, seeded } from './random.ts';
import type { Outcome, SpawnOptions, Task } from './task.ts';
import { Timers } from './timers.ts';
import type { StopReason, Trace, TraceDetail, TraceEvent } from './trace.ts';

export interface CoreOptions {
  readonly policy: Policy;
  readonly clock: Clock;
  readonly seed: number;
  readonly onTrace: ((event: TraceEvent) => void) | undefined;
  readonly onFailure: ((task: Task, error: unknown) => void) | undefined;
  /** There is something to do that was not there before, and nobody is in `drain`. */
  readonly wake: () => void;
  /** How many milliseconds tasks run until the host's event loop has a turn. */
  readonly turn: number;
  /** Whether tasks may run in this microtask; then `leave` or `go` is called, and `wake` need not be meanwhile. */
  readonly enter: () => boolean;
  /** They have run, and nothing else is to be done. */
  readonly leave: () => void;
  /** Runs those that can, and does what is to be done once none can. */
  readonly go: () => void;
}

/** Shorter runs than this, in milliseconds, count from their beginning and not from the first look at the time. */
const SHORT = 5;
/** How often the time is looked at: each so many turns of tasks. */
const TURNS_PER_LOOK = 32;
/** The same for what has had its turn to the end: loops may take a microsecond from one poll to the next. */
const POLLS_PER_LOOK = 1000;

/** Runs the tasks of one scheduler, as its policy says. */
export class Core implements Home {
  readonly clock: Clock;
  /** Whether the clock stands still while anything can run. */
  readonly isVirtual: boolean;
  readonly timers: Timers;
  readonly random: Random;
  readonly hosts = new HostWaits();
  readonly trace: Trace | null;
  readonly #policy: GuardedPolicy;
  readonly #onFailure: ((task: Task, error: unknown) => void) | undefined;
  readonly #wake: () => void;
  readonly #turnTime: number;
  readonly #enter: () => boolean;
  readonly #leave: () => void;
  readonly #go: () => void;
  readonly #live = new LiveTasks();
  #spawned = 0;
  /** How many tasks are in the policy's hands. */
  #queued = 0;
  #holds = 0;
  /** It goes on before others, within the slice it has begun. */
  #interrupted: { readonly fiber: Fiber; readonly left: number } | null = null;
  /** The task that becomes ready next need not go through the policy's hands. */
  #passing = false;
  /** It runs next, without having done so. */
  #passed: Fiber | null = null;
  #draining = false;
  /** What a callback of the host's has thrown. */
  #fault: { readonly error: unknown } | null = null;
  #time = 0;
  #until: number | null = null;
  /** The time is looked at before the next turn. */
  #isSlow = false;
  /** Polls passed since the time was looked at. */
  #unseen = 0;
  #broken: { readonly error: unknown } | null = null;

  constructor(options: CoreOptions) {
    const { clock, onTrace } = options;
    this.clock = clock;
    this.isVirtual = 'skipTo' in clock;
    this.timers = new Timers(
      () => clock.now(),
      () => {
        if (!this.#draining) this.#wake();
      },
    );
    this.random = seeded(options.seed);
    this.#policy = new GuardedPolicy(options.policy, this.random);
    this.#onFailure = options.onFailure;
    this.#wake = options.wake;
    this.#turnTime = options.turn;
    this.#enter = options.enter;
    this.#leave = options.leave;
    this.#go = options.go;
    this.trace =
      onTrace === undefined
        ? null
        : (task, detail) =>
            this.#tell(() => onTrace({ time: clock.now(), task: task.id, name: task.name, ...detail } as TraceEvent));
  }

  get live(): number {
    return this.#live.size;
  }

  get holds(): number {
    return this.#holds;
  }

  /** Whether a task can run. */
  get canRun(): boolean {
    return this.#queued > 0 || this.#interrupted !== null || this.#passed !== null;
  }

  get isRunning(): boolean {
    return this.#draining;
  }

  /** @throws what the policy has broken the scheduler with */
  check(): void {
    if (this.#broken !== null) throw this.#broken.error;
  }

  spawn<T>(body: Coroutine, options: SpawnOptions): Fiber<T> {
    const fiber = new Fiber<T>(this, ++this.#spawned, body, options);
    this.#live.add(fiber);
    fiber.group?.childSpawned(fiber);
    this.ready(fiber, 'spawned');
    if (options.signal !== undefined) fiber.listen(options.signal);
    return fiber;
  }

  /** The policy gets a task that can run. */
  ready(fiber: Fiber, reason: ReadyReason): void {
    if (this.#broken !== null) return;
    this.trace?.(fiber, this.#readiness(fiber, reason));
    if (this.#passing) {
      this.#passing = false;
      this.#passed = fiber;
      return;
    }
    fiber.queued = true;
    this.#queued++;
    try {
      this.#policy.ready(fiber, reason);
    } catch (error) {
      this.break(error);
      return;
    }
    if (!this.#draining) this.#wake();
  }

  #readiness(fiber: Fiber, reason: ReadyReason): TraceDetail {
    if (reason === 'yielded' || reason === 'preempted') return { kind: 'ready', reason };
    const running = currentFiber();
    const by = running?.core === this ? running.id : 0;
    if (reason === 'woken') return { kind: 'ready', reason, by };
    return { kind: 'ready', reason, by, stack: fiber.body.stackBytes ?? 0 };
  }

  hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holds === 0 && !this.#draining) this.#wake();
    };
  }

  expect(): void {
    this.#holds++;
  }

  giveUp(): void {
    if (--this.#holds === 0 && !this.#draining) this.#wake();
  }

  arrive(waiter: Waiter<unknown>, failed: boolean, value: unknown): void {
    // Where others may come in this very microtask the policy has to have the choice.
    const alone = this.#holds === 1 && !this.#draining && !this.canRun && this.#enter();
    this.giveUp();
    this.#passing = alone && this.#policy.orderOnly;
    try {
      if (failed) waiter.fail(value);
      else waiter.complete(value);
    } finally {
      this.#passing = false;
      if (alone) this.#runAlone();
    }
  }

  /** Where one task waits for promises and no other does, all that `drain` looks after has nothing to do. */
  #runAlone(): void {
    if (this.#passed !== null && this.#fault === null) {
      this.#draining = true;
      this.#time = this.#turnTime;
      this.#until = this.#time < SHORT ? performance.now() + this.#time : null;
      try {
        this.#turn();
      } catch (error) {
        this.break(error);
      } finally {
        this.#draining = false;
      }
    }
    if (this.#holds > 0 && !this.canRun && this.#fault === null && this.timers.size === 0) this.#leave();
    else this.#go();
  }

  wait<T>(operation: Operation<T>, signal?: AbortSignal): Promise<T> {
    const promise = this.hosts.wait(operation, this, signal);
    // A deadlock has to be found also where nothing happens any more.
    if (this.hosts.size > 0 && !this.#draining) this.#wake();
    return promise;
  }

  ended(fiber: Fiber): void {
    const { outcome } = fiber;
    this.#live.remove(fiber);
    if (outcome === null) return;
    this.trace?.(fiber, { kind: 'end', outcome: outcome.kind });
    if (outcome.kind === 'failed' && !fiber.isObserved) this.#tell(() => this.#onFailure?.(fiber, outcome.error));
  }

  /** Calls a callback of the host's. What it throws must not come in between: it ends everything once nothing is half done. */
  #tell(call: () => void): void {
    if (this.#broken !== null || this.#fault !== null) return;
    try {
      call();
    } catch (error) {
      this.#fault = { error };
      if (!this.#draining) this.#wake();
    }
  }

  // ---- running

  /**
   * Runs tasks until none can run, or for about this time from when it is first looked at.
   *
   * @param time milliseconds of the host's clock
   * @returns whether none can run
   * @throws what the policy did wrong
   */
  drain(time: number): boolean {
    this.check();
    if (this.#draining) throw new SchedulerError('state', 'the scheduler is running');
    this.#draining = true;
    this.#time = time;
    this.#until = time < SHORT ? performance.now() + time : null;
    try {
      this.#fire();
      for (let turns = 1; this.canRun && this.#fault === null; turns++) {
        if (turns % TURNS_PER_LOOK === 0 || this.#isSlow) {
          this.#isSlow = false;
          this.#unseen = 0;
          this.#fire();
          if (this.#isOver()) return false;
        }
        if (!this.#turn()) return false;
      }
      if (this.#fault !== null) throw this.#fault.error;
      return true;
    } catch (error) {
      this.break(error);
      throw error;
    } finally {
      this.#draining = false;
    }
  }

  /** Where time stands still, only when nothing else can run: otherwise how long tasks take would change the schedule. */
  #fire(): void {
    if (this.timers.size > 0 && !(this.canRun && this.isVirtual)) this.timers.fire();
  }

  /** Whether the host has to have a turn. Short runs do without a look at the time. */
  #isOver(): boolean {
    const now = performance.now();
    this.#until ??= now + this.#time;
    return now >= this.#until;
  }

  /** @returns false where the host has to have a turn */
  #turn(): boolean {
    let fiber: Fiber | null;
    let slice: number;
    if (this.#interrupted !== null) {
      fiber = this.#interrupted.fiber;
      slice = this.#interrupted.left;
      this.#interrupted = null;
    } else {
      fiber = this.#passed ?? this.#take();
      this.#passed = null;
      // It was cancelled while it was in the policy's hands.
      if (fiber === null) return true;
      slice = this.#policy.slice(fiber);
    }
    this.trace?.(fiber, { kind: 'run' });
    const before = setCurrent(fiber);
    try {
      return this.#run(fiber, slice);
    } finally {
      setCurrent(before);
    }
  }

  #take(): Fiber | null {
    const task = this.#policy.next();
    if (task === undefined) throw this.#policy.error(`returned no task from next(), and ${this.#queued} can run`);
    if (!(task instanceof Fiber) || task.core !== this) {
      throw this.#policy.error('returned what is no task of its scheduler from next()');
    }
    if (!task.queued) {
      throw this.#policy.error(`returned task "${task.name}" from next(), which is ${task.state} and not runnable`);
    }
    task.queued = false;
    this.#queued--;
    return task.outcome === null ? task : null;
  }

  #run(fiber: Fiber, slice: number): boolean {
    const { body } = fiber;
    let begun = fiber.state !== 'new';
    let polls = 0;
    fiber.state = 'running';
    for (let left = slice; ; ) {
      const { input, value } = fiber;
      fiber.input = 'none';
      fiber.value = undefined;
      let pause: ReturnType<Coroutine['resume']>;
      try {
        if (input === 'error') pause = body.throw(fiber, value, left);
        else if (input === 'none' && begun && fiber.isCancelling) pause = body.throw(fiber, fiber.takeReason(), left);
        else pause = body.resume(fiber, value, left);
      } catch (error) {
        this.#policy.ran(fiber, body.used);
        polls += body.used;
        this.#stopped(fiber, 'ended', polls);
        this.closing(fiber, fiber.failure(error));
        return true;
      }
      begun = true;
      this.#policy.ran(fiber, body.used);
      left -= body.used;
      polls += body.used;
      // Strings are compared with strings only, which engines do in place.
      if (typeof pause !== 'string') {
        if (this.#block(fiber, pause, polls)) return true;
        continue;
      }
      switch (pause) {
        case PAUSE.done:
          this.#stopped(fiber, 'ended', polls);
          this.closing(fiber, { kind: 'done', value: body.result });
          return true;
        case PAUSE.yielded:
          this.#stopped(fiber, 'yielded', polls);
          fiber.ready('yielded');
          return true;
        case PAUSE.spent:
          // A slice of time, and not of polls: many of them are long.
          this.#unseen += body.used;
          if (body.used === 0 || this.#unseen >= POLLS_PER_LOOK) this.#isSlow = true;
          this.#stopped(fiber, 'preempted', polls);
          fiber.ready('preempted');
          return true;
        case PAUSE.interrupted:
          if (!this.#isOver()) break;
          this.#stopped(fiber, 'interrupted', polls);
          fiber.state = 'runnable';
          this.#interrupted = { fiber, left };
          return false;
      }
    }
  }

  #stopped(fiber: Fiber, reason: StopReason, polls: number): void {
    this.trace?.(fiber, { kind: 'stop', reason, polls });
  }

  /** @returns whether the task waits; otherwise it goes on with an exception */
  #block(fiber: Fiber, operation: Operation<unknown>, polls: number): boolean {
    if (fiber.isCancelling) {
      fiber.setError(fiber.takeReason());
      return false;
    }
    try {
      fiber.block(operation);
    } catch (error) {
      fiber.setError(error);
      return false;
    }
    this.#stopped(fiber, 'blocked', polls);
    this.trace?.(fiber, { kind: 'block', on: fiber.blockedOn ?? '' });
    return true;
  }

  /** The body of a task is over; the task is when its groups are. */
  closing(fiber: Fiber, outcome: Outcome<unknown>): void {
    if (fiber.outcome !== null) return;
    const wasRunning = fiber.state === 'running';
    fiber.state = 'closing';
    const open = fiber.groups.filter((group) => !group.close(() => this.closing(fiber, outcome)));
    if (open.length > 0) {
      if (wasRunning) this.trace?.(fiber, { kind: 'block', on: fiber.blockedOn ?? '' });
      const reason = outcome.kind === 'failed' ? outcome.error : outcome.kind === 'cancelled' ? outcome.reason : null;
      if (outcome.kind !== 'done') for (const group of open.toReversed()) group.cancel(reason);
      return;
    }
    const errors = fiber.groups.flatMap((group) => group.unreported());
    if (errors.length === 0) fiber.end(outcome);
    else {
      const all = outcome.kind === 'failed' ? [outcome.error, ...errors] : errors;
      fiber.end({ kind: 'failed', error: new AggregateError(all, `tasks in groups of task "${fiber.name}" failed`) });
    }
  }

  // ---- when nothing runs

  /** The tasks that wait for each other; null: something may still happen, or there are none. */
  deadlock(): DeadlockError | null {
    if (this.canRun || this.#live.size === 0 || this.#holds > 0 || this.timers.size > 0) return null;
    return this.#live.deadlock();
  }

  /** No task can be run any more: all of them end with the error. */
  break(error: unknown): void {
    if (this.#broken !== null) return;
    this.#broken = { error };
    this.#interrupted = null;
    this.#passed = null;
    this.#queued = 0;
    for (let fiber = this.#live.first; fiber !== null; fiber = this.#live.first) fiber.abandon(error);
    this.hosts.rejectAll(error);
  }
}
