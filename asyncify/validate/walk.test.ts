import { describe, expect, it } from 'vitest';
import { describeType, type Instr, refType, type TypeIdx } from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { typeNames, type WalkState, walkFunction } from './index.ts';
import { cases, check, rejection } from './wat.test-data.ts';

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

describe('bodies', () => {
  const inFunc = (body: string) => `(memory 1) (memory $m i64 1) (table $t 1 funcref) (table $x 1 externref)
    (type $v (func)) (type $vi (func (result i32)))
    (global $g i32 (i32.const 0)) (global $mut (mut i32) (i32.const 0)) (tag $e (param i32)) (func ${body})`;
  cases(
    [
      [
        'operands have the types required',
        '(drop (i32.eqz (i32.const 0)))',
        '(drop (i32.eqz (i64.const 0)))',
        'type mismatch: instruction requires [i32] but stack has [i64]',
      ],
      [
        'operands are there',
        '(drop (i32.add (i32.const 0) (i32.const 0)))',
        '(drop (i32.add (i32.const 0)))',
        'type mismatch: instruction requires [i32 i32] but stack has [i32]',
      ],
      [
        'operands of an outer block are out of reach',
        '(i32.const 0) (block (param i32) drop)',
        '(i32.const 0) (block drop)',
        'type mismatch',
      ],
      [
        'blocks leave nothing but their results',
        '(block)',
        '(block (i32.const 0))',
        'type mismatch: block requires [] but stack has [i32]',
      ],
      [
        'bodies leave their results',
        '(result i32) (i32.const 0)',
        '(result i32)',
        'type mismatch: block requires [i32] but stack has []',
      ],
      [
        'an if without else passes its parameters on',
        '(result i32) (i32.const 0) (if (param i32) (result i32) (i32.const 1) (then))',
        '(result i64) (i32.const 0) (if (param i32) (result i64) (i32.const 1) (then drop i64.const 0))',
        'type mismatch',
      ],
      [
        'unreachable code is still typed',
        '(drop (i32.eqz (unreachable)))',
        'unreachable i64.const 0 i32.eqz drop',
        'type mismatch',
      ],
      ['labels exist', '(br 0)', '(br 1)', 'unknown label 1'],
      [
        'a loop’s label takes its parameters',
        '(i32.const 0) (loop (param i32) (br 0))',
        '(loop (result i32) (br 0 (i32.const 0)) (unreachable) (i64.const 0))',
        'type mismatch',
      ],
      [
        'labels of a br_table have one arity',
        '(block (block (br_table 0 1 (i32.const 0))))',
        '(block (result i32) (block (br_table 1 0 (i32.const 0) (i32.const 0))) (i32.const 0)) drop',
        'type mismatch',
      ],
      ['locals exist', '(local i32) (drop (local.get 0))', '(local i32) (drop (local.get 1))', 'unknown local 1'],
      [
        'locals without a default are set first',
        '(local (ref func)) (local.set 0 (unreachable)) (drop (local.get 0))',
        '(local (ref func)) (drop (local.get 0))',
        'uninitialized local 0',
      ],
      [
        'a local set in a block is unset after it',
        '(local (ref func)) (block (local.set 0 (unreachable)) (drop (local.get 0)))',
        '(local (ref func)) (block (local.set 0 (unreachable))) (drop (local.get 0))',
        'uninitialized local 0',
      ],
      [
        'a local set in one arm is unset in the other',
        '(local (ref func)) (if (i32.const 0) (then (local.set 0 (unreachable)) (drop (local.get 0))))',
        '(local (ref func)) (if (i32.const 0) (then (local.set 0 (unreachable))) (else (drop (local.get 0))))',
        'uninitialized local 0',
      ],
      ['types of locals exist', '(local (ref null 0))', '(local (ref null 9))', 'unknown type 9'],
      [
        'globals that are set are mutable',
        '(global.set $mut (i32.const 0))',
        '(global.set $g (i32.const 0))',
        'immutable global',
      ],
      [
        'untyped select takes numbers',
        '(drop (select (i32.const 0) (i32.const 0) (i32.const 0)))',
        '(drop (select (ref.null func) (ref.null func) (i32.const 0)))',
        'type mismatch',
      ],
      [
        'untyped select takes operands of one type',
        '(drop (select (i64.const 0) (i64.const 0) (i32.const 0)))',
        '(drop (select (i64.const 0) (f64.const 0) (i32.const 0)))',
        'type mismatch',
      ],
      [
        'typed select gives one result',
        '(drop (select (result i32) (i32.const 0) (i32.const 0) (i32.const 0)))',
        'unreachable (select (result i32 i32)) drop drop',
        'invalid result arity',
      ],
      [
        'memory accesses use the memory’s address type',
        '(drop (i32.load $m (i64.const 0)))',
        '(drop (i32.load $m (i32.const 0)))',
        'type mismatch',
      ],
      [
        'copies between address types count in i32',
        '(memory.copy 0 $m (i32.const 0) (i64.const 0) (i32.const 0))',
        '(memory.copy 0 $m (i32.const 0) (i64.const 0) (i64.const 0))',
        'type mismatch',
      ],
      [
        'alignment is natural at most',
        '(drop (i32.load align=4 (i32.const 0)))',
        '(drop (i32.load align=8 (i32.const 0)))',
        'alignment must not be larger than natural',
      ],
      [
        'alignment of atomics is exactly natural',
        '(drop (i32.atomic.load align=4 (i32.const 0)))',
        '(drop (i32.atomic.load align=1 (i32.const 0)))',
        'atomic alignment must be natural',
      ],
      [
        'offsets fit the memory',
        '(drop (i32.load $m offset=0x100000000 (i64.const 0)))',
        '(drop (i32.load offset=0x100000000 (i32.const 0)))',
        'offset out of range',
      ],
      ['memories exist', '(drop (memory.size 1))', '(drop (memory.size 2))', 'unknown memory 2'],
      [
        'lanes exist',
        '(drop (i64x2.extract_lane 1 (v128.const i64x2 0 0)))',
        '(drop (i64x2.extract_lane 2 (v128.const i64x2 0 0)))',
        'invalid lane index',
      ],
      [
        'lanes of memory accesses exist',
        '(drop (v128.load32_lane 3 (i32.const 0) (v128.const i64x2 0 0)))',
        '(drop (v128.load32_lane 4 (i32.const 0) (v128.const i64x2 0 0)))',
        'invalid lane index',
      ],
      [
        'indirect calls use tables of functions',
        '(call_indirect $t (type $v) (i32.const 0))',
        '(call_indirect $x (type $v) (i32.const 0))',
        'type mismatch: instruction requires table of function type but table has element type [(ref null extern)]',
      ],
      [
        'catch handlers take the payload',
        '(drop (block (result i32) (try_table (catch $e 0)) (i32.const 0)))',
        '(drop (block (result i64) (try_table (catch $e 0)) (i64.const 0)))',
        'type mismatch',
      ],
      [
        'functions that are referred to are declared',
        '(export "f") (drop (ref.func 0))',
        '(drop (ref.func 0))',
        'undeclared function reference 0',
      ],
      [
        'tail calls give the caller’s results',
        '(result i32) (return_call_indirect $t (type $vi) (i32.const 0))',
        '(result i32) (return_call_indirect $t (type $v) (i32.const 0))',
        'type mismatch: current function requires result type [i32]',
      ],
    ],
    inFunc,
  );
});

describe('legacy exceptions', () => {
  const inFunc = (body: string) => `(tag $e (param i32)) (tag $t (result i32)) (func ${body})`;
  cases(
    [
      ['catch pushes the payload', 'try catch $e drop end', 'try catch $e end', 'type mismatch'],
      [
        'all arms give the results',
        '(result i64) try (result i64) i64.const 0 catch_all i64.const 1 end',
        '(result i64) try (result i64) i64.const 0 catch_all end',
        'type mismatch',
      ],
      ['catch takes an exception tag', 'try catch $e drop end', 'try catch $t end', 'non-empty tag result type'],
      [
        'rethrow names a handler',
        'try catch_all rethrow 0 end',
        'try rethrow 0 catch_all end',
        'invalid rethrow label',
      ],
      ['delegate names an enclosing label', 'block try delegate 0 end', 'block try delegate 2 end', 'unknown label 2'],
      [
        'delegate gives the results',
        '(result i32) try (result i32) i32.const 0 delegate 0',
        '(result i32) try (result i32) delegate 0',
        'type mismatch',
      ],
    ],
    inFunc,
  );
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

  it('end bodies whose blocks stay open or close too often', async () => {
    const { module } = await check('(func block end)');
    const [func] = module.funcs;
    const { validate } = await import('./index.ts');
    const body = func?.body ?? [];
    expect(() => validate({ ...module, funcs: [{ ...func!, body: body.slice(0, 1) }] })).toThrow(InvalidError);
    expect(() => validate({ ...module, funcs: [{ ...func!, body: [...body, body[1]!] }] })).toThrow(InvalidError);
    expect(() => validate({ ...module, funcs: [{ ...func!, body: [...body, ...body] }] })).not.toThrow();
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
