import type { ReadyReason } from './policy.ts';
import type { Outcome, Task } from './task.ts';

/**
 * Why a task stops running: it gave way; its slice is used up; it waits; the host's event loop has a turn, after which it goes on
 * within its slice; its body is over.
 */
export type StopReason = 'yielded' | 'preempted' | 'blocked' | 'interrupted' | 'ended';

/** Something that happened to a task. */
export type TraceEvent = {
  /** By the scheduler's clock, in milliseconds. */
  readonly time: number;
  /** The task's number and name. */
  readonly task: number;
  readonly name: string;
} & (
  | {
      readonly kind: 'ready';
      readonly reason: 'spawned';
      /** The number of the task that has spawned it; 0: none, the host. */
      readonly by: number;
      /** The bytes of its shadow stack; 0 where it has none of its own. */
      readonly stack: number;
    }
  | {
      readonly kind: 'ready';
      readonly reason: 'woken';
      /** The number of the task that has woken it; 0: none, but a timer or the host. */
      readonly by: number;
    }
  | { readonly kind: 'ready'; readonly reason: Exclude<ReadyReason, 'spawned' | 'woken'> }
  | { readonly kind: 'run' }
  /** It stops running; `polls`: the units of fuel it has used since `run`; comes before what it stops for. */
  | { readonly kind: 'stop'; readonly reason: StopReason; readonly polls: number }
  /** It waits. */
  | { readonly kind: 'block'; readonly on: string }
  /** Somebody called `cancel`. */
  | { readonly kind: 'cancel' }
  /** A signal is delivered to it, a thread of a guest; by Linux's number. */
  | { readonly kind: 'signal'; readonly signo: number }
  | { readonly kind: 'end'; readonly outcome: Outcome<unknown>['kind'] }
);

/** TraceEvent without what every event has. */
export type TraceDetail = TraceEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'time' | 'task' | 'name'>
    : never
  : never;

/** Tells of something that has happened to a task. */
export type Trace = (task: Task, detail: TraceDetail) => void;
