import type { Expr } from '../../binary/module.ts';
import { type Instr, type OpName, opcodeOf } from '../../binary/opcodes.ts';

/**
 * Where the poll at a function's entry stands, as the index of the instruction that it is before: behind the tests that let the function
 * return without a call, as half of the activations of a recursion on a tree do. `from` is where it could stand first, behind the
 * blocks that the body starts with; the operand stack is empty there and at the place found.
 */
export function entryPlace(body: Expr, from: number): number {
  const last = body.findLastIndex(({ op }) => GOES_ON.has(op) || op.startsWith('resume'));
  const ends = endsOf(body, from);
  let place = from;
  let height = 0;
  for (let index = from; index < body.length; index++) {
    const instr = body[index] as Instr;
    if (instr.op === 'br_if') {
      const end = instr.label < from ? ends[from - 1 - instr.label] : undefined;
      const block = body[from - 1 - instr.label];
      if (end === undefined || end < last || height !== 1) return place;
      if (block === undefined || !('block' in block) || block.block.kind !== 'empty') return place;
      height = 0;
      place = index + 1;
    } else if (instr.op === 'if') {
      const end = height === 1 && instr.block.kind === 'empty' ? returningEnd(body, index) : null;
      if (end === null) return place;
      height = 0;
      index = end;
      place = end + 1;
    } else {
      const effect = effectOf(instr.op);
      if (effect === null) return place;
      height += effect;
    }
  }
  return place;
}

/** What may run code of this function's module or not end: such code must not be reached past the poll. */
const GOES_ON: ReadonlySet<OpName> = new Set([
  'loop',
  'call',
  'call_ref',
  'call_indirect',
  'return_call',
  'return_call_ref',
  'return_call_indirect',
  'suspend',
  'switch',
]);

/** Where the blocks that a body starts with end; one that is not closed ends with the body. */
function endsOf(body: Expr, count: number): number[] {
  const ends: number[] = [];
  let open = 0;
  body.forEach((instr, index) => {
    if ('block' in instr) open++;
    else if (instr.op === 'end') {
      open--;
      if (open < count) ends[open] ??= index;
    }
  });
  return ends;
}

/** The `end` of an `if` without `else` that only returns; null: it does more. */
function returningEnd(body: Expr, start: number): number | null {
  for (let index = start + 1; index < body.length; index++) {
    const { op } = body[index] as Instr;
    if (op === 'return') return body[index + 1]?.op === 'end' ? index + 1 : null;
    if (effectOf(op) === null) return null;
  }
  return null;
}

/** By how much an instruction that only computes raises the operand stack; null: it does more than that. */
function effectOf(op: OpName): number | null {
  switch (op) {
    case 'nop':
    case 'local.tee':
      return 0;
    case 'local.get':
    case 'global.get':
      return 1;
    case 'local.set':
    case 'drop':
      return -1;
    case 'select':
      return -2;
    default: {
      const { signature, prefix } = opcodeOf(op);
      if (signature === null || prefix === THREADS || op === 'unreachable' || op.startsWith('memory.')) return null;
      if (signature.results.length !== 1) return null;
      return 1 - signature.params.length;
    }
  }
}
const THREADS = 0xfe;
