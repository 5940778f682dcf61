import { type Expr, type Func, type GlobalType, importsOf } from '../../binary/module.ts';
import type { Instr, OpName } from '../../binary/opcodes.ts';
import { OPCODES } from '../../binary/opcodes.ts';
import { type FuncIdx, type FuncType, isRef, type SubType, type TypeIdx, type ValType } from '../../binary/types.ts';
import { RefusedError } from '../../errors.ts';
import { type ModuleInfo, typeName, type WalkState, walkFunction } from '../../validate/index.ts';
import type { Suspensions } from '../analysis.ts';
import { findContinuationType } from '../concern.ts';
import type { YieldPoints } from '../polls.ts';

/** Instructions of the first specification that are typed by hand and give no reference of their own. */
const NUMERIC: ReadonlySet<OpName> = new Set<OpName>([
  'unreachable',
  'nop',
  'block',
  'loop',
  'if',
  'else',
  'end',
  'br',
  'br_if',
  'br_table',
  'return',
  'drop',
  'select',
  'local.get',
  'local.set',
  'local.tee',
  'global.set',
]);
const handTyped: ReadonlySet<OpName> = new Set(
  OPCODES.filter((row) => row.signature === null && !NUMERIC.has(row.name)).map((row) => row.name),
);

const switching: ReadonlySet<OpName> = new Set(
  OPCODES.filter((row) => row.proposal === 'stack-switching').map((row) => row.name),
);

const HANDLERS = 'Asyncify cannot do exception handlers in a function that may suspend';
const BRANCHES = 'Asyncify cannot do branches on references in a function that may suspend';
const TAIL_CALLS = 'Asyncify cannot do tail calls in a function that may suspend';
/** What no instrumented function may contain. */
const REFUSED: ReadonlyMap<OpName, string> = new Map<OpName, string>([
  ['try_table', HANDLERS],
  ['br_on_null', BRANCHES],
  ['br_on_non_null', BRANCHES],
  ['br_on_cast', BRANCHES],
  ['br_on_cast_fail', BRANCHES],
  ['return_call', TAIL_CALLS],
  ['return_call_indirect', TAIL_CALLS],
  ['return_call_ref', TAIL_CALLS],
]);

/** Refuses a tag whose type is more than its parameters: Binaryen keeps no more of it, and it would link with other tags. */
export function refuseTags(info: ModuleInfo): void {
  const { recGroups } = info.module;
  const alone = new Set<SubType>(recGroups.flatMap((group) => (group.length === 1 ? group : [])));
  const check = (type: TypeIdx, at: number): void => {
    const sub = info.types[type] as SubType;
    if (alone.has(sub) && sub.final && sub.supers.length === 0) return;
    throw new RefusedError(`Binaryen does not keep the type of a tag that is recursive or has subtypes: type ${type}`, {
      offset: at,
    });
  };
  for (const { desc, at } of importsOf(info.module, 'tag')) check(desc.type, at);
  for (const { type, at } of info.module.tags) check(type, at);
}

/** Refuses a module that has anything of stack switching in it. */
export function refuseSwitching(info: ModuleInfo): void {
  info.landmarks.forEach((list, index) => {
    for (const { instr } of list) {
      if (switching.has(instr.op)) {
        refuse('stack switching needs the frames instrumenter', info.importedFuncs + index, instr);
      }
    }
  });
  const type = info.types.findIndex(({ comp }) => comp.kind === 'cont');
  if (type >= 0) {
    const { at = 0 } = info.types[type] as SubType;
    throw new RefusedError(`continuation types need the frames instrumenter: type ${type}`, { offset: at });
  }
  const tags = [
    ...importsOf(info.module, 'tag').map(({ desc, at }) => ({ type: desc.type, at })),
    ...info.module.tags.map((tag) => ({ type: tag.type, at: tag.at })),
  ];
  tags.forEach((tag, index) => {
    if (info.funcType(tag.type).results.length === 0) return;
    throw new RefusedError(`control tags need the frames instrumenter: tag ${index}`, { offset: tag.at });
  });
  const where = findContinuationType(info);
  if (where !== null) throw new RefusedError('continuation types need the frames instrumenter', where);
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
    const { body } = func;
    for (const instr of body) {
      const message = REFUSED.get(instr.op);
      if (message !== undefined) refuse(message, index, instr);
    }
    const type = this.#info.funcType(func.type);
    const signature = [...type.params, ...type.results].find(isRef);
    if (signature !== undefined) {
      throw new RefusedError(
        `Asyncify cannot save references: the function may suspend and has ${typeName(signature)} in its type`,
        { offset: func.at, func: index },
      );
    }
    const locals = [...type.params, ...func.locals];
    for (const instr of body) this.#instr(instr, index, locals);
    if (!this.#hasReferences(body)) return;
    walkFunction(this.#info, index - this.#info.importedFuncs, {
      after: (instr, at, state) => this.#operands(instr, at, index, state),
    });
  }

  #instr(instr: Instr, index: FuncIdx, locals: readonly ValType[]): void {
    const suspends = this.#suspensions.unwinds(instr) !== null;
    switch (instr.op) {
      case 'call_ref':
        if (suspends) refuse('Asyncify cannot do calls of references that may suspend', index, instr);
        return;
      case 'call':
        this.#call(this.#info.funcType(this.#info.funcTypes[instr.func] as TypeIdx), instr, index, suspends);
        return;
      case 'call_indirect':
        this.#call(this.#info.funcType(instr.type), instr, index, true);
        return;
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
        const types =
          block.kind === 'value' ? [block.type] : block.kind === 'type' ? both(this.#info.funcType(block.type)) : [];
        const type = types.find(isRef);
        if (type !== undefined) {
          refuse(
            `Asyncify cannot save references: a block in a function that may suspend takes or gives ${typeName(type)}`,
            index,
            instr,
          );
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
  #hasReferences(body: Expr): boolean {
    return body.some((instr) => {
      switch (instr.op) {
        case 'global.get':
          return isRef((this.#info.globals[instr.global] as GlobalType).type);
        case 'call':
          return this.#info.funcType(this.#info.funcTypes[instr.func] as TypeIdx).results.some(isRef);
        case 'call_indirect':
          return this.#info.funcType(instr.type).results.some(isRef);
        default:
          return handTyped.has(instr.op);
      }
    });
  }

  #operands(instr: Instr, at: number, index: FuncIdx, state: WalkState): void {
    // Asyncify takes every indirect call of a function that it instruments for one that may suspend.
    const suspends =
      instr.op === 'call_indirect' ||
      this.#suspensions.unwinds(instr) !== null ||
      (instr.op === 'loop' && this.#yields?.loop(index, at) === true);
    if (!suspends) return;
    const found = state.operands
      .slice(0, state.low)
      .find((operand) => typeof operand === 'object' || operand === 'refbot');
    if (found === undefined) return;
    refuse(`Asyncify cannot save references: ${typeName(found)} waits on the operand stack`, index, instr);
  }
}

const both = (type: FuncType): readonly ValType[] => [...type.params, ...type.results];

function refuse(message: string, func: number, instr: Instr): never {
  throw new RefusedError(message, { offset: instr.at, func, instruction: instr.op });
}
