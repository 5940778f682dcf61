import type { FuncIdx } from '../binary/types.ts';

/**
 * How a yield point asks whether to yield. `fuel`: a counter, so that the same program with the same budget yields at the same
 * instruction every time. `epoch`: one word that the host sets.
 */
export type Poll = 'fuel' | 'epoch';

/**
 * Where the word of `epoch` polls lies. `global`: in a global, for the guest's own imports to set. `shared`: in a shared memory
 * of its own, so that other threads can set it as well.
 */
export type EpochWord = 'global' | 'shared';

/** What a poll takes of the fuel: so many units, or what the first parameter of its function says. */
export type PollCost = number | 'parameter';

/**
 * Where a module yields: at loop headers, but for loops that run a small constant number of times; at the entries of
 * functions so that every cycle of calls has one; and in code put in where there would be too much work between two of these.
 */
export interface YieldPoints {
  /** Whether the function polls when it is entered. */
  entry(func: FuncIdx): boolean;
  /** Whether a loop polls each time it starts over; `index` is its `loop` instruction in the function's body. */
  loop(func: FuncIdx, index: number): boolean;
  /** What a poll at the branch, or at the loop, of this offset takes; at the function's entry where it is -1. */
  cost(func: FuncIdx, at: number, loopAt: number): PollCost;
  /** The function that takes fuel as its parameter says, and does nothing else; null: there is none. */
  readonly paying: FuncIdx | null;
}
