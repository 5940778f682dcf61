import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { decodeUtf8, readSExpressions, ScriptSyntaxError } from './lexer.ts';
import type { ModuleSource } from './script.ts';

/** Text that is no module: rejected before there are bytes. `kind` is the failure class it belongs to. */
export class TextRejected extends Error {
  readonly kind = 'malformed';
  constructor(message: string) {
    super(message);
    this.name = 'TextRejected';
  }
}

/** The binary of a module of a script. Throws {@link TextRejected}. */
export async function assemble(source: ModuleSource): Promise<Uint8Array> {
  switch (source.form) {
    case 'binary':
      return source.bytes;
    case 'text':
      return parseText(source.text);
    case 'quote':
      return parseText(decodeQuote(source.bytes));
  }
}

// Quoted text is tokenised here first: the script's lexer has not seen it, as it has the text of other modules.
function decodeQuote(bytes: Uint8Array): string {
  try {
    const text = decodeUtf8(bytes);
    // Nothing but comments and annotations is a module without fields, which the parser takes only in parentheses.
    return readSExpressions(text).length === 0 ? `(module ${text}\n)` : text;
  } catch (error) {
    if (error instanceof ScriptSyntaxError) throw new TextRejected(error.message);
    throw error;
  }
}

/** The binary of a module text. Throws {@link TextRejected}. */
export async function parseText(text: string): Promise<Uint8Array> {
  try {
    return await parse(text.replace(bidirectionalControl, escapeCharacter));
  } catch (error) {
    // Any other error is the parser's own failure, not the text's.
    if (!(error instanceof Error) || error.constructor.name !== 'ComponentError') throw error;
    throw new TextRejected(readableMessage(error.message));
  }
}

// The parser refuses these characters, which the text format allows in strings and comments. In a comment an escape does
// no harm, and elsewhere the lexer has refused them.
const bidirectionalControl = /[\u202a-\u202e\u2066-\u206f]/g;

function escapeCharacter(character: string): string {
  return `\\u{${character.charCodeAt(0).toString(16)}}`;
}

// The parser hands out its error as a debug dump: "… line: 0, col: 24, … kind: Custom("duplicate func identifier") } }) }".
function readableMessage(dump: string): string {
  const kind = /, kind: (?:Custom\("(.*)"\)|(.*?)) } }\) }$/s.exec(dump);
  const position = /Text { line: (\d+), col: (\d+),/.exec(dump);
  const what = kind?.[1] ?? kind?.[2] ?? dump;
  return position === null ? what : `${what} (at ${Number(position[1]) + 1}:${Number(position[2]) + 1} of the module)`;
}
