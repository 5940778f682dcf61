import { type Func, type Instr, importsOf, type Module, subTypes } from '../asyncify/binary/index.ts';
import type { FuncIdx, GlobalIdx, LabelIdx, LocalIdx, TypeIdx } from '../asyncify/binary/types.ts';
import { findPoints } from '../asyncify/instrument/frames/points.ts';
import { lowerWork } from '../asyncify/instrument/work/lower.ts';
import { Asm, Locals, made } from '../asyncify/lower/asm.ts';
import { type ModuleInfo, validate } from '../asyncify/validate/index.ts';

/** What a module with polls exports: the word they ask, and the function they call where that is not 0. */
export const POLLS = { epoch: 'bench:epoch', yield: 'bench:yield' } as const;

/** Adds yield points where frames has them, as calls of an exported function that does nothing. */
export function withPolls(guest: Module): Module {
  const { info, points } = lowerWork(validate(guest), { poll: 'epoch', linking: 'closed', references: true });
  const source = info.module;
  const type = subTypes(source).length as TypeIdx;
  const func = (info.importedFuncs + source.funcs.length) as FuncIdx;
  const epoch = (importsOf(source, 'global').length + source.globals.length) as GlobalIdx;
  const poll = (asm: Asm): void => {
    asm.globalGet(epoch).open('if');
    asm.call(func).close();
  };
  const funcs = source.funcs.map((entry, at): Func => {
    const index = (info.importedFuncs + at) as FuncIdx;
    const polls = (place: number): boolean => (place < 0 ? points.entry(index) : points.loop(index, place));
    return new Polled(info, entry, polls, poll).func();
  });
  return {
    ...source,
    recGroups: [...source.recGroups, [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }]],
    funcs: [...funcs, { type, locals: [], body: [], at: -1, endAt: -1 }],
    globals: [
      ...source.globals,
      { type: { type: 'i32', mutable: true }, init: [made('i32.const', { i32: 0 })], at: -1 },
    ],
    exports: [
      ...source.exports,
      { name: POLLS.epoch, kind: 'global', index: epoch, at: -1 },
      { name: POLLS.yield, kind: 'func', index: func, at: -1 },
    ],
  };
}

/** One function with its polls: before the first instruction of a loop, or at each branch back to it. */
class Polled {
  readonly #asm = new Asm();
  readonly #source: Func;
  readonly #locals: Locals;
  readonly #polls: ReturnType<typeof findPoints>['polls'];
  readonly #poll: (asm: Asm) => void;
  /** The open constructs: whether branches to them poll. */
  readonly #back: boolean[] = [false];
  #index: LocalIdx | null = null;

  constructor(info: ModuleInfo, source: Func, polls: (place: number) => boolean, poll: (asm: Asm) => void) {
    this.#source = source;
    this.#poll = poll;
    this.#polls = findPoints(source.body, () => false, polls).polls;
    this.#locals = new Locals(info.funcType(source.type).params.length);
    for (const type of source.locals) this.#locals.add(type);
  }

  func(): Func {
    if (this.#polls.has(-1)) this.#poll(this.#asm);
    this.#source.body.forEach((instr, at) => {
      this.#instr(instr, at);
    });
    return { ...this.#source, locals: this.#locals.declared, body: this.#asm.out };
  }

  #instr(instr: Instr, at: number): void {
    const asm = this.#asm;
    if ('block' in instr) {
      asm.push(instr);
      const place = instr.op === 'loop' ? this.#polls.get(at)?.poll : undefined;
      this.#back.push(place === 'back');
      if (place === 'start') this.#poll(asm);
    } else if (instr.op === 'end') {
      this.#back.pop();
      asm.push(instr);
    } else if ((instr.op === 'br' || instr.op === 'br_if') && this.#goesBack(instr.label)) {
      const conditional = instr.op === 'br_if';
      if (conditional) asm.open('if');
      this.#poll(asm);
      asm.op('br', { label: (instr.label + (conditional ? 1 : 0)) as LabelIdx });
      if (conditional) asm.close();
    } else if (instr.op === 'br_table' && instr.labels.some((label) => this.#goesBack(label))) {
      this.#table(instr.labels);
    } else asm.push(instr);
  }

  #goesBack(label: number): boolean {
    return this.#back[this.#back.length - 1 - label] === true;
  }

  /** Loops that poll at branches back have no parameters: the operand is the index alone. */
  #table(labels: readonly LabelIdx[]): void {
    const asm = this.#asm;
    const loops = [...new Set(labels)].filter((label) => this.#goesBack(label));
    this.#index ??= this.#locals.add('i32');
    asm.set(this.#index);
    for (const _ of loops) asm.open('block');
    asm.get(this.#index).op('br_table', {
      labels: labels.map((label) => {
        const block = loops.indexOf(label);
        return (block < 0 ? label + loops.length : block) as LabelIdx;
      }),
    });
    loops.forEach((label, block) => {
      asm.close();
      this.#poll(asm);
      asm.op('br', { label: (label + loops.length - 1 - block) as LabelIdx });
    });
  }
}
