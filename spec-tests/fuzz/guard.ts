import type { Instr } from '../../asyncify/binary/opcodes.ts';
import type { GlobalIdx } from '../../asyncify/binary/types.ts';
import { Asm, made } from '../../asyncify/lower/asm.ts';
import type { Candidate } from './shrink.ts';
import type { Trace } from './trace.ts';

const NAME = 'guard';
const LIMIT = 20_000;

/** The same program, ended by a trap where it loops or calls too often: shrinking may remove what used to end it. */
export function guarded({ module, calls }: Candidate): Candidate {
  const index = module.globals.length as GlobalIdx;
  const check = new Asm();
  check.globalGet(index).i32(1).do('i32.sub').globalSet(index);
  check.globalGet(index).i32(0).do('i32.lt_s').open('if');
  check.do('unreachable').close();
  const guardedBody = (body: readonly Instr[]): Instr[] => [
    ...check.out,
    ...body.flatMap((instr) => (instr.op === 'loop' ? [instr, ...check.out] : [instr])),
  ];
  const init = [made('i32.const', { i32: LIMIT })];
  return {
    calls,
    module: {
      ...module,
      globals: [...module.globals, { type: { type: 'i32', mutable: true }, init, at: -1 }],
      exports: [...module.exports, { name: NAME, kind: 'global', index, at: -1 }],
      funcs: module.funcs.map((func) => ({ ...func, body: guardedBody(func.body) })),
    },
  };
}

/** Whether a guarded program ended by itself. */
export function endedByItself({ globals }: Trace): boolean {
  return Number(globals[NAME] ?? 0) >= 0;
}
