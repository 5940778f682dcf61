import type { Fiber } from './fiber.ts';
import type { Task } from './task.ts';

/** What runs on this thread now, of all schedulers. */
let running: Fiber | null = null;

export const currentFiber = (): Fiber | null => running;

/** @returns what ran before, to be set again */
export function setCurrent(fiber: Fiber | null): Fiber | null {
  const before = running;
  running = fiber;
  return before;
}

/** The task that calls this; null: it is no task. */
export const currentTask = (): Task | null => running;
