import type { Policy } from '../policy.ts';
import { type Random, seeded } from '../random.ts';
import type { Task } from '../task.ts';
import { type SliceOptions, sliceOf } from './round-robin.ts';

export interface LotteryOptions extends SliceOptions {
  /** Of its own draws. Default: they are the scheduler's. */
  readonly seed?: number;
}

/**
 * A draw among those that can run, the chances by `weight` (lottery scheduling: Waldspurger and Weihl, 1994). The tickets lie in a
 * tree of sums, so that a draw takes logarithmic time.
 */
export class LotteryPolicy implements Policy {
  readonly name = 'lottery';
  readonly #slice: number;
  #random: Random;
  readonly #seeded: boolean;
  readonly #tasks: Task[] = [];
  /** Node n's own task is n; its children are 2n + 1 and 2n + 2; this is the weight of all under it. */
  readonly #sums: number[] = [];

  /** @throws SchedulerError `bad-argument` where the slice is no integer above 0 */
  constructor(options: LotteryOptions = {}) {
    this.#slice = sliceOf(options);
    this.#seeded = options.seed !== undefined;
    this.#random = seeded(options.seed ?? 0);
  }

  start(random: Random): void {
    if (!this.#seeded) this.#random = random;
  }

  ready(task: Task): void {
    this.#tasks.push(task);
    this.#sums.push(0);
    this.#sum(this.#tasks.length - 1);
  }

  next(): Task | undefined {
    const tasks = this.#tasks;
    const last = tasks.length - 1;
    if (last < 0) return undefined;
    const drawn = this.#draw();
    const task = tasks[drawn] as Task;
    const moved = tasks.pop() as Task;
    this.#sums.pop();
    if (last > 0) this.#sum((last - 1) >> 1);
    if (drawn < last) {
      tasks[drawn] = moved;
      this.#sum(drawn);
    }
    return task;
  }

  slice(): number {
    return this.#slice;
  }

  #draw(): number {
    const sums = this.#sums;
    let ticket = this.#random() * (sums[0] as number);
    for (let node = 0; ; ) {
      const left = 2 * node + 1;
      // Rounding may leave a ticket that is nobody's: the last node it came to takes it.
      const under = (sums[left] ?? 0) + (sums[left + 1] ?? 0);
      if (left >= sums.length || ticket >= under) return node;
      if (ticket < (sums[left] as number) || left + 1 >= sums.length) node = left;
      else {
        ticket -= sums[left] as number;
        node = left + 1;
      }
    }
  }

  /** From a node to the root; recomputed, and not adjusted, so that rounding adds up to nothing. */
  #sum(from: number): void {
    const sums = this.#sums;
    for (let node = from; ; node = (node - 1) >> 1) {
      const own = (this.#tasks[node] as Task).weight;
      sums[node] = own + (sums[2 * node + 1] ?? 0) + (sums[2 * node + 2] ?? 0);
      if (node === 0) return;
    }
  }
}
