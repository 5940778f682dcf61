import { describe, expect, it } from 'vitest';
import {
  type ImmediateName,
  type Immediates,
  type Instr,
  type MemIdx,
  type Module,
  type NumType,
  OPCODES,
  type Opcode,
  type Signature,
  type SigType,
  type TypeIdx,
} from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { type Operand, validate, walkFunction } from './index.ts';
import { RULES } from './table.ts';
import { check } from './wat.test-data.ts';

/** Immediates that name the first entity of their index space, which both address types have as an instance. */
function immediates(row: Opcode): Partial<Immediates> {
  const memarg = { align: row.align, memory: 0 as MemIdx, offset: 0n };
  const samples: Partial<Record<ImmediateName, unknown>> = {
    memarg,
    lanes: new Uint8Array(16),
    v128: new Uint8Array(16),
    i64: 0n,
    f64: 0n,
  };
  return Object.fromEntries(row.immediates.map((name) => [name, samples[name] ?? 0]));
}

function instr(op: string, fields: object = {}): Instr {
  return { op, at: 0, ...fields } as Instr;
}

/** A number, however it comes about. */
function operand(type: NumType): Instr {
  const zero = type === 'i64' || type === 'f64' ? 0n : type === 'v128' ? new Uint8Array(16) : 0;
  return instr(`${type}.const`, { [type]: zero });
}

function withBody(module: Module, body: readonly Instr[]): Module {
  return { ...module, funcs: [{ type: 0 as TypeIdx, locals: [], body, at: 0, endAt: 0 }] };
}

/** What the instruction before the closing `unreachable` popped and pushed. */
function observe(module: Module, body: readonly Instr[]): { popped: number; pushed: readonly Operand[] } {
  const info = validate(withBody(module, [...body, instr('unreachable')]));
  let height = 0;
  let seen = { popped: -1, pushed: [] as Operand[] };
  walkFunction(info, 0, {
    before(_instr, _index, { operands }) {
      height = operands.length;
    },
    after(_instr, index, { operands, low }) {
      if (index === body.length - 1) seen = { popped: height - low, pushed: operands.slice(low) };
    },
  });
  return seen;
}

const FIXED = OPCODES.filter((row): row is Opcode & { signature: Signature } => row.signature !== null);

describe.each(['i32', 'i64'] as const)('fixed signatures with %s addresses', async (address) => {
  const prefix = address === 'i64' ? 'i64' : '';
  const { module } = await check(
    `(memory ${prefix} 1 2 shared) (table ${prefix} 1 funcref) (elem func) (data "") (func)`,
  );
  const resolve = (types: readonly SigType[]) => types.map((type) => (type === 'a' || type === 't' ? address : type));

  it.each(FIXED.map((row) => [row.name, row] as const))('%s', (name, row) => {
    const params = resolve(row.signature.params);
    const results = resolve(row.signature.results);
    const last = instr(name, immediates(row));
    const operands = params.map(operand);
    // One operand below those that are popped shows that no more are.
    const body = [operand('f32'), ...operands, last];
    expect(observe(module, body)).toEqual({ popped: params.length, pushed: results });

    const refused = (changed: readonly Instr[]) =>
      expect(() => validate(withBody(module, [...changed, last, instr('unreachable')]))).toThrow(InvalidError);
    for (const [i, type] of params.entries()) {
      refused(operands.with(i, operand(type === 'f32' ? 'f64' : 'f32')));
    }
    if (params.length > 0) refused(operands.slice(1));
  });
});

it('has a rule for every opcode', () => {
  expect([...RULES.keys()].sort()).toEqual(OPCODES.map((row) => row.name).sort());
  expect([...RULES.values()].every((rule) => typeof rule === 'function')).toBe(true);
});
