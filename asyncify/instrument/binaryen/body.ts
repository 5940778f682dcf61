import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx, LabelIdx, LocalIdx, ValType } from '../../binary/types.ts';
import { Asm, Locals, made } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import type { Lowering } from '../frames/lowering.ts';
import { findPoints, type Points } from '../frames/points.ts';
import type { AsyncifyStubs } from './stubs.ts';

/**
 * The code of instrumented functions that Asyncify gets: the source's, with polls where frames have them, and with calls of
 * stubs in place of the calls it may have to rewind into.
 */
export class Bodies {
  readonly #lowering: Lowering;
  readonly #stubs: AsyncifyStubs;
  readonly #instrumented: ReadonlySet<FuncIdx>;

  constructor(lowering: Lowering, stubs: AsyncifyStubs, instrumented: ReadonlySet<FuncIdx>) {
    this.#lowering = lowering;
    this.#stubs = stubs;
    this.#instrumented = instrumented;
  }

  code(
    func: { readonly locals: readonly ValType[]; readonly body: readonly Instr[] },
    index: FuncIdx,
    params: number,
  ): Code {
    const lowering = this.#lowering;
    const { build, suspensions, yields } = lowering;
    const source = func.body;
    const points = findPoints(
      source,
      (instr) => suspensions.unwinds(instr) !== null,
      (at) => (at < 0 ? yields?.points.entry(index) : yields?.points.loop(index, at)) ?? false,
    );
    const locals = new Locals(params);
    for (const type of build.vals(func.locals)) locals.add(type);
    const body = new Body(points, locals, (asm, at, loopAt) => {
      lowering.asks(asm, yields?.points.cost(index, at, loopAt) ?? 1);
      asm.open('if');
      asm.call(this.#stubs.yield).close();
    });
    if (points.polls.has(-1)) body.poll(-1, -1);
    source.forEach((instr, at) => {
      body.instr(this.#instr(instr), at);
    });
    return { locals: locals.declared, body: body.asm.out };
  }

  #instr(instr: Instr): Instr {
    const lowering = this.#lowering;
    if (lowering.suspensions.unwinds(instr) !== null) {
      if (instr.op === 'call') {
        const { func } = instr;
        if (func >= lowering.info.importedFuncs && !this.#instrumented.has(func)) {
          return made('call', { func: this.#stubs.passing(func, lowering.typeOf(func)) }, instr.at);
        }
      } else if (instr.op === 'call_indirect') {
        return made('call', { func: this.#stubs.indirect(instr.type, instr.table) }, instr.at);
      }
    }
    return lowering.simple(instr);
  }
}

/** Puts the polls of loops into one function's code. */
class Body {
  readonly asm = new Asm();
  readonly #points: Points;
  readonly #locals: Locals;
  readonly #poll: (asm: Asm, at: number, loopAt: number) => void;
  /** The open constructs: the offset of the loop, where branches to it poll; null: they do not. */
  readonly #back: (number | null)[] = [null];
  #index: LocalIdx | null = null;

  constructor(points: Points, locals: Locals, poll: (asm: Asm, at: number, loopAt: number) => void) {
    this.#points = points;
    this.#locals = locals;
    this.#poll = poll;
  }

  /** Emits the poll at a branch, or at a loop. */
  poll(at: number, loopAt: number): void {
    this.#poll(this.asm, at, loopAt);
  }

  instr(instr: Instr, at: number): void {
    const { asm } = this;
    if ('block' in instr) {
      asm.push(instr);
      const poll = instr.op === 'loop' ? this.#points.polls.get(at)?.poll : undefined;
      this.#back.push(poll === 'back' ? instr.at : null);
      if (poll === 'start') this.poll(-1, instr.at);
      return;
    }
    if (instr.op === 'end') this.#back.pop();
    else if ((instr.op === 'br' || instr.op === 'br_if') && this.#goesBack(instr.label) !== null) {
      const loopAt = this.#goesBack(instr.label) ?? -1;
      const conditional = instr.op === 'br_if';
      if (conditional) asm.open('if');
      this.poll(instr.at, loopAt);
      asm.op('br', { label: (instr.label + (conditional ? 1 : 0)) as LabelIdx });
      if (conditional) asm.close();
      return;
    } else if (instr.op === 'br_table' && instr.labels.some((label) => this.#goesBack(label) !== null)) {
      this.#table(instr);
      return;
    }
    asm.push(instr);
  }

  /** The offset of the loop that a branch goes back to, where it polls; null: it does not. */
  #goesBack(label: number): number | null {
    return this.#back[this.#back.length - 1 - label] ?? null;
  }

  /** Such a loop takes no operands, so none of the labels does, and the index alone has to come into the blocks. */
  #table({ labels, at }: Instr<'br_table'>): void {
    const { asm } = this;
    const polled = [...new Set(labels)].filter((label) => this.#goesBack(label) !== null);
    this.#index ??= this.#locals.add('i32');
    asm.set(this.#index);
    for (const _ of polled) asm.open('block');
    asm.get(this.#index).op('br_table', {
      labels: labels.map((label) => {
        const block = polled.indexOf(label);
        return (block >= 0 ? block : label + polled.length) as LabelIdx;
      }),
    });
    polled.forEach((label, block) => {
      asm.close();
      this.poll(at, this.#goesBack(label) ?? -1);
      asm.op('br', { label: (label + polled.length - 1 - block) as LabelIdx });
    });
  }
}
