import type { Instr } from '../../binary/opcodes.ts';
import type { HeapType, LocalIdx, ValType } from '../../binary/types.ts';
import { isRef } from '../../binary/types.ts';
import { type Asm, type Locals, made } from '../../lower/asm.ts';
import { nullable } from './stubs.ts';

/**
 * One operand of the source program: on the stack, still to be computed by code without effects (`local` is what that code
 * reads), or kept in a local.
 */
type Entry =
  | { readonly kind: 'stack'; readonly type: ValType }
  | { readonly kind: 'code'; readonly type: ValType; readonly code: readonly Instr[]; readonly local: LocalIdx | null }
  | { readonly kind: 'spilled'; readonly type: ValType; readonly local: LocalIdx };

/**
 * The operand stack of the function being instrumented. Entries on the real stack always lie below all others, so that
 * most operands that outlive a suspension never reach it.
 */
export class Operands {
  readonly #asm: Asm;
  readonly #locals: Locals;
  /** By position, then by type. */
  readonly #spills: Map<ValType | HeapType, LocalIdx>[] = [];
  #entries: Entry[] = [];
  /** Operands below belong to enclosing constructs: code inside neither sees nor moves them. */
  floor = 0;

  constructor(asm: Asm, locals: Locals) {
    this.#asm = asm;
    this.#locals = locals;
  }

  get height(): number {
    return this.#entries.length;
  }

  push(type: ValType): void {
    this.#entries.push({ kind: 'stack', type });
  }
  pushed(types: readonly ValType[]): void {
    for (const type of types) this.push(type);
  }
  pushCode(type: ValType, code: readonly Instr[], local: LocalIdx | null): void {
    this.#entries.push({ kind: 'code', type, code, local });
  }
  /** Pushes what the spill locals of these positions hold. */
  pushSpilled(types: readonly ValType[]): void {
    for (const type of types) {
      this.#entries.push({ kind: 'spilled', type, local: this.#spillLocal(this.#entries.length, type) });
    }
  }
  /** Forgets the operands above a height: the code emitted consumed them. */
  truncate(height: number): void {
    // One by one: engines take longer to set a length.
    while (this.#entries.length > height) this.#entries.pop();
  }
  /** Drops the top operand; true where nothing needs to be emitted for that. */
  dropUnmade(): boolean {
    if (this.#entries.at(-1)?.kind === 'stack') return false;
    this.#entries.pop();
    return true;
  }
  /** Whether some operand of the innermost construct below a height is not on the real stack. */
  deferredBelow(height: number): boolean {
    return height > this.floor && this.#entries[height - 1]?.kind !== 'stack';
  }

  /** Puts every operand on the real stack. */
  flush(): void {
    let first = this.#entries.length;
    while (first > this.floor && this.#entries[first - 1]?.kind !== 'stack') first--;
    for (let index = first; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry;
      if (entry.kind !== 'stack') this.#emit(entry, true);
      this.#entries[index] = { kind: 'stack', type: entry.type };
    }
  }

  /** Leaves the operands from `height` up on the real stack and nothing else. */
  isolate(height: number): void {
    // Entries on the real stack lie below all others.
    if (height > this.floor && this.#entries[this.floor]?.kind === 'stack') {
      for (let index = this.#entries.length - 1; index >= this.floor; index--) this.#spill(index);
    }
    for (let index = height; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry;
      if (entry.kind === 'stack') continue;
      this.#emit(entry, true);
      this.#entries[index] = { kind: 'stack', type: entry.type };
    }
  }

  /** Moves every operand off the real stack so that it outlives a construct; those from `height` up into spill locals. */
  spillAll(height: number): void {
    for (let index = this.#entries.length - 1; index >= this.floor; index--) this.#spill(index);
    for (let index = this.floor; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry;
      if (entry.kind !== 'code' || (entry.local === null && index < height)) continue;
      this.#emit(entry, false);
      const local = this.#spillLocal(index, entry.type);
      this.#asm.set(local);
      this.#entries[index] = { kind: 'spilled', type: entry.type, local };
    }
  }

  /** Gives the operands from `height` up, which spillAll moved, other types: those a construct declares for them. */
  retype(height: number, types: readonly ValType[]): void {
    types.forEach((type, offset) => {
      const entry = this.#entries[height + offset];
      const local = this.#spillLocal(height + offset, type);
      if (entry?.kind === 'spilled' && entry.local !== local) this.#asm.get(entry.local).set(local);
      this.#entries[height + offset] = { kind: 'spilled', type, local };
    });
  }

  /** Pops operands of these types, which are on the real stack from `height` up, into their spill locals. */
  setSpilled(height: number, types: readonly ValType[]): void {
    for (let offset = types.length - 1; offset >= 0; offset--) {
      this.#asm.set(this.#spillLocal(height + offset, types[offset] as ValType));
    }
  }
  /**
   * Pushes what the spill locals of operands from `height` up hold. Where a re-entry passes, one that is not live may hold
   * null against its type: a dummy takes its place.
   */
  getSpilled(height: number, types: readonly ValType[], dummy: (type: ValType) => readonly Instr[] | null): void {
    for (const [offset, type] of types.entries()) {
      const local = this.#spillLocal(height + offset, type);
      this.#asm.get(local);
      if (!isRef(type) || type.nullable) continue;
      this.#asm.do('ref.is_null').open('if');
      this.#asm
        .pushAll(dummy(type) ?? [made('unreachable', {})])
        .set(local)
        .close();
      this.#asm.get(local).do('ref.as_non_null');
    }
  }

  /** Emits the top operand and forgets it. */
  emitTop(): void {
    const entry = this.#entries.pop();
    if (entry !== undefined && entry.kind !== 'stack') this.#emit(entry, true);
  }

  /** The locals that hold, or compute, the innermost construct's operands below a height: a frame has to save them. */
  localsBelow(height: number): LocalIdx[] {
    const result: LocalIdx[] = [];
    for (let index = this.floor; index < height; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined && entry.kind !== 'stack' && entry.local !== null) result.push(entry.local);
    }
    return result;
  }

  #spill(index: number): void {
    const entry = this.#entries[index] as Entry;
    if (entry.kind !== 'stack') return;
    const local = this.#spillLocal(index, entry.type);
    this.#asm.set(local);
    this.#entries[index] = { kind: 'spilled', type: entry.type, local };
  }

  #emit(entry: Exclude<Entry, { kind: 'stack' }>, exact: boolean): void {
    if (entry.kind === 'code') {
      this.#asm.pushAll(entry.code);
      return;
    }
    this.#asm.get(entry.local);
    if (exact && isRef(entry.type) && !entry.type.nullable) this.#asm.push(made('ref.as_non_null', {}));
  }

  /** The local an operand of a type is kept in at a position; positions never share one, so entries never move. */
  #spillLocal(index: number, type: ValType): LocalIdx {
    const kept = nullable(type);
    const key = isRef(kept) ? kept.heap : kept;
    this.#spills[index] ??= new Map();
    const known = this.#spills[index].get(key);
    if (known !== undefined) return known;
    const local = this.#locals.add(kept);
    this.#spills[index].set(key, local);
    return local;
  }
}
