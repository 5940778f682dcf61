import type { Fiber } from './fiber.ts';
import type { Operation } from './operation.ts';

/** Why a coroutine has come back, where it is not suspended in an operation. */
export const PAUSE = {
  /** Its result is in `result`. */
  done: 'done',
  /** It gave way. */
  yielded: 'yielded',
  /** Its budget is used up. */
  spent: 'spent',
  /** It is to go on at once, if the host need not have a turn first. */
  interrupted: 'interrupted',
} as const;
/** An operation has been polled, and is pending. */
export type Pause = (typeof PAUSE)[keyof typeof PAUSE] | Operation<unknown>;

/** What a task runs: it can be suspended, and resumed from where it was. */
export interface Coroutine {
  /** The polls that the last run passed. 0 where it is `spent`: its slice was one of time. */
  readonly used: number;
  readonly result: unknown;
  /** The bytes of its shadow stack, while it has one of its own. */
  readonly stackBytes?: number;
  /**
   * Begins it, or has it go on with the result of its operation, for this many polls at most.
   *
   * @throws what leaves the body
   */
  resume(fiber: Fiber, value: unknown, budget: number): Pause;
  /** The same, with an exception where it is suspended. Called only after `resume`. */
  throw(fiber: Fiber, error: unknown, budget: number): Pause;
  /** Where it is, innermost first. */
  backtrace(): string[];
  /** It has ended, however; called once. */
  release(): void;
}
