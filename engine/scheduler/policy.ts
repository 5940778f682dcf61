import { SchedulerError } from './errors.ts';
import type { Random } from './random.ts';
import type { Task } from './task.ts';

/** Why a task can run: it is new; what it waited for is there; it gave way to others; its slice is used up. */
export type ReadyReason = 'spawned' | 'woken' | 'yielded' | 'preempted';

/**
 * Says which task runs next. The scheduler calls nothing of it while it is in another call, and hands over each task once:
 * `ready` gives it to the policy, `next` gives it back. A task that is cancelled in between may have ended when it comes back; that
 * is no mistake.
 */
export interface Policy {
  /** For error messages. */
  readonly name: string;
  /** It keeps nothing but an order: a task that can run while no other can may do so without `ready` and `next`. Default: no. */
  readonly orderOnly?: boolean;
  /** Called once, by the scheduler it is given to; its choices by chance are to be made with this, so that they can be repeated. */
  start?(random: Random): void;
  /** The task can run. */
  ready(task: Task, reason: ReadyReason): void;
  /** The task to run now. Called only while there is one; it takes it away. */
  next(): Task | undefined;
  /**
   * How many units of fuel the task may use until others have their turn; at least 1. A guest's yield point (it must have `fuel`
   * polls) takes one, or more after much work; a host task's operation takes one. Default: Infinity, it runs until it waits.
   */
  slice?(task: Task): number;
  /** The task has run, and used this many units, at least 1. Called before it is `ready` again. */
  ran?(task: Task, polls: number): void;
}

/** A policy of whose mistakes nobody but its own scheduler hears. */
export class GuardedPolicy {
  readonly #policy: Policy;
  readonly orderOnly: boolean;

  constructor(policy: Policy, random: Random) {
    this.#policy = policy;
    this.orderOnly = policy.orderOnly === true;
    try {
      policy.start?.(random);
    } catch (cause) {
      throw this.error('threw in start()', { cause });
    }
  }

  /** @throws SchedulerError `bad-policy` */
  error(problem: string, options?: ErrorOptions): SchedulerError {
    return new SchedulerError('bad-policy', `policy "${this.#policy.name}" ${problem}`, options);
  }

  ready(task: Task, reason: ReadyReason): void {
    try {
      this.#policy.ready(task, reason);
    } catch (cause) {
      throw this.error('threw in ready()', { cause });
    }
  }

  next(): Task | undefined {
    try {
      return this.#policy.next();
    } catch (cause) {
      throw this.error('threw in next()', { cause });
    }
  }

  slice(task: Task): number {
    const policy = this.#policy;
    if (policy.slice === undefined) return Number.POSITIVE_INFINITY;
    let slice: number;
    try {
      slice = policy.slice(task);
    } catch (cause) {
      throw this.error('threw in slice()', { cause });
    }
    if (slice >= 1) return Math.floor(slice);
    throw this.error(`gave task "${task.name}" a slice of ${slice} polls`);
  }

  ran(task: Task, polls: number): void {
    const policy = this.#policy;
    if (policy.ran === undefined) return;
    try {
      policy.ran(task, Math.max(polls, 1));
    } catch (cause) {
      throw this.error('threw in ran()', { cause });
    }
  }
}
