import type { BlockType, Catch } from '../binary/immediates.ts';
import type { Instr } from '../binary/opcodes.ts';
import { type LabelIdx, refType, type ValType } from '../binary/types.ts';
import { LIMITS } from './limits.ts';
import { typeNames } from './names.ts';
import type { Rules } from './rules.ts';
import { exceptionType, funcType, nullable, table, typeOfFunc, valType } from './space.ts';
import type { Walk } from './walk.ts';

type ControlOp =
  | 'unreachable'
  | 'block'
  | 'loop'
  | 'if'
  | 'else'
  | 'end'
  | 'try'
  | 'try_table'
  | 'catch'
  | 'catch_all'
  | 'delegate'
  | 'rethrow'
  | 'throw'
  | 'throw_ref'
  | 'br'
  | 'br_if'
  | 'br_table'
  | 'return'
  | 'call'
  | 'call_indirect'
  | 'call_ref'
  | 'return_call'
  | 'return_call_indirect'
  | 'return_call_ref';

interface Arrow {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}
const EMPTY: Arrow = { params: [], results: [] };
const EXN = refType('exn', false);
const EXN_NULL = refType('exn', true);
const FUNC_NULL = refType('func', true);

/** The function type that a block type stands for (Wasm 3.0 §3.2.2). */
function blockType(walk: Walk, block: BlockType): Arrow {
  switch (block.kind) {
    case 'empty':
      return EMPTY;
    case 'value':
      return { params: [], results: [valType(walk, block.type)] };
    case 'type':
      return funcType(walk, block.type);
    default:
      return block satisfies never;
  }
}

function enter(op: 'block' | 'loop' | 'try'): (walk: Walk, instr: { readonly block: BlockType }) => void {
  return (walk, instr) => {
    const { params, results } = blockType(walk, instr.block);
    walk.popAll(params);
    walk.enter(op, params, results);
  };
}

function branch(walk: Walk, label: LabelIdx): void {
  walk.popAll(walk.label(label));
  walk.unreachable();
}

function tailCall(walk: Walk, { params, results }: Arrow): void {
  if (!walk.info.matchesAll(results, walk.results)) {
    walk.fail(
      `type mismatch: current function requires result type ${typeNames(walk.results)} but callee returns ${typeNames(results)}`,
    );
  }
  walk.popAll(params);
  walk.unreachable();
}

/** Pops the index of an indirect call and yields the callee's type. */
function indirect(walk: Walk, instr: Instr<'call_indirect' | 'return_call_indirect'>): Arrow {
  const { type, limits } = table(walk, instr.table);
  const callee = funcType(walk, instr.type);
  if (!walk.info.matches(type, FUNC_NULL)) {
    walk.fail(
      `type mismatch: instruction requires table of function type but table has element type ${typeNames([type])}`,
    );
  }
  walk.pop(limits.address);
  return callee;
}

function payload(walk: Walk, clause: Catch): readonly ValType[] {
  switch (clause.kind) {
    case 'catch':
      return exceptionType(walk, clause.tag);
    case 'catch_ref':
      return [...exceptionType(walk, clause.tag), EXN];
    case 'catch_all':
      return [];
    case 'catch_all_ref':
      return [EXN];
    default:
      return clause satisfies never;
  }
}

/** Ends the arm of a legacy `try` that comes before a handler. */
function leaveArm(walk: Walk, what: string): readonly ValType[] {
  const { op } = walk.top;
  if (op !== 'try' && op !== 'catch') walk.fail(`${what} not in a try block`);
  return walk.leave().results;
}

/** Ends an `if` that has no `else`: its parameters are its results. */
function endIf(walk: Walk, params: readonly ValType[], results: readonly ValType[]): void {
  if (!walk.info.matchesAll(params, results)) {
    walk.fail(`type mismatch: block requires ${typeNames(results)} but stack has ${typeNames(params)}`);
  }
}

/** Blocks, branches, calls and exceptions, the legacy ones included. */
export const CONTROL: Rules<ControlOp> = {
  unreachable: (walk) => walk.unreachable(),
  block: enter('block'),
  loop: enter('loop'),
  if(walk, instr) {
    const { params, results } = blockType(walk, instr.block);
    walk.pop('i32');
    walk.popAll(params);
    walk.enter('if', params, results);
  },
  else(walk) {
    if (walk.top.op !== 'if') walk.fail('else not in an if block');
    const { params, results } = walk.leave();
    walk.enter('else', params, results);
  },
  end(walk) {
    const { op, params, results } = walk.leave();
    if (op === 'if') endIf(walk, params, results);
    walk.pushAll(results);
  },
  try: enter('try'),
  try_table(walk, instr) {
    const { params, results } = blockType(walk, instr.block);
    if (instr.catches.length > LIMITS.catches) walk.fail(`more than ${LIMITS.catches} catch clauses`);
    for (const clause of instr.catches) {
      const types = payload(walk, clause);
      const label = walk.label(clause.label);
      if (!walk.info.matchesAll(types, label)) {
        walk.fail(`type mismatch: catch handler requires ${typeNames(label)} but label has ${typeNames(types)}`);
      }
    }
    walk.popAll(params);
    walk.enter('try_table', params, results);
  },
  catch(walk, instr) {
    const results = leaveArm(walk, 'catch');
    walk.enter('catch', exceptionType(walk, instr.tag), results);
  },
  catch_all(walk) {
    walk.enter('catch_all', [], leaveArm(walk, 'catch_all'));
  },
  delegate(walk, instr) {
    if (walk.top.op !== 'try') walk.fail('delegate not in a try block');
    const { results } = walk.leave();
    walk.frame(instr.label);
    walk.pushAll(results);
  },
  rethrow(walk, instr) {
    const { op } = walk.frame(instr.label);
    if (op !== 'catch' && op !== 'catch_all') walk.fail('invalid rethrow label');
    walk.unreachable();
  },
  throw(walk, instr) {
    walk.popAll(exceptionType(walk, instr.tag));
    walk.unreachable();
  },
  throw_ref(walk) {
    walk.pop(EXN_NULL);
    walk.unreachable();
  },
  br(walk, instr) {
    branch(walk, instr.label);
  },
  br_if(walk, instr) {
    const types = walk.label(instr.label);
    walk.pop('i32');
    walk.pass(types);
  },
  br_table(walk, instr) {
    if (instr.labels.length > LIMITS.branchTable) walk.fail(`more than ${LIMITS.branchTable} labels`);
    walk.pop('i32');
    const types = walk.label(instr.labels.at(-1) ?? walk.fail('br_table without a default label'));
    // Many labels may share few types: a table is checked in time linear in its length.
    const checked = new Set<readonly ValType[]>();
    for (const label of instr.labels) {
      const other = walk.label(label);
      if (checked.has(other)) continue;
      checked.add(other);
      if (other.length !== types.length) {
        walk.fail(`type mismatch: labels of br_table take ${typeNames(other)} and ${typeNames(types)}`);
      }
      walk.require(other);
    }
    walk.popAll(types);
    walk.unreachable();
  },
  return(walk) {
    walk.popAll(walk.results);
    walk.unreachable();
  },
  call(walk, instr) {
    const { params, results } = walk.info.funcType(typeOfFunc(walk, instr.func));
    walk.popAll(params);
    walk.pushAll(results);
  },
  call_indirect(walk, instr) {
    const { params, results } = indirect(walk, instr);
    walk.popAll(params);
    walk.pushAll(results);
  },
  call_ref(walk, instr) {
    const { params, results } = funcType(walk, instr.type);
    walk.pop(nullable(instr.type));
    walk.popAll(params);
    walk.pushAll(results);
  },
  return_call(walk, instr) {
    tailCall(walk, walk.info.funcType(typeOfFunc(walk, instr.func)));
  },
  return_call_indirect(walk, instr) {
    tailCall(walk, indirect(walk, instr));
  },
  return_call_ref(walk, instr) {
    const callee = funcType(walk, instr.type);
    walk.pop(nullable(instr.type));
    tailCall(walk, callee);
  },
};
