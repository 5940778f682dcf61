import { SchedulerError } from './errors.ts';
import type { Fiber } from './fiber.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from './operation.ts';
import type { Task } from './task.ts';

/** The end of a task: what it returned, or what it threw. */
export class Joined<T> extends Operation<T> {
  readonly #fiber: Fiber<T>;

  constructor(fiber: Fiber<T>) {
    super();
    this.#fiber = fiber;
  }

  describe(): string {
    return `end of task "${this.#fiber.name}"`;
  }

  poll(task: Task | null): T | Pending {
    const { outcome, name } = this.#fiber;
    if (task === this.#fiber) throw new SchedulerError('self-join', `task "${name}" would wait for its own end`);
    switch (outcome?.kind) {
      case undefined:
        return PENDING;
      case 'done':
        return outcome.value;
      case 'failed':
        throw outcome.error;
      case 'cancelled':
        throw outcome.reason;
    }
  }

  enqueue(waiter: Waiter<T>): void {
    this.#fiber.joiners.push(waiter, undefined);
  }

  cancel(waiter: Waiter<T>): Cancelled {
    this.#fiber.joiners.remove(waiter);
    return 'given-up';
  }
}
