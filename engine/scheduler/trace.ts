import type { ReadyReason } from './policy.ts';
import type { Outcome } from './task.ts';

/** Something that happened to a task. */
export type TraceEvent = {
  /** By the scheduler's clock, in milliseconds. */
  readonly time: number;
  /** The task's number and name. */
  readonly task: number;
  readonly name: string;
} & (
  | { readonly kind: 'ready'; readonly reason: ReadyReason }
  | { readonly kind: 'run' }
  /** It stops running and waits. */
  | { readonly kind: 'block'; readonly on: string }
  /** Somebody called `cancel`. */
  | { readonly kind: 'cancel' }
  | { readonly kind: 'end'; readonly outcome: Outcome<unknown>['kind'] }
);

/** TraceEvent without what every event has. */
export type TraceDetail = TraceEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'time' | 'task' | 'name'>
    : never
  : never;
