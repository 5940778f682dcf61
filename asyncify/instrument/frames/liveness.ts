import type { Expr } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { LabelIdx } from '../../binary/types.ts';
import { opens } from './points.ts';

/** Beyond this many word operations every local counts as live: frames get larger, transforming stays fast. */
const BUDGET = 200_000_000;
const MAX_PASSES = 12;

type Bits = Uint32Array;

interface Frame {
  /** Live where a branch to this construct's label goes. */
  readonly label: Bits;
  /** Live at the construct's end. */
  readonly end: Bits;
  /** Live at the start of the `else` arm. */
  elseStart: Bits | null;
  /** Live at the handlers of the `try_table`s around the body. */
  readonly handlers: Bits | null;
}

/** Whether an instruction is a resume point, and whether the construct it opens (-1: the function) starts with one. */
export interface PointTest {
  isPoint(index: number): boolean;
  isPolled(index: number): boolean;
  /** The instruction that the function's own yield point is before. */
  readonly entry: number;
}

/** The locals that are live at one resume point at least: those a frame has to save. */
export function liveAtPoints(body: Expr, locals: number, points: PointTest): Set<number> {
  if (locals === 0) return new Set();
  const words = (locals + 31) >>> 5;
  const all = (): Set<number> => new Set(Array.from({ length: locals }, (_, index) => index));
  if (words * body.length > BUDGET) return all();
  const openers = matchEnds(body);
  const loops = new Map<number, Bits>();
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const walk = new Backward(body, words, openers, loops, points);
    if (!walk.run()) return walk.result();
  }
  return all();
}

/** For every `end` the index of the instruction it closes. */
function matchEnds(body: Expr): Map<number, number> {
  const result = new Map<number, number>();
  const stack: number[] = [];
  body.forEach((instr, index) => {
    if (opens(instr.op)) stack.push(index);
    else if (instr.op === 'end') result.set(index, stack.pop() ?? -1);
  });
  return result;
}

class Backward {
  readonly #body: Expr;
  readonly #words: number;
  readonly #openers: ReadonlyMap<number, number>;
  readonly #loops: Map<number, Bits>;
  readonly #points: PointTest;
  readonly #saved: Bits;
  readonly #frames: Frame[] = [];
  #live: Bits;
  #changed = false;

  constructor(
    body: Expr,
    words: number,
    openers: ReadonlyMap<number, number>,
    loops: Map<number, Bits>,
    points: PointTest,
  ) {
    this.#body = body;
    this.#words = words;
    this.#openers = openers;
    this.#loops = loops;
    this.#points = points;
    this.#saved = new Uint32Array(words);
    this.#live = new Uint32Array(words);
    this.#frames.push({ label: this.#none(), end: this.#none(), elseStart: null, handlers: null });
  }

  /** One pass from the end to the start; true where a loop's head has more live than the pass before assumed. */
  run(): boolean {
    const { entry } = this.#points;
    const polled = this.#points.isPolled(-1);
    for (let index = this.#body.length - 1; index >= 0; index--) {
      this.#step(this.#body[index] as Instr, index);
      if (polled && index === entry) this.#save();
    }
    if (polled && entry >= this.#body.length) this.#save();
    return this.#changed;
  }

  result(): Set<number> {
    const result = new Set<number>();
    this.#saved.forEach((word, at) => {
      for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) result.add(at * 32 + bit);
    });
    return result;
  }

  #none(): Bits {
    return new Uint32Array(this.#words);
  }
  #top(): Frame {
    return this.#frames.at(-1) as Frame;
  }
  #label(label: LabelIdx): Bits {
    return (this.#frames[this.#frames.length - 1 - label] as Frame).label;
  }
  #add(bits: Bits | null): void {
    if (bits !== null)
      for (let at = 0; at < this.#words; at++) this.#live[at] = (this.#live[at] ?? 0) | (bits[at] ?? 0);
  }

  #open(index: number): void {
    const opener = this.#body[this.#openers.get(index) ?? -1];
    const end = this.#live.slice();
    let handlers = this.#top().handlers;
    if (opener?.op === 'try_table') {
      const merged = handlers?.slice() ?? this.#none();
      for (const clause of opener.catches) {
        const target = this.#label(clause.label);
        for (let at = 0; at < this.#words; at++) merged[at] = (merged[at] ?? 0) | (target[at] ?? 0);
      }
      handlers = merged;
    }
    const label = opener?.op === 'loop' ? (this.#loops.get(this.#openers.get(index) ?? -1) ?? this.#none()) : end;
    this.#frames.push({ label, end, elseStart: null, handlers });
  }

  #closeLoop(index: number): void {
    const known = this.#loops.get(index);
    if (known?.every((word, at) => ((this.#live[at] ?? 0) & ~word) === 0)) return;
    this.#loops.set(index, this.#live.slice());
    this.#changed = true;
  }

  #step(instr: Instr, index: number): void {
    const point = this.#points.isPoint(index);
    switch (instr.op) {
      case 'end':
        this.#open(index);
        return;
      case 'else': {
        const frame = this.#top();
        frame.elseStart = this.#live;
        this.#live = frame.end.slice();
        return;
      }
      case 'if': {
        const frame = this.#frames.pop() as Frame;
        this.#add(frame.elseStart ?? frame.end);
        return;
      }
      case 'loop':
        this.#frames.pop();
        if (this.#points.isPolled(index)) this.#save();
        this.#closeLoop(index);
        return;
      case 'block':
      case 'try_table':
        this.#frames.pop();
        return;
      case 'br':
        this.#live = this.#label(instr.label).slice();
        return;
      case 'br_if':
      case 'br_on_null':
      case 'br_on_non_null':
        this.#add(this.#label(instr.label));
        return;
      case 'br_on_cast':
      case 'br_on_cast_fail':
        this.#add(this.#label(instr.cast.label));
        return;
      case 'br_table':
        this.#live = this.#none();
        for (const label of instr.labels) this.#add(this.#label(label));
        return;
      case 'return':
      case 'unreachable':
        this.#live = this.#none();
        return;
      case 'return_call':
      case 'return_call_ref':
      case 'return_call_indirect':
        this.#live = this.#none();
        return;
      case 'throw':
      case 'throw_ref':
        this.#live = this.#none();
        this.#add(this.#top().handlers);
        return;
      case 'local.get':
        this.#setBit(instr.local, true);
        return;
      case 'local.set':
      case 'local.tee':
        this.#setBit(instr.local, false);
        // An exception may leave the body before the next assignment does.
        this.#add(this.#top().handlers);
        return;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        for (const handler of instr.handlers) if (handler.kind === 'label') this.#add(this.#label(handler.label));
        this.#call(point);
        return;
      case 'call':
      case 'call_ref':
      case 'call_indirect':
      case 'suspend':
      case 'switch':
        this.#call(point);
        return;
      default:
    }
  }

  #call(point: boolean): void {
    this.#add(this.#top().handlers);
    if (point) this.#save();
  }

  #save(): void {
    for (let at = 0; at < this.#words; at++) this.#saved[at] = (this.#saved[at] ?? 0) | (this.#live[at] ?? 0);
  }

  #setBit(local: number, live: boolean): void {
    const at = local >>> 5;
    const word = this.#live[at] ?? 0;
    this.#live[at] = live ? word | (1 << (local & 31)) : word & ~(1 << (local & 31));
  }
}
