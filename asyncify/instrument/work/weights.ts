import { type Instr, OPCODES, type OpName } from '../../binary/opcodes.ts';
import type { ModuleInfo } from '../../validate/index.ts';

/** What an instruction takes at most, in units of about a nanosecond; most take one or less. */
const WEIGHTS: ReadonlyMap<OpName, number> = new Map<OpName, number>([
  ['nop', 0],
  ['block', 0],
  ['loop', 0],
  ['else', 0],
  ['end', 0],
  ['try_table', 0],
  ...['div_s', 'div_u', 'rem_s', 'rem_u'].flatMap((name): [OpName, number][] => [
    [`i32.${name}` as OpName, 8],
    [`i64.${name}` as OpName, 16],
  ]),
  ['f32.div', 4],
  ['f64.div', 6],
  ['f32.sqrt', 6],
  ['f64.sqrt', 8],
  ['f32x4.div', 6],
  ['f64x2.div', 8],
  ['f32x4.sqrt', 8],
  ['f64x2.sqrt', 12],
  ['call', 4],
  ['return_call', 4],
  ['call_ref', 6],
  ['return_call_ref', 6],
  ['call_indirect', 8],
  ['return_call_indirect', 8],
  ['array.new', 16],
  ['array.new_default', 16],
  ['array.new_data', 32],
  ['array.new_elem', 32],
  ['array.copy', 16],
  ['memory.fill', 16],
  ['memory.copy', 16],
  ['memory.init', 16],
  ['table.set', 4],
  ['table.fill', 16],
  ['table.copy', 32],
  ['table.init', 32],
  // A call of the system; pages are filled when they are first used.
  ['memory.grow', 20_000],
  ['table.grow', 100],
  ['ref.func', 4],
  ['ref.cast', 4],
  ['ref.cast null', 4],
  ['ref.test', 4],
  ['ref.test null', 4],
  // Engines look for the handler frame by frame, and in the slow way.
  ['throw', 3000],
  ['throw_ref', 3000],
  ['rethrow', 3000],
  ['cont.new', 16],
  ['cont.bind', 32],
  ['suspend', 100],
  ['switch', 100],
  ['resume', 100],
  ['resume_throw', 3000],
  ['resume_throw_ref', 3000],
]);

/** What analyses of work ask of an instruction by its mnemonic, in one look-up. */
export interface Trait {
  readonly weight: number;
  /** It has labels. */
  readonly branches: boolean;
  /** It may throw. */
  readonly throws: boolean;
  /** It calls something. */
  readonly calls: boolean;
  /** It ends the function. */
  readonly returns: boolean;
}

const TRAITS: ReadonlyMap<OpName, Trait> = new Map(
  OPCODES.map(({ name, immediates }): [OpName, Trait] => {
    const calls = /^(return_)?call|^resume|^switch$/.test(name);
    const branches = ['label', 'labels', 'cast', 'handlers'].some((each) => immediates.includes(each as never));
    const trait = {
      weight: WEIGHTS.get(name) ?? (name.includes('.atomic.') ? 20 : 1),
      branches,
      throws: (calls && !name.startsWith('return_')) || name === 'suspend' || /^throw|^rethrow/.test(name),
      calls,
      returns: name.startsWith('return'),
    };
    return [name, trait];
  }),
);
const UNKNOWN: Trait = { weight: 1, branches: true, throws: true, calls: false, returns: false };

export function traitOf({ op }: Instr): Trait {
  return TRAITS.get(op) ?? UNKNOWN;
}

export function weightOf(info: ModuleInfo, instr: Instr): number {
  switch (instr.op) {
    case 'struct.new':
    case 'struct.new_default': {
      const comp = info.comp(instr.type);
      return 16 + (comp.kind === 'struct' ? comp.fields.length / 2 : 0);
    }
    // Baseline compilers search the list, or compare one after the other.
    case 'br_table':
      return 4 + instr.labels.length / 64;
    case 'array.new_fixed':
      return 16 + instr.count;
    default:
      return traitOf(instr).weight;
  }
}
