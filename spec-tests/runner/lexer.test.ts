import { describe, expect, it } from 'vitest';
import type { SNode } from './lexer.ts';
import { readSExpressions, ScriptSyntaxError } from './lexer.ts';

function show(node: SNode): string {
  if (node.kind === 'atom') return node.text;
  if (node.kind === 'string') return `<${Buffer.from(node.bytes).toString('hex')}>`;
  return `(${node.items.map(show).join(' ')})`;
}

const read = (source: string) => readSExpressions(source).map(show).join(' ');

describe('readSExpressions', () => {
  it('reads atoms, strings and nested lists', () => {
    expect(read('(a $b (c "d") -0x1.8p+3)')).toBe('(a $b (c <64>) -0x1.8p+3)');
    expect(read('')).toBe('');
  });

  it('leaves out comments', () => {
    expect(read('(a;;x)\n(;y (;z;) ")" ;)b;; end\r)c')).toBe('(a b) c');
    expect(read('(a(;;)b)')).toBe('(a b)');
  });

  it('leaves out annotations with whatever tokens they hold', () => {
    expect(read('(a (@x (@ ) @y ")" [,;] {$z"q"}) b (@"id" (c)) (@x(;)(; ;);)\n))')).toBe('(a b)');
  });

  it('decodes strings to bytes', () => {
    expect(read(String.raw`"\00\fF\t\n\r\"\'\\é\u{20ac}\u{1_f600}😀"`)).toBe(
      '<00ff090a0d22275cc3a9e282acf09f9880f09f9880>',
    );
  });

  it('decodes quoted identifiers, and keeps reserved tokens whole', () => {
    expect(read(String.raw`$"a\41 b" x"y" "a""b"`)).toBe('$aA b x"y" "a""b"');
  });

  it('knows where a list starts and ends', () => {
    const source = '  (a (b) ) (c)';
    const ends = readSExpressions(source).map((node) => node.kind === 'list' && source.slice(node.start, node.end));
    expect(ends).toEqual(['(a (b) )', '(c)']);
  });

  it.each([
    ['(a', 'unclosed "("', 0],
    ['a)', 'unexpected ")"', 1],
    ['(; (; ;)', 'unclosed comment', 0],
    ['"a', 'unclosed string', 0],
    ['"a\nb"', 'illegal character in string', 2],
    ['a \u0000', 'illegal character', 2],
    ['é', 'illegal character', 0],
    ['(@)', 'malformed annotation id', 0],
    ['(@ x)', 'malformed annotation id', 0],
    ['(@"")', 'empty annotation id', 0],
    ['(@a (b)', 'unclosed annotation', 0],
    [String.raw`"\g"`, 'unknown escape', 1],
    [String.raw`"\u{d800}"`, 'escape is no Unicode scalar value', 1],
    [String.raw`"\u{110000}"`, 'escape is no Unicode scalar value', 1],
    [String.raw`$"\ff"`, 'malformed UTF-8 encoding', 0],
  ])('rejects %j', (source, message, offset) => {
    let thrown: unknown;
    try {
      readSExpressions(source);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ScriptSyntaxError);
    expect(thrown).toMatchObject({ message, offset, kind: 'script-syntax' });
  });

  it('is not stopped by deep nesting', () => {
    const depth = 200_000;
    expect(readSExpressions('('.repeat(depth) + ')'.repeat(depth))).toHaveLength(1);
  });
});
