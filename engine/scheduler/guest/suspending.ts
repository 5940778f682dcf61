import type { Task } from '../task.ts';
import { innermostCanWait } from './calls.ts';

/** `this` of a Suspending function while it is called. */
export interface SuspendingCall {
  /** The task whose call this is; null: none, and the call cannot wait. */
  readonly task: Task | null;
  /** Aborted where waiting for this call is given up: its task was cancelled, or has ended with its scheduler. */
  readonly signal: AbortSignal;
}

export interface SuspendingOptions {
  /**
   * What the engine gets as the result while the call is suspended: any value of the import's result type. Needed only where it
   * cannot be found out: a result that is a reference and may not be null, or several of different kinds.
   */
  readonly placeholder?: unknown;
}

/**
 * An import of a guest that its task waits in (JavaScript Promise Integration, WebAssembly.Suspending): where the function returns
 * a promise or an operation, the task is suspended until that is done; its value is the import's result, and what it throws is
 * thrown at the call. Anything else is the result at once. The import has to be among `suspending` of the transform's options.
 *
 * What takes an AbortSignal finds one in `this`:
 *
 *     new Suspending(function (url) { return load(url, { signal: this.signal }); })
 */
export class Suspending<A extends readonly never[] = never[]> {
  readonly func: (this: SuspendingCall, ...args: A) => unknown;
  readonly options: SuspendingOptions;

  /** @throws TypeError for what is no function */
  constructor(func: (this: SuspendingCall, ...args: A) => unknown, options: SuspendingOptions = {}) {
    if (typeof func !== 'function') throw new TypeError('Suspending takes a function');
    this.func = func;
    this.options = options;
  }
}

/**
 * Whether a wait would be legal here: to be asked by the function of a Suspending import. False where none is being called, where its
 * caller runs in no task, and where a host function stands between the guest's frames.
 */
export function canSuspend(): boolean {
  return innermostCanWait();
}
