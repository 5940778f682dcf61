import type { BlockType } from '../../binary/immediates.ts';
import type { Expr } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { LabelIdx } from '../../binary/types.ts';
import { EMPTY, made } from '../../lower/asm.ts';
import { leaves, opens } from './points.ts';

/** Deeper nests are left alone, and so is what else would take long or nest deeply. */
const MAX_NESTING = 500;
const MAX_TAKEN = 100;
const STEPS_PER_INSTRUCTION = 32;

interface Leaf {
  readonly instr: Instr;
  readonly index: number;
  /** Where its labels lead, in the order in which `labelsOf` has them. */
  readonly targets: readonly Nest[];
}

/** A construct; the function's body is one as well. */
interface Nest {
  readonly open: Instr;
  /** Index of its `end`. */
  end: number;
  readonly targets: readonly Nest[];
  readonly arms: Node[][];
  /** Code taken out of this loop, and the blocks at whose ends that goes. */
  readonly taken: { readonly block: Nest; readonly code: readonly Node[] }[];
}
type Node = Leaf | Nest;

const isNest = (node: Node): node is Nest => 'arms' in node;

export interface ExitTest {
  /** Whether a function may be re-entered at an instruction, or at the yield point of a loop. */
  isPoint(instr: Instr): boolean;
  /** How many operands of the innermost construct are on the stack after an instruction, by index. */
  heights(): readonly number[];
}

/**
 * Moves code that leaves a loop for good, and holds resume points, to behind the loop: `loop … (call $f) (return) … end` becomes
 * `block … loop … br … end … end (call $f) (return)`. A loop that holds no resume point has no test of one.
 *
 * @returns the body itself where there is no such code
 */
export function takeExitsOutOfLoops(body: Expr, test: ExitTest): Expr {
  if (!body.some(({ op }) => op === 'loop')) return body;
  const root = parse(body);
  if (root === null) return body;
  const mover = new Mover(test, STEPS_PER_INSTRUCTION * body.length);
  mover.list(root.arms[0] as Node[], [root], 0);
  return mover.moved ? flatten(root, body) : body;
}

function labelsOf(instr: Instr): readonly number[] {
  switch (instr.op) {
    case 'br_table':
      return instr.labels;
    case 'br':
    case 'br_if':
    case 'br_on_null':
    case 'br_on_non_null':
      return [instr.label];
    case 'br_on_cast':
    case 'br_on_cast_fail':
      return [instr.cast.label];
    case 'try_table':
      return instr.catches.map(({ label }) => label);
    case 'resume':
    case 'resume_throw':
    case 'resume_throw_ref':
      return instr.handlers.flatMap((handler) => (handler.kind === 'label' ? [handler.label] : []));
    default:
      return NO_LABELS;
  }
}
const NO_LABELS: readonly number[] = [];
const NO_TARGETS: readonly Nest[] = [];

function relabel(instr: Instr, labels: readonly LabelIdx[]): Instr {
  const [first = 0 as LabelIdx] = labels;
  if ('labels' in instr) return { ...instr, labels };
  if ('label' in instr) return { ...instr, label: first } as Instr;
  if ('cast' in instr) return { ...instr, cast: { ...instr.cast, label: first } };
  if ('catches' in instr)
    return { ...instr, catches: instr.catches.map((clause, at) => ({ ...clause, label: labels[at] ?? first })) };
  if ('handlers' in instr) {
    let next = 0;
    const handlers = instr.handlers.map((handler) =>
      handler.kind === 'label' ? { ...handler, label: labels[next++] ?? first } : handler,
    );
    return { ...instr, handlers } as Instr;
  }
  return instr;
}

function nest(open: Instr, targets: readonly Nest[] = []): Nest {
  return { open, end: -1, targets, arms: [[]], taken: [] };
}

/** Null: it nests too deeply. */
function parse(body: Expr): Nest | null {
  const root = nest(made('block', { block: EMPTY }));
  const open = [root];
  let top = root;
  let list = root.arms[0] as Node[];
  for (let index = 0; index < body.length; index++) {
    const instr = body[index] as Instr;
    if (instr.op === 'end') {
      top.end = index;
      open.pop();
      top = open[open.length - 1] as Nest;
      list = top?.arms[top.arms.length - 1] as Node[];
      continue;
    }
    if (instr.op === 'else') {
      list = [];
      top.arms.push(list);
      continue;
    }
    const labels = labelsOf(instr);
    const targets = labels.length === 0 ? NO_TARGETS : labels.map((label) => open[open.length - 1 - label] as Nest);
    if (opens(instr.op)) {
      top = nest(instr, targets);
      list.push(top);
      list = top.arms[0] as Node[];
      open.push(top);
      if (open.length > MAX_NESTING) return null;
    } else list.push({ instr, index, targets });
  }
  return root;
}

class Mover {
  moved = false;
  readonly #test: ExitTest;
  #steps: number;

  constructor(test: ExitTest, steps: number) {
    this.#test = test;
    this.#steps = steps;
  }

  /** `around`: the constructs around a list, outermost first; the first `fixed` of its nodes stay. */
  list(list: Node[], around: Nest[], fixed: number): void {
    const end = list.findIndex((node) => !isNest(node) && leaves(node.instr.op));
    if (end >= fixed) this.#take(list, end, around);
    for (const node of list) {
      if (!isNest(node)) continue;
      around.push(node);
      for (const arm of node.arms) this.list(arm, around, 0);
      around.pop();
    }
  }

  #take(list: Node[], end: number, around: readonly Nest[]): void {
    const level = this.#loopToLeave(list[end] as Leaf, around);
    const loop = around[level];
    if (loop === undefined || loop.taken.length === MAX_TAKEN) return;
    const inside = new Set(around.slice(level));
    let start = end;
    while (start > 0 && !this.#leadsInto(list[start - 1] as Node, inside)) start--;
    while (start <= end && !this.#isEmptyBefore(list, start, around.at(-1) as Nest)) start++;
    const code = list.slice(start, end + 1);
    if (!code.some((node) => this.#hasPoint(node))) return;
    const block = nest(made('block', { block: EMPTY }));
    loop.taken.push({ block, code });
    const leave: Leaf = {
      instr: made('br', { label: 0 as LabelIdx }, offsetOf(code[0] as Node)),
      index: -1,
      targets: [block],
    };
    list.splice(start, code.length, leave);
    this.moved = true;
    this.list(code, around.slice(0, level), code.length);
  }

  /** The outermost loop, by its place, that an instruction and all before it leave without an exception being caught elsewhere; or -1. */
  #loopToLeave(leaf: Leaf, around: readonly Nest[]): number {
    let found = -1;
    for (let level = around.length - 1; level >= 0; level--) {
      const construct = around[level] as Nest;
      if (construct.open.op === 'try_table' || leaf.targets.includes(construct)) break;
      if (construct.open.op === 'loop' && 'block' in construct.open && construct.open.block.kind !== 'type')
        found = level;
    }
    return found;
  }

  /** Whether no operand of the list's construct is on the stack before a node. */
  #isEmptyBefore(list: readonly Node[], at: number, construct: Nest): boolean {
    const before = list[at - 1];
    if (before === undefined) return 'block' in construct.open && construct.open.block.kind !== 'type';
    return this.#test.heights()[isNest(before) ? before.end : before.index] === 0;
  }

  #hasPoint(node: Node): boolean {
    if (--this.#steps < 0) return false;
    if (!isNest(node)) return this.#test.isPoint(node.instr);
    return this.#test.isPoint(node.open) || node.arms.some((arm) => arm.some((inner) => this.#hasPoint(inner)));
  }

  #leadsInto(node: Node, constructs: ReadonlySet<Nest>): boolean {
    if (--this.#steps < 0 || node.targets.some((target) => constructs.has(target))) return true;
    return isNest(node) && node.arms.some((arm) => arm.some((inner) => this.#leadsInto(inner, constructs)));
  }
}

const offsetOf = (node: Node): number => (isNest(node) ? node.open.at : node.instr.at);

function flatten(root: Nest, body: Expr): Instr[] {
  const out: Instr[] = [];
  const levels = new Map<Nest, number>();
  const labels = (targets: readonly Nest[]): LabelIdx[] =>
    targets.map((target) => (levels.size - 1 - (levels.get(target) ?? 0)) as LabelIdx);
  const within = (construct: Nest, emit: () => void): void => {
    levels.set(construct, levels.size);
    emit();
    levels.delete(construct);
  };
  const list = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      if (isNest(node)) construct(node);
      else out.push(node.targets.length === 0 ? node.instr : relabel(node.instr, labels(node.targets)));
    }
  };
  const construct = (node: Nest): void => {
    if (node.taken.length === 0) {
      plain(node);
      return;
    }
    const type: BlockType = 'block' in node.open ? node.open.block : EMPTY;
    const join = nest(made('block', { block: type }, node.open.at));
    out.push(join.open);
    within(join, () => around(node, join, node.taken.length));
    out.push(body[node.end] as Instr);
  };
  /** A loop and the first `count` of what was taken out of it. */
  const around = (loop: Nest, join: Nest, count: number): void => {
    const taken = loop.taken[count - 1];
    if (taken === undefined) {
      plain(loop);
      out.push(made('br', { label: (levels.size - 1 - (levels.get(join) ?? 0)) as LabelIdx }, loop.open.at));
      return;
    }
    out.push(taken.block.open);
    within(taken.block, () => around(loop, join, count - 1));
    out.push(body[loop.end] as Instr);
    list(taken.code);
  };
  const plain = (node: Nest): void => {
    out.push(node.targets.length === 0 ? node.open : relabel(node.open, labels(node.targets)));
    within(node, () => {
      node.arms.forEach((arm, at) => {
        if (at > 0) out.push(made('else', {}));
        list(arm);
      });
    });
    out.push(body[node.end] as Instr);
  };
  within(root, () => list(root.arms[0] as Node[]));
  if (root.end >= 0) out.push(body[root.end] as Instr);
  return out;
}
