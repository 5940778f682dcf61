import type { Instr } from '../binary/opcodes.ts';
import type { CORE, GC, MISC } from '../binary/opcodes-core.ts';
import type { Walk } from './walk.ts';

type Row = (typeof CORE | typeof GC | typeof MISC)[number];

/** The instructions whose typing is no fixed signature. */
export type SpecialOp = Extract<Row, readonly [string, number, string, '*', ...unknown[]]>[0];

/** The typing rules of some instructions: each pops and pushes on the walk, or fails. */
export type Rules<N extends SpecialOp> = { readonly [K in N]: (walk: Walk, instr: Instr<K>) => void };

/** A rule whose instruction is known only at run time. */
export type Rule = (walk: Walk, instr: Instr) => void;
