import { describeType, type FuncType, subTypes, type ValType } from '../../asyncify/binary/index.ts';
import { importsOf, type Module } from '../../asyncify/binary/module.ts';
import { parseFloatBits, parseInteger } from '../../spec-tests/runner/numbers.ts';
import { CommandError, UsageError } from './command.ts';

/** The type of an exported function; undefined where there is no function of that name. */
export function exportedFunction(module: Module, name: string): FuncType | undefined {
  const entry = module.exports.find((candidate) => candidate.kind === 'func' && candidate.name === name);
  if (entry === undefined) return undefined;
  const imported = importsOf(module, 'func');
  const type = imported[entry.index]?.desc.type ?? module.funcs[entry.index - imported.length]?.type;
  const comp = type === undefined ? undefined : subTypes(module)[type]?.comp;
  return comp?.kind === 'func' ? comp : undefined;
}

/**
 * The arguments of a call, from words on the command line: literals of the text format.
 *
 * @throws UsageError for the wrong number of words, and for one that is no literal of the parameter's type
 * @throws CommandError for results no host can take
 */
export function parseArguments(name: string, { params, results }: FuncType, words: readonly string[]): unknown[] {
  const unreachable = results.find((type) => type === 'v128' || (typeof type === 'object' && type.heap === 'exn'));
  if (unreachable !== undefined) throw new CommandError(`"${name}" returns ${describeType(unreachable)}`);
  if (words.length !== params.length) {
    const expected = params.length === 0 ? 'no arguments' : `(${params.map(describeType).join(' ')})`;
    throw new UsageError(`"${name}" takes ${expected}, not ${words.length} arguments`);
  }
  return params.map((type, index) => {
    const word = words[index] ?? '';
    const value = parseValue(type, word);
    if (value === undefined)
      throw new UsageError(`argument ${index + 1} of "${name}" is ${describeType(type)}, not "${word}"`);
    return value;
  });
}

function parseValue(type: ValType, word: string): number | bigint | undefined {
  switch (type) {
    case 'i32': {
      const bits = parseInteger(word, 32);
      return bits === undefined ? undefined : Number(BigInt.asIntN(32, bits));
    }
    case 'i64': {
      const bits = parseInteger(word, 64);
      return bits === undefined ? undefined : BigInt.asIntN(64, bits);
    }
    case 'f32': {
      const bits = parseFloatBits(word, 32);
      return bits === undefined ? undefined : new Float32Array(Uint32Array.of(Number(bits)).buffer)[0];
    }
    case 'f64': {
      const bits = parseFloatBits(word, 64);
      return bits === undefined ? undefined : new Float64Array(BigUint64Array.of(bits).buffer)[0];
    }
    default:
      return undefined;
  }
}

/** The results of a call, one `value : type` each. */
export function showResults({ results }: FuncType, values: readonly unknown[]): string[] {
  return results.map((type, index) => `${showValue(type, values[index])} : ${describeType(type)}`);
}

function showValue(type: ValType, value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return showNumber(value, type === 'f32');
  if (value === null) return 'null';
  return typeof value === 'string' ? JSON.stringify(value) : 'a reference';
}

function showNumber(value: number, single: boolean): string {
  if (Number.isNaN(value)) return 'nan';
  if (Math.abs(value) === Infinity) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0';
  if (single) {
    // The shortest that is this number as a float of 32 bits.
    for (let digits = 1; digits < 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return String(short);
    }
  }
  return String(value);
}
