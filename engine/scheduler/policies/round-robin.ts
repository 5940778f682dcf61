import { checkInteger } from '../errors.ts';
import type { Policy } from '../policy.ts';
import { FifoPolicy } from './fifo.ts';

export interface SliceOptions {
  /** The units of fuel a task may use in one turn. Guests need `fuel` polls for it; an operation of a host task takes one. */
  readonly slice?: number;
}

export const DEFAULT_SLICE = 10_000;

/** @throws SchedulerError `bad-argument` where it is no integer above 0 */
export function sliceOf({ slice = DEFAULT_SLICE }: SliceOptions): number {
  if (slice !== Number.POSITIVE_INFINITY) checkInteger('slice', slice, 1);
  return slice;
}

/** In turns, each for a slice. */
export class RoundRobinPolicy extends FifoPolicy implements Policy {
  override readonly name = 'round robin';
  readonly #slice: number;

  /** @throws SchedulerError `bad-argument` where the slice is no integer above 0 */
  constructor(options: SliceOptions = {}) {
    super();
    this.#slice = sliceOf(options);
  }

  slice(): number {
    return this.#slice;
  }
}
