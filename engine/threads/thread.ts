import { keepAlive } from '../process/event-loop.ts';
import type { ExitStatus } from '../process/index.ts';
import type { Runner } from '../process/runner.ts';
import type { Handlers } from '../process/thread-host.ts';
import type { Deadlines } from '../process/time-limits.ts';
import { type Coroutine, PAUSE, type Pause } from '../scheduler/coroutine.ts';
import type { Fiber } from '../scheduler/fiber.ts';
import type { Stack, Stacks } from '../scheduler/guest/stacks.ts';
import {
  type Cancelled,
  Operation,
  PENDING,
  type Pending,
  SchedulerError,
  settled,
  type Waiter,
} from '../scheduler/index.ts';
import type { Signo } from '../signals/index.ts';
import type { Meter } from './meter.ts';
import { OperationCall } from './waits.ts';

/** The main thread's number. */
export const MAIN = 1;

/** What a thread needs of the process it is one of. */
export interface Home {
  readonly meter: Meter;
  /** The process's time limits; null: it has none. */
  readonly limits: Deadlines | null;
  /** Takes in the signals that come from elsewhere. */
  collect(): void;
  stopped(signal: Signo): void;
  delivered(signal: Signo): void;
  /** It has ended the process: by `exit`, or as a signal did. */
  exited(status: ExitStatus): void;
  /** Its memory and its imports are about to be those of this thread; null: of none. */
  turn(thread: Thread | null): void;
  /** It has ended, and its task is about to. */
  threadEnded(thread: Thread): void;
}

/** A thread of a guest: a task whose body runs continuations of the guest's. */
export class Thread implements Coroutine, Handlers {
  readonly id: number;
  readonly entry: string;
  readonly #home: Home;
  readonly #stacks: Stacks | null;
  #stack: Stack | null;
  readonly #waiting: Waiting;
  #runner: Runner | null = null;
  #fiber: Fiber | null = null;
  /** The values of the areas that are each thread's own, while others run. */
  area: Uint8Array | null = null;
  /** Its own word. */
  local = 0;
  /** It was unparked before it has parked. */
  permit = false;
  /** Its waits to be unparked: its own, and on top those of handlers that interrupted it. */
  parked: Waiter<void>[] | null = null;
  isDetached = false;
  /** Its failure ends the process. */
  isVital = false;
  /** What it has returned, or given to `exit`. */
  value = 0;
  /** Who joins it. */
  joiner: Thread | null = null;
  /** How the runner has ended; null: it has not, or nothing was left to run. */
  status: ExitStatus | null = null;
  isOver = false;
  /** What it was cancelled for is thrown once its call has ended by itself. */
  isLate = false;
  used = 0;
  result: unknown = undefined;
  #thrown: { readonly error: unknown } | null = null;
  /** What it was cancelled for is thrown where it waits next: it has got what it waited for. */
  #owed: { readonly error: unknown } | null = null;

  constructor(id: number, entry: string, home: Home, stack: Stack | null, stacks: Stacks | null) {
    this.id = id;
    this.entry = entry;
    this.#home = home;
    this.#stack = stack;
    this.#stacks = stacks;
    this.#waiting = new Waiting(this);
  }

  /** Set right after it was made. */
  get runner(): Runner {
    if (this.#runner === null) throw new SchedulerError('state', `thread ${this.id} has no runner`);
    return this.#runner;
  }

  set runner(runner: Runner) {
    this.#runner = runner;
  }

  /** The same. */
  get task(): Fiber {
    if (this.#fiber === null) throw new SchedulerError('state', `thread ${this.id} has no task`);
    return this.#fiber;
  }

  set task(fiber: Fiber) {
    this.#fiber = fiber;
  }

  /** Whether it has ever been a task. */
  get hasTask(): boolean {
    return this.#fiber !== null;
  }

  get stackBytes(): number {
    return this.#stack?.bytes ?? 0;
  }

  backtrace(): string[] {
    const frames: string[] = [];
    for (const { entry, call, handler } of this.runner.stack.toReversed()) {
      if (call !== null && call.settled === null) frames.push(`${call.name} (import)`);
      frames.push(
        handler === null ? `${this.entry} (thread ${this.id})` : `${entry} (handler of signal ${handler.signal})`,
      );
    }
    return frames.length === 0 ? [`${this.entry} (thread ${this.id})`] : frames;
  }

  // ---- for its runner

  readonly returned = null;
  /** Its turns are short. */
  readonly isWatched = false;

  get limits(): Deadlines | null {
    return this.#home.limits;
  }

  collect(): void {
    this.#home.collect();
  }

  stopped(signal: Signo): void {
    this.#home.stopped(signal);
  }

  delivered(signal: Signo): void {
    this.#home.delivered(signal);
  }

  ended(status: ExitStatus, returned: boolean): void {
    if (this.isOver) return;
    this.status = status;
    if (returned && status.kind === 'exited') this.value = Number(status.results[0]);
    else if (status.kind !== 'failed' || this.isVital) this.#home.exited(status);
  }

  // ---- as a coroutine

  resume(fiber: Fiber, _value: unknown, budget: number): Pause {
    const { meter } = this.#home;
    const preparing = meter.preparing(this.runner);
    if (preparing !== null) return settled(preparing, 'the thread that ends slices');
    const { unwinding, stack } = this.runner;
    const due = unwinding ?? (stack.at(-1)?.call == null ? this.#owed : null);
    if (due !== null) return this.throw(fiber, due.error, budget);
    if (this.isLate) {
      this.isLate = false;
      this.runner.raise(this.#thrown?.error);
    }
    return this.#run(fiber, budget);
  }

  throw(fiber: Fiber, error: unknown, budget: number): Pause {
    this.#thrown = { error };
    this.#owed = null;
    const call = this.runner.stack.at(-1)?.call ?? null;
    if (call?.source instanceof OperationCall) {
      const { source } = call;
      if (call.settled !== null && !source.isGivenUp) return this.#owe(fiber, error, budget);
      const cancelled = source.giveUp();
      if (cancelled === 'done') return this.#owe(fiber, error, budget);
      if (cancelled === 'later' && call.settled === null) {
        // A condition takes its mutex first, which another has.
        this.isLate = true;
        return this.#waiting;
      }
    }
    this.runner.raise(error);
    return this.#run(fiber, budget);
  }

  /** Its call has been done. */
  #owe(fiber: Fiber, error: unknown, budget: number): Pause {
    this.#owed = { error };
    this.runner.keep();
    return this.runner.stack.at(-1)?.call?.settled == null ? this.#waiting : this.#run(fiber, budget);
  }

  #run(fiber: Fiber, budget: number): Pause {
    const { runner } = this;
    this.#home.turn(this);
    try {
      const { pause, used, interrupted } = this.#home.meter.run(runner, budget);
      this.used = used;
      if (this.#isOverrun()) {
        this.#overrun();
        return this.#over();
      }
      switch (pause) {
        case 'yielded':
          return interrupted || runner.unwinding !== null ? PAUSE.interrupted : PAUSE.spent;
        case 'blocked': {
          const call = runner.stack.at(-1)?.call ?? null;
          const owed = this.#owed;
          if (owed !== null) {
            this.#owed = null;
            return this.throw(fiber, owed.error, Math.max(budget - used, 1));
          }
          if (call === null || !call.givesWay) return this.#waiting;
          call.settle(0);
          return PAUSE.yielded;
        }
        case 'stopped':
          return this.#waiting;
        case 'idle':
        case 'ended':
          return this.#over();
        default:
          return pause satisfies never;
      }
    } finally {
      this.#home.turn(null);
    }
  }

  /** @throws what the thread has failed with */
  #over(): Pause {
    // It is over already where the scheduler broke while it ran.
    if (!this.isOver) {
      this.isOver = true;
      this.#home.threadEnded(this);
    }
    const status = this.status ?? this.runner.ended;
    this.result = this.id === MAIN ? (status ?? undefined) : this.value;
    // A process reports what its main thread failed with; as a task that has failed only because of it.
    if (status?.kind === 'failed' && !this.isVital && (this.id !== MAIN || this.#thrown?.error === status.error))
      throw status.error;
    return PAUSE.done;
  }

  /** What others have beside its stack may be spoilt, and it must not run on. */
  #isOverrun(): boolean {
    const stack = this.#stack;
    if (stack === null || this.#stacks === null) return false;
    const activations = this.runner.stack;
    for (let index = 0; index < activations.length; index++) {
      const { stackPointer = null, handler = null } = activations[index] ?? {};
      if (stackPointer === null || handler?.frame.onAltStack === true) continue;
      if (stackPointer < stack.low || stackPointer > stack.high) return true;
    }
    return !this.#stacks.isIntact(stack);
  }

  #overrun(): void {
    const size = (this.#stack?.high ?? 0) - (this.#stack?.low ?? 0);
    const cause = this.status?.kind === 'failed' ? this.status.error : undefined;
    const message = `thread "${this.task.name}" has left its shadow stack of ${size} bytes`;
    const error = new SchedulerError('stack-overflow', message, cause === undefined ? {} : { cause });
    if (this.runner.ended === null) this.runner.finish({ kind: 'failed', error });
    this.status = { kind: 'failed', error };
  }

  release(): void {
    const stack = this.#stack;
    this.#stack = null;
    if (stack !== null) this.#stacks?.free(stack);
    this.runner.signals.end();
    this.area = null;
    if (!this.isOver) {
      // Its task has ended without it: it was cancelled before it began, or its scheduler is broken.
      const name = this.#fiber?.name ?? `thread ${this.id}`;
      const outcome = this.#fiber?.outcome ?? null;
      const isBroken = outcome?.kind === 'failed';
      const error = isBroken
        ? outcome.error
        : new SchedulerError('cancelled', `thread "${name}" was cancelled before it began`);
      const status = { kind: 'failed', error } as const;
      this.runner.finish(status);
      if (isBroken) this.#home.exited(status);
      this.isOver = true;
      this.#home.threadEnded(this);
    }
  }

  /** Has it go on where it parks, or not park the next time. */
  unpark(): void {
    const waiter = this.parked?.pop() ?? null;
    if (waiter === null) this.permit = true;
    else waiter.complete();
  }

  /** What it waits for may have come. */
  wake(): void {
    this.#waiting.wake();
  }
}

/** A thread waits until its runner can go on: its call is answered, or there is a signal for it. */
class Waiting extends Operation<void> {
  readonly #thread: Thread;
  #waiter: Waiter<void> | null = null;
  /** Nobody in this scheduler answers its call. */
  #release: (() => void) | null = null;
  /** It is being cancelled, and its call ends by itself. */
  #isEnding = false;

  constructor(thread: Thread) {
    super();
    this.#thread = thread;
  }

  get #call() {
    return this.#thread.runner.stack.at(-1)?.call ?? null;
  }

  describe(): string {
    if (this.#thread.runner.signals.stopped) return 'SIGCONT';
    return this.#call?.describe() ?? 'its turn';
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#waiter = waiter;
    this.#isEnding = false;
    const isInside = this.#call?.source instanceof OperationCall && !this.#thread.runner.signals.stopped;
    if (isInside) return;
    const release = waiter.home.hold();
    const sleep = keepAlive();
    this.#release = () => {
      sleep();
      release();
    };
  }

  cancel(): Cancelled {
    const call = this.#call;
    const { source = null } = call ?? {};
    // It is stopped, and has got what it waited for.
    if (source instanceof OperationCall && call?.settled != null && !source.isGivenUp) return 'done';
    const cancelled = source instanceof OperationCall ? source.giveUp() : 'given-up';
    if (cancelled === 'given-up') this.#leave();
    else this.#isEnding = true;
    return cancelled;
  }

  wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    if ((this.#isEnding || this.#thread.isLate) && this.#call?.settled === null) return;
    this.#leave();
    waiter.complete();
  }

  #leave(): void {
    this.#waiter = null;
    this.#release?.();
    this.#release = null;
  }
}
