import type { TaskGroup } from './group.ts';
import type { Operation } from './operation.ts';

/**
 * `new`: it has not begun; `runnable`: it waits for its turn; `blocked`: for an operation; `closing`: its body is over, and
 * tasks of its groups are not.
 */
export type TaskState = 'new' | 'runnable' | 'running' | 'blocked' | 'closing' | 'done' | 'failed' | 'cancelled';

export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** What cancelled it has left its body. */
  | { readonly kind: 'cancelled'; readonly reason: unknown };

/** A computation of a scheduler. */
export interface Task<T = unknown> {
  /** 1 for the scheduler's first task, and so on. */
  readonly id: number;
  readonly name: string;
  readonly priority: number;
  readonly weight: number;
  /** By the scheduler's clock, in milliseconds; Infinity: it has none. */
  readonly deadline: number;
  readonly group: TaskGroup | null;
  readonly state: TaskState;
  /** Null: it has not ended. */
  readonly outcome: Outcome<T> | null;
  /** What its body returned, once it is `done`. */
  readonly result: T | undefined;
  /** Aborted when the task is cancelled, for what the task has the host do. */
  readonly signal: AbortSignal;
  /** What it waits for; null: for nothing. */
  readonly blockedOn: string | null;
  /** Where it is, as far as it is known, innermost first. */
  backtrace(): string[];
  /**
   * For host code that is no task: what the body returned. Rejects with what it threw, or with what cancelled it; or with a
   * DeadlockError when the task is found waiting for ever.
   */
  join(): Promise<T>;
  /** The same for tasks, as an operation. @throws SchedulerError `self-join` where a task waits for its own end */
  readonly joined: Operation<T>;
  /**
   * Has the reason thrown where the task is suspended: in the operation it waits in, or where it gave way to others. A task that
   * has not begun ends at once; in one that runs, or whose operation has been done, it is thrown at the next operation that has to
   * wait. A task that catches it goes on, and can be cancelled again.
   *
   * @param reason what is thrown; default: a SchedulerError, `cancelled`
   * @returns false where the task has ended
   */
  cancel(reason?: unknown): boolean;
}

export interface SpawnOptions {
  /** Default: the function's name, and the task's number. */
  readonly name?: string | undefined;
  /** For PriorityPolicy: the higher, the earlier. Default 0. */
  readonly priority?: number | undefined;
  /** For FairPolicy and LotteryPolicy: the share it has, above 0. Default 1. */
  readonly weight?: number | undefined;
  /** For DeadlinePolicy: by the scheduler's clock. Default: none. */
  readonly deadline?: number | undefined;
  readonly group?: TaskGroup | undefined;
  /** Cancels the task when it is aborted, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** For functions of a guest with a shadow stack: the bytes of this task's. */
  readonly stackSize?: number | undefined;
  /** For a continuation object that several guests could run: the one that has handed it over (what `instantiate` returned). */
  readonly guest?: object | undefined;
}
