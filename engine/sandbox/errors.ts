export type SandboxProblem =
  /** A folder that was to be given to the guest is none. */
  | 'no-folder'
  /** No program can be given this. */
  | 'bad-argument'
  /** The program calls before its memory is known, or has none. */
  | 'no-memory';

/** A sandbox cannot be made as it was asked for, or cannot be used by the program. */
export class SandboxError extends Error {
  readonly kind = 'sandbox';
  override readonly name = 'SandboxError';
  readonly problem: SandboxProblem;

  constructor(problem: SandboxProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}
