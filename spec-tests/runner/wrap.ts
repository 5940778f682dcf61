import type { FunctionType, ModuleTypes, ValueType } from './types.ts';

/**
 * A wrapper module imports one function or global as `"m" "x"` and exports a function `"f"` whose parameters and results
 * all cross the JavaScript boundary with every bit:
 *
 * - f32 and f64 as i32 and i64 of the same bits (JavaScript may change a NaN's payload),
 * - v128 as two i64, the low half first,
 * - a reference to an exception or a continuation as a result: an i32, 1 for null; as a parameter: absent, null is passed,
 * - anything else as itself.
 */
export type WrapperTarget =
  | { readonly kind: 'func'; readonly typeIndex: number; readonly type: FunctionType; readonly plain: boolean }
  | { readonly kind: 'global'; readonly mutable: boolean; readonly type: ValueType };

/** Whether a value of this type cannot cross the JavaScript boundary at all. */
export function isOpaqueToJs(type: ValueType): boolean {
  return type.type === 'v128' || isHidden(type);
}

/** Encodes the wrapper of a target that is exported from a module with these types. */
export function encodeWrapper(target: WrapperTarget, types: ModuleTypes): Uint8Array {
  const { params, results } =
    target.kind === 'func' ? target.type : { params: [] as readonly ValueType[], results: [target.type] };
  // A type is only portable to another module together with its recursion group and all that it names.
  const standalone = target.kind === 'func' ? target.plain : target.type.type !== 'ref' || !target.type.concrete;
  const typesBefore = standalone ? (target.kind === 'func' ? 1 : 0) : types.typeCount;
  const groupsBefore = standalone ? typesBefore : types.groupCount;
  const groups = standalone ? (target.kind === 'func' ? functionType(params, results) : []) : [...types.groups];
  const outerParams = params.flatMap(outerParam);
  const outerType = functionType(outerParams, results.flatMap(outerResult));
  const description =
    target.kind === 'func'
      ? [0x00, ...leb(standalone ? 0 : target.typeIndex)]
      : [0x03, ...target.type.bytes, target.mutable ? 1 : 0];
  const body = [...locals(results), ...wrapperBody(target, params, outerParams.length, results), 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [...leb(groupsBefore + 1), ...groups, ...outerType]),
    ...section(2, [1, 1, 0x6d, 1, 0x78, ...description]),
    ...section(3, [1, ...leb(typesBefore)]),
    ...section(7, [1, 1, 0x66, 0x00, ...leb(target.kind === 'func' ? 1 : 0)]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** A key that two targets share only if their wrappers are the same module; `undefined` where types are not portable. */
export function wrapperKey(target: WrapperTarget): string | undefined {
  if (target.kind === 'func') {
    return target.plain ? functionType(target.type.params, target.type.results).join() : undefined;
  }
  if (target.type.type === 'ref' && target.type.concrete) return undefined;
  return `global,${target.mutable},${target.type.bytes.join()}`;
}

const I32: ValueType = { type: 'i32', bytes: Uint8Array.of(0x7f) };
const I64: ValueType = { type: 'i64', bytes: Uint8Array.of(0x7e) };

function isHidden(type: ValueType): boolean {
  return type.type === 'ref' && (type.hierarchy === 'exn' || type.hierarchy === 'cont');
}

function outerParam(type: ValueType): readonly ValueType[] {
  return isHidden(type) ? [] : outerResult(type);
}

function outerResult(type: ValueType): readonly ValueType[] {
  switch (type.type) {
    case 'f32':
      return [I32];
    case 'f64':
      return [I64];
    case 'v128':
      return [I64, I64];
    case 'ref':
      return isHidden(type) ? [I32] : [type];
    case 'i32':
    case 'i64':
      return [type];
  }
}

function wrapperBody(
  target: WrapperTarget,
  params: readonly ValueType[],
  outerParamCount: number,
  results: readonly ValueType[],
): number[] {
  const code: number[] = [];
  let local = 0;
  for (const type of params) {
    if (type.type === 'ref' && isHidden(type)) {
      // ref.null takes the heap type, which follows the first byte unless the type is a shorthand.
      code.push(0xd0, ...(type.bytes.length === 1 ? type.bytes : type.bytes.slice(1)));
      continue;
    }
    code.push(0x20, ...leb(local++));
    if (type.type === 'f32') code.push(0xbe);
    else if (type.type === 'f64') code.push(0xbf);
    else if (type.type === 'v128') code.push(0xfd, 0x12, 0x20, ...leb(local++), 0xfd, 0x1e, 1);
  }
  code.push(...(target.kind === 'func' ? [0x10, 0] : [0x23, 0]));
  for (let index = results.length; index > 0; index--) code.push(0x21, ...leb(outerParamCount + index - 1));
  for (const [index, type] of results.entries()) {
    const get = [0x20, ...leb(outerParamCount + index)];
    code.push(...get);
    if (type.type === 'f32') code.push(0xbc);
    else if (type.type === 'f64') code.push(0xbd);
    else if (type.type === 'v128') code.push(0xfd, 0x1d, 0, ...get, 0xfd, 0x1d, 1);
    else if (isHidden(type)) code.push(0xd1);
  }
  return code;
}

function locals(types: readonly ValueType[]): number[] {
  return [...leb(types.length), ...types.flatMap((type) => [1, ...type.bytes])];
}

function functionType(params: readonly ValueType[], results: readonly ValueType[]): number[] {
  return [0x60, ...vector(params), ...vector(results)];
}

function vector(types: readonly ValueType[]): number[] {
  return [...leb(types.length), ...types.flatMap((type) => [...type.bytes])];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
