/** A quoted string: the bytes it denotes (it need not be UTF-8). */
export type StringNode = { readonly kind: 'string'; readonly bytes: Uint8Array; readonly start: number };
/** Any other token: keyword, number, identifier or reserved token. An identifier `$"x"` is spelt `$x`. */
export type AtomNode = { readonly kind: 'atom'; readonly text: string; readonly start: number; readonly end: number };
/** A parenthesised list. `start` is its `(`, `end` the position after its `)`. */
export type ListNode = {
  readonly kind: 'list';
  readonly items: readonly SNode[];
  readonly start: number;
  readonly end: number;
};
export type SNode = StringNode | AtomNode | ListNode;

/** Text that is no sequence of tokens with balanced parentheses. `offset` counts UTF-16 units. */
export class ScriptSyntaxError extends Error {
  readonly kind = 'script-syntax';
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ScriptSyntaxError';
    this.offset = offset;
  }
}

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const AT = 0x40;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const PUNCTUATION = ',;[]{}';

const isIdChar: readonly boolean[] = Array.from({ length: 128 }, (_, code) => {
  return code > SPACE && code < DELETE && code !== QUOTE && code !== OPEN && code !== CLOSE && !isPunctuation(code);
});

function isPunctuation(code: number): boolean {
  return PUNCTUATION.includes(String.fromCharCode(code));
}

/**
 * Reads a text of the WebAssembly text format into its top-level S-expressions; comments, white space and
 * annotations are left out. Throws {@link ScriptSyntaxError}. Source: spec, Text Format, Lexical Format.
 */
export function readSExpressions(source: string): SNode[] {
  return new Reader(source).readAll();
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  // Nesting is kept on an explicit stack: it is bounded by the text's length, not by the engine's stack.
  readAll(): SNode[] {
    const top: SNode[] = [];
    const open: { items: SNode[]; start: number }[] = [];
    let items = top;
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#source.length) break;
      const start = this.#at;
      const code = this.#source.charCodeAt(start);
      if (code === OPEN) {
        this.#at++;
        if (this.#source.charCodeAt(this.#at) === AT) {
          this.#skipAnnotation(start);
        } else {
          open.push({ items, start });
          items = [];
        }
      } else if (code === CLOSE) {
        const list = open.pop();
        if (list === undefined) throw new ScriptSyntaxError('unexpected ")"', start);
        this.#at++;
        list.items.push({ kind: 'list', items, start: list.start, end: this.#at });
        items = list.items;
      } else {
        items.push(this.#readToken());
      }
    }
    const unclosed = open.at(-1);
    if (unclosed !== undefined) throw new ScriptSyntaxError('unclosed "("', unclosed.start);
    return top;
  }

  #skipSpace(): void {
    const source = this.#source;
    for (;;) {
      const code = source.charCodeAt(this.#at);
      if (code === SPACE || code === TAB || code === NEWLINE || code === RETURN) {
        this.#at++;
      } else if (code === SEMICOLON && source.charCodeAt(this.#at + 1) === SEMICOLON) {
        while (this.#at < source.length && !isLineEnd(source.charCodeAt(this.#at))) this.#at++;
      } else if (code === OPEN && source.charCodeAt(this.#at + 1) === SEMICOLON) {
        this.#skipBlockComment();
      } else {
        return;
      }
    }
  }

  #skipBlockComment(): void {
    const start = this.#at;
    let depth = 0;
    do {
      const pair = this.#source.slice(this.#at, this.#at + 2);
      if (pair === '(;') {
        depth++;
        this.#at += 2;
      } else if (pair === ';)') {
        depth--;
        this.#at += 2;
      } else if (pair.length < 2) {
        throw new ScriptSyntaxError('unclosed comment', start);
      } else {
        this.#at++;
      }
    } while (depth > 0);
  }

  /** `start` is the `(`, the reader stands on the `@`. */
  #skipAnnotation(start: number): void {
    this.#at++;
    const code = this.#source.charCodeAt(this.#at);
    if (code === QUOTE) {
      const id = this.#readString();
      if (id.length === 0) throw new ScriptSyntaxError('empty annotation id', start);
      decodeUtf8(id, start);
    } else if (isIdChar[code]) {
      while (isIdChar[this.#source.charCodeAt(this.#at)]) this.#at++;
    } else {
      throw new ScriptSyntaxError('malformed annotation id', start);
    }
    for (let depth = 1; depth > 0; ) {
      this.#skipSpace();
      if (this.#at >= this.#source.length) throw new ScriptSyntaxError('unclosed annotation', start);
      const next = this.#source.charCodeAt(this.#at);
      if (next === OPEN) {
        depth++;
        this.#at++;
      } else if (next === CLOSE) {
        depth--;
        this.#at++;
      } else {
        this.#readToken();
      }
    }
  }

  #readToken(): SNode {
    const source = this.#source;
    const start = this.#at;
    let strings = 0;
    let last: Uint8Array = new Uint8Array();
    for (;;) {
      const code = source.charCodeAt(this.#at);
      if (code === QUOTE) {
        last = this.#readString();
        strings++;
      } else if (isIdChar[code]) {
        this.#at++;
      } else {
        break;
      }
    }
    if (this.#at === start) {
      if (!isPunctuation(source.charCodeAt(start))) throw new ScriptSyntaxError('illegal character', start);
      this.#at++;
    }
    const end = this.#at;
    if (strings === 1 && source.charCodeAt(end - 1) === QUOTE) {
      if (source.charCodeAt(start) === QUOTE) return { kind: 'string', bytes: last, start };
      if (source.startsWith('$"', start)) {
        return { kind: 'atom', text: `$${decodeUtf8(last, start)}`, start, end };
      }
    }
    return { kind: 'atom', text: source.slice(start, end), start, end };
  }

  #readString(): Uint8Array {
    const source = this.#source;
    const start = this.#at++;
    const bytes: number[] = [];
    for (;;) {
      if (this.#at >= source.length) throw new ScriptSyntaxError('unclosed string', start);
      const code = source.codePointAt(this.#at)!;
      if (code === QUOTE) {
        this.#at++;
        return Uint8Array.from(bytes);
      }
      if (code < SPACE || code === DELETE) throw new ScriptSyntaxError('illegal character in string', this.#at);
      if (code === BACKSLASH) {
        this.#readEscape(bytes);
      } else {
        pushUtf8(bytes, code);
        this.#at += code > 0xffff ? 2 : 1;
      }
    }
  }

  #readEscape(bytes: number[]): void {
    const source = this.#source;
    const start = this.#at;
    const simple = simpleEscapes.get(source.charAt(start + 1));
    if (simple !== undefined) {
      bytes.push(simple);
      this.#at += 2;
      return;
    }
    const hex = source.slice(start + 1, start + 3);
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      this.#at += 3;
      return;
    }
    unicodeEscape.lastIndex = start;
    const match = unicodeEscape.exec(source);
    if (match === null) throw new ScriptSyntaxError('unknown escape', start);
    const code = Number.parseInt(match[1]!.replaceAll('_', ''), 16);
    if (!(code < 0xd800 || (code >= 0xe000 && code < 0x110000))) {
      throw new ScriptSyntaxError('escape is no Unicode scalar value', start);
    }
    pushUtf8(bytes, code);
    this.#at += match[0].length;
  }
}

const unicodeEscape = /\\u\{([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)\}/y;
const simpleEscapes: ReadonlyMap<string, number> = new Map([
  ['t', TAB],
  ['n', NEWLINE],
  ['r', RETURN],
  ['"', QUOTE],
  ["'", 0x27],
  ['\\', BACKSLASH],
]);

function isLineEnd(code: number): boolean {
  return code === NEWLINE || code === RETURN;
}

function pushUtf8(bytes: number[], code: number): void {
  if (code < 0x80) {
    bytes.push(code);
  } else if (code < 0x800) {
    bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  } else {
    bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8, a byte order mark included. Throws {@link ScriptSyntaxError} at `offset` where it is malformed. */
export function decodeUtf8(bytes: Uint8Array, offset = 0): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ScriptSyntaxError('malformed UTF-8 encoding', offset);
  }
}
