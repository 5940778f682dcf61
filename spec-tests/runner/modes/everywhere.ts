import { importsOf, type Module } from '../../../asyncify/binary/module.ts';
import type { Instr, OpName } from '../../../asyncify/binary/opcodes.ts';
import type { GlobalIdx, LabelIdx } from '../../../asyncify/binary/types.ts';
import { EMPTY, made } from '../../../asyncify/lower/asm.ts';

/** Instructions after which code begins that may be jumped over. */
const OPENERS: ReadonlySet<OpName> = new Set<OpName>([
  ...(['block', 'loop', 'if', 'else', 'try', 'try_table', 'catch', 'catch_all'] as const),
]);
/** What is executed only once control has come past it. */
const MARKS: ReadonlySet<OpName> = new Set<OpName>(['else', 'end', 'catch', 'catch_all', 'delegate']);

/** The export under which a module shows whether it has executed an instruction. */
export const probeName = (op: OpName): string => `\0executed ${op}`;

/**
 * The same module with more yield points: a loop at the entry of every function and at the start of every block, loop, arm and
 * handler. It starts over once, and there the transform polls, as in any loop whose end it cannot tell.
 *
 * @param probed instructions whose execution is to be seen: each has an exported global that is 1 once it was executed in a
 * function
 */
export function pollEverywhere(module: Module, probed: ReadonlySet<OpName> = new Set()): Module {
  const globals = [...module.globals];
  const exports = [...module.exports];
  const before = importsOf(module, 'global').length;
  const newGlobal = (): GlobalIdx => {
    globals.push({ type: { type: 'i32', mutable: true }, init: [made('i32.const', { i32: 0 })], at: -1 });
    return (before + globals.length - 1) as GlobalIdx;
  };
  // 1 only while such a loop starts over.
  const again = newGlobal();
  const poll: readonly Instr[] = [
    made('loop', { block: EMPTY }),
    made('global.get', { global: again }),
    made('i32.eqz', {}),
    made('global.set', { global: again }),
    made('global.get', { global: again }),
    made('br_if', { label: 0 as LabelIdx }),
    made('end', {}),
  ];
  const probes = new Map<OpName, readonly Instr[]>();
  const probe = (op: OpName): readonly Instr[] => {
    let code = probes.get(op);
    if (code === undefined) {
      const global = newGlobal();
      exports.push({ name: probeName(op), kind: 'global', index: global, at: -1 });
      code = [made('i32.const', { i32: 1 }), made('global.set', { global })];
      probes.set(op, code);
    }
    return code;
  };
  const funcs = module.funcs.map((func) => {
    const body = [...poll];
    for (const instr of func.body) {
      const marks = MARKS.has(instr.op);
      if (probed.has(instr.op) && !marks) body.push(...probe(instr.op));
      body.push(instr);
      if (probed.has(instr.op) && marks) body.push(...probe(instr.op));
      if (OPENERS.has(instr.op)) body.push(...poll);
    }
    return { ...func, body };
  });
  return { ...module, globals, exports, funcs };
}
