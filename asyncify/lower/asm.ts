import type { BlockType, Catch } from '../binary/immediates.ts';
import type { Instr, OpName } from '../binary/opcodes.ts';
import type { FuncIdx, GlobalIdx, HeapType, LabelIdx, LocalIdx, RefType, TypeIdx, ValType } from '../binary/types.ts';

/** The immediates of an instruction, without mnemonic and offset. */
export type ImmediatesOf<N extends OpName> = Omit<Instr<N>, 'op' | 'at'>;

/** An open block of the code being assembled; branches name it, the assembler counts the depth. */
export interface Label {
  readonly level: number;
}

/** A catch clause whose label is symbolic. */
export type SymbolicCatch =
  | { readonly kind: 'catch' | 'catch_ref'; readonly tag: (Catch & { kind: 'catch' })['tag']; readonly label: Label }
  | { readonly kind: 'catch_all' | 'catch_all_ref'; readonly label: Label };

export const EMPTY: BlockType = { kind: 'empty' };
export const valueBlock = (type: ValType): BlockType => ({ kind: 'value', type });

/** Makes one instruction that stands nowhere in the source. */
export function made<N extends OpName>(op: N, immediates: ImmediatesOf<N>, at = -1): Instr {
  return { op, at, ...immediates } as unknown as Instr;
}

/** Assembles a flat instruction sequence; blocks are opened and closed, labels stay symbolic until they are branched to. */
export class Asm {
  readonly out: Instr[] = [];
  #level = 0;

  /** Emits an instruction as it is. */
  push(instr: Instr): this {
    this.out.push(instr);
    return this;
  }
  pushAll(instrs: readonly Instr[]): this {
    for (const instr of instrs) this.out.push(instr);
    return this;
  }
  op<N extends OpName>(op: N, immediates: ImmediatesOf<N>): this {
    this.out.push(made(op, immediates));
    return this;
  }
  /** Emits an instruction without immediates. */
  do(op: OpName, ...more: readonly OpName[]): this {
    this.out.push({ op, at: -1 } as unknown as Instr);
    for (const each of more) this.out.push({ op: each, at: -1 } as unknown as Instr);
    return this;
  }

  open(op: 'block' | 'loop' | 'if', block: BlockType = EMPTY): Label {
    this.out.push({ op, at: -1, block });
    return { level: this.#level++ };
  }
  /** Opens an `if` that is hardly ever entered; engines lay its code out of the way. */
  openUnlikely(): Label {
    this.out.push({ op: 'if', at: -1, block: EMPTY, unlikely: true });
    return { level: this.#level++ };
  }
  openTry(block: BlockType, catches: readonly SymbolicCatch[]): Label {
    const depth = (label: Label): LabelIdx => this.depthOf(label);
    this.out.push(
      made('try_table', {
        block,
        catches: catches.map((clause) => ({ ...clause, label: depth(clause.label) }) as Catch),
      }),
    );
    return { level: this.#level++ };
  }
  else(): this {
    return this.do('else');
  }
  close(): this {
    this.#level--;
    return this.do('end');
  }
  /** The number of blocks that are open. */
  get level(): number {
    return this.#level;
  }
  depthOf(label: Label): LabelIdx {
    const depth = this.#level - 1 - label.level;
    if (depth < 0) throw new RangeError('branch to a block that is closed');
    return depth as LabelIdx;
  }

  br(label: Label): this {
    return this.push({ op: 'br', at: -1, label: this.depthOf(label) });
  }
  brIf(label: Label): this {
    return this.push({ op: 'br_if', at: -1, label: this.depthOf(label) });
  }
  brIfUnlikely(label: Label): this {
    return this.push({ op: 'br_if', at: -1, label: this.depthOf(label), unlikely: true });
  }
  /** The last label is the default. */
  brTable(labels: readonly Label[]): this {
    return this.op('br_table', { labels: labels.map((label) => this.depthOf(label)) });
  }
  brOnNull(label: Label): this {
    return this.op('br_on_null', { label: this.depthOf(label) });
  }

  i32(value: number): this {
    return this.push({ op: 'i32.const', at: -1, i32: value });
  }
  get(local: LocalIdx): this {
    return this.push({ op: 'local.get', at: -1, local });
  }
  set(local: LocalIdx): this {
    return this.push({ op: 'local.set', at: -1, local });
  }
  tee(local: LocalIdx): this {
    return this.push({ op: 'local.tee', at: -1, local });
  }
  globalGet(global: GlobalIdx): this {
    return this.push({ op: 'global.get', at: -1, global });
  }
  globalSet(global: GlobalIdx): this {
    return this.push({ op: 'global.set', at: -1, global });
  }
  call(func: FuncIdx): this {
    return this.push({ op: 'call', at: -1, func });
  }
  callRef(type: TypeIdx): this {
    return this.op('call_ref', { type });
  }
  null(heap: HeapType): this {
    return this.push({ op: 'ref.null', at: -1, heap });
  }
  cast(type: RefType): this {
    return this.op(type.nullable ? 'ref.cast null' : 'ref.cast', { heap: type.heap });
  }
  structGet(type: TypeIdx, field: number): this {
    return this.push({ op: 'struct.get', at: -1, type, field: field as never });
  }
  structSet(type: TypeIdx, field: number): this {
    return this.push({ op: 'struct.set', at: -1, type, field: field as never });
  }
  structNew(type: TypeIdx): this {
    return this.push({ op: 'struct.new', at: -1, type });
  }
}

/** Allocates the locals of a function that is being made: parameters first. */
export class Locals {
  readonly declared: ValType[] = [];
  readonly #params: number;
  constructor(params: number) {
    this.#params = params;
  }
  param(index: number): LocalIdx {
    return index as LocalIdx;
  }
  add(type: ValType): LocalIdx {
    this.declared.push(type);
    return (this.#params + this.declared.length - 1) as LocalIdx;
  }
}
