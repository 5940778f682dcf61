import { describeType } from '../binary/print.ts';
import type { StorageType, ValType } from '../binary/types.ts';

/**
 * What the validation algorithm keeps on its operand stack (Wasm 3.0, appendix "Validation Algorithm"): a value type, `bot` for an
 * unknown operand of unreachable code, or `refbot` for an unknown one that is known to be a non-null reference.
 */
export type Operand = ValType | 'bot' | 'refbot';

/** Error messages quote this many types at most. */
const SHOWN = 20;

/** A type as the text format writes it. */
export function typeName(type: Operand | StorageType): string {
  if (type === 'refbot') return '(ref bot)';
  return type === 'bot' ? type : describeType(type);
}

/** Types in brackets. */
export function typeNames(types: readonly (Operand | StorageType)[]): string {
  const names = types.slice(0, SHOWN).map(typeName);
  if (types.length > SHOWN) names.push('...');
  return `[${names.join(' ')}]`;
}
