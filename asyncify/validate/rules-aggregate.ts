import { type FieldType, isRef, refType, type StorageType, type TypeIdx, type ValType } from '../binary/types.ts';
import { isDefaultable, unpacked } from './info.ts';
import { LIMITS } from './limits.ts';
import { typeName } from './names.ts';
import type { Rules } from './rules.ts';
import { arrayType, data, elem, fresh, nullable, structType } from './space.ts';
import type { Walk } from './walk.ts';

type AggregateOp =
  | 'struct.new'
  | 'struct.new_default'
  | 'struct.get'
  | 'struct.get_s'
  | 'struct.get_u'
  | 'struct.set'
  | 'array.new'
  | 'array.new_default'
  | 'array.new_fixed'
  | 'array.new_data'
  | 'array.new_elem'
  | 'array.get'
  | 'array.get_s'
  | 'array.get_u'
  | 'array.set'
  | 'array.len'
  | 'array.fill'
  | 'array.copy'
  | 'array.init_data'
  | 'array.init_elem';

const ARRAY_NULL = refType('array', true);

const isPacked = (type: StorageType): boolean => type === 'i8' || type === 'i16';

function structField(walk: Walk, instr: { readonly type: TypeIdx; readonly field: number }): FieldType {
  return structType(walk, instr.type).fields[instr.field] ?? walk.fail(`unknown field ${instr.field}`);
}

function structGet(signed: boolean): (walk: Walk, instr: { readonly type: TypeIdx; readonly field: number }) => void {
  return (walk, instr) => {
    const { type } = structField(walk, instr);
    if (isPacked(type) !== signed) walk.fail(`field is ${signed ? 'unpacked' : 'packed'}`);
    walk.pop(nullable(instr.type));
    walk.push(unpacked(type));
  };
}

function arrayGet(signed: boolean): (walk: Walk, instr: { readonly type: TypeIdx }) => void {
  return (walk, instr) => {
    const { type } = arrayType(walk, instr.type).field;
    if (isPacked(type) !== signed) walk.fail(`array is ${signed ? 'unpacked' : 'packed'}`);
    walk.popAll([nullable(instr.type), 'i32']);
    walk.push(unpacked(type));
  };
}

function mutableArray(walk: Walk, type: TypeIdx): StorageType {
  const { field } = arrayType(walk, type);
  if (!field.mutable) walk.fail('array is immutable');
  return field.type;
}

/** Data segments can fill arrays of numbers and vectors only. */
function requireNumeric(walk: Walk, type: StorageType): void {
  if (isRef(type)) walk.fail('array type is not numeric or vector');
}

function requireElements(walk: Walk, from: ValType, to: StorageType): void {
  if (!walk.info.matches(from, unpacked(to))) {
    walk.fail(
      `type mismatch: element segment's type ${typeName(from)} does not match array's field type ${typeName(to)}`,
    );
  }
}

/** Structs and arrays. */
export const AGGREGATES: Rules<AggregateOp> = {
  'struct.new'(walk, { type }) {
    walk.popAll(walk.info.fields(structType(walk, type)).types);
    walk.push(fresh(type));
  },
  'struct.new_default'(walk, { type }) {
    if (!walk.info.fields(structType(walk, type)).defaultable) walk.fail('field type is not defaultable');
    walk.push(fresh(type));
  },
  'struct.get': structGet(false),
  'struct.get_s': structGet(true),
  'struct.get_u': structGet(true),
  'struct.set'(walk, instr) {
    const { type, mutable } = structField(walk, instr);
    if (!mutable) walk.fail('field is immutable');
    walk.popAll([nullable(instr.type), unpacked(type)]);
  },
  'array.new'(walk, { type }) {
    walk.popAll([unpacked(arrayType(walk, type).field.type), 'i32']);
    walk.push(fresh(type));
  },
  'array.new_default'(walk, { type }) {
    if (!isDefaultable(arrayType(walk, type).field.type)) walk.fail('array type is not defaultable');
    walk.pop('i32');
    walk.push(fresh(type));
  },
  'array.new_fixed'(walk, { type, count }) {
    const field = unpacked(arrayType(walk, type).field.type);
    if (count > LIMITS.fixedArray) walk.fail(`too many elements: the limit is ${LIMITS.fixedArray}`);
    walk.popRepeated(field, count);
    walk.push(fresh(type));
  },
  'array.new_data'(walk, instr) {
    requireNumeric(walk, arrayType(walk, instr.type).field.type);
    data(walk, instr.data);
    walk.popAll(['i32', 'i32']);
    walk.push(fresh(instr.type));
  },
  'array.new_elem'(walk, instr) {
    const { field } = arrayType(walk, instr.type);
    requireElements(walk, elem(walk, instr.elem), field.type);
    walk.popAll(['i32', 'i32']);
    walk.push(fresh(instr.type));
  },
  'array.get': arrayGet(false),
  'array.get_s': arrayGet(true),
  'array.get_u': arrayGet(true),
  'array.set'(walk, { type }) {
    walk.popAll([nullable(type), 'i32', unpacked(mutableArray(walk, type))]);
  },
  'array.len'(walk) {
    walk.pop(ARRAY_NULL);
    walk.push('i32');
  },
  'array.fill'(walk, { type }) {
    walk.popAll([nullable(type), 'i32', unpacked(mutableArray(walk, type)), 'i32']);
  },
  'array.copy'(walk, { type, type2 }) {
    const to = mutableArray(walk, type);
    const from = arrayType(walk, type2).field.type;
    if (!walk.info.matchesStorage(from, to)) walk.fail('array types do not match');
    walk.popAll([nullable(type), 'i32', nullable(type2), 'i32', 'i32']);
  },
  'array.init_data'(walk, instr) {
    requireNumeric(walk, mutableArray(walk, instr.type));
    data(walk, instr.data);
    walk.popAll([nullable(instr.type), 'i32', 'i32', 'i32']);
  },
  'array.init_elem'(walk, instr) {
    const type = mutableArray(walk, instr.type);
    requireElements(walk, elem(walk, instr.elem), type);
    walk.popAll([nullable(instr.type), 'i32', 'i32', 'i32']);
  },
};
