import { READ, SKIP } from './decode-immediates.ts';
import type { Expr } from './module.ts';
import { type Instr, OPCODES, type OpName, PREFIXES } from './opcodes.ts';
import type { Reader } from './reader.ts';

/** What an instruction does to the structure around it. */
type Structure = 'none' | 'open' | 'if' | 'else' | 'try' | 'catch' | 'catch_all' | 'delegate' | 'end';
const STRUCTURE: { readonly [N in OpName]?: Structure } = {
  block: 'open',
  loop: 'open',
  try_table: 'open',
  if: 'if',
  else: 'else',
  try: 'try',
  catch: 'catch',
  catch_all: 'catch_all',
  delegate: 'delegate',
  end: 'end',
};

interface Row {
  readonly op: OpName;
  readonly names: readonly string[];
  readonly reads: readonly ((reader: Reader) => unknown)[];
  readonly skips: readonly ((reader: Reader) => void)[];
  readonly structure: Structure;
  readonly namesData: boolean;
}

const SINGLE: (Row | undefined)[] = new Array(256).fill(undefined);
const PREFIXED: ((Row | undefined)[] | undefined)[] = new Array(256).fill(undefined);
for (const prefix of PREFIXES) PREFIXED[prefix] = [];
for (const { prefix, code, name, immediates } of OPCODES) {
  const rows = prefix === 0 ? SINGLE : (PREFIXED[prefix] ?? []);
  rows[code] = {
    op: name,
    names: immediates,
    reads: immediates.map((immediate) => READ[immediate]),
    skips: immediates.map((immediate) => SKIP[immediate] ?? READ[immediate]),
    structure: STRUCTURE[name] ?? 'none',
    namesData: immediates.includes('data'),
  };
}

function rowAt(reader: Reader): Row {
  const at = reader.pos;
  const byte = reader.byte();
  const rows = PREFIXED[byte];
  const row = rows === undefined ? SINGLE[byte] : rows[reader.u32()];
  if (row === undefined) return reader.fail('illegal opcode', at);
  return row;
}

/** The commonest shapes have a literal each: built property by property an instruction takes half as much space again. */
function instruction(reader: Reader, { op, names, reads }: Row, at: number): Instr {
  switch (names.length) {
    case 0:
      return { op, at } as Instr;
    case 1:
      switch (names[0]) {
        case 'local':
          return { op, at, local: READ.local(reader) } as Instr;
        case 'i32':
          return { op, at, i32: READ.i32(reader) } as Instr;
        case 'memarg':
          return { op, at, memarg: READ.memarg(reader) } as Instr;
        case 'label':
          return { op, at, label: READ.label(reader) } as Instr;
        case 'func':
          return { op, at, func: READ.func(reader) } as Instr;
        case 'block':
          return { op, at, block: READ.block(reader) } as Instr;
        case 'global':
          return { op, at, global: READ.global(reader) } as Instr;
      }
  }
  const instr: Record<string, unknown> = { op, at };
  for (let i = 0; i < names.length; i++) instr[names[i] as string] = reads[i]?.(reader);
  return instr as unknown as Instr;
}

/** Open constructs: `PLAIN` takes only an `end`. */
const PLAIN = 0;
const IF = 1;
const TRY = 2;
const CAUGHT = 3;

/** Follows the nesting; true at the `end` that closes the whole expression. */
function closes(reader: Reader, open: number[], structure: Structure, at: number): boolean {
  const top = open.length - 1;
  switch (structure) {
    case 'none':
      return false;
    case 'open':
      open.push(PLAIN);
      return false;
    case 'if':
      open.push(IF);
      return false;
    case 'try':
      open.push(TRY);
      return false;
    case 'else':
      if (open[top] !== IF) reader.fail('misplaced else', at);
      open[top] = PLAIN;
      return false;
    case 'catch':
    case 'catch_all':
      if (open[top] !== TRY && open[top] !== CAUGHT) reader.fail(`misplaced ${structure}`, at);
      open[top] = structure === 'catch' ? CAUGHT : PLAIN;
      return false;
    case 'delegate':
      if (open[top] !== TRY) reader.fail('misplaced delegate', at);
      open.pop();
      return false;
    case 'end':
      return open.pop() === undefined;
  }
}

/**
 * Reads an expression up to and including its `end`, which is left out (Wasm 3.0 §5.4.9); nested constructs stay inline.
 * With `mayNameData` false, an instruction that names a data segment is malformed (§5.5.16).
 */
export function decodeExpr(reader: Reader, mayNameData = true): Expr {
  const body: Instr[] = [];
  const open: number[] = [];
  for (;;) {
    const at = reader.pos;
    if (at >= reader.end) reader.fail('unexpected end: END opcode expected');
    const row = rowAt(reader);
    if (row.structure !== 'none' && closes(reader, open, row.structure, at)) return body;
    if (row.namesData && !mayNameData) reader.fail('data count section required', at);
    body.push(instruction(reader, row, at));
  }
}

/** Reads an expression as `decodeExpr` does, with the same errors, and makes nothing of it. */
export function skipExpr(reader: Reader, mayNameData = true): void {
  const open: number[] = [];
  for (;;) {
    const at = reader.pos;
    if (at >= reader.end) reader.fail('unexpected end: END opcode expected');
    const { structure, namesData, skips } = rowAt(reader);
    if (structure !== 'none' && closes(reader, open, structure, at)) return;
    if (namesData && !mayNameData) reader.fail('data count section required', at);
    for (let i = 0; i < skips.length; i++) skips[i]?.(reader);
  }
}
