export type SandboxProblem =
  /** A folder that was to be given to the guest is none. */
  'no-folder';

/** A sandbox cannot be made as it was asked for. */
export class SandboxError extends Error {
  readonly kind = 'sandbox';
  override readonly name = 'SandboxError';
  readonly problem: SandboxProblem;

  constructor(problem: SandboxProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}
