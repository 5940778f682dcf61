import type { Expr } from '../../binary/module.ts';
import type { Instr, OpName } from '../../binary/opcodes.ts';
import { entryPlace } from './entry-place.ts';

/** A place where a function may be re-entered, or a construct that holds such places, in source order. */
export type Item = Point | Construct;

export interface Point {
  readonly kind: 'point';
  /** Index of the instruction in the body; of a yield point that of its `loop`, -1 at the function's entry. */
  readonly index: number;
  /**
   * Whether it is a yield point, and where it polls: before the first instruction of its construct, or at each branch back to
   * its loop. The latter resumes in front of the loop, so that the loop itself has no jump on the resume point.
   */
  readonly poll: 'start' | 'back' | null;
  /** For the yield point at the function's entry, where that is not the start of its construct: what instruction it is before. */
  readonly place: number | null;
  /** Number of the resume point, from 1. */
  readonly id: number;
  /** Whether a `try_table` of this function encloses it. */
  readonly catches: boolean;
  /** Whether the resume point may be tested again after a re-entry here, which therefore has to set it to 0. */
  resets: boolean;
}

export interface Construct {
  readonly kind: 'construct';
  readonly index: number;
  readonly op: OpName;
  readonly items: Item[];
  /** The yield point of a loop that polls at its branches back; an item of the construct around it. */
  back: Point | null;
  /** Its lowest and highest resume point. */
  low: number;
  high: number;
  /** Items from here on lie in the `else` arm. */
  elseFrom: number;
  /** Whether its first instruction opens the construct of its first item. */
  startsWithFirst: boolean;
}

export interface Points {
  readonly root: Construct;
  /** The items by the index of their (opening) instruction; yield points apart. */
  readonly at: ReadonlyMap<number, Item>;
  readonly polls: ReadonlyMap<number, Point>;
  readonly count: number;
}

const LEAVES: ReadonlySet<OpName> = new Set([
  'unreachable',
  'br',
  'br_table',
  'return',
  'return_call',
  'return_call_indirect',
  'return_call_ref',
  'throw',
  'throw_ref',
  'rethrow',
]);
const OPENS: ReadonlySet<OpName> = new Set(['block', 'loop', 'if', 'try_table']);

export function opens(op: OpName): boolean {
  return OPENS.has(op);
}

/** Whether the code after an instruction is dead. */
export function leaves(op: OpName): boolean {
  return LEAVES.has(op);
}

/** The lowest and highest resume point of an item. */
export function range(item: Item): [number, number] {
  return item.kind === 'point' ? [item.id, item.id] : [item.low, item.high];
}

function construct(index: number, op: OpName, low: number): Construct {
  return {
    kind: 'construct',
    index,
    op,
    items: [],
    back: null,
    low,
    high: low,
    elseFrom: Infinity,
    startsWithFirst: false,
  };
}

/** Finds a function's resume points and the constructs around them; dead code has none. */
export function findPoints(
  body: Expr,
  unwinds: (instr: Instr) => boolean,
  isPolled: (index: number) => boolean,
): Points {
  const at = new Map<number, Item>();
  const polls = new Map<number, Point>();
  const root = construct(-1, 'block', 1);
  const stack: { construct: Construct; tries: number; loops: number }[] = [{ construct: root, tries: 0, loops: 0 }];
  let count = 0;
  const all: Point[] = [];
  const newPoint = (index: number, poll: Point['poll'], catches: boolean, place: number | null = null): Point => {
    const resets = (stack.at(-1)?.loops ?? 0) > 0;
    const point: Point = { kind: 'point', index, poll, place, id: ++count, catches, resets };
    all.push(point);
    return point;
  };
  const poll = (polled: Construct, kind: 'start' | 'back', into: Construct, tries: number): void => {
    if (!isPolled(polled.index)) return;
    const point = newPoint(polled.index, kind, tries > 0);
    into.items.push(point);
    polls.set(polled.index, point);
    if (kind === 'back') polled.back = point;
  };
  const simple = simpleLoops(body);
  const start = leadingBlocks(body);
  const entry = isPolled(-1) ? entryPlace(body, start) : start;
  // Behind the blocks that the body starts with, so that one jump is enough for that point and theirs.
  const pollEntry = (into: Construct): void => {
    if (!isPolled(-1)) return;
    const point = newPoint(-1, 'start', false, entry === start ? null : entry);
    into.items.push(point);
    polls.set(-1, point);
  };
  if (entry === body.length) pollEntry(root);
  // Depth of constructs opened in dead code; -1: live.
  let dead = -1;
  body.forEach((instr, index) => {
    const { op } = instr;
    const top = stack.at(-1);
    if (top === undefined) throw new RangeError('unbalanced body');
    if (index === entry) pollEntry(top.construct);
    if (dead >= 0) {
      if (opens(op)) dead++;
      else if (op === 'end' && dead > 0) dead--;
      else if ((op === 'end' || op === 'else') && dead === 0) dead = -1;
      if (dead >= 0 || (op !== 'end' && op !== 'else')) return;
    }
    if (opens(op)) {
      const back = op === 'loop' && simple.has(index);
      const opened = construct(index, op, count + 1);
      const tries = top.tries + (op === 'try_table' ? 1 : 0);
      if (back) poll(opened, 'back', top.construct, tries);
      opened.low = count + 1;
      stack.push({ construct: opened, tries, loops: top.loops + (op === 'loop' ? 1 : 0) });
      if (op === 'loop' && !back) poll(opened, 'start', opened, tries);
    } else if (op === 'else') {
      top.construct.elseFrom = top.construct.items.length;
    } else if (op === 'end') {
      stack.pop();
      top.construct.high = count;
      const parent = stack.at(-1)?.construct;
      if (parent !== undefined && top.construct.items.length > 0) parent.items.push(top.construct);
      if (top.construct.items.length > 0 || top.construct.back !== null) at.set(top.construct.index, top.construct);
    } else if (LEAVES.has(op)) {
      dead = 0;
    } else if (unwinds(instr)) {
      const point = newPoint(index, null, top.tries > 0);
      top.construct.items.push(point);
      at.set(index, point);
    }
  });
  let last = -1;
  for (const item of at.values())
    if (item.kind === 'construct' && item.items.length > 0) last = Math.max(last, item.index);
  for (const point of all) point.resets ||= last >= point.index;
  for (const construct of [root, ...[...at.values()].filter((item) => item.kind === 'construct')]) {
    const first = construct.items[0];
    construct.startsWithFirst =
      first?.kind === 'construct' &&
      (first.op === 'block' || first.op === 'try_table') &&
      construct.op !== 'if' &&
      first.index === construct.index + 1;
  }
  return { root, at, polls, count };
}

/** How many blocks without parameters a body starts with; those that it ends in do not count. */
function leadingBlocks(body: Expr): number {
  let count = 0;
  for (const instr of body) {
    if (instr.op !== 'block' || instr.block.kind === 'type') break;
    count++;
  }
  return count;
}

/** Loops without parameters that only `br`, `br_if` and `br_table` start over. */
function simpleLoops(body: Expr): ReadonlySet<number> {
  const result = new Set<number>();
  const stack: number[] = [];
  const other = (label: number): void => {
    result.delete(stack[stack.length - 1 - label] ?? -1);
  };
  for (let index = 0; index < body.length; index++) {
    const instr = body[index] as Instr;
    switch (instr.op) {
      case 'loop':
        stack.push(index);
        if (instr.block.kind !== 'type') result.add(index);
        break;
      case 'try_table':
        stack.push(index);
        for (const clause of instr.catches) other(clause.label + 1);
        break;
      case 'block':
      case 'if':
        stack.push(index);
        break;
      case 'end':
        stack.pop();
        break;
      case 'br_on_cast':
      case 'br_on_cast_fail':
        other(instr.cast.label);
        break;
      case 'br_on_null':
      case 'br_on_non_null':
        other(instr.label);
        break;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        for (const handler of instr.handlers) if (handler.kind === 'label') other(handler.label);
        break;
      default:
    }
  }
  return result;
}
