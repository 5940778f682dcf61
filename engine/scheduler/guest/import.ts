import { unwrap } from '../../../continuations/index.ts';
import { currentFiber } from '../current.ts';
import { SchedulerError } from '../errors.ts';
import type { Fiber } from '../fiber.ts';
import type { PromiseInbox } from '../inbox.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { setInnermost } from './calls.ts';
import { GuestCoroutine } from './guest-coroutine.ts';
import type { GuestPort } from './port.ts';
import type { Suspending, SuspendingCall } from './suspending.ts';

type Callable = (...args: unknown[]) => unknown;

/** A call that is being made, and the wait for its promise: one object, as there are many of them. */
class Call extends Operation<unknown> implements SuspendingCall {
  readonly task: Fiber | null;
  readonly canWait: boolean;
  readonly #of: SuspendingImport;
  #promise: PromiseLike<unknown> | null = null;
  #controller: AbortController | null = null;

  constructor(of: SuspendingImport, task: Fiber | null, canWait: boolean) {
    super();
    this.#of = of;
    this.task = task;
    this.canWait = canWait;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Nobody waits for it. */
  stop(): void {
    this.#controller?.abort();
    if (this.#promise !== null) Promise.resolve(this.#promise).catch(() => {});
  }

  settledBy(promise: PromiseLike<unknown>): this {
    this.#promise = promise;
    return this;
  }

  describe(): string {
    return `the promise of ${this.#of.name}`;
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<unknown>): void {
    waiter.inbox.wait(waiter, this.#promise as PromiseLike<unknown>);
  }

  cancel(waiter: Waiter<unknown>): Cancelled {
    (waiter.place as PromiseInbox).giveUp();
    this.stop();
    return 'given-up';
  }
}

/** A Suspending function as an import of one guest. */
export class SuspendingImport {
  /** `module.name` */
  readonly name: string;
  /** What the guest imports. */
  readonly func: Callable;
  readonly #suspending: Suspending;
  #port: GuestPort | null = null;
  /** Sets what the call returns that is suspended; throws TypeError where the value is not of its type. Null: nothing. */
  answer: ((value: unknown) => void) | null = null;
  #placeholder: unknown;

  constructor(name: string, suspending: Suspending) {
    this.name = name;
    this.#suspending = suspending;
    const { func } = suspending;
    // Spread here, arguments need no array.
    this.func = (...args) => {
      const fiber = currentFiber();
      const canWait = fiber !== null && this.#canSuspend(fiber);
      const call = new Call(this, fiber, canWait);
      const before = setInnermost(canWait);
      let value: unknown;
      try {
        value = func.apply(call, args as never[]);
      } finally {
        setInnermost(before);
      }
      if (typeof value !== 'object' || value === null) return value;
      if (value instanceof Operation) return this.#wait(value, call);
      if (typeof (value as { then?: unknown }).then !== 'function') return value;
      return this.#wait(call.settledBy(value as PromiseLike<unknown>), call);
    };
  }

  /**
   * The instance is there. Calls that were made before could not wait.
   *
   * @param answer the instance's export that sets what a suspended call returns; undefined: its calls cannot be suspended
   * @throws SchedulerError `not-suspending`, `placeholder`
   */
  attach(port: GuestPort, answer: Callable | undefined): void {
    if (answer === undefined) {
      throw new SchedulerError(
        'not-suspending',
        `${this.name} has to be imported once, and named to the transform as suspending`,
      );
    }
    this.#placeholder = placeholderOf(this.name, answer, this.#suspending.options);
    if (answer.length === 1) this.answer = (value) => answer(unwrap(value));
    else if (answer.length > 1) this.answer = (values) => answer(...Array.from(values as Iterable<unknown>, unwrap));
    this.#port = port;
  }

  #canSuspend({ body }: Fiber): boolean {
    const port = this.#port;
    return port !== null && body instanceof GuestCoroutine && port.canSuspend();
  }

  #wait(operation: Operation<unknown>, call: Call): unknown {
    const { task, canWait } = call;
    const port = this.#port;
    const home = task?.home ?? port?.home;
    // Before there is an instance nothing can be done for it.
    const value = home === undefined ? PENDING : operation.poll(task, home);
    if (value !== PENDING) return value;
    if (!canWait || task === null || port === null || !(task.body instanceof GuestCoroutine)) {
      call.stop();
      const why = task === null ? 'no task has called it' : 'a host function is between it and its task';
      throw new SchedulerError('cannot-suspend', `${this.name} cannot wait: ${why}`);
    }
    if (task.isCancelling) {
      call.stop();
      throw task.takeReason();
    }
    task.body.suspendIn(this, operation);
    port.suspend();
    return this.#placeholder;
  }
}

/** The largest number of results whose placeholders are sought. */
const MOST_RESULTS = 8;

function placeholderOf(name: string, answer: Callable, options: { readonly placeholder?: unknown }): unknown {
  const { length } = answer;
  const fits = (value: unknown): boolean => {
    try {
      if (length === 1) answer(value);
      else answer(...(value as Iterable<unknown>));
      return true;
    } catch {
      return false;
    }
  };
  if ('placeholder' in options) {
    if (length === 0 || fits(options.placeholder)) return options.placeholder;
    throw new SchedulerError('placeholder', `the placeholder of ${name} is not of its result's type`);
  }
  if (length === 0) return undefined;
  const found = candidates(length).find(fits);
  if (found !== undefined) return found;
  throw new SchedulerError('placeholder', `${name} needs a placeholder of its result's type (SuspendingOptions)`);
}

/** False converts to every number and to externref, null is a value of every nullable reference. */
function candidates(results: number): unknown[] {
  if (results === 1) return [0, 0n, null];
  if (results > MOST_RESULTS) return [];
  return Array.from({ length: 2 ** results }, (_, bits) =>
    Array.from({ length: results }, (_, index) => ((bits >> index) & 1 ? null : false)),
  );
}
