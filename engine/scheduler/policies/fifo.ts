import { Deque } from '../deque.ts';
import type { Policy } from '../policy.ts';
import type { Task } from '../task.ts';

/** First come, first served; a task runs until it waits or gives way. */
export class FifoPolicy implements Policy {
  readonly name: string = 'fifo';
  /** A subclass that keeps more has to say no. */
  readonly orderOnly: boolean = true;
  readonly #queue = new Deque<Task>();

  ready(task: Task): void {
    this.#queue.push(task);
  }

  next(): Task | undefined {
    return this.#queue.shift();
  }
}
