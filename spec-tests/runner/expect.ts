import type { Hierarchy, LanePattern, NumberType, Pattern, RefPattern } from './values.ts';

/** What a reference turned out to be; `other` is a value of the hierarchy that is none of these. */
export type RefShape = 'null' | 'i31' | 'struct' | 'array' | 'func' | 'exn' | 'cont' | 'host' | 'other';

/** A result, with every bit of it. */
export type Actual =
  | { readonly type: NumberType | 'v128'; readonly bits: bigint }
  | { readonly type: 'ref'; readonly hierarchy: Hierarchy; readonly shape: RefShape; readonly id?: number };

/** Whether the results are as many as expected and each matches its pattern. */
export function matchAll(expected: readonly Pattern[], actual: readonly Actual[]): boolean {
  return expected.length === actual.length && expected.every((pattern, index) => matches(pattern, actual[index]!));
}

/** Whether a result matches a pattern. Source: the reference interpreter's README, Scripts, `result_pat`. */
export function matches(pattern: Pattern, actual: Actual): boolean {
  switch (pattern.type) {
    case 'i32':
    case 'i64':
      return actual.type === pattern.type && actual.bits === pattern.lane;
    case 'f32':
    case 'f64':
      return actual.type === pattern.type && laneMatches(pattern.lane, actual.bits, pattern.type === 'f32' ? 32 : 64);
    case 'v128':
      return actual.type === 'v128' && lanesMatch(pattern.lanes, pattern.laneWidth, actual.bits);
    case 'ref':
      return actual.type === 'ref' && refMatches(pattern.ref, actual);
    case 'either':
      return pattern.choices.some((choice) => matches(choice, actual));
  }
}

function lanesMatch(lanes: readonly LanePattern[], width: number, bits: bigint): boolean {
  return lanes.every((lane, index) => {
    return laneMatches(lane, BigInt.asUintN(width, bits >> BigInt(index * width)), width);
  });
}

function laneMatches(pattern: LanePattern, bits: bigint, width: number): boolean {
  if (typeof pattern === 'bigint') return pattern === bits;
  const quietNan = width === 32 ? 0x7fc0_0000n : 0x7ff8_0000_0000_0000n;
  switch (pattern) {
    case 'nan:canonical':
      return BigInt.asUintN(width - 1, bits) === quietNan;
    case 'nan:arithmetic':
      return (bits & quietNan) === quietNan;
  }
}

function refMatches(pattern: RefPattern, actual: Actual & { type: 'ref' }): boolean {
  const { hierarchy, shape } = actual;
  switch (pattern.type) {
    case 'null':
      return shape === 'null' && (pattern.hierarchy === undefined || pattern.hierarchy === hierarchy);
    case 'extern':
      // Any reference can be external; a number names a host value.
      if (hierarchy !== 'extern' || shape === 'null') return false;
      return pattern.id === undefined || (shape === 'host' && pattern.id === actual.id);
    case 'host':
      return hierarchy === 'any' && shape === 'host' && (pattern.id === undefined || pattern.id === actual.id);
    case 'any':
      return hierarchy === 'any' && shape !== 'null';
    case 'eq':
      return hierarchy === 'any' && (shape === 'i31' || shape === 'struct' || shape === 'array');
    case 'i31':
    case 'struct':
    case 'array':
      return hierarchy === 'any' && shape === pattern.type;
    case 'func':
    case 'exn':
    case 'cont':
      return hierarchy === pattern.type && shape === pattern.type;
  }
}

/** Whether telling a match needs a NaN's bits, which JavaScript may not keep. */
export function asksForNan(pattern: Pattern): boolean {
  switch (pattern.type) {
    case 'f32':
    case 'f64':
      return typeof pattern.lane !== 'bigint' || isNan(pattern.type, pattern.lane);
    case 'either':
      return pattern.choices.some(asksForNan);
    case 'i32':
    case 'i64':
    case 'v128':
    case 'ref':
      return false;
  }
}

/** Whether these bits of a float are a NaN. */
export function isNan(type: 'f32' | 'f64', bits: bigint): boolean {
  return type === 'f32' ? BigInt.asUintN(31, bits) > 0x7f80_0000n : BigInt.asUintN(63, bits) > 0x7ff0_0000_0000_0000n;
}

const view = new DataView(new ArrayBuffer(8));

/** The number that these bits of a float are. */
export function bitsToFloat(type: 'f32' | 'f64', bits: bigint): number {
  if (type === 'f64') {
    view.setBigUint64(0, bits);
    return view.getFloat64(0);
  }
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

/** The bits of a float that is no NaN. */
export function floatToBits(type: 'f32' | 'f64', value: number): bigint {
  if (type === 'f64') {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

/** Patterns as the script would write them. */
export function showPatterns(patterns: readonly Pattern[]): string {
  return patterns.length === 0 ? 'no results' : patterns.map(showPattern).join(' ');
}

/** Results as a script would write them. */
export function showActuals(actuals: readonly Actual[]): string {
  return actuals.length === 0 ? 'no results' : actuals.map(showActual).join(' ');
}

function showPattern(pattern: Pattern): string {
  switch (pattern.type) {
    case 'i32':
    case 'i64':
    case 'f32':
    case 'f64':
      return `(${pattern.type}.const ${showLane(pattern.type, pattern.lane)})`;
    case 'v128': {
      const shape = `i${pattern.laneWidth}x${pattern.lanes.length}`;
      return `(v128.const ${shape} ${pattern.lanes.map((lane) => showHex(lane, pattern.laneWidth)).join(' ')})`;
    }
    case 'ref': {
      const { ref } = pattern;
      const operand = ref.type === 'null' ? ref.hierarchy : 'id' in ref ? ref.id : undefined;
      return operand === undefined ? `(ref.${ref.type})` : `(ref.${ref.type} ${operand})`;
    }
    case 'either':
      return `(either ${pattern.choices.map(showPattern).join(' ')})`;
  }
}

function showActual(actual: Actual): string {
  switch (actual.type) {
    case 'v128': {
      const lanes = [0n, 32n, 64n, 96n].map((shift) => showHex(BigInt.asUintN(32, actual.bits >> shift), 32));
      return `(v128.const i32x4 ${lanes.join(' ')})`;
    }
    case 'ref': {
      const { shape } = actual;
      if (shape === 'null') return `(ref.null ${actual.hierarchy})`;
      const name = shape === 'host' && actual.hierarchy === 'extern' ? 'extern' : shape === 'other' ? 'any' : shape;
      const external = actual.hierarchy === 'extern' && shape !== 'host' ? ' as an external reference' : '';
      return `(ref.${name}${actual.id === undefined ? '' : ` ${actual.id}`})${external}`;
    }
    case 'i32':
    case 'i64':
    case 'f32':
    case 'f64':
      return `(${actual.type}.const ${showLane(actual.type, actual.bits)})`;
  }
}

function showLane(type: NumberType, lane: LanePattern): string {
  if (typeof lane !== 'bigint') return lane;
  if (type === 'i32' || type === 'i64') return String(BigInt.asIntN(type === 'i32' ? 32 : 64, lane));
  if (isNan(type, lane)) {
    const [width, fraction] = type === 'f32' ? [32, 23] : [64, 52];
    const sign = lane >> BigInt(width - 1) === 1n ? '-' : '';
    return `${sign}nan:0x${BigInt.asUintN(fraction, lane).toString(16)}`;
  }
  const value = bitsToFloat(type, lane);
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

function showHex(lane: LanePattern, width: number): string {
  return typeof lane === 'bigint' ? `0x${lane.toString(16).padStart(width / 4, '0')}` : lane;
}
