import type { ImmediateName, Immediates } from './immediates.ts';
import { CORE, GC, MISC } from './opcodes-core.ts';
import { SIMD } from './opcodes-simd.ts';
import { THREADS } from './opcodes-threads.ts';
import type { NumType } from './types.ts';

/** The five tables by prefix byte; 0 stands for no prefix. */
const TABLES = [
  [0, CORE],
  [0xfb, GC],
  [0xfc, MISC],
  [0xfd, SIMD],
  [0xfe, THREADS],
] as const;

type Row = (typeof TABLES)[number][1][number];
type Words<S extends string> = S extends `${infer A} ${infer B}` ? A | Words<B> : S extends '' ? never : S;

export type OpName = Row[0];
type RowOf<N extends OpName> = Extract<Row, readonly [N, ...unknown[]]>;

/** A decoded instruction: its mnemonic, its immediates by name, and its byte offset in the module (-1: made by the
 * transform); `unlikely` is set on an `if` or `br_if` whose condition hardly ever holds. */
export type Instr<N extends OpName = OpName> = N extends OpName
  ? { readonly op: N; readonly at: number; readonly unlikely?: true } & {
      readonly [K in Words<RowOf<N>[2]> & ImmediateName]: Immediates[K];
    }
  : never;

/** A type of a fixed signature: a number type, or the address type of the memory (`a`) or table (`t`) accessed. */
export type SigType = NumType | 'a' | 't';
export interface Signature {
  readonly params: readonly SigType[];
  readonly results: readonly SigType[];
}

export interface Opcode {
  readonly name: OpName;
  readonly prefix: number;
  readonly code: number;
  readonly immediates: readonly ImmediateName[];
  /** null: typed by hand in the validator. */
  readonly signature: Signature | null;
  /** log2 of the natural alignment of a memory access. */
  readonly align: number;
  readonly proposal: Row[4];
  readonly constant: boolean;
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function opcode(prefix: number, row: readonly [string, number, string, string, string, string?]): Opcode {
  const [name, code, immediates, signature, proposal, constant] = row;
  const [left = '', right = ''] = signature.split('->');
  const results = words(right);
  const align = results.at(-1)?.startsWith('@') ? Number(results.pop()?.slice(1)) : 0;
  return {
    name: name as OpName,
    prefix,
    code,
    immediates: words(immediates) as ImmediateName[],
    signature: signature === '*' ? null : { params: words(left) as SigType[], results: results as SigType[] },
    align,
    proposal: proposal as Row[4],
    constant: constant === 'const',
  };
}

/** Every opcode, in table order. */
export const OPCODES: readonly Opcode[] = TABLES.flatMap(([prefix, rows]) => rows.map((row) => opcode(prefix, row)));

const byName = new Map<string, Opcode>(OPCODES.map((row) => [row.name, row]));
const byCode = new Map<number, Opcode>(OPCODES.map((row) => [key(row.prefix, row.code), row]));

function key(prefix: number, code: number): number {
  return prefix * 0x1_0000_0000 + code;
}

/** The row of a mnemonic. */
export function opcodeOf(name: OpName): Opcode {
  const row = byName.get(name);
  if (row === undefined) throw new RangeError(`no opcode ${name}`);
  return row;
}

/** The row behind a prefix (0: none) and a code, or undefined where the byte is no opcode. */
export function opcodeAt(prefix: number, code: number): Opcode | undefined {
  return byCode.get(key(prefix, code));
}

export const PREFIXES: ReadonlySet<number> = new Set(TABLES.map(([prefix]) => prefix).filter((prefix) => prefix !== 0));
