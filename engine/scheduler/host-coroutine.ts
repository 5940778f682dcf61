import { type Coroutine, PAUSE, type Pause } from './coroutine.ts';
import type { Fiber } from './fiber.ts';
import { checkOperation, Operation, PENDING } from './operation.ts';
import { settled } from './settled.ts';
import { givesWay } from './timers.ts';

/** What a host task yields: an operation, or nothing to give way to others. */
export type Yielded = Operation<unknown> | undefined;
export type HostFunction = (...args: never[]) => unknown;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
const isGenerator = (value: unknown): value is Generator<unknown, unknown, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { next?: unknown }).next === 'function' &&
  typeof (value as { throw?: unknown }).throw === 'function' &&
  Symbol.iterator in value;

/** A function of the host's: a generator function that yields operations, one that returns a promise, or any other. */
export class HostCoroutine implements Coroutine {
  readonly #name: string;
  #func: HostFunction | null;
  #args: readonly unknown[];
  #generator: Generator<unknown, unknown, unknown> | null = null;
  used = 0;
  result: unknown = undefined;

  constructor(func: HostFunction, args: readonly unknown[]) {
    this.#name = func.name;
    this.#func = func;
    this.#args = args;
  }

  backtrace(): string[] {
    return [`${this.#name === '' ? 'anonymous function' : this.#name} (host function)`];
  }

  resume(fiber: Fiber, value: unknown, budget: number): Pause {
    this.used = 0;
    const func = this.#func;
    if (func !== null) {
      this.#func = null;
      const args = this.#args;
      this.#args = [];
      const returned = func(...(args as never[]));
      if (!isGenerator(returned)) return this.#returned(fiber, returned);
      this.#generator = returned;
    }
    // It was no generator's value: what its promise has come to.
    if (this.#generator === null) return this.#done(value);
    return this.#continue(fiber, this.#generator, this.#generator.next(value), budget);
  }

  throw(fiber: Fiber, error: unknown, budget: number): Pause {
    this.used = 0;
    if (this.#generator === null) throw error;
    return this.#continue(fiber, this.#generator, this.#generator.throw(error), budget);
  }

  #returned(fiber: Fiber, value: unknown): Pause {
    if (!isThenable(value)) return this.#done(value);
    const operation = settled(value, `the promise of ${this.#name || 'a function'}`);
    return operation.poll(fiber, fiber.home) === PENDING ? operation : this.#done(undefined);
  }

  #done(value: unknown): Pause {
    this.result = value;
    return PAUSE.done;
  }

  #continue(
    fiber: Fiber,
    generator: Generator<unknown, unknown, unknown>,
    first: IteratorResult<unknown, unknown>,
    budget: number,
  ): Pause {
    let step = first;
    while (step.done !== true) {
      this.used++;
      const { value } = step;
      if (value === undefined) return PAUSE.yielded;
      let result: unknown;
      try {
        const operation = value instanceof Operation ? value : checkOperation(value);
        result = operation.poll(fiber, fiber.home);
        if (result === PENDING) return givesWay(operation) ? PAUSE.yielded : operation;
      } catch (error) {
        step = generator.throw(error);
        continue;
      }
      if (this.used >= budget) {
        fiber.setResult(result);
        return PAUSE.spent;
      }
      step = generator.next(result);
    }
    return this.#done(step.value);
  }

  release(): void {
    this.#generator = null;
  }
}
