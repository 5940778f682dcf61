import type { OpName } from '../../asyncify/binary/opcodes.ts';
import type { NumType, RefType, ValType } from '../../asyncify/binary/types.ts';
import { isRef } from '../../asyncify/binary/types.ts';
import { callable, multi } from './calls.ts';
import { blockOf, conditional, tryOf } from './control.ts';
import { contRef } from './conts.ts';
import type { Gen } from './gen.ts';
import { contOf, nonNull, nullable } from './types.ts';
import { LOG, LOG64 } from './world.ts';

/** Makes code that leaves one value of the type. */
export function expr(g: Gen, type: ValType): void {
  if (!g.spend()) {
    g.leaf(type);
    return;
  }
  const { rng } = g;
  const cont = contOf(g.types, type);
  if (cont !== null && rng.chance(0.8)) {
    contRef(g, cont);
    return;
  }
  const make = rng.weighted<() => void>([
    [3, () => g.leaf(type)],
    [isRef(type) ? 3 : 6, () => operation(g, type)],
    [3, () => blockOf(g, [type])],
    [3, () => conditional(g, [type])],
    [2, () => tryOf(g, [type])],
    [6, () => callable(g, [type])],
    [4, () => multi(g, type)],
    [2, () => fromPlace(g, type)],
    [1, () => selected(g, type)],
    [2, () => branching(g, type)],
  ]);
  g.scoped(make);
}

/** Makes code that leaves values of the types. */
export function exprs(g: Gen, types: readonly ValType[]): void {
  const { rng } = g;
  if (types.length > 1 && rng.chance(0.4) && g.spend()) {
    const make = rng.weighted<() => void>([
      [2, () => blockOf(g, types)],
      [2, () => conditional(g, types)],
      [2, () => tryOf(g, types)],
      [3, () => callable(g, types)],
    ]);
    g.scoped(make);
    return;
  }
  for (const type of types) expr(g, type);
}

/** Unary and binary operators by the type of operands and result. */
const NUMERIC: { readonly [T in 'i32' | 'i64' | 'f32' | 'f64' | 'v128']: readonly [OpName, ...ValType[]][] } = {
  i32: [
    ['i32.add', 'i32', 'i32'],
    ['i32.sub', 'i32', 'i32'],
    ['i32.mul', 'i32', 'i32'],
    ['i32.xor', 'i32', 'i32'],
    ['i32.lt_s', 'i32', 'i32'],
    ['i32.eqz', 'i32'],
    ['i32.wrap_i64', 'i64'],
    ['i64.eq', 'i64', 'i64'],
    ['i32.trunc_sat_f64_s', 'f64'],
    ['i32.div_s', 'i32', 'i32'],
  ],
  i64: [
    ['i64.add', 'i64', 'i64'],
    ['i64.sub', 'i64', 'i64'],
    ['i64.mul', 'i64', 'i64'],
    ['i64.extend_i32_s', 'i32'],
    ['i64.xor', 'i64', 'i64'],
    ['i64.trunc_sat_f32_s', 'f32'],
  ],
  f32: [
    ['f32.add', 'f32', 'f32'],
    ['f32.convert_i32_s', 'i32'],
  ],
  f64: [
    ['f64.add', 'f64', 'f64'],
    ['f64.convert_i64_s', 'i64'],
    ['f64.promote_f32', 'f32'],
  ],
  v128: [
    ['i32x4.add', 'v128', 'v128'],
    ['i64x2.splat', 'i64'],
    ['v128.xor', 'v128', 'v128'],
  ],
};

function operation(g: Gen, type: ValType): void {
  if (isRef(type)) {
    refOperation(g, type);
    return;
  }
  const { rng, asm } = g;
  if ((type === 'i32' || type === 'i64') && rng.chance(0.25)) {
    probe(g, type);
    return;
  }
  if (type === 'v128' && !g.world.simd) {
    g.leaf(type);
    return;
  }
  const [op, ...operands] = rng.pick(NUMERIC[type]);
  for (const operand of operands) expr(g, operand);
  if (op === 'i32.div_s' && rng.chance(0.9)) asm.i32(1).do('i32.or');
  asm.do(op);
}

/** An integer that comes from memory or from a reference. */
function probe(g: Gen, type: 'i32' | 'i64'): void {
  const { rng, asm, world } = g;
  if (type === 'i64' || rng.chance(0.4)) {
    address(g);
    asm.op(`${type}.load`, { memarg: { align: 0, memory: 0 as never, offset: 0n } });
    return;
  }
  const make = rng.pick<() => void>([
    () => {
      expr(g, rng.pick([nullable('any'), nullable('func'), nullable('extern'), nullable('exn')]));
      asm.do('ref.is_null');
    },
    () => {
      expr(g, nonNull(world.struct));
      asm.structGet(world.struct, 0);
    },
    () => {
      expr(g, nonNull(world.array));
      asm.i32(rng.int(2)).op('array.get', { type: world.array });
    },
    () => {
      expr(g, nonNull('i31'));
      asm.do('i31.get_s');
    },
    () => {
      expr(g, nullable('any'));
      asm.op('ref.test', { heap: rng.pick(['i31' as const, world.struct, world.array]) });
    },
    () => {
      expr(g, nullable('eq'));
      expr(g, nullable('eq'));
      asm.do('ref.eq');
    },
  ]);
  make();
}

export function address(g: Gen): void {
  expr(g, 'i32');
  g.asm.i32(0xff).do('i32.and');
}

function refOperation(g: Gen, type: RefType): void {
  const { rng, asm, world } = g;
  if (type.heap === 'extern') {
    expr(g, nullable('any'));
    asm.do('extern.convert_any');
  } else if (type.heap === 'i31' && (!type.nullable || rng.chance(0.5))) {
    expr(g, 'i32');
    asm.do('ref.i31');
  } else if (type.heap === world.struct) {
    expr(g, 'i32');
    expr(g, nullable('any'));
    asm.structNew(type.heap);
  } else if (type.heap === world.array) {
    expr(g, 'i32');
    expr(g, 'i32');
    asm.op('array.new_fixed', { type: type.heap, count: 2 });
  } else if (type.heap === 'any' && rng.chance(0.5)) {
    expr(g, type.nullable ? nullable(world.array) : nonNull(world.array));
  } else if (!type.nullable && type.heap !== 'exn') {
    orElse(g, type, () => expr(g, nullable(type.heap)));
  } else g.leaf(type);
}

/** The nullable reference that `inside` leaves, or where it is null a constant. */
export function orElse(g: Gen, type: RefType, inside: () => void): void {
  const { asm } = g;
  g.block([type], (label) => {
    inside();
    asm.op('br_on_non_null', { label: asm.depthOf(label) });
    g.leaf(type);
  });
}

/** From a global, a table or a field. */
function fromPlace(g: Gen, type: ValType): void {
  const { rng, asm, world } = g;
  const globals = world.globalsOf(type);
  if (globals.length > 0) {
    asm.globalGet(rng.pick(globals));
  } else if (isRef(type) && type.heap === 'any' && type.nullable) {
    expr(g, nonNull(world.struct));
    asm.structGet(world.struct, 1);
  } else if (isRef(type) && !type.nullable) {
    const [from] = world.globalsOf(nullable(type.heap));
    if (from !== undefined && contOf(g.types, type) === null) orElse(g, type, () => asm.globalGet(from));
    else g.leaf(type);
  } else g.leaf(type);
}

function selected(g: Gen, type: ValType): void {
  expr(g, type);
  expr(g, type);
  expr(g, 'i32');
  if (isRef(type) || g.rng.chance(0.2)) g.asm.op('select t', { types: [type] });
  else g.asm.do('select');
}

/** A value that a conditional branch may take along. */
function branching(g: Gen, type: ValType): void {
  const { rng, asm } = g;
  const targets = g.targets.filter(({ types }) => types.length === 1 && types[0] === type);
  if (targets.length === 0) {
    g.leaf(type);
    return;
  }
  const { label } = rng.pick(targets);
  expr(g, type);
  expr(g, 'i32');
  asm.brIf(label);
}

/** Writes down the value on the stack. */
export function log(g: Gen, type: ValType): void {
  const { asm, world } = g;
  if (!isRef(type)) {
    logNumber(g, type);
    return;
  }
  if (type.heap === world.struct && !type.nullable) asm.structGet(world.struct, 0);
  else if (type.heap === world.array && !type.nullable) asm.i32(1).op('array.get', { type: world.array });
  else if (type.heap === 'i31' && !type.nullable) asm.do('i31.get_s');
  else if (type.heap === 'any') asm.op('ref.test', { heap: g.rng.pick(['i31' as const, world.struct]) });
  else asm.do('ref.is_null');
  asm.call(LOG);
}

function logNumber(g: Gen, type: NumType): void {
  const { asm } = g;
  switch (type) {
    case 'i32':
      asm.call(LOG);
      break;
    case 'i64':
      asm.call(LOG64);
      break;
    case 'f32':
      asm.do('i64.trunc_sat_f32_s').call(LOG64);
      break;
    case 'f64':
      asm.do('i64.trunc_sat_f64_s').call(LOG64);
      break;
    case 'v128':
      asm.op('i64x2.extract_lane', { lane: g.rng.int(2) }).call(LOG64);
      break;
    default:
      throw new RangeError(type satisfies never);
  }
}
