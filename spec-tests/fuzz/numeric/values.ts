import type { OpName } from '../../../asyncify/binary/opcodes.ts';
import type { NumType } from '../../../asyncify/binary/types.ts';
import { called } from './calls.ts';
import { valueBlock } from './statements.ts';
import { type Gen, LOG, LOG64 } from './world.ts';

/** Makes code that leaves one value of the type. */
export function expr(g: Gen, type: NumType): void {
  const { rng } = g;
  if (!g.spend()) {
    leaf(g, type);
    return;
  }
  const make = rng.weighted<() => void>([
    [4, () => leaf(g, type)],
    [9, () => operation(g, type)],
    [2, () => load(g, type)],
    [2, () => valueBlock(g, [type])],
    [4, () => called(g, [type])],
    [1, () => selected(g, type)],
    [1, () => teed(g, type)],
  ]);
  make();
}

/** Makes code that leaves values of the types. */
export function exprs(g: Gen, types: readonly NumType[]): void {
  if (types.length > 1 && g.rng.chance(0.3) && g.spend()) {
    if (g.rng.chance(0.5)) valueBlock(g, types);
    else called(g, types);
    return;
  }
  for (const type of types) expr(g, type);
}

export function leaf(g: Gen, type: NumType): void {
  const locals = g.localsOf(type);
  if (locals.length > 0 && g.rng.chance(0.75)) g.asm.get(g.rng.pick(locals));
  else if (g.rng.chance(0.4)) {
    const globals = g.world.globals.flatMap((has, at) => (at > 0 && has === type ? [at] : []));
    if (globals.length > 0) g.asm.globalGet(g.rng.pick(globals) as never);
    else g.constant(type);
  } else g.constant(type);
}

const names = (type: string, ...ops: readonly string[]): OpName[] => ops.map((op) => `${type}.${op}` as OpName);
const INT = ['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'shr_s', 'shr_u', 'rotl', 'rotr'] as const;
const DIV = ['div_s', 'div_u', 'rem_s', 'rem_u'] as const;
const COMPARE = ['eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'gt_u', 'le_s', 'le_u', 'ge_s', 'ge_u'] as const;
const FLOAT_COMPARE = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'] as const;
const FLOAT = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
const FLOAT_UNARY = ['abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt'] as const;
const TRUNC = ['trunc_sat_f32_s', 'trunc_sat_f32_u', 'trunc_sat_f64_s', 'trunc_sat_f64_u'] as const;

type Operation = readonly [ops: readonly OpName[], ...operands: NumType[]];
/** Operators by the type of their result. Those that show the bits of a NaN are made apart. */
const OPERATIONS: { readonly [T in NumType]: readonly Operation[] } = {
  i32: [
    [names('i32', ...INT), 'i32', 'i32'],
    [names('i32', ...COMPARE), 'i32', 'i32'],
    [names('i64', ...COMPARE), 'i64', 'i64'],
    [names('f32', ...FLOAT_COMPARE), 'f32', 'f32'],
    [names('f64', ...FLOAT_COMPARE), 'f64', 'f64'],
    [names('i32', 'clz', 'ctz', 'popcnt', 'eqz', 'extend8_s', 'extend16_s'), 'i32'],
    [['i64.eqz', 'i32.wrap_i64'], 'i64'],
    [names('i32', ...TRUNC.slice(0, 2)), 'f32'],
    [names('i32', ...TRUNC.slice(2)), 'f64'],
  ],
  i64: [
    [names('i64', ...INT), 'i64', 'i64'],
    [names('i64', 'clz', 'ctz', 'popcnt', 'extend8_s', 'extend32_s'), 'i64'],
    [['i64.extend_i32_s', 'i64.extend_i32_u'], 'i32'],
    [names('i64', ...TRUNC.slice(0, 2)), 'f32'],
    [names('i64', ...TRUNC.slice(2)), 'f64'],
  ],
  f32: [
    [names('f32', ...FLOAT), 'f32', 'f32'],
    [names('f32', ...FLOAT_UNARY), 'f32'],
    [names('f32', 'convert_i32_s', 'convert_i32_u', 'reinterpret_i32'), 'i32'],
    [names('f32', 'convert_i64_s'), 'i64'],
    [['f32.demote_f64'], 'f64'],
  ],
  f64: [
    [names('f64', ...FLOAT), 'f64', 'f64'],
    [names('f64', ...FLOAT_UNARY), 'f64'],
    [names('f64', 'convert_i32_s', 'convert_i32_u'), 'i32'],
    [names('f64', 'convert_i64_s', 'convert_i64_u', 'reinterpret_i64'), 'i64'],
    [['f64.promote_f32'], 'f32'],
  ],
  v128: [
    [['i8x16.add', 'i16x8.mul', 'i32x4.add', 'i64x2.sub', 'v128.xor', 'v128.and', 'i8x16.swizzle'], 'v128', 'v128'],
    [['i32x4.splat', 'i8x16.splat'], 'i32'],
    [['i64x2.splat'], 'i64'],
    [['i32x4.abs', 'v128.not', 'i8x16.popcnt'], 'v128'],
  ],
};

function operation(g: Gen, type: NumType): void {
  const { rng, asm } = g;
  if ((type === 'i32' || type === 'i64') && rng.chance(0.15)) {
    bits(g, type);
    return;
  }
  if ((type === 'i32' || type === 'i64') && rng.chance(0.1)) {
    expr(g, type);
    expr(g, type);
    // Divisions that trap are wanted, but not most of the time.
    if (rng.chance(0.9)) asm.op(`${type}.const` as 'i32.const', { i32: 3, i64: 3n } as never).do(`${type}.or`);
    asm.do(rng.pick(names(type, ...DIV)));
    return;
  }
  const [ops, ...operands] = rng.pick(
    OPERATIONS[type].filter(([, ...types]) => g.world.simd || !types.includes('v128')),
  );
  for (const operand of operands) expr(g, operand);
  asm.do(rng.pick(ops));
}

/** An integer made of another type's bits. */
function bits(g: Gen, type: 'i32' | 'i64'): void {
  const float = type === 'i32' ? 'f32' : 'f64';
  if (g.world.simd && g.rng.chance(0.5)) {
    expr(g, 'v128');
    if (type === 'i32') g.asm.op('i32x4.extract_lane', { lane: g.rng.int(4) });
    else g.asm.op('i64x2.extract_lane', { lane: g.rng.int(2) });
    return;
  }
  expr(g, float);
  canonical(g, float);
  g.asm.do(type === 'i32' ? 'i32.reinterpret_f32' : 'i64.reinterpret_f64');
}

/** Turns every NaN into the same one: which one an operation gives is up to the engine. */
export function canonical(g: Gen, type: 'f32' | 'f64'): void {
  const { asm } = g;
  const local = g.local(type);
  asm.tee(local);
  if (type === 'f32') asm.op('f32.const', { f32: 0x7fc0_0000 });
  else asm.op('f64.const', { f64: 0x7ff8_0000_0000_0000n });
  asm.get(local).get(local).do(`${type}.eq`, 'select');
}

/** An address in the first kilobytes, seldom one beyond the memory. */
export function address(g: Gen): void {
  expr(g, 'i32');
  if (g.rng.chance(0.98)) g.asm.i32(0x7f8).do('i32.and');
}

const memarg = (g: Gen, align = 0) => ({ align, memory: 0 as never, offset: BigInt(g.rng.int(3) * 8) });
const LOADS: { readonly [T in NumType]: readonly OpName[] } = {
  i32: names('i32', 'load', 'load8_s', 'load8_u', 'load16_s', 'load16_u'),
  i64: names('i64', 'load', 'load8_u', 'load16_s', 'load32_s', 'load32_u'),
  f32: ['f32.load'],
  f64: ['f64.load'],
  v128: ['v128.load', 'v128.load32_splat', 'v128.load8x8_u'],
};
const STORES: { readonly [T in NumType]: readonly OpName[] } = {
  i32: names('i32', 'store', 'store8', 'store16'),
  i64: names('i64', 'store', 'store8', 'store32'),
  f32: ['f32.store'],
  f64: ['f64.store'],
  v128: ['v128.store'],
};

function load(g: Gen, type: NumType): void {
  if (g.rng.chance(0.1) && type === 'i32') {
    g.asm.op('memory.size', { memory: 0 as never });
    return;
  }
  address(g);
  g.asm.op(g.rng.pick(LOADS[type]) as 'i32.load', { memarg: memarg(g) });
}

export function store(g: Gen): void {
  const type = g.world.someType();
  address(g);
  expr(g, type);
  if (type === 'f32' || type === 'f64') canonical(g, type);
  g.asm.op(g.rng.pick(STORES[type]) as 'i32.store', { memarg: memarg(g) });
}

function selected(g: Gen, type: NumType): void {
  expr(g, type);
  expr(g, type);
  expr(g, 'i32');
  if (g.rng.chance(0.3)) g.asm.op('select t', { types: [type] });
  else g.asm.do('select');
}

function teed(g: Gen, type: NumType): void {
  expr(g, type);
  g.asm.tee(g.assignable(type));
}

/** Writes down the value on the stack. */
export function log(g: Gen, type: NumType): void {
  const { asm } = g;
  switch (type) {
    case 'i32':
      asm.call(LOG);
      break;
    case 'i64':
      asm.call(LOG64);
      break;
    case 'f32':
      canonical(g, type);
      asm.do('i32.reinterpret_f32').call(LOG);
      break;
    case 'f64':
      canonical(g, type);
      asm.do('i64.reinterpret_f64').call(LOG64);
      break;
    case 'v128':
      asm.op('i64x2.extract_lane', { lane: g.rng.int(2) }).call(LOG64);
      break;
    default:
      throw new RangeError(type satisfies never);
  }
}
