import type { Policy } from '../policy.ts';
import type { Task } from '../task.ts';
import { OrderedTasks } from './ordered.ts';
import { type SliceOptions, sliceOf } from './round-robin.ts';

/**
 * The earliest `deadline` first (EDF: Liu and Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
 * Environment", 1973); tasks without one last. A task that becomes runnable goes before a later one when that one's slice is over.
 */
export class DeadlinePolicy implements Policy {
  readonly name = 'deadline';
  readonly #tasks = new OrderedTasks();
  readonly #slice: number;

  /** @throws SchedulerError `bad-argument` where the slice is no integer above 0 */
  constructor(options: SliceOptions = {}) {
    this.#slice = sliceOf(options);
  }

  ready(task: Task): void {
    this.#tasks.push(task, task.deadline);
  }

  next(): Task | undefined {
    return this.#tasks.shift();
  }

  slice(): number {
    return this.#slice;
  }
}
