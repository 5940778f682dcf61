import type { Expr, Func } from '../binary/module.ts';
import { type Instr, opcodeOf } from '../binary/opcodes.ts';
import type { ValType } from '../binary/types.ts';
import type { Context } from './info.ts';
import { valType } from './space.ts';
import { RULES } from './table.ts';
import { Walk, type WalkState } from './walk.ts';

/** Sees every instruction of a body, with the state before and after it; the final `end` of the body is not among them. */
export interface Observer {
  before?(instr: Instr, index: number, state: WalkState): void;
  after?(instr: Instr, index: number, state: WalkState): void;
}

function step(walk: Walk, instr: Instr): void {
  walk.begin(instr);
  const rule = RULES.get(instr.op);
  if (rule === undefined) walk.fail('unknown operator');
  rule(walk, instr);
}

/**
 * Checks a body (Wasm 3.0 §3.4.1) of a function.
 *
 * @throws InvalidError
 */
export function walkBody(info: Context, index: number, func: Func, body: Expr, observer: Observer = {}): void {
  const { params, results } = info.funcType(func.type);
  const place = { func: info.importedFuncs + index, endAt: func.endAt };
  const walk = new Walk(info, [...params, ...func.locals], params.length, results, info.globals.length, place);
  for (const type of func.locals) valType(walk, type);
  // Wasm 3.0 §5.5.13 makes no local of a run of none, and with it its type disappears. Engines look at the type all the same.
  for (const type of func.emptyRuns ?? []) valType(walk, type);
  const { before, after } = observer;
  if (before === undefined && after === undefined) {
    for (let i = 0; i < body.length; i++) step(walk, body[i] as Instr);
  } else {
    for (let i = 0; i < body.length; i++) {
      const instr = body[i] as Instr;
      observer.before?.(instr, i, walk);
      step(walk, instr);
      observer.after?.(instr, i, walk);
    }
  }
  walk.finish();
}

/**
 * Checks a constant expression (Wasm 3.0 §3.4.15).
 * @param globals how many globals are in scope
 * @throws InvalidError
 */
export function checkConstant(info: Context, expr: Expr, type: ValType, globals: number, at: number): void {
  const walk = new Walk(info, [], 0, [type], globals, { endAt: expr.at(-1)?.at ?? at });
  for (const instr of expr) {
    walk.begin(instr);
    if (!opcodeOf(instr.op).constant) walk.fail('constant expression required');
    if (instr.op === 'global.get' && instr.global < globals && info.globals[instr.global]?.mutable !== false) {
      walk.fail('constant expression required');
    }
    step(walk, instr);
  }
  walk.finish();
}
