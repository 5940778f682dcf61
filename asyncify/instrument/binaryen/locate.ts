import { importsOf } from '../../binary/index.ts';
import type { Func, Module } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx } from '../../binary/types.ts';
import type { InvalidWhere } from '../../errors.ts';
import { made } from '../../lower/asm.ts';
import type { Prepared } from './pass.ts';

/**
 * Where in the guest a failure of Binaryen's comes from, which does not say so itself: the first function, and in it the first
 * instruction, with which it fails. It is asked again with code replaced by `unreachable`, a dozen times or two.
 */
export function locate(prepared: Prepared, fails: (module: Module) => boolean): InvalidWhere {
  const { module, origins } = prepared;
  const { funcs } = module;
  const imported = importsOf(module, 'func').length;
  const upTo = (count: number): Module => ({
    ...module,
    funcs: funcs.map((func, index) => (index < count ? func : truncated(func, 0))),
  });
  if (fails(upTo(0))) return { offset: 0 };
  const at = firstFailing(funcs.length, (count) => fails(upTo(count))) - 1;
  const func = origins.get((imported + at) as FuncIdx);
  const culprit = funcs[at];
  if (func === undefined || culprit === undefined) return { offset: 0 };
  const context = upTo(at);
  const place = firstFailing(culprit.body.length, (length) =>
    fails({ ...context, funcs: context.funcs.with(at, truncated(culprit, length)) }),
  );
  // Added code has no place: it stands for the last instruction of the guest's before it.
  const instr = culprit.body.slice(0, place).findLast((each) => each.at >= 0);
  return instr === undefined ? { offset: culprit.at, func } : { offset: instr.at, func, instruction: instr.op };
}

/** The smallest number up to `all` that fails; 0 does not, and `all` does. */
function firstFailing(all: number, fails: (count: number) => boolean): number {
  let passing = 0;
  let failing = all;
  while (failing - passing > 1) {
    const middle = (passing + failing) >> 1;
    if (fails(middle)) failing = middle;
    else passing = middle;
  }
  return failing;
}

/** The function's first instructions, and a trap. */
function truncated(func: Func, length: number): Func {
  const body = func.body.slice(0, length);
  const open: ('if' | 'other')[] = [];
  for (const instr of body) {
    if ('block' in instr) open.push(instr.op === 'if' ? 'if' : 'other');
    else if (instr.op === 'else') open[open.length - 1] = 'other';
    else if (instr.op === 'end') open.pop();
  }
  const trap: Instr = made('unreachable', {});
  body.push(trap);
  for (const construct of open.reverse()) {
    // An `if` with results needs both arms.
    if (construct === 'if') body.push(made('else', {}), trap);
    body.push(made('end', {}), trap);
  }
  return { ...func, body };
}
