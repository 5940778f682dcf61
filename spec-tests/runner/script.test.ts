import { describe, expect, it } from 'vitest';
import { ScriptSyntaxError } from './lexer.ts';
import { parseScript } from './script.ts';

const bodies = (source: string) => parseScript(source).map(({ line: _, ...body }) => body);

describe('parseScript', () => {
  it('reads every form of module', () => {
    expect(
      bodies(`(module $a (func)) (module binary "\\00a" "sm") (module $q quote "(func" ")")
        (module definition $d (func)) (module definition binary "") (module instance $i $d) (module instance)`),
    ).toEqual([
      { type: 'module', name: '$a', source: { form: 'text', text: '(module $a (func))' } },
      { type: 'module', name: undefined, source: { form: 'binary', bytes: Buffer.from('\0asm') } },
      { type: 'module', name: '$q', source: { form: 'quote', bytes: Buffer.from('(func)') } },
      { type: 'definition', name: '$d', source: { form: 'text', text: '(module            $d (func))' } },
      { type: 'definition', name: undefined, source: { form: 'binary', bytes: Buffer.from('') } },
      { type: 'instance', name: '$i', definition: '$d' },
      { type: 'instance', name: undefined, definition: undefined },
    ]);
  });

  it('takes runs of bare fields for anonymous modules', () => {
    expect(bodies('(func $f) ;; x\n(memory 0)\n(invoke "f") (table 0 funcref)')).toMatchObject([
      { type: 'module', name: undefined, source: { form: 'text', text: '(func $f) ;; x\n(memory 0)' } },
      { type: 'action' },
      { type: 'module', source: { text: '(table 0 funcref)' } },
    ]);
  });

  it('reads actions, assertions and their lines', () => {
    expect(
      parseScript(`(register "m" $a)
(assert_return (invoke $a "f" (i32.const -1) (ref.null extern) (ref.extern 3) (ref.host 4) (v128.const i64x2 1 2))
  (f32.const nan:canonical) (either (i32.const 1) (ref.func)) (ref.null) (ref.i31))
(assert_trap (get "g") "text")
(assert_exception (invoke "h"))
(assert_unlinkable (module) "unknown import")`),
    ).toEqual([
      { line: 1, type: 'register', as: 'm', module: '$a' },
      {
        line: 2,
        type: 'assert_return',
        action: {
          type: 'invoke',
          module: '$a',
          name: 'f',
          args: [
            { type: 'i32', bits: 0xffff_ffffn },
            { type: 'null', hierarchy: 'extern' },
            { type: 'host', hierarchy: 'extern', id: 3 },
            { type: 'host', hierarchy: 'any', id: 4 },
            { type: 'v128', bits: (2n << 64n) | 1n },
          ],
        },
        expected: [
          { type: 'f32', lane: 'nan:canonical' },
          {
            type: 'either',
            choices: [
              { type: 'i32', lane: 1n },
              { type: 'ref', ref: { type: 'func' } },
            ],
          },
          { type: 'ref', ref: { type: 'null', hierarchy: undefined } },
          { type: 'ref', ref: { type: 'i31' } },
        ],
      },
      { line: 4, type: 'assert_trap', subject: { type: 'get', module: undefined, name: 'g' }, text: 'text' },
      {
        line: 5,
        type: 'assert_exception',
        subject: { type: 'invoke', module: undefined, name: 'h', args: [] },
        text: '',
      },
      { line: 6, type: 'assert_unlinkable', source: { form: 'text', text: '(module)' }, text: 'unknown import' },
    ]);
  });

  it.each([
    ['(assert_return (invoke "f") (i32.const x))', 'assert_return'],
    ['(assert_return (invoke "f") (i32.const))', 'assert_return'],
    ['(assert_return (invoke "f") (v128.const i32x4 1 2 3))', 'assert_return'],
    ['(assert_return (invoke "f") (ref.null nothing))', 'assert_return'],
    ['(assert_return (invoke "f" (ref.func)))', 'assert_return'],
    ['(assert_return (invoke "f" (f32.const nan:canonical)))', 'assert_return'],
    ['(assert_return (module))', 'assert_return'],
    ['(assert_trap (invoke "f"))', 'assert_trap'],
    ['(assert_trap (invoke "f") "x" "y")', 'assert_trap'],
    ['(assert_nothing (invoke "f"))', 'assert_nothing'],
    ['(thread $t)', 'thread'],
    ['(module binary x)', 'module'],
    ['()', '('],
  ])('reports %s as unreadable and goes on', (source, keyword) => {
    expect(parseScript(`${source} (module)`)).toMatchObject([{ type: 'unreadable', keyword }, { type: 'module' }]);
  });

  it.each(['(module', 'module', '(func) x'])('throws on %j', (source) => {
    expect(() => parseScript(source)).toThrow(ScriptSyntaxError);
  });
});
