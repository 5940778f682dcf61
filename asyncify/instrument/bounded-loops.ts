import type { Expr } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { LocalIdx } from '../binary/types.ts';

/** A loop that runs more often counts as long. */
const MAX_TRIPS = 64;
/** The same for loops in each other, in all. */
const MAX_NESTED = 1024;
/** How far before a loop its counter's start, and before a branch back its condition, is looked for. */
const WINDOW = 64;
const CONDITION = 12;

const NO_BOUNDS: ReadonlyMap<number, number> = new Map();

/**
 * The loops of a body, by the index of their `loop`, that provably run a small constant number of times and call nothing, and that
 * number. Known as such are loops that count in a local, from a constant on, up to one branch back.
 */
export function boundedLoops(body: Expr): ReadonlyMap<number, number> {
  const backs = onlyBranchesBack(body);
  if (backs.size === 0) return NO_BOUNDS;
  const result = new Map<number, number>();
  const ends = matching(body);
  const assignments = new Assignments(body);
  const open: { readonly end: number; readonly trips: number }[] = [];
  body.forEach((instr, index) => {
    if (instr.op !== 'loop') return;
    while (open.length > 0 && (open.at(-1)?.end ?? 0) < index) open.pop();
    const around = open.at(-1)?.trips ?? 1;
    const end = ends.get(index) ?? body.length;
    const trips = tripsOf(body, ends, assignments, { start: index, back: backs.get(index) ?? null, end });
    const bounded = trips !== null && around * trips <= MAX_NESTED;
    if (bounded) result.set(index, trips);
    open.push({ end, trips: bounded ? around * trips : 1 });
  });
  return result;
}

/** Where locals are assigned. Loops in each other would read the same code again and again. */
class Assignments {
  readonly #places = new Map<LocalIdx, number[]>();

  constructor(body: Expr) {
    body.forEach((instr, index) => {
      if (instr.op !== 'local.set' && instr.op !== 'local.tee') return;
      const places = this.#places.get(instr.local);
      if (places === undefined) this.#places.set(instr.local, [index]);
      else places.push(index);
    });
  }

  /** Whether a local is assigned from one place up to another. */
  within(local: LocalIdx, from: number, to: number): boolean {
    const places = this.#places.get(local) ?? [];
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle] as number) < from) low = middle + 1;
      else high = middle;
    }
    return low < places.length && (places[low] as number) < to;
  }
}

/** Where each construct ends, by where it is opened, and the other way round. */
function matching(body: Expr): ReadonlyMap<number, number> {
  const result = new Map<number, number>();
  const open: number[] = [];
  body.forEach((instr, index) => {
    if ('block' in instr) open.push(index);
    else if (instr.op === 'end') {
      const start = open.pop();
      if (start === undefined) return;
      result.set(start, index);
      result.set(index, start);
    }
  });
  return result;
}

function tripsOf(
  body: Expr,
  ends: ReadonlyMap<number, number>,
  assignments: Assignments,
  { start, back, end }: { readonly start: number; readonly back: number | null; readonly end: number },
): number | null {
  if (back === null) return null;
  const condition = conditionBefore(body, start, back);
  if (condition === null) return null;
  const { counter, from } = condition;
  if (assignments.within(counter, start, from) || assignments.within(counter, back, end)) return null;
  let value = startOf(body, ends, start, counter);
  if (value === null) return null;
  const code = body.slice(from, back);
  for (let trips = 1; trips <= MAX_TRIPS; trips++) {
    const step = run(code, value);
    if (step === null || step.condition === 0) return step === null ? null : trips;
    value = step.counter;
  }
  return null;
}

/**
 * For each loop that calls nothing and that one branch starts over, a `br_if` of its own level, that branch; one walk finds them for all
 * loops, as they can be nested deeply.
 */
function onlyBranchesBack(body: Expr): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const excluded = new Set<number>();
  const open: number[] = [];
  // Loops in these that are open: a call excludes them all, and each is excluded once.
  let loops: number[] = [];
  const branch = (label: number, simple: number | null): void => {
    const target = open[open.length - 1 - label];
    if (target === undefined || body[target]?.op !== 'loop') return;
    if (simple === null || label !== 0 || found.has(target)) excluded.add(target);
    else found.set(target, simple);
  };
  for (let index = 0; index < body.length; index++) {
    const instr = body[index] as Instr;
    switch (instr.op) {
      case 'try_table':
        for (const { label } of instr.catches) branch(label, null);
        open.push(index);
        break;
      case 'loop':
        loops.push(index);
        open.push(index);
        break;
      case 'block':
      case 'if':
      case 'try':
        open.push(index);
        break;
      case 'end': {
        const closed = open.pop();
        if (closed === loops.at(-1)) loops.pop();
        break;
      }
      case 'call':
      case 'call_ref':
      case 'call_indirect':
      case 'suspend':
      case 'switch':
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        for (const loop of loops) excluded.add(loop);
        loops = [];
        break;
      case 'br_table':
        for (const label of new Set(instr.labels)) branch(label, null);
        break;
      case 'br_on_cast':
      case 'br_on_cast_fail':
        branch(instr.cast.label, null);
        break;
      case 'br_if':
        branch(instr.label, index);
        break;
      case 'br':
      case 'br_on_null':
      case 'br_on_non_null':
      case 'rethrow':
      case 'delegate':
        branch(instr.label, null);
        break;
      default:
    }
  }
  for (const loop of excluded) found.delete(loop);
  return found;
}

const assigns = (instr: Instr, local: LocalIdx): boolean =>
  (instr.op === 'local.set' || instr.op === 'local.tee') && instr.local === local;

/** The shortest code before a branch that leaves a condition and works on one local and constants only. */
function conditionBefore(body: Expr, start: number, back: number): { counter: LocalIdx; from: number } | null {
  let counter: LocalIdx | null = null;
  let assigned = false;
  for (let from = back - 1; from > start && from >= back - CONDITION; from--) {
    const instr = body[from] as Instr;
    if ('local' in instr) {
      counter ??= instr.local;
      if (instr.local !== counter) return null;
      assigned ||= instr.op !== 'local.get';
    }
    if (counter === null || !assigned) continue;
    const done = run(body.slice(from, back), 0);
    if (done !== null) return { counter, from };
  }
  return null;
}

/** The constant that a local holds where a loop begins. */
function startOf(body: Expr, ends: ReadonlyMap<number, number>, loop: number, local: LocalIdx): number | null {
  for (let index = loop - 1; index > 0 && index >= loop - WINDOW; index--) {
    const instr = body[index] as Instr;
    if (assigns(instr, local)) {
      const value = body[index - 1] as Instr;
      return value.op === 'i32.const' ? value.i32 : null;
    }
    // Into a block or an arm there is one way only.
    if (instr.op === 'loop' || instr.op === 'else') return null;
    if (instr.op !== 'end') continue;
    const start = ends.get(index) ?? 0;
    if (start < loop - WINDOW) return null;
    for (let inner = start; inner < index; inner++) if (assigns(body[inner] as Instr, local)) return null;
    index = start;
  }
  return null;
}

/** Runs code without branches on one local; null where it is not of that kind, or leaves not exactly one value. */
function run(code: Expr, start: number): { readonly counter: number; readonly condition: number } | null {
  let counter = start;
  const stack: number[] = [];
  for (const instr of code) {
    if (instr.op === 'local.get') stack.push(counter);
    else if (instr.op === 'i32.const') stack.push(instr.i32);
    else if (instr.op === 'local.set' || instr.op === 'local.tee') {
      const value = stack.at(-1);
      if (value === undefined) return null;
      counter = value;
      if (instr.op === 'local.set') stack.pop();
    } else {
      const operation = OPERATIONS.get(instr.op);
      const right = stack.pop();
      const left = instr.op === 'i32.eqz' ? 0 : stack.pop();
      if (operation === undefined || left === undefined || right === undefined) return null;
      stack.push(operation(left, right));
    }
  }
  const [condition] = stack;
  return condition === undefined || stack.length !== 1 ? null : { counter, condition };
}

const OPERATIONS: ReadonlyMap<string, (left: number, right: number) => number> = new Map([
  ['i32.add', (left, right) => (left + right) | 0],
  ['i32.sub', (left, right) => (left - right) | 0],
  ['i32.and', (left, right) => left & right],
  ['i32.eqz', (_, value) => Number(value === 0)],
  ['i32.eq', (left, right) => Number(left === right)],
  ['i32.ne', (left, right) => Number(left !== right)],
  ['i32.lt_s', (left, right) => Number(left < right)],
  ['i32.le_s', (left, right) => Number(left <= right)],
  ['i32.gt_s', (left, right) => Number(left > right)],
  ['i32.ge_s', (left, right) => Number(left >= right)],
  ['i32.lt_u', (left, right) => Number(left >>> 0 < right >>> 0)],
  ['i32.le_u', (left, right) => Number(left >>> 0 <= right >>> 0)],
  ['i32.gt_u', (left, right) => Number(left >>> 0 > right >>> 0)],
  ['i32.ge_u', (left, right) => Number(left >>> 0 >= right >>> 0)],
]);
