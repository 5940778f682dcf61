import { Computations, type Computing, type Program } from './computations.ts';
import { OwnLoop } from './own-loop.ts';
import type { Pause } from './pause.ts';
import type { Runner } from './runner.ts';

/** What runs the guest of a process. */
export interface Attachment {
  readonly instance: WebAssembly.Instance;
  /** Of the main thread. */
  readonly runner: Runner;
  readonly computations: Computations;
  readonly loop: OwnLoop;
}

/** The process that has the guest. */
export interface Owner extends Computing {
  /** Runs each slice of its own loop. */
  slice(run: () => Pause): Pause;
}

/** @param slice milliseconds */
export function attachment(
  instance: WebAssembly.Instance,
  runner: Runner,
  program: Program,
  slice: number,
  owner: Owner,
): Attachment {
  const computations = new Computations(runner, program, owner);
  const loop = new OwnLoop(runner, slice, (run) => owner.slice(run));
  return { instance, runner, computations, loop };
}
