import type { Expr, Func, Module } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';

/**
 * The same module with calls in tail position, of functions that may suspend, as tail calls: what only hands on the results of
 * another needs no frame.
 *
 * @param suspends whether a call of the function may unwind
 * @returns null where there is no such call
 */
export function tailCalls(info: ModuleInfo, suspends: (func: FuncIdx) => boolean): Module | null {
  let changed = false;
  const funcs = info.module.funcs.map((func, index): Func => {
    const { results } = info.funcType(func.type);
    const fits = (instr: Instr): boolean => {
      if (instr.op !== 'call' || instr.func < info.importedFuncs || !suspends(instr.func)) return false;
      const own = info.funcType(info.funcTypes[instr.func] as typeof func.type).results;
      return own.length === results.length && own.every((type, at) => info.matches(type, results[at] as typeof type));
    };
    if (!info.landmarks[index]?.some(({ instr }) => fits(instr))) return func;
    const source = func.body;
    const places = tailPositions(source);
    if (!source.some((instr, at) => fits(instr) && places.has(at))) return func;
    const body = source.map((instr, at): Instr => {
      if (instr.op !== 'call' || !fits(instr) || !places.has(at)) return instr;
      changed = true;
      return { ...instr, op: 'return_call' };
    });
    return { ...func, body };
  });
  return changed ? { ...info.module, funcs } : null;
}

/** Where what an instruction leaves is what the function returns, with nothing in between and no handler around. */
function tailPositions(body: Expr): ReadonlySet<number> {
  const found = new Set<number>();
  // By nesting: whether what stands at the end of the construct is in tail position; and where its `else` arm would go on.
  const isTail: boolean[] = new Array(body.length + 1).fill(false);
  isTail[body.length] = true;
  const ends = matchingEnds(body);
  for (let at = body.length - 1; at >= 0; at--) {
    const instr = body[at] as Instr;
    // Whether the place before this instruction is: nothing is left to do there but to return.
    switch (instr.op) {
      case 'return':
        isTail[at] = !ends.guarded[at];
        break;
      case 'end':
        isTail[at] = isTail[at + 1] === true && ends.kind[at] !== 'guarded';
        break;
      case 'else':
        isTail[at] = isTail[(ends.end[at] as number) + 1] === true;
        break;
      case 'br':
        isTail[at] = instr.label === ends.depth[at] && !ends.guarded[at];
        break;
      default:
    }
    if (instr.op === 'call' && isTail[at + 1] === true && !ends.guarded[at]) found.add(at);
  }
  return found;
}

interface Ends {
  /** Of an `else`: where its construct ends. */
  readonly end: readonly (number | undefined)[];
  /** Of an `end`: whether it closes a `try_table`. */
  readonly kind: readonly ('guarded' | 'plain' | undefined)[];
  /** By instruction: how many constructs it lies in, and whether one of them is a `try_table`. */
  readonly depth: readonly number[];
  readonly guarded: readonly boolean[];
}

function matchingEnds(body: Expr): Ends {
  const end: (number | undefined)[] = [];
  const kind: ('guarded' | 'plain' | undefined)[] = [];
  const depth: number[] = [];
  const guarded: boolean[] = [];
  const open: { readonly handles: boolean; elseAt: number | null }[] = [];
  let handlers = 0;
  body.forEach((instr, at) => {
    depth[at] = open.length;
    guarded[at] = handlers > 0;
    if ('block' in instr) {
      const handles = instr.op !== 'block' && instr.op !== 'loop' && instr.op !== 'if';
      if (handles) handlers++;
      open.push({ handles, elseAt: null });
    } else if (instr.op === 'else') {
      const top = open.at(-1);
      if (top !== undefined) top.elseAt = at;
    } else if (instr.op === 'end') {
      const top = open.pop();
      if (top?.handles) handlers--;
      kind[at] = top?.handles ? 'guarded' : 'plain';
      if (top !== undefined && top.elseAt !== null) end[top.elseAt] = at;
    }
  });
  return { end, kind, depth, guarded };
}
