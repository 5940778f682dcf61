import type { Process } from '../../engine/process/index.ts';
import type { Polls } from './loading.ts';
import type { Packages } from './packages.ts';

/** An instance of an interpreter or a library, and how it is used. */
export interface Running {
  readonly process: Process;
  /** Milliseconds that the transform took. */
  readonly transformed: number;
  /** Runs what does not end, until it is interrupted. @returns what it says of that, a word */
  run(endless: string): Promise<string>;
  /** Has it end what it does. */
  interrupt(): void;
  /** Calls it as its host code always does, and as a computation; throws where it does not answer as it should. */
  check(): Promise<void>;
}

export interface Program {
  readonly name: string;
  /** What does not end, by what it does; and what it is to say once it is interrupted. */
  readonly endless: Readonly<Record<string, { readonly code: string; readonly says: string }>>;
  load(packages: Packages, polls: Polls): Promise<Running>;
}

/** @throws Error where two values differ */
export function same(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`answered ${JSON.stringify(found)} in the place of ${JSON.stringify(wanted)}`);
}
