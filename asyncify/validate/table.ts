import { OPCODES } from '../binary/opcodes.ts';
import { fixedRule } from './fixed.ts';
import type { Rule, Rules, SpecialOp } from './rules.ts';
import { AGGREGATES } from './rules-aggregate.ts';
import { CONTROL } from './rules-control.ts';
import { REFERENCES } from './rules-reference.ts';
import { STACK_SWITCHING } from './rules-stack-switching.ts';
import { VARIABLES } from './rules-variables.ts';

const SPECIAL: Rules<SpecialOp> = {
  ...CONTROL,
  ...VARIABLES,
  ...REFERENCES,
  ...AGGREGATES,
  ...STACK_SWITCHING,
};

/** The typing rule of every instruction, by mnemonic. */
export const RULES: ReadonlyMap<string, Rule> = new Map(
  OPCODES.map((row) => [
    row.name,
    row.signature === null ? (SPECIAL[row.name as SpecialOp] as Rule) : fixedRule(row, row.signature),
  ]),
);
