import type { Expr, Func, Module } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx, LabelIdx, LocalIdx, ValType } from '../binary/types.ts';
import { isRef } from '../binary/types.ts';
import type { Landmark, ModuleInfo } from '../validate/index.ts';
import { Asm, EMPTY, made, valueBlock } from './asm.ts';
import { zero } from './dummies.ts';

/** The longest body that takes the place of a call, in instructions. */
const LONGEST = 90;
/** The same in the binary format, at most. */
const LONGEST_BYTES = 8 * LONGEST;
/** What a function may grow to by this, unless it was longer before. */
const LARGEST = 3_000;

/**
 * The same module with calls of short functions that suspend or resume replaced by their bodies. What such a function would save
 * is then part of its caller's frame: a suspension by way of wrappers saves one frame, and goes on in one.
 *
 * @param info what `validate` returned
 * @returns null where there is nothing to do
 */
export function inlineWrappers(info: ModuleInfo): Module | null {
  const inliner = new Inliner(info);
  const funcs = info.module.funcs.map((_, at) => inliner.result((info.importedFuncs + at) as FuncIdx));
  return inliner.changed ? { ...info.module, funcs } : null;
}

const switches = (instr: Instr): boolean =>
  instr.op === 'suspend' || instr.op === 'switch' || instr.op.startsWith('resume');

/** A short function whose calls are replaced. */
interface Short {
  readonly func: Func;
  readonly body: Expr;
}

class Inliner {
  changed = false;
  readonly #info: ModuleInfo;
  readonly #results: (Func | undefined)[];
  readonly #short = new Map<FuncIdx, Short | null>();

  constructor(info: ModuleInfo) {
    this.#info = info;
    this.#results = info.module.funcs.map(() => undefined);
  }

  #source(func: FuncIdx): Func | undefined {
    return this.#info.module.funcs[func - this.#info.importedFuncs];
  }

  #marks(func: FuncIdx): readonly Landmark[] {
    return this.#info.landmarks[func - this.#info.importedFuncs] ?? [];
  }

  /** A function of the module, with what is to be in the place of its calls. */
  result(start: FuncIdx): Func {
    const { importedFuncs } = this.#info;
    // Callees first, without recursion: chains of calls can be as long as the module has functions.
    const path: { readonly func: FuncIdx; at: number }[] = [{ func: start, at: 0 }];
    const onPath = new Set<FuncIdx>([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { func } = top;
      const marks = this.#results[func - importedFuncs] === undefined ? this.#marks(func) : [];
      while (top.at < marks.length) {
        const next = this.#pending((marks[top.at++] as Landmark).instr, onPath);
        if (next === null) continue;
        path.push({ func: next, at: 0 });
        onPath.add(next);
        break;
      }
      if (path.at(-1) !== top) continue;
      this.#results[func - importedFuncs] ??= this.#inlined(func, onPath);
      path.pop();
      onPath.delete(func);
    }
    return this.#results[start - importedFuncs] as Func;
  }

  /** A callee that may be short, and has not been looked at. */
  #pending(instr: Instr, onPath: ReadonlySet<FuncIdx>): FuncIdx | null {
    if (instr.op !== 'call' || onPath.has(instr.func)) return null;
    if (this.#results[instr.func - this.#info.importedFuncs] !== undefined) return null;
    const source = this.#source(instr.func);
    return source !== undefined && source.endAt - source.at <= LONGEST_BYTES ? instr.func : null;
  }

  /** The function whose body takes the place of its calls; null: they stay. */
  #replaces(instr: Instr, onPath: ReadonlySet<FuncIdx>): Short | null {
    if (instr.op !== 'call' || onPath.has(instr.func)) return null;
    const { func } = instr;
    const result = this.#results[func - this.#info.importedFuncs];
    const source = this.#source(func);
    if (result === undefined || source === undefined || source.endAt - source.at > LONGEST_BYTES) return null;
    let short = this.#short.get(func);
    if (short === undefined) {
      const { body } = result;
      // In a caller, tail calls would be calls that leave a frame, and a call of itself would have no end.
      const stays = body.some(
        (inner) => inner.op.startsWith('return_call') || (inner.op === 'call' && inner.func === func),
      );
      short = body.length <= LONGEST && body.some(switches) && !stays ? { func: result, body } : null;
      this.#short.set(func, short);
    }
    return short;
  }

  #inlined(index: FuncIdx, onPath: ReadonlySet<FuncIdx>): Func {
    const func = this.#source(index) as Func;
    if (!this.#marks(index).some(({ instr }) => this.#replaces(instr, onPath) !== null)) return func;
    const { body } = func;
    const asm = new Asm();
    const params = this.#info.funcType(func.type).params.length;
    const locals = [...func.locals];
    const first = new Map<FuncIdx, number>();
    let grown = body.length;
    for (const instr of body) {
      const callee = this.#replaces(instr, onPath);
      if (callee === null || instr.op !== 'call' || grown + callee.body.length > LARGEST) {
        asm.push(instr);
        continue;
      }
      grown += callee.body.length;
      this.changed = true;
      let shift = first.get(instr.func);
      if (shift === undefined) {
        shift = params + locals.length;
        first.set(instr.func, shift);
        locals.push(...this.#info.funcType(callee.func.type).params, ...callee.func.locals);
      }
      this.#emit(asm, callee, shift);
    }
    return { ...func, locals, body: asm.out };
  }

  /** Emits a body for operands on the stack; its locals stand from `shift` on. */
  #emit(asm: Asm, { func: callee, body }: Short, shift: number): void {
    const { params, results } = this.#info.funcType(callee.type);
    const setParams = (): void => {
      for (let index = params.length - 1; index >= 0; index--) asm.set((shift + index) as LocalIdx);
    };
    const inside = results.length > 1;
    if (!inside) setParams();
    callee.locals.forEach((type, index) => {
      const value = initial(type);
      if (value !== null) asm.push(value).set((shift + params.length + index) as LocalIdx);
    });
    const [result] = results;
    const block = inside
      ? ({ kind: 'type', type: callee.type } as const)
      : result === undefined
        ? EMPTY
        : valueBlock(result);
    asm.push(made('block', { block }));
    if (inside) setParams();
    let depth = 0;
    for (const instr of body) {
      if ('block' in instr) depth++;
      else if (instr.op === 'end') depth--;
      if ('local' in instr) asm.push({ ...instr, local: (instr.local + shift) as LocalIdx });
      else if (instr.op === 'return') asm.push(made('br', { label: depth as LabelIdx }, instr.at));
      else asm.push(instr);
    }
    asm.do('end');
  }
}

/** What a local of the type begins with; null where it has to be set before it is read. */
function initial(type: ValType): Instr | null {
  if (!isRef(type)) return zero(type);
  return type.nullable ? made('ref.null', { heap: type.heap }) : null;
}
