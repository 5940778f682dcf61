import { raiseAs } from '../../continuations/errors.ts';

/** What a process could not do; the message says more. */
export type ProcessErrorKind =
  /** The module was not transformed for a process: it lacks `bobbin:resume`. */
  | 'not-hosted'
  /** There is no export of this name to start. */
  | 'no-entry'
  /** The guest imports what works on its memory, and exports none. */
  | 'no-memory'
  /** No stack pointer is exported, or it is no mutable i32. */
  | 'no-stack-pointer'
  /** The guest imports `sigaction` and does not export `__bobbin_signal`. */
  | 'no-dispatcher'
  /** An import that suspends was not named to the transform, or the guest imports it twice. */
  | 'not-suspending'
  /** A handler has not the parameters that its flags ask for. */
  | 'handler-type'
  /** An import would have to wait while a host function stands between the guest's frames. */
  | 'cannot-suspend'
  /** The word of the guest's epoch polls, or a control, has to be in shared memory and is not. */
  | 'not-shared'
  /** The host has no shared memory: a web page that is not cross-origin isolated. */
  | 'no-shared-memory'
  /** The thread that ends the slices of guests with epoch polls could not be started, or is not ready yet. */
  | 'no-timer'
  /** A slice was to be measured in fuel, and the guest's epoch polls count none. */
  | 'no-fuel'
  /** What was given as a control is none, or is another process's. */
  | 'bad-control'
  /** The worker of a process is gone. */
  | 'no-worker'
  /** What a call waited for was dropped. */
  | 'dropped'
  /** What a call waited for ended with the process; `cause` is how. */
  | 'ended'
  /** It was asked for something that its state does not allow. */
  | 'state';

/** A misuse of a process, or a guest that does not fit one. */
export class ProcessError extends Error {
  readonly kind: ProcessErrorKind;

  constructor(kind: ProcessErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProcessError';
    this.kind = kind;
  }
}

/**
 * What host functions get that stand between the guest's frames while its process ends, or its computation is dropped: from the
 * export they called, or from what of the process they called themselves. It is a trap, which no handler of the guest's sees. Whoever swallows it
 * and calls the guest again gets it again.
 */
export class ProcessEndedError extends WebAssembly.RuntimeError {
  get kind(): 'process-ended' {
    return 'process-ended';
  }
}

/** Throws a ProcessEndedError; returns where the host does not let programs compile a trap. */
export function trapEnded(why: string): void {
  raiseAs({ prototype: ProcessEndedError.prototype, name: 'ProcessEndedError', message: why });
}

/** Leaves the guest by a trap: an exception of JavaScript could be caught by its `catch_all`. */
export function leaveByTrap(why: string): never {
  trapEnded(why);
  throw new ProcessError('state', `${why}, and the host does not let programs compile a trap`);
}
