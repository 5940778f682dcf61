import type { Policy } from '../policy.ts';
import type { Task } from '../task.ts';
import { OrderedTasks } from './ordered.ts';
import { type SliceOptions, sliceOf } from './round-robin.ts';

/**
 * Shares by `weight`: the task runs next that has had the least, in units of fuel divided by its weight. One that has waited starts where
 * the others are, and does not make up for it (as in start-time fair queueing: Goyal, Vin and Cheng, 1996).
 */
export class FairPolicy implements Policy {
  readonly name = 'fair';
  readonly #tasks = new OrderedTasks();
  readonly #slice: number;
  /** What each has had. */
  readonly #had = new WeakMap<Task, number>();
  /** What the one had that ran last, when it began. */
  #now = 0;

  /** @throws SchedulerError `bad-argument` where the slice is no integer above 0 */
  constructor(options: SliceOptions = {}) {
    this.#slice = sliceOf(options);
  }

  ready(task: Task): void {
    const had = Math.max(this.#had.get(task) ?? 0, this.#now);
    this.#had.set(task, had);
    this.#tasks.push(task, had);
  }

  next(): Task | undefined {
    const task = this.#tasks.shift();
    if (task !== undefined) this.#now = Math.max(this.#now, this.#had.get(task) ?? 0);
    return task;
  }

  slice(): number {
    return this.#slice;
  }

  ran(task: Task, polls: number): void {
    this.#had.set(task, (this.#had.get(task) ?? 0) + polls / task.weight);
  }
}
