import {
  decode,
  InvalidError,
  type Linking,
  MalformedError,
  RefusedError,
  type Transformed,
  transform,
  validate,
} from '../../asyncify/index.ts';

export const LINKINGS: readonly Linking[] = ['linked', 'closed'];

export type Outcome = 'malformed' | 'invalid' | 'refused' | 'accepted';

/** Something the transform must not do with these bytes. */
export class Misbehaviour extends Error {
  override readonly name = 'Misbehaviour';
}

type Step<T> = { readonly value: T } | { readonly outcome: Exclude<Outcome, 'accepted'> };

/** Runs one step; the three errors that bad input may give are an outcome, if they say where in the input. */
function step<T>(bytes: Uint8Array, run: () => T): Step<T> {
  try {
    return { value: run() };
  } catch (error) {
    if (!(error instanceof MalformedError || error instanceof InvalidError || error instanceof RefusedError)) {
      throw new Misbehaviour(`crash: ${error}`, { cause: error });
    }
    const { offset, kind, message } = error;
    if (!Number.isInteger(offset) || offset < 0 || offset > bytes.length) {
      throw new Misbehaviour(`offset ${offset} of ${bytes.length} bytes: ${message}`, { cause: error });
    }
    return { outcome: kind };
  }
}

/**
 * What becomes of a module. Decoding and validating must end in one of the three errors or accept it; what is accepted
 * must transform, or be refused, under both linkings, and the engine must accept the result.
 * @throws Misbehaviour
 */
export function outcomeOf(bytes: Uint8Array<ArrayBuffer>): Outcome {
  const valid = step(bytes, () => validate(decode(bytes)));
  if ('outcome' in valid) return valid.outcome;
  let outcome: Outcome = 'accepted';
  for (const linking of LINKINGS) {
    const transformed = step(bytes, () => transform(bytes, { linking }));
    if ('outcome' in transformed) {
      if (transformed.outcome !== 'refused') throw new Misbehaviour(`valid, but transforming: ${transformed.outcome}`);
      outcome = 'refused';
    } else requireAccepted(transformed.value, linking);
  }
  return outcome;
}

/** What an engine may have against a module that is given back as it was: limits of its own, and mixing the two generations of exceptions. */
const ENGINE_LIMITS = /limit|mix of legacy and new|length overflow|invalid table count|too many/;

function requireAccepted({ bytes, changed }: Transformed, linking: Linking): void {
  if (WebAssembly.validate(bytes)) return;
  const objection = objectionTo(bytes);
  if (changed || !ENGINE_LIMITS.test(objection)) {
    throw new Misbehaviour(`the engine rejects the ${linking} ${changed ? 'output' : 'module'}: ${objection}`);
  }
}

function objectionTo(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return 'none when it compiles';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
