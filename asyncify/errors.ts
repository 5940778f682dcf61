/** What every failure of Bobbin has: one class per failure, told apart by `kind`. */
export abstract class BobbinError extends Error {
  abstract readonly kind: string;
}

/** The bytes are no module (Wasm 3.0 §5). */
export class MalformedError extends BobbinError {
  readonly kind = 'malformed';
  override readonly name = 'MalformedError';
  /** Byte offset in the module. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

export interface InvalidWhere {
  /** Byte offset in the module. */
  readonly offset: number;
  /** Index of the function in whose body the mistake is, if it is in one. */
  readonly func?: number;
  /** Mnemonic of the instruction at fault. */
  readonly instruction?: string;
}

function place(where: InvalidWhere): string {
  const parts = [`at byte ${where.offset}`];
  if (where.func !== undefined) parts.push(`function ${where.func}`);
  if (where.instruction !== undefined) parts.push(where.instruction);
  return parts.join(', ');
}

/** The module breaks a validation rule (Wasm 3.0 §3, stack switching included). */
export class InvalidError extends BobbinError {
  readonly kind = 'invalid';
  override readonly name = 'InvalidError';
  readonly offset: number;
  readonly func: number | undefined;
  readonly instruction: string | undefined;
  constructor(message: string, where: InvalidWhere) {
    super(`${message} (${place(where)})`);
    this.offset = where.offset;
    this.func = where.func;
    this.instruction = where.instruction;
  }
}

/** A valid module that the transform cannot translate: it refuses instead of guessing. */
export class RefusedError extends BobbinError {
  readonly kind = 'refused';
  override readonly name = 'RefusedError';
  readonly offset: number;
  readonly func: number | undefined;
  readonly instruction: string | undefined;
  /** The message without the place. */
  readonly reason: string;
  constructor(message: string, where: InvalidWhere) {
    super(`${message} (${place(where)})`);
    this.reason = message;
    this.offset = where.offset;
    this.func = where.func;
    this.instruction = where.instruction;
  }
}
