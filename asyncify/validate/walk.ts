import type { Instr, OpName } from '../binary/opcodes.ts';
import { isRef, type LabelIdx, type RefType, refType, type ValType } from '../binary/types.ts';
import { InvalidError } from '../errors.ts';
import { type Context, isDefaultable } from './info.ts';
import { LIMITS } from './limits.ts';
import { type Operand, typeName, typeNames } from './names.ts';

export type FrameKind = Extract<OpName, 'block' | 'loop' | 'if' | 'else' | 'try' | 'try_table' | 'catch' | 'catch_all'>;

/** An entry of the control stack. */
export interface ControlFrame {
  readonly op: FrameKind | 'func';
  /** What the construct finds on the operand stack (`catch`: the tag's payload); for `func` empty. */
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  /** Height of the operand stack below the parameters. */
  readonly height: number;
  /** Whether the rest of this construct cannot be reached. */
  readonly unreachable: boolean;
}

/** The state of the validation algorithm, live: it changes as the walk goes on. */
export interface WalkState {
  readonly operands: readonly Operand[];
  /** Outermost first; the first is the function itself. */
  readonly controls: readonly ControlFrame[];
  /** Lowest height of the operand stack during the last instruction: it popped `before - low` operands and pushed `operands.slice(low)`. */
  readonly low: number;
  readonly reachable: boolean;
}

interface Frame extends ControlFrame {
  unreachable: boolean;
  /** Height of the stack of local initialisations at its start. */
  readonly inits: number;
}

/** A reference operand; `refbot` stands for an unknown one. */
export type RefOperand = RefType | 'refbot';

/** Where a body is, for errors. */
export interface Place {
  readonly func?: number;
  readonly endAt: number;
}

/** The operand and control stacks of one instruction sequence (Wasm 3.0, appendix "Validation Algorithm"). */
export class Walk implements WalkState {
  readonly info: Context;
  readonly operands: Operand[] = [];
  readonly controls: Frame[] = [];
  readonly locals: readonly ValType[];
  readonly results: readonly ValType[];
  /** How many globals are in scope: constant expressions see only earlier ones. */
  readonly globals: number;
  low = 0;
  readonly #place: Place;
  readonly #initialised: Uint8Array;
  readonly #inits: number[] = [];
  #top: Frame;
  #instr: Instr | null = null;

  /** @param params how many of the locals are parameters */
  constructor(
    info: Context,
    locals: readonly ValType[],
    params: number,
    results: readonly ValType[],
    globals: number,
    place: Place,
  ) {
    this.info = info;
    this.locals = locals;
    this.results = results;
    this.globals = globals;
    this.#place = place;
    this.#initialised = new Uint8Array(locals.length);
    for (let i = 0; i < locals.length; i++) {
      if (i < params || isDefaultable(locals[i] as ValType)) this.#initialised[i] = 1;
    }
    this.#top = { op: 'func', params: [], results, height: 0, unreachable: false, inits: 0 };
    this.controls.push(this.#top);
  }

  get reachable(): boolean {
    return !this.#top.unreachable;
  }

  get top(): ControlFrame {
    return this.#top;
  }

  begin(instr: Instr): void {
    this.#instr = instr;
    this.low = this.operands.length;
  }

  /** The implicit `end` of the body. */
  finish(): void {
    this.#instr = null;
    if (this.controls.length !== 1) this.fail('END opcode expected');
    this.#popResults();
  }

  fail(message: string): never {
    const { func, endAt } = this.#place;
    const instr = this.#instr;
    throw new InvalidError(message, {
      offset: instr === null ? endAt : instr.at,
      ...(func === undefined ? {} : { func }),
      ...(instr === null ? {} : { instruction: instr.op }),
    });
  }

  push(type: Operand): void {
    this.operands.push(type);
  }

  pushAll(types: readonly Operand[]): void {
    const { operands } = this;
    if (operands.length + types.length > LIMITS.operands) this.fail(`more than ${LIMITS.operands} operands`);
    for (let i = 0; i < types.length; i++) operands.push(types[i] as Operand);
  }

  /** Pops one operand of any type. */
  popAny(): Operand {
    const { operands } = this;
    const top = this.#top;
    if (operands.length === top.height) {
      if (!top.unreachable) this.fail('type mismatch: instruction requires an operand but stack has []');
      return 'bot';
    }
    const operand = operands.pop() as Operand;
    if (operands.length < this.low) this.low = operands.length;
    return operand;
  }

  pop(type: ValType): void {
    const { operands } = this;
    const top = this.#top;
    const length = operands.length;
    if (length === top.height) {
      if (!top.unreachable) this.#mismatch([type]);
      return;
    }
    if (!this.fits(operands[length - 1] as Operand, type)) this.#mismatch([type]);
    operands.pop();
    if (length - 1 < this.low) this.low = length - 1;
  }

  /** Pops operands of these types, the last one first. */
  popAll(types: readonly ValType[]): void {
    const { operands } = this;
    // One by one: engines take longer to set a length.
    for (let held = this.require(types); held > 0; held--) operands.pop();
    if (operands.length < this.low) this.low = operands.length;
  }

  /** Pops operands of these types and pushes the types: what a branch that is not taken does. */
  pass(types: readonly ValType[]): void {
    const { operands } = this;
    const held = this.require(types);
    const floor = operands.length - held;
    if (floor < this.low) this.low = floor;
    if (held < types.length) {
      operands.length = floor;
      this.pushAll(types);
    } else {
      for (let i = 0; i < held; i++) operands[floor + i] = types[i] as ValType;
    }
  }

  /** Checks that the topmost operands have these types; the result is how many of them the stack really holds. */
  require(types: readonly ValType[]): number {
    const { operands } = this;
    const top = this.#top;
    const count = types.length;
    const available = operands.length - top.height;
    if (available < count && !top.unreachable) this.#mismatch(types);
    const held = Math.min(available, count);
    for (let i = 1; i <= held; i++) {
      const operand = operands[operands.length - i] as Operand;
      const type = types[count - i] as ValType;
      if (operand !== type && !this.fits(operand, type)) this.#mismatch(types);
    }
    return held;
  }

  /** Pops `count` operands of one type. */
  popRepeated(type: ValType, count: number): void {
    const held = this.operands.length - this.#top.height;
    if (held < count && !this.#top.unreachable) this.#mismatch(new Array<ValType>(count).fill(type));
    for (let i = Math.min(held, count); i > 0; i--) this.pop(type);
  }

  /** Pops a reference of any type. */
  popRef(): RefOperand {
    const operand = this.popAny();
    if (operand === 'bot' || operand === 'refbot') return 'refbot';
    if (!isRef(operand)) {
      this.fail(`type mismatch: instruction requires reference type but stack has ${typeName(operand)}`);
    }
    return operand;
  }

  fits(operand: Operand, type: ValType): boolean {
    if (operand === type || operand === 'bot') return true;
    if (operand === 'refbot') return isRef(type);
    return this.info.matches(operand, type);
  }

  /** The rest of the innermost construct cannot be reached. */
  unreachable(): void {
    const top = this.#top;
    this.operands.length = top.height;
    if (top.height < this.low) this.low = top.height;
    top.unreachable = true;
  }

  enter(op: FrameKind, params: readonly ValType[], results: readonly ValType[]): void {
    this.#top = {
      op,
      params,
      results,
      height: this.operands.length,
      unreachable: false,
      inits: this.#inits.length,
    };
    this.controls.push(this.#top);
    this.pushAll(params);
  }

  /** Leaves the innermost construct: checks and pops its results and forgets the locals it initialised. */
  leave(): ControlFrame {
    const left = this.#top;
    if (this.controls.length === 1) this.fail('unexpected end of a block: the control stack is empty');
    this.#popResults();
    this.controls.pop();
    this.#top = this.controls.at(-1) as Frame;
    while (this.#inits.length > left.inits) this.#initialised[this.#inits.pop() as number] = 0;
    return left;
  }

  #popResults(): void {
    const { results, height } = this.#top;
    const { operands } = this;
    const count = operands.length - height;
    if (count > results.length || (count < results.length && !this.#top.unreachable)) this.#mismatch(results, 'block');
    for (let held = this.require(results); held > 0; held--) operands.pop();
    if (height < this.low) this.low = height;
  }

  /** The frame that a label names. */
  frame(label: LabelIdx): ControlFrame {
    return this.controls[this.controls.length - 1 - label] ?? this.fail(`unknown label ${label}`);
  }

  /** The types a branch to a label takes. */
  label(label: LabelIdx): readonly ValType[] {
    const frame = this.frame(label);
    return frame.op === 'loop' ? frame.params : frame.results;
  }

  initialise(local: number): void {
    if (this.#initialised[local] === 1) return;
    this.#initialised[local] = 1;
    this.#inits.push(local);
  }

  isInitialised(local: number): boolean {
    return this.#initialised[local] === 1;
  }

  #mismatch(required: readonly ValType[], what = 'instruction'): never {
    const { height } = this.#top;
    const from = what === 'block' ? height : Math.max(height, this.operands.length - required.length);
    const found = this.operands.slice(from);
    return this.fail(`type mismatch: ${what} requires ${typeNames(required)} but stack has ${typeNames(found)}`);
  }
}

export function nonNull(ref: RefOperand): RefOperand {
  return ref === 'refbot' ? ref : refType(ref.heap, false);
}
