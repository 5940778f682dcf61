import { Heap, type HeapItem } from '../heap.ts';
import type { Task } from '../task.ts';

interface Item extends HeapItem {
  readonly key: number;
  readonly order: number;
  readonly task: Task;
}

/** Tasks by a number, the smallest first; among equals, first come, first served. */
export class OrderedTasks {
  readonly #heap = new Heap<Item>((a, b) => a.key < b.key || (a.key === b.key && a.order < b.order));
  #order = 0;

  get size(): number {
    return this.#heap.size;
  }

  push(task: Task, key: number): void {
    this.#heap.push({ key, order: this.#order++, task, heapIndex: -1 });
  }

  shift(): Task | undefined {
    return this.#heap.shift()?.task;
  }
}
