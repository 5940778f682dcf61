import { DeadlockError } from './errors.ts';
import type { Fiber } from './fiber.ts';

/** The tasks of a scheduler that have not ended, in the order they were spawned. Any leaves in constant time. */
export class LiveTasks {
  #first: Fiber | null = null;
  #last: Fiber | null = null;
  #size = 0;

  get first(): Fiber | null {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  add(fiber: Fiber): void {
    const last = this.#last;
    fiber.previous = last;
    if (last === null) this.#first = fiber;
    else last.next = fiber;
    this.#last = fiber;
    this.#size++;
  }

  remove(fiber: Fiber): void {
    const { previous, next } = fiber;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    fiber.previous = null;
    fiber.next = null;
    this.#size--;
  }

  /** That they wait for each other. */
  deadlock(): DeadlockError {
    const tasks = [];
    for (let fiber = this.#first; fiber !== null; fiber = fiber.next) tasks.push(fiber.describe());
    return new DeadlockError(tasks);
  }
}
