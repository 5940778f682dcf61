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
  do(...ops: readonly OpName[]): this {
    for (const op of ops) this.out.push({ op, at: -1 } as unknown as Instr);
    return this;
  }

  open(op: 'block' | 'loop' | 'if', block: BlockType = EMPTY): Label {
    this.out.push(made(op, { block }));
    return { level: this.#level++ };
  }
  /** Opens an `if` that is hardly ever entered; engines lay its code out of the way. */
  openUnlikely(): Label {
    this.out.push({ ...made('if', { block: EMPTY }), unlikely: true } as Instr);
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
    return this.op('br', { label: this.depthOf(label) });
  }
  brIf(label: Label): this {
    return this.op('br_if', { label: this.depthOf(label) });
  }
  brIfUnlikely(label: Label): this {
    return this.push({ ...made('br_if', { label: this.depthOf(label) }), unlikely: true } as Instr);
  }
  /** The last label is the default. */
  brTable(labels: readonly Label[]): this {
    return this.op('br_table', { labels: labels.map((label) => this.depthOf(label)) });
  }
  brOnNull(label: Label): this {
    return this.op('br_on_null', { label: this.depthOf(label) });
  }

  i32(value: number): this {
    return this.op('i32.const', { i32: value });
  }
  get(local: LocalIdx): this {
    return this.op('local.get', { local });
  }
  set(local: LocalIdx): this {
    return this.op('local.set', { local });
  }
  tee(local: LocalIdx): this {
    return this.op('local.tee', { local });
  }
  globalGet(global: GlobalIdx): this {
    return this.op('global.get', { global });
  }
  globalSet(global: GlobalIdx): this {
    return this.op('global.set', { global });
  }
  call(func: FuncIdx): this {
    return this.op('call', { func });
  }
  callRef(type: TypeIdx): this {
    return this.op('call_ref', { type });
  }
  null(heap: HeapType): this {
    return this.op('ref.null', { heap });
  }
  cast(type: RefType): this {
    return this.op(type.nullable ? 'ref.cast null' : 'ref.cast', { heap: type.heap });
  }
  structGet(type: TypeIdx, field: number): this {
    return this.op('struct.get', { type, field: field as never });
  }
  structSet(type: TypeIdx, field: number): this {
    return this.op('struct.set', { type, field: field as never });
  }
  structNew(type: TypeIdx): this {
    return this.op('struct.new', { type });
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
