import { isRef, type RefType, type ValType } from '../binary/types.ts';
import { typeName, typeNames } from './names.ts';
import type { Rules } from './rules.ts';
import { elem, global, local, memory, table, valType } from './space.ts';
import type { Walk } from './walk.ts';

type VariableOp =
  | 'drop'
  | 'select'
  | 'select t'
  | 'local.get'
  | 'local.set'
  | 'local.tee'
  | 'global.get'
  | 'global.set'
  | 'table.get'
  | 'table.set'
  | 'table.grow'
  | 'table.fill'
  | 'table.copy'
  | 'table.init'
  | 'memory.copy';

type Address = 'i32' | 'i64';

/** A copy between two address types counts in the narrower. */
function narrower(a: Address, b: Address): Address {
  return a === 'i64' && b === 'i64' ? 'i64' : 'i32';
}

function requireElements(walk: Walk, from: RefType, to: RefType): void {
  if (!walk.info.matches(from, to)) {
    walk.fail(
      `type mismatch: source element type ${typeName(from)} does not match destination element type ${typeName(to)}`,
    );
  }
}

/** An instruction over locals, globals, tables or two memories, and the parametric ones. */
export const VARIABLES: Rules<VariableOp> = {
  drop(walk) {
    walk.popAny();
  },
  select(walk) {
    walk.pop('i32');
    const right = walk.popAny();
    const left = walk.popAny();
    for (const operand of [left, right]) {
      if (operand === 'refbot' || isRef(operand as ValType)) {
        walk.fail(`type mismatch: instruction requires numeric or vector type but stack has ${typeName(operand)}`);
      }
    }
    if (left !== right && left !== 'bot' && right !== 'bot') {
      walk.fail(`type mismatch: instruction requires operands of one type but stack has ${typeNames([left, right])}`);
    }
    walk.push(left === 'bot' ? right : left);
  },
  'select t'(walk, { types }) {
    const [type] = types;
    if (type === undefined || types.length !== 1) {
      return walk.fail('invalid result arity: arity other than 1 is not (yet) allowed');
    }
    valType(walk, type);
    walk.popAll([type, type, 'i32']);
    walk.push(type);
  },
  'local.get'(walk, instr) {
    const type = local(walk, instr.local);
    if (!walk.isInitialised(instr.local)) walk.fail(`uninitialized local ${instr.local}`);
    walk.push(type);
  },
  'local.set'(walk, instr) {
    walk.pop(local(walk, instr.local));
    walk.initialise(instr.local);
  },
  'local.tee'(walk, instr) {
    const type = local(walk, instr.local);
    walk.pop(type);
    walk.push(type);
    walk.initialise(instr.local);
  },
  'global.get'(walk, instr) {
    walk.push(global(walk, instr.global).type);
  },
  'global.set'(walk, instr) {
    const { type, mutable } = global(walk, instr.global);
    if (!mutable) walk.fail(`immutable global ${instr.global}`);
    walk.pop(type);
  },
  'table.get'(walk, instr) {
    const { type, limits } = table(walk, instr.table);
    walk.pop(limits.address);
    walk.push(type);
  },
  'table.set'(walk, instr) {
    const { type, limits } = table(walk, instr.table);
    walk.popAll([limits.address, type]);
  },
  'table.grow'(walk, instr) {
    const { type, limits } = table(walk, instr.table);
    walk.popAll([type, limits.address]);
    walk.push(limits.address);
  },
  'table.fill'(walk, instr) {
    const { type, limits } = table(walk, instr.table);
    walk.popAll([limits.address, type, limits.address]);
  },
  'table.copy'(walk, instr) {
    const to = table(walk, instr.table);
    const from = table(walk, instr.table2);
    requireElements(walk, from.type, to.type);
    const [left, right] = [to.limits.address, from.limits.address];
    walk.popAll([left, right, narrower(left, right)]);
  },
  'table.init'(walk, instr) {
    const { type, limits } = table(walk, instr.table);
    requireElements(walk, elem(walk, instr.elem), type);
    walk.popAll([limits.address, 'i32', 'i32']);
  },
  'memory.copy'(walk, instr) {
    const left = memory(walk, instr.memory).address;
    const right = memory(walk, instr.memory2).address;
    walk.popAll([left, right, narrower(left, right)]);
  },
};
