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

/**
 * The loops of a body, by the index of their `loop`, that provably run a small constant number of times and call nothing. Known
 * as such are loops that count in a local, from a constant on, up to one branch back.
 */
export function boundedLoops(body: Expr): ReadonlySet<number> {
  const result = new Set<number>();
  const ends = matching(body);
  const open: { readonly end: number; readonly trips: number }[] = [];
  body.forEach((instr, index) => {
    if (instr.op !== 'loop') return;
    while (open.length > 0 && (open.at(-1)?.end ?? 0) < index) open.pop();
    const around = open.at(-1)?.trips ?? 1;
    const end = ends.get(index) ?? body.length;
    const trips = tripsOf(body, ends, index, end);
    const bounded = trips !== null && around * trips <= MAX_NESTED;
    if (bounded) result.add(index);
    open.push({ end, trips: bounded ? around * trips : 1 });
  });
  return result;
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

function tripsOf(body: Expr, ends: ReadonlyMap<number, number>, start: number, end: number): number | null {
  const back = onlyBranchBack(body, start, end);
  if (back === null) return null;
  const condition = conditionBefore(body, start, back);
  if (condition === null) return null;
  const { counter, from } = condition;
  for (let index = start; index < end; index++) {
    if ((index < from || index >= back) && assigns(body[index] as Instr, counter)) return null;
  }
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

/** The one branch that starts a loop over, a `br_if` of its own level; null: there are others, or it calls something. */
function onlyBranchBack(body: Expr, start: number, end: number): number | null {
  let found: number | null = null;
  let depth = 0;
  for (let index = start + 1; index < end; index++) {
    const instr = body[index] as Instr;
    if ('block' in instr) {
      if (instr.op === 'try_table' && instr.catches.some(({ label }) => label === depth)) return null;
      depth++;
    } else if (instr.op === 'end') depth--;
    else if (CALLS.has(instr.op)) return null;
    else if ('labels' in instr) {
      if (instr.labels.some((label) => label === depth)) return null;
    } else if ('cast' in instr) {
      if (instr.cast.label === depth) return null;
    } else if ('label' in instr && instr.label === depth) {
      if (instr.op !== 'br_if' || depth !== 0 || found !== null) return null;
      found = index;
    }
  }
  return found;
}

const CALLS: ReadonlySet<string> = new Set([
  'call',
  'call_ref',
  'call_indirect',
  'suspend',
  'switch',
  'resume',
  'resume_throw',
  'resume_throw_ref',
]);

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
