/**
 * Implementation limits (Wasm 3.0 §A.2 leaves them open). They are V8's where V8 has one, so that what passes here also
 * compiles there; the operand limit keeps memory bounded on hostile bodies.
 */
export const LIMITS = {
  types: 1_000_000,
  params: 1_000,
  results: 1_000,
  fields: 10_000,
  subtypeDepth: 63,
  fixedArray: 10_000,
  operands: 1_000_000,
  branchTable: 65_520,
  catches: 65_520,
} as const;
