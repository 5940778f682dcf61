import type { Func } from '../../binary/module.ts';
import type { Instr, OpName } from '../../binary/opcodes.ts';
import { OPCODES } from '../../binary/opcodes.ts';
import { type FuncIdx, type FuncType, isRef, type TypeIdx, type ValType } from '../../binary/types.ts';
import { RefusedError } from '../../errors.ts';
import { type ModuleInfo, typeName, type WalkState, walkFunction } from '../../validate/index.ts';
import type { Suspensions } from '../analysis.ts';
import { isConcerned } from '../concern.ts';
import { NO_HOST, analyse } from '../analysis.ts';
import type { YieldPoints } from '../polls.ts';

const switching: ReadonlySet<OpName> = new Set(
  OPCODES.filter((row) => row.proposal === 'stack-switching').map((row) => row.name),
);

/** Refuses a module that has anything of stack switching in it. */
export function refuseSwitching(info: ModuleInfo): void {
  info.module.funcs.forEach((func, index) => {
    for (const instr of func.body) {
      if (switching.has(instr.op)) {
        refuse('stack switching needs the frames instrumenter', info.importedFuncs + index, instr);
      }
    }
  });
  const type = info.types.findIndex(({ comp }) => comp.kind === 'cont');
  if (type >= 0) {
    throw new RefusedError(`continuation types need the frames instrumenter: type ${type}`, { offset: 0 });
  }
  if (isConcerned(info, analyse(info, 'closed', NO_HOST), 'closed')) {
    throw new RefusedError('continuation types and control tags need the frames instrumenter', { offset: 0 });
  }
}

/**
 * Refuses an instrumented function that Asyncify cannot do, or would get wrong. It saves numbers only, and takes a value to be
 * live over every suspension that lies between any of its uses in the order of the code.
 */
export class Refusals {
  readonly #info: ModuleInfo;
  readonly #suspensions: Suspensions;
  readonly #yields: YieldPoints | null;

  constructor(info: ModuleInfo, suspensions: Suspensions, yields: YieldPoints | null) {
    this.#info = info;
    this.#suspensions = suspensions;
    this.#yields = yields;
  }

  /** @throws RefusedError with function, instruction and offset */
  check(func: Func, index: FuncIdx): void {
    const type = this.#info.funcType(func.type);
    const signature = [...type.params, ...type.results].find(isRef);
    if (signature !== undefined) {
      throw new RefusedError(
        `Asyncify cannot save references: the function may suspend and has ${typeName(signature)} in its type`,
        { offset: func.at, func: index },
      );
    }
    const locals = [...type.params, ...func.locals];
    for (const instr of func.body) this.#instr(instr, index, locals);
    if (!this.#hasReferences(func)) return;
    walkFunction(this.#info, index - this.#info.importedFuncs, {
      after: (instr, at, state) => this.#operands(instr, at, index, state),
    });
  }

  #instr(instr: Instr, index: FuncIdx, locals: readonly ValType[]): void {
    const suspends = this.#suspensions.unwinds(instr) !== null;
    switch (instr.op) {
      case 'try_table':
        return refuse('Asyncify cannot do exception handlers in a function that may suspend', index, instr);
      case 'br_on_null':
      case 'br_on_non_null':
      case 'br_on_cast':
      case 'br_on_cast_fail':
        return refuse('Asyncify cannot do branches on references in a function that may suspend', index, instr);
      case 'return_call':
      case 'return_call_indirect':
      case 'return_call_ref':
        return refuse('Asyncify cannot do tail calls in a function that may suspend', index, instr);
      case 'call_ref':
        if (suspends) refuse('Asyncify cannot do calls of references that may suspend', index, instr);
        return;
      case 'call':
        return this.#call(this.#info.funcType(this.#info.funcTypes[instr.func] as TypeIdx), instr, index, suspends);
      case 'call_indirect':
        return this.#call(this.#info.funcType(instr.type), instr, index, true);
      case 'local.get':
      case 'local.set':
      case 'local.tee': {
        const type = locals[instr.local];
        if (type !== undefined && isRef(type)) {
          refuse(`Asyncify cannot save references: local ${instr.local} is ${typeName(type)}`, index, instr);
        }
        return;
      }
      case 'block':
      case 'loop':
      case 'if': {
        const { block } = instr;
        const types = block.kind === 'value' ? [block.type] : block.kind === 'type' ? both(this.#info.funcType(block.type)) : [];
        const type = types.find(isRef);
        if (type !== undefined) {
          refuse(`Asyncify cannot save references: a block in a function that may suspend takes or gives ${typeName(type)}`, index, instr);
        }
        return;
      }
      default:
    }
  }

  #call(type: FuncType, instr: Instr, index: FuncIdx, suspends: boolean): void {
    const found = (suspends ? both(type) : type.results).find((each) => isRef(each) && (suspends || !each.nullable));
    if (found === undefined) return;
    refuse(`Asyncify cannot save references: the call takes or gives ${typeName(found)}`, index, instr);
  }

  /** Operands only: locals, parameters and blocks with references are refused already. */
  #hasReferences(func: Func): boolean {
    return func.body.some((instr) => PUSHES_REFERENCE.has(instr.op));
  }

  #operands(instr: Instr, at: number, index: FuncIdx, state: WalkState): void {
    const suspends =
      this.#suspensions.unwinds(instr) !== null || (instr.op === 'loop' && this.#yields?.loop(index, at) === true);
    if (!suspends) return;
    const found = state.operands.slice(0, state.low).find((operand) => typeof operand === 'object' || operand === 'refbot');
    if (found === undefined) return;
    refuse(`Asyncify cannot save references: ${typeName(found)} waits on the operand stack`, index, instr);
  }
}

const both = (type: FuncType): readonly ValType[] => [...type.params, ...type.results];

function refuse(message: string, func: number, instr: Instr): never {
  throw new RefusedError(message, { offset: instr.at, func, instruction: instr.op });
}
