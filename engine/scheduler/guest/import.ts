import { currentFiber } from '../current.ts';
import { SchedulerError } from '../errors.ts';
import type { Fiber } from '../fiber.ts';
import { Operation, PENDING } from '../operation.ts';
import { settled } from '../settled.ts';
import { type MakingCall, setInnermostCall } from './calls.ts';
import { GuestCoroutine } from './guest-coroutine.ts';
import type { GuestPort } from './port.ts';
import type { Suspending, SuspendingCall } from './suspending.ts';

type Callable = (...args: unknown[]) => unknown;

class Call implements SuspendingCall, MakingCall {
  readonly task: Fiber | null;
  readonly canWait: boolean;
  #controller: AbortController | null = null;

  constructor(task: Fiber | null, canWait: boolean) {
    this.task = task;
    this.canWait = canWait;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  stop(): void {
    this.#controller?.abort();
  }
}

/** A Suspending function as an import of one guest. */
export class SuspendingImport {
  /** `module.name` */
  readonly name: string;
  /** What the guest imports. */
  readonly func: Callable;
  readonly #suspending: Suspending;
  readonly #waitsFor: string;
  #port: GuestPort | null = null;
  #answer: (value: unknown) => void = () => {};
  #placeholder: unknown;

  constructor(name: string, suspending: Suspending) {
    this.name = name;
    this.#suspending = suspending;
    this.#waitsFor = `the promise of ${name}`;
    this.func = (...args) => this.#call(args);
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
    this.#answer = answer.length < 2 ? answer : (values) => answer(...(values as Iterable<unknown>));
    this.#port = port;
  }

  #call(args: unknown[]): unknown {
    const port = this.#port;
    const fiber = currentFiber();
    const canWait = fiber !== null && port !== null && fiber.body instanceof GuestCoroutine && port.canSuspend();
    const call = new Call(fiber, canWait);
    const before = setInnermostCall(call);
    let value: unknown;
    try {
      value = this.#suspending.func.apply(call, args as never[]);
    } finally {
      setInnermostCall(before);
    }
    if (value instanceof Operation) return this.#wait(value, call);
    if (typeof value !== 'object' || value === null || typeof (value as { then?: unknown }).then !== 'function') {
      return value;
    }
    return this.#wait(
      settled(value as PromiseLike<unknown>, this.#waitsFor, () => call.stop()),
      call,
      value,
    );
  }

  #wait(operation: Operation<unknown>, call: Call, promise?: unknown): unknown {
    const { task, canWait } = call;
    const port = this.#port;
    const home = task?.home ?? port?.home;
    // Before there is an instance nothing can be done for it.
    const value = home === undefined ? PENDING : operation.poll(task, home);
    if (value !== PENDING) return value;
    if (!canWait || task === null || port === null || !(task.body instanceof GuestCoroutine)) {
      call.stop();
      Promise.resolve(promise).catch(() => {});
      const why = task === null ? 'no task has called it' : 'a host function is between it and its task';
      throw new SchedulerError('cannot-suspend', `${this.name} cannot wait: ${why}`);
    }
    if (task.isCancelling) {
      call.stop();
      Promise.resolve(promise).catch(() => {});
      throw task.takeReason();
    }
    task.body.suspendIn({ name: this.name, operation, answer: this.#answer });
    port.pending.value = 1;
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
