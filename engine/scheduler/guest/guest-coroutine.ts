import { OUTCOME } from '../../../asyncify/lower/interface.ts';
import type { Continuation } from '../../process/guest.ts';
import { type Coroutine, PAUSE, type Pause } from '../coroutine.ts';
import { SchedulerError } from '../errors.ts';
import type { Fiber } from '../fiber.ts';
import type { Operation } from '../operation.ts';
import { givesWay } from '../timers.ts';
import type { GuestPort } from './port.ts';
import type { Stack } from './stacks.ts';

/** The call of an import that a guest's task waits in. */
export interface PendingCall {
  /** `module.name` */
  readonly name: string;
  readonly operation: Operation<unknown>;
  /** Sets what the call returns; throws TypeError where the value is not of its type. */
  readonly answer: (value: unknown) => void;
}

/** A call of a guest's exported function, in a continuation of its own and on a stack of its own. */
export class GuestCoroutine implements Coroutine {
  readonly #port: GuestPort;
  readonly #entry: string;
  #continuation: Continuation | null;
  #stack: Stack | null;
  #stackPointer: number | null;
  #call: PendingCall | null = null;
  used = 0;
  result: unknown = undefined;

  constructor(port: GuestPort, entry: string, args: readonly unknown[], stackSize: number | undefined) {
    this.#port = port;
    this.#entry = entry;
    this.#continuation = port.guest.start(entry, args);
    this.#stack = port.stacks?.allocate(stackSize) ?? null;
    this.#stackPointer = this.#stack?.high ?? null;
  }

  backtrace(): string[] {
    const entry = `${this.#entry} (exported function)`;
    return this.#call === null ? [entry] : [`${this.#call.name} (import)`, entry];
  }

  /** The running call of an import is to wait. */
  suspendIn(call: PendingCall): void {
    this.#call = call;
  }

  resume(_fiber: Fiber, value: unknown, budget: number): Pause {
    try {
      this.#call?.answer(value);
    } catch (error) {
      // Not a value of the import's type: thrown at the call, as if the import had returned it at once.
      return this.#run(budget, { error });
    }
    return this.#run(budget, null);
  }

  throw(_fiber: Fiber, error: unknown, budget: number): Pause {
    return this.#run(budget, { error });
  }

  #run(budget: number, thrown: { readonly error: unknown } | null): Pause {
    const port = this.#port;
    const continuation = this.#continuation as Continuation;
    this.#call = null;
    this.#continuation = null;
    const polls = port.fill(budget);
    const outside = port.switchStack(this.#stackPointer);
    let outcome: number;
    try {
      const came = thrown === null ? port.guest.resume(continuation) : port.guest.throw(continuation, thrown.error);
      outcome = came[0];
      this.#continuation = came[1];
    } catch (error) {
      this.#call = null;
      if (this.#isOverrun(null)) throw this.#overflow(error);
      throw error;
    } finally {
      this.used = port.used(polls);
      this.#stackPointer = port.switchStack(outside);
    }
    if (this.#isOverrun(this.#stackPointer)) throw this.#overflow();
    return this.#came(outcome, budget);
  }

  #came(outcome: number, budget: number): Pause {
    const port = this.#port;
    switch (outcome) {
      case OUTCOME.returned:
        this.result = port.results(this.#entry);
        return PAUSE.done;
      case OUTCOME.blocked:
        return this.#pending();
      default:
        if (!port.isEmpty || this.used >= budget) return PAUSE.spent;
        port.interrupted();
        return PAUSE.interrupted;
    }
  }

  #pending(): Pause {
    const operation = this.#call?.operation;
    if (operation === undefined) throw new SchedulerError('state', `"${this.#entry}" waits in a call of another host`);
    return givesWay(operation) ? PAUSE.yielded : operation;
  }

  /** What others have beside its stack may be spoilt, and it must not run on. @param pointer null: it has gone with an exception */
  #isOverrun(pointer: number | null): boolean {
    const stack = this.#stack;
    if (stack === null) return false;
    if (pointer !== null && (pointer < stack.low || pointer > stack.high)) return true;
    return this.#port.stacks?.isIntact(stack) === false;
  }

  #overflow(cause?: unknown): SchedulerError {
    const size = (this.#stack?.high ?? 0) - (this.#stack?.low ?? 0);
    const message = `"${this.#entry}" has left its shadow stack of ${size} bytes`;
    return new SchedulerError('stack-overflow', message, cause === undefined ? {} : { cause });
  }

  release(): void {
    const stack = this.#stack;
    this.#stack = null;
    this.#continuation = null;
    this.#call = null;
    if (stack !== null) this.#port.stacks?.free(stack);
  }
}
