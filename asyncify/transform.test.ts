import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { decode } from './binary/index.ts';
import { namesOf } from './binary/names.ts';
import { RefusedError } from './errors.ts';
import { type TransformOptions, transform } from './transform.ts';

const transformed = async (text: string, options: TransformOptions = {}) => transform(await parse(text), options);

const SWITCHING = '(type $f (func)) (type $c (cont $f)) (tag $t)';

describe('transform', () => {
  it('leaves a module alone that no suspension can pass', async () => {
    const bytes = await parse('(module (func $g) (func (export "f") (call $g)))');
    const result = transform(bytes);
    expect(result).toEqual({ bytes, changed: false, instrumented: [], hostFrames: [] });
  });

  it('instruments a plain module whose imports may suspend, if it is linked', async () => {
    const text = '(module (import "m" "g" (func $g)) (func (export "f") (call $g)))';
    expect((await transformed(text, { linking: 'linked' })).instrumented).toHaveLength(1);
    expect((await transformed(text, { linking: 'closed' })).changed).toBe(false);
  });

  it('explains a chain of reasons down to the suspension', async () => {
    const { instrumented } = await transformed(
      `(module ${SWITCHING} (func $a (suspend $t)) (func $b (call $a)) (func $c (call $b)) (func $d)
        (func (export "f") (call $c) (call $d)))`,
      { linking: 'closed', optimize: 'size' },
    );
    expect(instrumented.map(({ func }) => func)).toEqual([0, 1, 2, 4]);
    const chain = instrumented.at(-1)?.chain ?? [];
    expect(chain.map(({ func, instr }) => [func, instr?.op])).toEqual([
      [4, 'call'],
      [2, 'call'],
      [1, 'call'],
      [0, 'suspend'],
    ]);
  });

  it('has short functions that suspend as part of their callers, and says where they do', async () => {
    const { instrumented } = await transformed(
      `(module ${SWITCHING} (func $a (suspend $t)) (func $b (call $a) (call $d)) (func $d)
        (func (export "f") (call $b) (call $d)))`,
      { linking: 'closed' },
    );
    expect(instrumented.map(({ func, chain }) => [func, ...chain.map(({ instr }) => instr?.op)])).toEqual([
      [0, 'suspend'],
      [1, 'suspend'],
      [3, 'suspend'],
    ]);
    const [first, second, third] = instrumented.map(({ chain }) => chain[0]?.instr?.at);
    expect([second, third]).toEqual([first, first]);
  });

  it('does not instrument what hands on results and does no more', async () => {
    const { instrumented } = await transformed(
      `(module ${SWITCHING} (func $a (param i32) (result i32) (suspend $t) ${'(nop)'.repeat(120)} (local.get 0))
        (func $b (param i32) (result i32) (if (result i32) (local.get 0) (then (call $a (i32.const 1))) (else (i32.const 2))))
        (func $c (param i32) (result i32) (block (br_if 0 (local.get 0)) (return (call $b (i32.const 1)))) (i32.const 3))
        (func $d (param i32) (result i32) (i32.eqz (call $a (local.get 0)))))`,
      { linking: 'closed' },
    );
    expect(instrumented.map(({ func }) => func)).toEqual([0, 3]);
  });

  it('does not instrument who resumes with a handler for every tag that can come', async () => {
    const body = (handlers: string): string => `(module ${SWITCHING} (tag $u)
      (func $a (suspend $t)) (elem declare func $a)
      (func (export "f") (block $h (result (ref $c)) (resume $c ${handlers} (cont.new $c (ref.func $a))) (return)) (drop)))`;
    const handled = await transformed(body('(on $t $h)'), { linking: 'closed' });
    expect(handled.instrumented.map(({ func }) => func)).toEqual([0]);
    const passing = await transformed(body('(on $u $h)'), { linking: 'closed' });
    expect(passing.instrumented.map(({ func }) => func)).toEqual([0, 1]);
  });

  it('follows references and tables by type', async () => {
    const { instrumented } = await transformed(
      `(module ${SWITCHING} (type $g (func (param i32))) (table 2 funcref) (elem (i32.const 0) $s $p)
        (func $s (suspend $t)) (func $p (param i32))
        (func $void (call_indirect (type $f) (i32.const 0))) (func $int (call_indirect (type $g) (i32.const 1) (i32.const 1))))`,
      { linking: 'closed' },
    );
    expect(instrumented.map(({ func }) => func)).toEqual([0, 2]);
  });

  it('needs no exnref where no exception instruction is in a closed module', async () => {
    const text = `(module ${SWITCHING} (func $a (suspend $t)) (elem declare func $a)
      (func (export "f") (resume $c (cont.new $c (ref.func $a)))))`;
    const usesTry = (bytes: Uint8Array): boolean =>
      decode(bytes).funcs.some((func) => func.body.some(({ op }) => op === 'try_table'));
    expect(usesTry((await transformed(text, { linking: 'closed' })).bytes)).toBe(false);
    expect(usesTry((await transformed(text, { linking: 'linked' })).bytes)).toBe(true);
  });

  it('keeps names right and drops those of labels that are gone', async () => {
    const { bytes } = await transformed(
      `(module $m ${SWITCHING} (import "m" "i" (func $imported)) (global $g (mut i32) (i32.const 0))
        (func $plain (block $kept)) (func $suspends (local $l i32) (block $gone (suspend $t)) (call $imported)))`,
      { linking: 'closed' },
    );
    const module = decode(bytes);
    const names = namesOf(module);
    expect(names.module).toBe('m');
    const func = (name: string) => [...names.func].find(([, known]) => known === name)?.[0] ?? -1;
    const imports = module.imports.filter(({ desc }) => desc.kind === 'func').length;
    expect(module.funcs[func('suspends') - imports]?.body.some(({ op }) => op === 'call')).toBe(true);
    expect([...(names.label.get(func('plain') as never)?.values() ?? [])]).toEqual(['kept']);
    expect([...(names.label.get(func('suspends') as never)?.values() ?? [])]).toEqual([]);
    expect([...(names.local.get(func('suspends') as never)?.values() ?? [])]).toEqual(['l']);
    expect(WebAssembly.validate(bytes)).toBe(true);
  });

  it('refuses to unwind a function whose result type has no value', async () => {
    const text = (result: string): string =>
      `(module ${SWITCHING} (type $s (struct (field (ref $s)))) (func (result ${result}) (suspend $t) (unreachable)))`;
    await expect(transformed(text('(ref $s)'))).rejects.toThrow(RefusedError);
    await expect(transformed(text('(ref none)'))).rejects.toThrow(/function 0/);
    expect(WebAssembly.validate((await transformed(text('(ref null $s)'))).bytes)).toBe(true);
    expect(WebAssembly.validate((await transformed(text('(ref exn)'))).bytes)).toBe(true);
  });

  it.each([
    [`(module ${SWITCHING} (import "bobbin" "x" (func)))`, /the name is the runtime's/],
    [`(module ${SWITCHING} (func (export "bobbin:x")))`, /the name is the runtime's/],
  ])('refuses names of the runtime: %s', async (text, message) => {
    await expect(transformed(text)).rejects.toThrow(message);
  });

  it('takes time in proportion to nesting', async () => {
    const nested = async (depth: number): Promise<number> => {
      const bytes = await parse(
        `(module ${SWITCHING} (func ${'block '.repeat(depth)} suspend $t ${'end suspend $t '.repeat(depth)}))`,
      );
      const start = performance.now();
      transform(bytes);
      return performance.now() - start;
    };
    await nested(100);
    expect(await nested(4000)).toBeLessThan(3000);
  });
});
