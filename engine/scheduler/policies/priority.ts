import type { Policy } from '../policy.ts';
import type { Task } from '../task.ts';
import { OrderedTasks } from './ordered.ts';
import { type SliceOptions, sliceOf } from './round-robin.ts';

/** The highest `priority` first; others starve. Among equals in turns, each for a slice. */
export class PriorityPolicy implements Policy {
  readonly name = 'priority';
  readonly #tasks = new OrderedTasks();
  readonly #slice: number;

  /** @throws SchedulerError `bad-argument` where the slice is no integer above 0 */
  constructor(options: SliceOptions = {}) {
    this.#slice = sliceOf(options);
  }

  ready(task: Task): void {
    this.#tasks.push(task, -task.priority);
  }

  next(): Task | undefined {
    return this.#tasks.shift();
  }

  slice(): number {
    return this.#slice;
  }
}
