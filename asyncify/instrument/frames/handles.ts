import type { FuncIdx, HeapType, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import type { RuntimeState } from './state.ts';

const EXTERN = refType('extern', true);
const ANY = refType('any', true);

function isContinuation(info: ModuleInfo, type: ValType): boolean {
  if (!isRef(type)) return false;
  const heap: HeapType = type.heap;
  return typeof heap === 'number' ? info.comp(heap).kind === 'cont' : heap === 'cont' || heap === 'nocont';
}

/** Whether a function takes or gives continuation objects. */
export function handlesContinuations(info: ModuleInfo, source: TypeIdx): boolean {
  const { params, results } = info.funcType(source);
  return [...params, ...results].some((type) => isContinuation(info, type));
}

/** The places of continuation objects among a function's parameters. */
export function continuationParams(info: ModuleInfo, source: TypeIdx): number[] {
  return info.funcType(source).params.flatMap((type, index) => (isContinuation(info, type) ? [index] : []));
}

/**
 * What the host calls of functions that take or give continuation objects. The host has handles of these, objects of JavaScript: what it
 * passes on to other guests is nothing that they could look into or compare, and what it passes to a function that takes a continuation
 * and is none of that type ends in an error of the runtime's.
 */
export class Handles {
  readonly #state: RuntimeState;
  #wrap: FuncIdx | null = null;
  #unwrap: FuncIdx | null = null;

  constructor(state: RuntimeState) {
    this.#state = state;
  }

  /** @param target of the source's type: what is called */
  entry(target: FuncIdx, source: TypeIdx): FuncIdx {
    const { build } = this.#state;
    const { params, results } = build.info.funcType(source);
    const outer = (types: readonly ValType[]): ValType[] =>
      types.map((type) => (isContinuation(build.info, type) ? EXTERN : build.val(type)));
    const func = build.addFunc(build.funcType(outer(params), outer(results)), 'with handles');
    const locals = new Locals(params.length);
    const any = locals.add(ANY);
    const asm = new Asm();
    params.forEach((param, index) => {
      asm.get(locals.param(index));
      if (!isContinuation(build.info, param)) return;
      const type = build.val(param);
      if (!isRef(type)) return;
      asm.call(this.#unwrapping).do('any.convert_extern').tee(any);
      asm
        .op(type.nullable ? 'ref.test null' : 'ref.test', { heap: type.heap })
        .do('i32.eqz')
        .openUnlikely();
      this.#state.trap(asm, 'foreign');
      asm.close().get(any).cast(type);
    });
    asm.call(target);
    if (results.some((type) => isContinuation(build.info, type))) {
      const kept = results.map((type) => locals.add(build.val(type)));
      for (const local of [...kept].reverse()) asm.set(local);
      results.forEach((type, index) => {
        asm.get(kept[index] as (typeof kept)[number]);
        if (isContinuation(build.info, type)) asm.do('extern.convert_any').call(this.#wrapping);
      });
    }
    build.define(func, { locals: locals.declared, body: asm.out });
    return func;
  }

  get #wrapping(): FuncIdx {
    const { build } = this.#state;
    this.#wrap ??= build.importFunc('wrap', build.funcType([EXTERN], [EXTERN]));
    return this.#wrap;
  }

  get #unwrapping(): FuncIdx {
    const { build } = this.#state;
    this.#unwrap ??= build.importFunc('unwrap', build.funcType([EXTERN], [EXTERN]));
    return this.#unwrap;
  }
}
