import { describe, expect, it } from 'vitest';
import { describeType, type Instr, refType, type TypeIdx } from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { typeNames, validate, type WalkState, walkFunction } from './index.ts';
import { check, rejection } from './wat.test-data.ts';

interface Step {
  readonly op: string;
  readonly popped: number;
  readonly pushed: string;
  readonly reachable: boolean;
}

/** What each instruction of the first defined function pops and pushes. */
async function steps(fields: string): Promise<Step[]> {
  const info = await check(fields);
  const out: Step[] = [];
  let height = 0;
  walkFunction(info, 0, {
    before(_instr: Instr, index: number, state: WalkState) {
      expect(index).toBe(out.length);
      height = state.operands.length;
    },
    after(instr, _index, { operands, low, reachable }) {
      out.push({ op: instr.op, popped: height - low, pushed: typeNames(operands.slice(low)), reachable });
    },
  });
  return out;
}

async function pushed(fields: string): Promise<string[]> {
  return (await steps(fields)).map((step) => step.pushed);
}

describe('walkFunction', () => {
  it('shows what each instruction pops and pushes', async () => {
    const fields = `(func (param i32 i64) (result i64)
      local.get 0 (if (param) (result i64) (then local.get 1) (else i64.const 1 i64.const 2 i64.add)))`;
    expect(await steps(fields)).toEqual([
      { op: 'local.get', popped: 0, pushed: '[i32]', reachable: true },
      { op: 'if', popped: 1, pushed: '[]', reachable: true },
      { op: 'local.get', popped: 0, pushed: '[i64]', reachable: true },
      { op: 'else', popped: 1, pushed: '[]', reachable: true },
      { op: 'i64.const', popped: 0, pushed: '[i64]', reachable: true },
      { op: 'i64.const', popped: 0, pushed: '[i64]', reachable: true },
      { op: 'i64.add', popped: 2, pushed: '[i64]', reachable: true },
      { op: 'end', popped: 1, pushed: '[i64]', reachable: true },
    ]);
  });

  it('shows what stack-switching instructions pop and push', async () => {
    const fields = `(type $f (func (param i32) (result f64))) (type $c (cont $f))
      (type $g (func (param i64 i32) (result f64))) (type $d (cont $g)) (tag $t (param f32) (result i32))
      (func (param (ref $g)) (result i32)
        i32.const 1 i64.const 2 local.get 0 cont.new $d cont.bind $d $c resume $c
        drop f32.const 0 suspend $t)`;
    expect((await steps(fields)).map(({ popped, pushed }) => `${popped} ${pushed}`)).toEqual([
      '0 [i32]',
      '0 [i64]',
      '0 [(ref 2)]',
      '1 [(ref 3)]',
      '2 [(ref 1)]',
      '2 [f64]',
      '1 []',
      '0 [f32]',
      '1 [i32]',
    ]);
  });

  it('keeps the precise types of references', async () => {
    const fields = `(type $f (func)) (table 1 (ref null $f))
      (func (param (ref null $f)) (result (ref $f))
        local.get 0 ref.as_non_null drop
        (block (result (ref $f)) local.get 0 br_on_non_null 0 unreachable)
        drop (block local.get 0 br_on_null 0 return) i32.const 0 table.get 0 ref.as_non_null)`;
    expect(await pushed(fields)).toEqual(
      // biome-ignore format: one line per source line
      [
        '[(ref null 0)]', '[(ref 0)]', '[]',
        '[]', '[(ref null 0)]', '[]', '[]', '[(ref 0)]',
        '[]', '[]', '[(ref null 0)]', '[(ref 0)]', '[]', '[]', '[i32]', '[(ref null 0)]', '[(ref 0)]',
      ],
    );
  });

  it('counts operands that branches take and pass', async () => {
    const taken = await steps('(func (result i32) i32.const 0 i32.const 1 br 0)');
    expect(taken.at(-1)).toEqual({ op: 'br', popped: 2, pushed: '[]', reachable: false });
    const passed = await steps('(func (result i32) i32.const 0 i32.const 1 br_if 0)');
    expect(passed.at(-1)).toEqual({ op: 'br_if', popped: 2, pushed: '[i32]', reachable: true });
  });

  it('gives a half-known select the type that is known', async () => {
    expect((await pushed('(func unreachable i64.const 0 i32.const 1 select drop)')).at(3)).toBe('[i64]');
  });

  it('narrows references that a failed cast leaves', async () => {
    const fields = `(func (param anyref) (result i31ref)
      (block (result i31ref) local.get 0 br_on_cast 0 anyref i31ref drop ref.null i31))`;
    expect(await pushed(fields)).toContain('[(ref any)]');
  });

  it('uses bottom types in unreachable code', async () => {
    const fields = '(func (result i32) unreachable select ref.as_non_null drop drop)';
    const seen = await steps('(func (result i32) unreachable drop ref.as_non_null drop)');
    expect(seen.map(({ pushed, reachable }) => `${pushed} ${reachable}`)).toEqual([
      '[] false',
      '[] false',
      '[(ref bot)] false',
      '[] false',
    ]);
    expect(await pushed(fields)).toEqual(['[]', '[bot]', '[(ref bot)]', '[]', '[]']);
  });

  it('shows the control stack', async () => {
    const info = await check(`(tag $e (param i64)) (func (param i32)
      (loop (block (result i64) (try_table (catch $e 0) (br_if 2 (local.get 0))) i64.const 0) drop))`);
    const seen: string[] = [];
    walkFunction(info, 0, {
      before(instr, _index, { controls }) {
        if (instr.op !== 'br_if') return;
        for (const { op, results, height } of controls) seen.push(`${op} ${results.map(describeType)} ${height}`);
      },
    });
    expect(seen).toEqual(['func  0', 'loop  0', 'block i64 0', 'try_table  0']);
  });

  it('refuses functions that are not defined', async () => {
    const info = await check('(import "m" "f" (func)) (func)');
    expect(() => walkFunction(info, 1, {})).toThrow(RangeError);
    expect(() => walkFunction({ ...info }, 0, {})).toThrow(RangeError);
    expect(() => walkFunction(info, 0, {})).not.toThrow();
  });
});

describe('errors', () => {
  it('say the function, the instruction and its offset', async () => {
    const error = await rejection('(import "m" "f" (func)) (func) (func nop i32.eqz drop)');
    expect(error).toMatchObject({ func: 2, instruction: 'i32.eqz' });
    expect(error.offset).toBeGreaterThan(8);
  });

  it('point to the end of a body that lacks results', async () => {
    const error = await rejection('(func (result i32))');
    expect(error).toMatchObject({ func: 0, instruction: undefined });
    expect(error.offset).toBeGreaterThan(8);
  });

  it('refuse bodies whose blocks do not nest', async () => {
    const { module } = await check('(func)');
    const accepts = (...ops: readonly string[]) => {
      const body = ops.map((op) => ({ op, at: 0, block: { kind: 'empty' }, label: 0 }) as unknown as Instr);
      try {
        return validate({ ...module, funcs: [{ ...module.funcs[0]!, body }] }).funcTypes.length === 1;
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidError);
        return false;
      }
    };
    expect(accepts('block', 'end')).toBe(true);
    expect(accepts('block')).toBe(false);
    expect(accepts('block', 'end', 'end')).toBe(false);
    expect(accepts('if', 'else', 'end')).toBe(false);
    expect(accepts('unreachable', 'if', 'else', 'end')).toBe(true);
    expect(accepts('unreachable', 'if', 'else', 'else', 'end')).toBe(false);
    expect(accepts('block', 'else', 'end')).toBe(false);
    expect(accepts('try', 'delegate')).toBe(true);
    expect(accepts('block', 'delegate')).toBe(false);
    expect(accepts('try', 'catch_all', 'end')).toBe(true);
    expect(accepts('try', 'catch_all', 'catch_all', 'end')).toBe(false);
    expect(accepts('block', 'catch_all', 'end')).toBe(false);
  });
});

it('keeps reference types interned in what it pushes', async () => {
  const info = await check('(type $f (func)) (func (param (ref null $f)) local.get 0 ref.as_non_null drop)');
  walkFunction(info, 0, {
    after(instr, _index, { operands }) {
      if (instr.op === 'ref.as_non_null') expect(operands.at(-1)).toBe(refType(0 as TypeIdx, false));
    },
  });
  expect.assertions(1);
});
