import type { ListNode, SNode } from './lexer.ts';
import { decodeUtf8, readSExpressions, ScriptSyntaxError } from './lexer.ts';
import type { Constant, Pattern } from './values.ts';
import { parseConstant, parsePattern } from './values.ts';

/** The module of a command. `text` is a `(module …)` form or a run of bare fields, cut out of the script. */
export type ModuleSource =
  | { readonly form: 'text'; readonly text: string }
  | { readonly form: 'quote'; readonly bytes: Uint8Array }
  | { readonly form: 'binary'; readonly bytes: Uint8Array };

export type Action =
  | {
      readonly type: 'invoke';
      readonly module: string | undefined;
      readonly name: string;
      readonly args: readonly Constant[];
    }
  | { readonly type: 'get'; readonly module: string | undefined; readonly name: string };

/** Assertions about what running something ends in. */
export type OutcomeAssertion = 'assert_trap' | 'assert_exception' | 'assert_suspension' | 'assert_exhaustion';
/** Assertions about a module that must not come to life. */
export type ModuleAssertion = 'assert_malformed' | 'assert_invalid' | 'assert_unlinkable';

export type CommandBody =
  | { readonly type: 'module'; readonly name: string | undefined; readonly source: ModuleSource }
  | { readonly type: 'definition'; readonly name: string | undefined; readonly source: ModuleSource }
  | { readonly type: 'instance'; readonly name: string | undefined; readonly definition: string | undefined }
  | { readonly type: 'register'; readonly as: string; readonly module: string | undefined }
  | { readonly type: 'action'; readonly action: Action }
  | { readonly type: 'assert_return'; readonly action: Action; readonly expected: readonly Pattern[] }
  | { readonly type: OutcomeAssertion; readonly subject: Action | ModuleSource; readonly text: string }
  | { readonly type: ModuleAssertion; readonly source: ModuleSource; readonly text: string }
  | { readonly type: 'unreadable'; readonly keyword: string; readonly message: string };

/** One command of a script; `line` counts from 1. */
export type Command = CommandBody & { readonly line: number };

const keywords: ReadonlySet<string> = new Set([
  ...['module', 'register', 'invoke', 'get', 'assert_return', 'assert_trap', 'assert_exception', 'assert_suspension'],
  ...['assert_exhaustion', 'assert_malformed', 'assert_invalid', 'assert_unlinkable'],
  // Commands of the script language that this runner does not have: reported as such, not taken for module fields.
  ...['script', 'input', 'output', 'thread', 'wait', 'component', 'assert_malformed_custom', 'assert_invalid_custom'],
]);

/**
 * Reads a `.wast` script. A command that cannot be read becomes an `unreadable` one, so that the rest still runs; throws
 * {@link ScriptSyntaxError} only where parentheses or tokens are broken. Source: the reference interpreter's README, Scripts.
 */
export function parseScript(source: string): Command[] {
  const forms = readSExpressions(source);
  const lineAt = lineCounter(source);
  const commands: Command[] = [];
  for (let index = 0; index < forms.length; index++) {
    const form = forms[index]!;
    const line = lineAt(form.start);
    if (form.kind === 'list' && isCommand(form)) {
      commands.push({ line, ...parseCommand(source, form) });
      continue;
    }
    // A run of bare module fields is one anonymous module.
    let last = form;
    for (let next = forms[index + 1]; next?.kind === 'list' && !isCommand(next); next = forms[index + 1]) {
      last = next;
      index++;
    }
    if (form.kind !== 'list' || last.kind !== 'list') {
      throw new ScriptSyntaxError('expected a command in parentheses', form.start);
    }
    const text = source.slice(form.start, last.end);
    commands.push({ line, type: 'module', name: undefined, source: { form: 'text', text } });
  }
  return commands;
}

function isCommand(form: ListNode): boolean {
  const head = form.items[0];
  return head?.kind !== 'atom' || keywords.has(head.text) || head.text.startsWith('assert_');
}

function parseCommand(source: string, form: ListNode): CommandBody {
  const head = form.items[0];
  const keyword = head?.kind === 'atom' ? head.text : '(';
  try {
    return parseKnownCommand(source, keyword, new Cursor(form));
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error;
    return { type: 'unreadable', keyword, message: error.message };
  }
}

function parseKnownCommand(source: string, keyword: string, cursor: Cursor): CommandBody {
  switch (keyword) {
    case 'module':
      return parseModuleCommand(source, cursor);
    case 'register': {
      const as = cursor.name();
      return cursor.end({ type: 'register', as, module: cursor.id() });
    }
    case 'invoke':
    case 'get':
      return { type: 'action', action: parseAction(cursor.form) };
    case 'assert_return': {
      const action = parseAction(cursor.list());
      return { type: 'assert_return', action, expected: cursor.rest().map(parsePattern) };
    }
    case 'assert_trap':
    case 'assert_exception':
    case 'assert_suspension':
    case 'assert_exhaustion': {
      const inner = cursor.list();
      const subject = headOf(inner) === 'module' ? parseModule(source, inner) : parseAction(inner);
      // Only `assert_exception` has no text.
      const text = keyword === 'assert_exception' ? '' : cursor.name();
      return cursor.end({ type: keyword, subject, text });
    }
    case 'assert_malformed':
    case 'assert_invalid':
    case 'assert_unlinkable': {
      const module = parseModule(source, cursor.list());
      return cursor.end({ type: keyword, source: module, text: cursor.name() });
    }
    default:
      throw new ScriptSyntaxError(`unknown command "${keyword}"`, cursor.form.start);
  }
}

function parseModuleCommand(source: string, cursor: Cursor): CommandBody {
  if (cursor.accept('instance')) {
    const name = cursor.id();
    return cursor.end({ type: 'instance', name, definition: cursor.id() });
  }
  const type = cursor.accept('definition') ? 'definition' : 'module';
  return { type, name: cursor.id(), source: parseModule(source, cursor.form) };
}

function parseModule(source: string, form: ListNode): ModuleSource {
  const cursor = new Cursor(form);
  if (headOf(form) !== 'module') throw new ScriptSyntaxError('expected a module', form.start);
  const definition = form.items[1];
  const isDefinition = cursor.accept('definition');
  cursor.id();
  for (const encoding of ['binary', 'quote'] as const) {
    if (cursor.accept(encoding)) return { form: encoding, bytes: concatStrings(cursor.rest()) };
  }
  let text = source.slice(form.start, form.end);
  if (isDefinition && definition?.kind === 'atom') {
    // Blanked, not cut: positions in the text parser's errors stay those of the script.
    const at = definition.start - form.start;
    text = text.slice(0, at) + ' '.repeat('definition'.length) + text.slice(at + 'definition'.length);
  }
  return { form: 'text', text };
}

function parseAction(form: ListNode): Action {
  const cursor = new Cursor(form);
  const keyword = headOf(form);
  const module = cursor.id();
  switch (keyword) {
    case 'invoke': {
      const name = cursor.name();
      return { type: 'invoke', module, name, args: cursor.rest().map(parseConstant) };
    }
    case 'get':
      return cursor.end({ type: 'get', module, name: cursor.name() });
    default:
      throw new ScriptSyntaxError('expected an action', form.start);
  }
}

function headOf(form: ListNode): string | undefined {
  const head = form.items[0];
  return head?.kind === 'atom' ? head.text : undefined;
}

function concatStrings(nodes: readonly SNode[]): Uint8Array {
  return Buffer.concat(
    nodes.map((node) => {
      if (node.kind !== 'string') throw new ScriptSyntaxError('expected a string', node.start);
      return node.bytes;
    }),
  );
}

/** Walks the operands of a form, after its keyword. */
class Cursor {
  readonly form: ListNode;
  #index = 1;

  constructor(form: ListNode) {
    this.form = form;
  }

  accept(keyword: string): boolean {
    const node = this.form.items[this.#index];
    if (node?.kind !== 'atom' || node.text !== keyword) return false;
    this.#index++;
    return true;
  }

  id(): string | undefined {
    const node = this.form.items[this.#index];
    if (node?.kind !== 'atom' || !node.text.startsWith('$')) return undefined;
    this.#index++;
    return node.text;
  }

  name(): string {
    const node = this.form.items[this.#index];
    if (node?.kind !== 'string') throw new ScriptSyntaxError('expected a string', this.form.start);
    this.#index++;
    return decodeUtf8(node.bytes, node.start);
  }

  list(): ListNode {
    const node = this.form.items[this.#index];
    if (node?.kind !== 'list') throw new ScriptSyntaxError('expected a form in parentheses', this.form.start);
    this.#index++;
    return node;
  }

  rest(): readonly SNode[] {
    const nodes = this.form.items.slice(this.#index);
    this.#index = this.form.items.length;
    return nodes;
  }

  /** Nothing may follow. Returns `result`. */
  end<T>(result: T): T {
    const extra = this.form.items[this.#index];
    if (extra !== undefined) throw new ScriptSyntaxError('unexpected operand', extra.start);
    return result;
  }
}

/** Line of an offset, counted from 1; offsets must not decrease from call to call. */
function lineCounter(source: string): (offset: number) => number {
  let line = 1;
  let lineEnd = source.indexOf('\n');
  return (offset) => {
    while (lineEnd !== -1 && lineEnd < offset) {
      line++;
      lineEnd = source.indexOf('\n', lineEnd + 1);
    }
    return line;
  };
}
