/** What went wrong while a program ran; the texts are the reference interpreter's. */
export type TrapReason =
  | 'continuation already consumed'
  | 'null continuation reference'
  | 'null function reference'
  | 'null exception reference';

/** A trap of a stack-switching instruction. Like every trap it is invisible to `catch_all`. */
export class TrapError extends WebAssembly.RuntimeError {
  get kind(): 'trap' {
    return 'trap';
  }
}

/** A suspension that no enclosing `resume` handles (stack switching, `suspend` and `switch`). */
export class SuspensionError extends WebAssembly.RuntimeError {
  get kind(): 'suspension' {
    return 'suspension';
  }
}

/** A continuation grew beyond the store's limit of frames. */
export class ExhaustionError extends WebAssembly.RuntimeError {
  get kind(): 'exhaustion' {
    return 'exhaustion';
  }
}

/** What the host passes as a continuation is none of this engine's, or none that the function takes. */
export class ForeignContinuationError extends WebAssembly.RuntimeError {
  get kind(): 'foreign-continuation' {
    return 'foreign-continuation';
  }
}

export interface Cause {
  readonly prototype: object;
  readonly name: string;
  readonly message: string;
}
const trap = (message: TrapReason): Cause => ({ prototype: TrapError.prototype, name: 'TrapError', message });

/** By the number the transform emits (asyncify/lower/interface.ts, TRAP). */
const CAUSES: readonly Cause[] = [
  trap('continuation already consumed'),
  trap('null continuation reference'),
  trap('null function reference'),
  trap('null exception reference'),
  { prototype: SuspensionError.prototype, name: 'SuspensionError', message: 'unhandled tag' },
  { prototype: ExhaustionError.prototype, name: 'ExhaustionError', message: 'call stack exhausted: too many frames' },
  {
    prototype: ForeignContinuationError.prototype,
    name: 'ForeignContinuationError',
    message: 'not a continuation of this engine, or not of the type that the function takes',
  },
];

// (module (func (export "") unreachable))
const TRAPPING = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 4, 1, 0, 0, 0, 10, 5, 1, 3, 0, 0, 0x0b,
]);
let trapping: (() => void) | undefined;

/**
 * Traps with the cause of this number. Engines mark the error object of a real trap as invisible to Wasm's handlers, so a
 * real trap is made, given its class and message, and thrown on.
 *
 * Returns where the host does not let programs compile Wasm: the caller's own `unreachable` then traps, without message.
 */
export function raiseTrap(code: number): void {
  raiseAs(CAUSES[code]);
}

/** The same with a cause that has no number. */
export function raiseAs(cause: Cause | undefined): void {
  try {
    trapping ??= new WebAssembly.Instance(new WebAssembly.Module(TRAPPING)).exports[''] as () => void;
  } catch {
    return;
  }
  try {
    trapping();
  } catch (error) {
    if (cause !== undefined && error instanceof WebAssembly.RuntimeError) {
      Object.setPrototypeOf(error, cause.prototype);
      Object.defineProperty(error, 'name', { value: cause.name, configurable: true, writable: true });
      Object.defineProperty(error, 'message', { value: cause.message, configurable: true, writable: true });
    }
    throw error;
  }
}
