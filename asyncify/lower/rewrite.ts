import type { BlockType, CastImmediate } from '../binary/immediates.ts';
import type { Instr, OpName } from '../binary/opcodes.ts';
import { OPCODES } from '../binary/opcodes.ts';
import type { Build } from './build.ts';

const TYPED = new Set(['type', 'type2', 'heap', 'cast', 'types', 'block']);
const typedOps: ReadonlySet<OpName> = new Set(
  OPCODES.filter((row) => row.immediates.some((name) => TYPED.has(name))).map((row) => row.name),
);

export function rewriteBlock(build: Build, block: BlockType): BlockType {
  switch (block.kind) {
    case 'empty':
      return block;
    case 'value':
      return { kind: 'value', type: build.val(block.type) };
    case 'type':
      return { kind: 'type', type: build.type(block.type) };
    default:
      return block satisfies never;
  }
}

/** The instruction with its types moved to the output's; functions, globals and labels are left as they are. */
export function rewriteTypes(build: Build, instr: Instr): Instr {
  if (!typedOps.has(instr.op)) return instr;
  const patch: {
    type?: unknown;
    type2?: unknown;
    heap?: unknown;
    cast?: CastImmediate;
    types?: unknown;
    block?: BlockType;
  } = {};
  if ('type' in instr) patch.type = build.type(instr.type);
  if ('type2' in instr) patch.type2 = build.type(instr.type2);
  if ('heap' in instr) patch.heap = build.heap(instr.heap);
  if ('cast' in instr) {
    const { label, from, to } = instr.cast;
    patch.cast = { label, from: build.ref(from), to: build.ref(to) };
  }
  if ('types' in instr) patch.types = build.vals(instr.types);
  if ('block' in instr) patch.block = rewriteBlock(build, instr.block);
  return { ...instr, ...patch } as Instr;
}
