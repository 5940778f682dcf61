import type { Rng } from '../rng.ts';
import { BULK } from './bulk.ts';
import { CALLS } from './calls.ts';
import { CONTINUATIONS } from './continuations.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { HOSTS } from './hosts.ts';
import { LOOPS } from './loops.ts';
import type { ModuleText } from './text.ts';
import { WAITS } from './waits.ts';

/** `endless`: a statement that does not end; `finite`: one that does, leaves the operands alone, and neither traps nor throws. */
export type Term = 'endless' | 'finite';

export type Family =
  | 'loops'
  | 'tail calls'
  | 'recursion'
  | 'call trees'
  | 'bulk instructions'
  | 'allocation'
  | 'exceptions'
  | 'continuations'
  | 'host frames'
  | 'slow host functions'
  | 'waits'
  | 'signals'
  | 'threads'
  | 'linked modules'
  | 'start';

/** Something that programs are put together of. */
export interface Construct {
  readonly name: string;
  readonly family: Family;
  readonly term: Term;
  /** What stands in it. */
  readonly places: readonly Term[];
  /** What it is drawn with. */
  readonly numbers?: (rng: Rng) => number[];
  /** It may end by itself, as it needs more and more of something. */
  readonly mayEnd?: boolean;
  /** It has the guest wait. */
  readonly waits?: boolean;
  /** A host function is between it and what stands in it. */
  readonly hosts?: boolean;
  /** It needs the threads of a process. */
  readonly threads?: boolean;
  /** It blocks the signal of handlers, and is of no use where that is blocked. */
  readonly masks?: boolean;
  /** It needs to be in the process's own module. */
  readonly mainOnly?: boolean;
  /**
   * Its instructions, `[] -> []`.
   *
   * @param places write what stands in it; each is to be called once
   */
  emit(module: ModuleText, numbers: readonly number[], places: readonly (() => string)[]): string;
}

export const CONSTRUCTS: readonly Construct[] = [
  ...LOOPS,
  ...CALLS,
  ...BULK,
  ...EXCEPTIONS,
  ...CONTINUATIONS,
  ...HOSTS,
  ...WAITS,
];

const BY_NAME = new Map(CONSTRUCTS.map((construct) => [construct.name, construct]));

/** @throws RangeError where there is none of this name */
export function constructOf(name: string): Construct {
  const construct = BY_NAME.get(name);
  if (construct === undefined) throw new RangeError(`no construct ${name}`);
  return construct;
}
