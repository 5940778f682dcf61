import type { BlockType } from '../../binary/immediates.ts';
import type { Expr } from '../../binary/module.ts';
import type { Instr, OpName } from '../../binary/opcodes.ts';
import type { FuncIdx, LocalIdx, ValType } from '../../binary/types.ts';
import { type Asm, EMPTY, type Label } from '../../lower/asm.ts';
import type { WalkState } from '../../validate/index.ts';
import type { PollCost } from '../polls.ts';
import type { Counted } from './deep.ts';
import type { Part } from './frame-code.ts';
import type { Lowering } from './lowering.ts';
import type { Operands } from './operands.ts';
import { type Construct, type Item, type Point, type Points, range } from './points.ts';
import type { ResumePoints } from './resume-points.ts';

/** A construct of the source that is open. */
interface Frame {
  readonly label: Label;
  readonly op: OpName;
  /** Set where it holds resume points: its parameters then lie in spill locals, not on the stack. */
  readonly construct: Construct | null;
  /** Operand height below its parameters. */
  readonly height: number;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** What the parts of one function's translation work on. */
export interface Unit {
  readonly lowering: Lowering;
  /** The function of the source. */
  readonly index: FuncIdx;
  /** Its code. */
  readonly body: Expr;
  readonly points: Points;
  readonly part: Part;
  readonly asm: Asm;
  readonly operands: Operands;
  readonly resumes: ResumePoints;
  /** The locals that some resume point needs. */
  readonly saved: Set<number>;
  /** Null: the function does not count what room is left on the native stack. */
  readonly counted: Counted | null;
  /** A local of the translation's own, made when it is first asked for. */
  temp(name: string, type: ValType): LocalIdx;
}

/** Translates the constructs of one function: their starts and ends, and branches back to loops that poll there. */
export class Constructs {
  readonly #unit: Unit;
  readonly #frames: Frame[] = [];

  constructor(unit: Unit) {
    this.#unit = unit;
  }

  /** Opens the function's body; results are those of the function. */
  begin(results: readonly ValType[]): void {
    const { asm, points } = this.#unit;
    const { count, root } = points;
    const label = count > 0 ? asm.open('block', this.#blockType([], results)) : { level: -1 };
    this.#frames.push({ label, op: 'block', construct: root, height: 0, params: [], results });
    this.#openArm(root.items, root.startsWithFirst);
  }

  #blockType(params: readonly ValType[], results: readonly ValType[]): BlockType {
    if (params.length === 0 && results.length === 0) return EMPTY;
    if (params.length === 0 && results.length === 1) return { kind: 'value', type: results[0] as ValType };
    return { kind: 'type', type: this.#unit.lowering.build.funcType(params, results) };
  }

  /** The label of the construct that a branch of this depth leads to. */
  labelOf(index: number): Label {
    return (this.#frames[this.#frames.length - 1 - index] as Frame).label;
  }

  /** Opens an arm of a construct: the labels of its items, and a yield point that is its first. */
  #openArm(items: readonly Item[], startsWithFirst: boolean): void {
    this.#unit.resumes.openItems(items, startsWithFirst, (item) => this.#needsJoin(item));
    const [first] = items;
    if (first?.kind === 'point' && first.poll === 'start' && first.place === null) this.pollHere(first);
  }

  /** Emits a yield point that runs where it stands. */
  pollHere(point: Point): void {
    for (const local of this.#unit.operands.localsBelow(this.#unit.operands.height)) this.#unit.saved.add(local);
    if (point.index < 0) this.#unit.resumes.pollEntry(point, this.#unit.counted, this.#cost(point, -1));
    else this.#poll(point, -1);
    this.#unit.resumes.reenter(point);
  }

  /** Emits a poll; `at` is the offset of the branch it stands before, if it does. */
  #poll(point: Point, at: number): void {
    this.#unit.resumes.poll(point, this.#cost(point, at));
  }

  #cost(point: Point, at: number): PollCost {
    const { lowering, index, body } = this.#unit;
    return lowering.yields?.points.cost(index, at, body[point.index]?.at ?? -1) ?? 1;
  }

  /** The yield point at a branch, where it goes back to a loop that polls there. */
  #backOf(label: number): Point | null {
    const frame = this.#frames[this.#frames.length - 1 - label];
    return frame?.op === 'loop' ? (frame.construct?.back ?? null) : null;
  }

  /** Emits a branch back to loops that poll there; false where the instruction is none. */
  branchBack(instr: Instr): boolean {
    if (instr.op === 'br' || instr.op === 'br_if') {
      const point = this.#backOf(instr.label);
      if (point === null) return false;
      this.#unit.operands.flush();
      const { label } = this.#frames[this.#frames.length - 1 - instr.label] as Frame;
      if (instr.op === 'br_if') this.#unit.asm.open('if');
      this.#poll(point, instr.at);
      this.#unit.asm.br(label);
      if (instr.op === 'br_if') this.#unit.asm.close();
      return true;
    }
    if (instr.op !== 'br_table') return false;
    const backs = new Map<number, Point>();
    for (const label of instr.labels) {
      const point = this.#backOf(label);
      if (point !== null) backs.set(label, point);
    }
    if (backs.size === 0) return false;
    // Such a loop takes no operands, so none of the labels does, and the index alone has to come into the blocks.
    this.#unit.operands.flush();
    const index = this.#unit.temp('condition', 'i32');
    this.#unit.asm.set(index);
    const polled = new Map([...backs.keys()].map((label) => [label, this.#unit.asm.open('block')]));
    this.#unit.asm.get(index).brTable(instr.labels.map((label) => polled.get(label) ?? this.labelOf(label)));
    for (const [label, point] of [...backs].reverse()) {
      this.#unit.asm.close();
      this.#poll(point, instr.at);
      this.#unit.asm.br(this.labelOf(label));
    }
    return true;
  }

  #needsJoin(item: Item): boolean {
    if (item.kind === 'construct') return false;
    if (item.poll !== null) return item.catches;
    const instr = this.#unit.body[item.index] as Instr;
    switch (instr.op) {
      case 'suspend':
      case 'switch':
        return false;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        return item.catches || instr.handlers.some((handler) => handler.kind === 'label');
      default:
        return item.catches || this.#callResults(instr).length > 0;
    }
  }

  #callResults(instr: Instr): readonly ValType[] {
    const { build } = this.#unit.lowering;
    switch (instr.op) {
      case 'call':
        return build.signature(this.#unit.lowering.typeOf(instr.func)).results;
      case 'call_ref':
      case 'call_indirect':
        return build.signature(instr.type).results;
      default:
        return [];
    }
  }

  /** Emits the start of a construct. */
  open(instr: Instr & { readonly block: BlockType }, index: number, state: WalkState): void {
    const { build } = this.#unit.lowering;
    const control = state.controls.at(-1);
    if (control === undefined) throw new RangeError('no construct open');
    const params = build.vals(control.params);
    const results = build.vals(control.results);
    const { height } = control;
    const item = this.#unit.points.at.get(index);
    const construct = item?.kind === 'construct' ? item : null;
    const asm = this.#unit.asm;
    if (construct === null) {
      this.#unit.operands.flush();
      if (instr.op === 'if') this.#unit.operands.truncate(height + params.length);
      const label = this.#emitOpen(instr, this.#blockType(params, results), null);
      this.#push({ label, op: instr.op, construct, height, params, results });
      return;
    }
    let condition: LocalIdx | null = null;
    if (instr.op === 'if') {
      condition = this.#unit.temp('condition', 'i32');
      this.#unit.operands.emitTop();
      asm.set(condition);
    }
    this.#unit.operands.spillAll(height);
    this.#unit.operands.retype(height, params);
    for (const local of this.#unit.operands.localsBelow(height)) this.#unit.saved.add(local);
    if (construct.back !== null) this.#unit.resumes.reenter(construct.back);
    this.#unit.resumes.arrive(construct);
    const carried = instr.op === 'loop' ? params : [];
    this.#unit.operands.getSpilled(height, carried, (type) => this.#unit.lowering.stubs.dummies.of(type));
    const label = this.#emitOpen(instr, this.#blockType(carried, results), this.#armChoice(construct, condition));
    if (instr.op === 'loop') this.#unit.operands.setSpilled(height, params);
    this.#push({ label, op: instr.op, construct, height, params, results });
    this.#openArm(construct.items.slice(0, construct.elseFrom), construct.startsWithFirst);
  }

  #push(frame: Frame): void {
    this.#frames.push(frame);
    this.#unit.operands.floor = frame.height;
  }

  /** The condition of an `if` that re-entry passes through: the arm that holds the resume point, or the source's. */
  #armChoice(construct: Construct, condition: LocalIdx | null): (() => void) | null {
    if (condition === null) return null;
    return () => {
      const asm = this.#unit.asm;
      if (this.#unit.part.kind === 'first') {
        asm.get(condition);
        return;
      }
      const firstElse = construct.items[construct.elseFrom];
      if (firstElse === undefined) asm.i32(1);
      else if (construct.elseFrom === 0) asm.i32(0);
      else asm.get(this.#unit.resumes.point).i32(range(firstElse)[0]).do('i32.lt_u');
      asm.get(condition).get(this.#unit.resumes.point).do('select');
    };
  }

  #emitOpen(instr: Instr & { readonly block: BlockType }, block: BlockType, choice: (() => void) | null): Label {
    switch (instr.op) {
      case 'try_table':
        return this.#unit.asm.openTry(
          block,
          this.#unit.lowering.catches(instr.catches, (index) => this.labelOf(index)),
        );
      case 'block':
      case 'loop':
      case 'if':
        choice?.();
        return this.#unit.asm.open(instr.op, block);
      default:
        throw new RangeError(`${instr.op} opens no block here`);
    }
  }

  /** `isLive`: the arm's end can be reached. */
  else(isLive: boolean): void {
    const frame = this.#frames.at(-1) as Frame;
    if (isLive) this.#unit.operands.flush();
    this.#unit.asm.else();
    this.#unit.operands.truncate(frame.height);
    if (frame.construct === null) this.#unit.operands.pushed(frame.params);
    else {
      this.#unit.operands.pushSpilled(frame.params);
      this.#openArm(frame.construct.items.slice(frame.construct.elseFrom), false);
    }
  }

  /** `isLive`: its end can be reached. */
  end(isLive: boolean): void {
    const frame = this.#frames.pop() as Frame;
    if (isLive) this.#unit.operands.flush();
    if (frame.op === 'if' && frame.construct !== null && frame.construct.elseFrom === Infinity)
      this.#missingElse(frame);
    this.#unit.asm.close();
    this.#unit.operands.truncate(frame.height);
    this.#unit.operands.floor = (this.#frames.at(-1) as Frame).height;
    this.pushResults(frame.height, frame.results);
  }

  /** An `if` without `else` hands on its parameters, which here are not on the stack. */
  #missingElse(frame: Frame): void {
    if (frame.params.length === 0) return;
    this.#unit.asm.else();
    this.#unit.operands.truncate(frame.height);
    this.#unit.operands.pushSpilled(frame.params);
    this.#unit.operands.flush();
  }

  /** Takes results that are on the real stack; they cannot stay there above operands that are not. */
  pushResults(height: number, results: readonly ValType[]): void {
    if (!this.#unit.operands.deferredBelow(height)) {
      this.#unit.operands.pushed(results);
      return;
    }
    this.#unit.operands.setSpilled(height, results);
    this.#unit.operands.pushSpilled(results);
  }
}
