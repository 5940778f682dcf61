import { OUTCOME } from '../../../asyncify/lower/interface.ts';
import type { Continuation } from '../../process/guest.ts';
import { type Coroutine, PAUSE, type Pause } from '../coroutine.ts';
import { SchedulerError } from '../errors.ts';
import type { Fiber } from '../fiber.ts';
import type { Operation } from '../operation.ts';
import { givesWay } from '../timers.ts';
import type { SuspendingImport } from './import.ts';
import type { GuestPort } from './port.ts';
import type { Stack } from './stacks.ts';

/** What a guest's task runs. */
export interface GuestBody {
  readonly name: string;
  /** What that names. */
  readonly kind: string;
  /** @throws TypeError where an argument cannot be converted */
  begin(args: readonly unknown[]): Continuation;
  /** What it has returned, as a call of an exported function would; right after it has. */
  results(): unknown;
}

/** A computation of a guest's, on a stack of its own. */
export class GuestCoroutine implements Coroutine {
  readonly #port: GuestPort;
  readonly #body: GuestBody;
  #continuation: Continuation | null;
  #stack: Stack | null;
  #stackPointer: number | null;
  /** The import whose call it waits in, and what for. */
  #call: SuspendingImport | null = null;
  #operation: Operation<unknown> | null = null;
  used = 0;
  result: unknown = undefined;

  /** @throws SchedulerError `bad-argument`, `no-memory` @throws what `begin` throws */
  constructor(port: GuestPort, body: GuestBody, args: readonly unknown[], stackSize: number | undefined) {
    this.#port = port;
    this.#body = body;
    this.#stack = port.stacks?.allocate(stackSize) ?? null;
    try {
      this.#continuation = body.begin(args);
    } catch (error) {
      if (this.#stack !== null) port.stacks?.free(this.#stack);
      throw error;
    }
    this.#stackPointer = this.#stack?.high ?? null;
  }

  get stackBytes(): number {
    return this.#stack?.bytes ?? 0;
  }

  backtrace(): string[] {
    const description = `${this.#body.name} (${this.#body.kind})`;
    return this.#call === null ? [description] : [`${this.#call.name} (import)`, description];
  }

  /** The running call of an import is to wait. */
  suspendIn(call: SuspendingImport, operation: Operation<unknown>): void {
    this.#call = call;
    this.#operation = operation;
  }

  resume(_fiber: Fiber, value: unknown, budget: number): Pause {
    try {
      this.#call?.answer?.(value);
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
    if (port.isPlain) {
      const { guest } = port;
      return this.#came(thrown === null ? guest.resume(continuation) : guest.throw(continuation, thrown.error), budget);
    }
    const polls = port.fill(budget);
    const outside = port.switchStack(this.#stackPointer);
    let outcome: number;
    try {
      outcome = thrown === null ? port.guest.resume(continuation) : port.guest.throw(continuation, thrown.error);
    } catch (error) {
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
        this.result = this.#body.results();
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
    const operation = this.#operation;
    this.#operation = null;
    if (operation === null) throw new SchedulerError('state', `"${this.#body.name}" waits in a call of another host`);
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
    const message = `"${this.#body.name}" has left its shadow stack of ${size} bytes`;
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
