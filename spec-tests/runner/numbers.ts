const INTEGER = /^([+-]?)(0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*)$/;
const DECIMAL = /^([0-9]+(?:_[0-9]+)*)(?:\.([0-9]+(?:_[0-9]+)*)?)?(?:[eE]([+-]?[0-9]+(?:_[0-9]+)*))?$/;
const HEXADECIMAL =
  /^0x([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)(?:\.([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?(?:[pP]([+-]?[0-9]+(?:_[0-9]+)*))?$/;
const NAN_PAYLOAD = /^nan:(0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)$/;

/**
 * The bits of an integer literal as an unsigned number of `width` bits; `undefined` where the text is no literal or is
 * out of range. Source: spec, Text Format, Values, Integers.
 */
export function parseInteger(text: string, width: number): bigint | undefined {
  const match = INTEGER.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(match[2]!.replaceAll('_', ''));
  const value = match[1] === '-' ? -magnitude : magnitude;
  if (value < -(1n << BigInt(width - 1)) || value >= 1n << BigInt(width)) return undefined;
  return BigInt.asUintN(width, value);
}

type FloatFormat = { readonly width: 32 | 64; readonly precision: number; readonly minExponent: number };
const formats: Readonly<Record<32 | 64, FloatFormat>> = {
  32: { width: 32, precision: 24, minExponent: -149 },
  64: { width: 64, precision: 53, minExponent: -1074 },
};

/**
 * The bits of a floating-point literal, correctly rounded; `undefined` where the text is no literal or is out of range.
 * Source: spec, Text Format, Values, Floating-Point.
 */
export function parseFloatBits(text: string, width: 32 | 64): bigint | undefined {
  const negative = text.startsWith('-');
  const unsigned = negative || text.startsWith('+') ? text.slice(1) : text;
  const magnitude = parseMagnitude(unsigned, formats[width]);
  if (magnitude === undefined || !negative) return magnitude;
  return magnitude | (1n << BigInt(width - 1));
}

function parseMagnitude(text: string, format: FloatFormat): bigint | undefined {
  const fraction = BigInt(format.precision - 1);
  const infinity = ((1n << BigInt(format.width - format.precision)) - 1n) << fraction;
  if (text === 'inf') return infinity;
  if (text === 'nan') return infinity | (1n << (fraction - 1n));
  const payload = NAN_PAYLOAD.exec(text);
  if (payload !== null) {
    const bits = BigInt(payload[1]!.replaceAll('_', ''));
    return bits > 0n && bits < 1n << fraction ? infinity | bits : undefined;
  }
  const bits = parseFinite(text, format);
  return bits !== undefined && bits < infinity ? bits : undefined;
}

function parseFinite(text: string, format: FloatFormat): bigint | undefined {
  const clean = text.replaceAll('_', '');
  const hex = HEXADECIMAL.exec(text) === null ? null : HEXADECIMAL.exec(clean);
  const decimal = DECIMAL.exec(text) === null ? null : DECIMAL.exec(clean);
  const match = hex ?? decimal;
  if (match === null) return undefined;
  const [, integer = '', fraction = '', exponentText = '0'] = match;
  const digits = (integer + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const base = hex === null ? 10n : 2n;
  const digitSize = hex === null ? 1 : 4;
  const exponent = Number(exponentText) - fraction.length * digitSize;
  // Far outside every format; an exponent of any size must not become a number of that many digits.
  const scale = exponent + digits.length * digitSize;
  if (scale > 5000) return undefined;
  if (scale < -5000) return 0n;
  const mantissa = BigInt(hex === null ? digits : `0x${digits}`);
  return exponent >= 0
    ? roundRatio(mantissa * base ** BigInt(exponent), 1n, format)
    : roundRatio(mantissa, base ** BigInt(-exponent), format);
}

/** The bits of the float nearest to `numerator / denominator`, ties to even; may exceed the largest finite value. */
function roundRatio(numerator: bigint, denominator: bigint, { precision, minExponent }: FloatFormat): bigint {
  // `exponent` is that of the last bit of the significand.
  let exponent = Math.max(bitLength(numerator) - bitLength(denominator) - precision, minExponent);
  let [dividend, divisor] = scaled(numerator, denominator, exponent);
  if (bitLength(dividend / divisor) > precision) {
    exponent++;
    [dividend, divisor] = scaled(numerator, denominator, exponent);
  }
  let significand = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  if (twice > divisor || (twice === divisor && (significand & 1n) === 1n)) significand++;
  // The implicit bit of a normal number, and a carry out of the significand, add one to the exponent field.
  return (BigInt(exponent - minExponent) << BigInt(precision - 1)) + significand;
}

function scaled(numerator: bigint, denominator: bigint, exponent: number): [bigint, bigint] {
  return exponent >= 0 ? [numerator, denominator << BigInt(exponent)] : [numerator << BigInt(-exponent), denominator];
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
