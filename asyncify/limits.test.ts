import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { decode } from './binary/index.ts';
import { RefusedError, transform } from './index.ts';
import { checkOutput, checkSize, ENGINE_LIMITS, type EngineLimits } from './limits.ts';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    return (error as RefusedError).reason;
  }
  return 'taken';
}

const MODULE = `(module
  (import "m" "f" (func)) (import "m" "g" (global i32)) (import "m" "t" (table 1 funcref)) (import "m" "m" (memory 1)) (import "m" "e" (tag))
  (type $p (func (param i32 i64) (result f32))) (type $s (struct (field i32) (field i32)))
  (func) (global i32 (i32.const 0)) (table 1 funcref) (memory 1) (tag) (data "x") (export "name" (func 0)))`;

describe("engines' limits", () => {
  const cases: readonly [keyof EngineLimits, atLimit: number, message: string][] = [
    ['types', 3, '3 types'],
    ['functions', 2, '2 functions'],
    ['imports', 5, '5 imports'],
    ['exports', 1, '1 exports'],
    ['globals', 2, '2 globals'],
    ['tags', 2, '2 tags'],
    ['tables', 2, '2 tables'],
    ['memories', 2, '2 memories'],
    ['data segments', 1, '1 data segments'],
    ['params', 2, 'a function type with 2 parameters'],
    ['results', 1, 'a function type with 1 results'],
    ['fields', 2, 'a struct type with 2 fields'],
    ['name', 4, 'a name of 4 bytes among the exports'],
  ];
  it.each(cases)('%s: as many are taken, one more is refused', async (limit, most, message) => {
    const module = decode(await parse(MODULE));
    expect(refusal(() => checkOutput(module, { ...ENGINE_LIMITS, [limit]: most }))).toBe('taken');
    const reason = refusal(() => checkOutput(module, { ...ENGINE_LIMITS, [limit]: most - 1 }));
    expect(reason).toBe(`the output would have ${message}: the limit of engines is ${most - 1}`);
  });

  it('the size of a module', () => {
    expect(refusal(() => checkSize(10, { ...ENGINE_LIMITS, module: 10 }))).toBe('taken');
    expect(refusal(() => checkSize(11, { ...ENGINE_LIMITS, module: 10 }))).toMatch(
      /11 bytes: the limit of engines is 10/,
    );
  });

  const calls = (count: number) =>
    parse(`(module (func (export "f") (loop ${'call 0 '.repeat(count)})))`).then((bytes) =>
      refusal(() => new WebAssembly.Module(transform(bytes, { linking: 'closed', yields: 'fuel' }).bytes)),
    );
  it('a function that grows beyond what engines take is refused by name, and one that does not is taken', async () => {
    expect(await calls(20_000)).toBe('taken');
    expect(await calls(640_000)).toBe('the translated function is too large: the limit of engines is 7654321 bytes');
  });

  it('a continuation of a thousand parameters cannot be started by the host, which would need one more', async () => {
    const params = 'i32 '.repeat(1000);
    const bytes = await parse(`(module (type $f (func (param ${params}))) (type $c (cont $f))
      (func $body (type $f)) (elem declare func $body)
      (func (export "make") (result (ref $c)) (cont.new $c (ref.func $body))))`);
    expect(refusal(() => transform(bytes, { yields: 'fuel' }))).toBe(
      'the output would have a function type with 1001 parameters: the limit of engines is 1000',
    );
  });

  it('names of exports that the runtime adds count', async () => {
    const bytes = await parse(`(module (tag (export "${'e'.repeat(99_990)}")) (func (export "f") suspend 0))`);
    expect(refusal(() => transform(bytes, { linking: 'linked' }))).toMatch(
      /a name of 1000\d\d bytes among the exports/,
    );
    expect(refusal(() => new WebAssembly.Module(transform(bytes, { linking: 'closed' }).bytes))).toBe('taken');
  });
});
