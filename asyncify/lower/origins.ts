import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx } from '../binary/types.ts';
import { RefusedError } from '../errors.ts';

/** The functions and instructions of a lowered module that are the source's. */
export interface Origins {
  /** The source's index of a function; null for one that lowering has added. */
  func(index: FuncIdx): FuncIdx | null;
  /** What an instruction was made from: itself where it is as in the source. */
  instr(lowered: Instr): Instr;
  /** Why what an instruction has become may suspend; null: for the reasons that the analysis finds. */
  text(lowered: Instr): string | null;
}

/** The origins of a module that was lowered twice; undefined: that step has changed nothing. */
export function inBoth(first: Origins | undefined, second: Origins | undefined): Origins | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    func: (index) => {
      const between = second.func(index);
      return between === null ? null : first.func(between);
    },
    instr: (instr) => first.instr(second.instr(instr)),
    text: (instr) => second.text(instr) ?? first.text(second.instr(instr)),
  };
}

/** Runs a step of the transform on a lowered module: what it refuses is placed in the source. */
export function inSource<T>(origins: Origins | undefined, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (origins === undefined || !(error instanceof RefusedError) || error.func === undefined) throw error;
    const func = origins.func(error.func as FuncIdx);
    throw new RefusedError(error.reason, {
      offset: error.offset,
      ...(func === null ? {} : { func }),
      ...(error.instruction === undefined ? {} : { instruction: error.instruction }),
    });
  }
}
