import type { CastImmediate } from '../binary/immediates.ts';
import { type HeapType, type LabelIdx, type RefType, refType, type ValType } from '../binary/types.ts';
import { typeName, typeNames } from './names.ts';
import type { Rules } from './rules.ts';
import { fresh, heap, typeOfFunc, valType } from './space.ts';
import { nonNull, type RefOperand, type Walk } from './walk.ts';

type ReferenceOp =
  | 'ref.null'
  | 'ref.is_null'
  | 'ref.func'
  | 'ref.eq'
  | 'ref.as_non_null'
  | 'br_on_null'
  | 'br_on_non_null'
  | 'ref.test'
  | 'ref.test null'
  | 'ref.cast'
  | 'ref.cast null'
  | 'br_on_cast'
  | 'br_on_cast_fail'
  | 'any.convert_extern'
  | 'extern.convert_any'
  | 'ref.i31'
  | 'i31.get_s'
  | 'i31.get_u';

const EQ_NULL = refType('eq', true);
const I31 = refType('i31', false);
const I31_NULL = refType('i31', true);

/** The supertype of everything a test or cast to `target` may be given; continuations cannot be told apart at run time. */
function castInput(walk: Walk, target: HeapType): RefType {
  const top = walk.info.top(heap(walk, target));
  if (top === 'cont') walk.fail(`invalid cast: ${typeName(refType(target, true))} is a continuation type`);
  return refType(top, true);
}

function test(walk: Walk, instr: { readonly heap: HeapType }): void {
  walk.pop(castInput(walk, instr.heap));
  walk.push('i32');
}

function cast(nullable: boolean): (walk: Walk, instr: { readonly heap: HeapType }) => void {
  return (walk, instr) => {
    walk.pop(castInput(walk, instr.heap));
    walk.push(refType(instr.heap, nullable));
  };
}

/** Splits a label's types into the last one, which must be able to take `taken`, and those before it. */
function splitLabel(walk: Walk, label: LabelIdx, taken: RefOperand): readonly ValType[] {
  const types = walk.label(label);
  const last = types.at(-1);
  if (last === undefined || !walk.fits(taken, last)) {
    walk.fail(`type mismatch: instruction requires type ${typeName(taken)} but label has ${typeNames(types)}`);
  }
  return types.slice(0, -1);
}

/** What of `from` is left when the cast to `to` fails. */
function difference(from: RefType, to: RefType): RefType {
  return refType(from.heap, from.nullable && !to.nullable);
}

function branchOnCast(walk: Walk, { label, from, to }: CastImmediate, branchIf: boolean): void {
  valType(walk, from);
  castInput(walk, to.heap);
  if (!walk.info.matches(to, from)) {
    walk.fail(`type mismatch on cast: type ${typeName(to)} does not match ${typeName(from)}`);
  }
  const rest = difference(from, to);
  const before = splitLabel(walk, label, branchIf ? to : rest);
  walk.pop(from);
  walk.pass(before);
  walk.push(branchIf ? rest : to);
}

function convert(from: 'any' | 'extern', to: 'any' | 'extern'): (walk: Walk) => void {
  return (walk) => {
    const ref = walk.popRef();
    if (!walk.fits(ref, refType(from, true))) {
      walk.fail(`type mismatch: instruction requires ${typeName(refType(from, true))} but stack has ${typeName(ref)}`);
    }
    walk.push(refType(to, ref !== 'refbot' && ref.nullable));
  };
}

function getI31(walk: Walk): void {
  walk.pop(I31_NULL);
  walk.push('i32');
}

/** References of every kind, their tests and casts. */
export const REFERENCES: Rules<ReferenceOp> = {
  'ref.null'(walk, instr) {
    walk.push(refType(heap(walk, instr.heap), true));
  },
  'ref.is_null'(walk) {
    walk.popRef();
    walk.push('i32');
  },
  'ref.func'(walk, instr) {
    const type = typeOfFunc(walk, instr.func);
    if (!walk.info.declaredRefs.has(instr.func)) walk.fail(`undeclared function reference ${instr.func}`);
    walk.push(fresh(type));
  },
  'ref.eq'(walk) {
    walk.popAll([EQ_NULL, EQ_NULL]);
    walk.push('i32');
  },
  'ref.as_non_null'(walk) {
    walk.push(nonNull(walk.popRef()));
  },
  br_on_null(walk, instr) {
    const ref = walk.popRef();
    const types = walk.label(instr.label);
    walk.pass(types);
    walk.push(nonNull(ref));
  },
  br_on_non_null(walk, instr) {
    const ref = walk.popRef();
    const before = splitLabel(walk, instr.label, nonNull(ref));
    walk.pass(before);
  },
  'ref.test': test,
  'ref.test null': test,
  'ref.cast': cast(false),
  'ref.cast null': cast(true),
  br_on_cast(walk, instr) {
    branchOnCast(walk, instr.cast, true);
  },
  br_on_cast_fail(walk, instr) {
    branchOnCast(walk, instr.cast, false);
  },
  'any.convert_extern': convert('extern', 'any'),
  'extern.convert_any': convert('any', 'extern'),
  'ref.i31'(walk) {
    walk.pop('i32');
    walk.push(I31);
  },
  'i31.get_s': getI31,
  'i31.get_u': getI31,
};
