import type { Module } from '../../asyncify/binary/module.ts';
import type { Instr, OpName } from '../../asyncify/binary/opcodes.ts';
import type { TypeIdx } from '../../asyncify/binary/types.ts';
import { made } from '../../asyncify/lower/asm.ts';

const OPENS: ReadonlySet<OpName> = new Set<OpName>(['block', 'loop', 'if', 'else', 'try_table']);

/**
 * The same module with a yield point at the start of every function and construct, once it is transformed: an empty loop
 * polls when it is entered if its type is written as an index.
 */
export function withPolls(module: Module): Module {
  const type = module.recGroups.reduce((sum, group) => sum + group.length, 0) as TypeIdx;
  const poll: readonly Instr[] = [made('loop', { block: { kind: 'type', type } }), made('end', {})];
  return {
    ...module,
    recGroups: [
      ...module.recGroups,
      [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }],
    ] as Module['recGroups'],
    funcs: module.funcs.map((func) => ({
      ...func,
      body: [...poll, ...func.body.flatMap((instr) => (OPENS.has(instr.op) ? [instr, ...poll] : [instr]))],
    })),
  };
}
