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
  /** A slice was to be measured in polls, and the guest's epoch polls count none. */
  | 'no-fuel'
  /** What was given as a control is none, or is another process's. */
  | 'bad-control'
  /** The worker of a process is gone. */
  | 'no-worker'
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

// (module (func (export "") unreachable))
const TRAPPING = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 4, 1, 0, 0, 0, 10, 5, 1, 3, 0, 0, 0x0b],
);
let trapping: (() => never) | undefined;

/** Leaves the guest by a trap: an exception of JavaScript could be caught by its `catch_all`. */
export function leaveByTrap(): never {
  try {
    trapping ??= new WebAssembly.Instance(new WebAssembly.Module(TRAPPING)).exports[''] as () => never;
  } catch {
    throw new ProcessError('state', 'the guest has ended, and the host does not let programs compile a trap');
  }
  return trapping();
}
