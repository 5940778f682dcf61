import type { Immediates, MemArg } from '../binary/immediates.ts';
import type { Limits } from '../binary/module.ts';
import type { Opcode, Signature, SigType } from '../binary/opcodes.ts';
import type { NumType } from '../binary/types.ts';
import type { Rule } from './rules.ts';
import { data, elem, memory, table } from './space.ts';
import type { Walk } from './walk.ts';

interface Arrow {
  readonly params: readonly NumType[];
  readonly results: readonly NumType[];
}

/** What the opcode table promises of an instruction with these immediates. */
type With<K extends keyof Immediates> = { readonly [P in K]: Immediates[P] };

function resolve({ params, results }: Signature, address: 'i32' | 'i64'): Arrow {
  const type = (sig: SigType): NumType => (sig === 'a' || sig === 't' ? address : sig);
  return { params: params.map(type), results: results.map(type) };
}

function apply(walk: Walk, { params, results }: Arrow): void {
  walk.popAll(params);
  walk.pushAll(results);
}

/** How many lanes the lane immediate of an instruction chooses from. */
function laneCount(name: string): number {
  const shape = /^[if]\d+x(\d+)\./.exec(name);
  if (shape !== null) return Number(shape[1]);
  const access = /(?:load|store)(\d+)_lane$/.exec(name);
  return access === null ? 0 : 128 / Number(access[1]);
}

function checkAccess(walk: Walk, { align, offset }: MemArg, { address }: Limits, row: Opcode): void {
  if (align > row.align) walk.fail('alignment must not be larger than natural');
  if (row.proposal === 'threads' && align !== row.align) walk.fail('atomic alignment must be natural');
  if (address === 'i32' && offset > 0xffff_ffffn) walk.fail('offset out of range');
}

/** The rule of an instruction with a fixed signature: its immediates must exist, then the signature applies. */
export function fixedRule(row: Opcode, signature: Signature): Rule {
  const narrow = resolve(signature, 'i32');
  const wide = resolve(signature, 'i64');
  const checks: Rule[] = [];
  let pick: ((walk: Walk, instr: object) => Arrow) | null = null;
  for (const immediate of row.immediates) {
    switch (immediate) {
      case 'memarg':
        pick = (walk, instr) => {
          const { memarg } = instr as With<'memarg'>;
          const accessed = memory(walk, memarg.memory);
          checkAccess(walk, memarg, accessed, row);
          return accessed.address === 'i64' ? wide : narrow;
        };
        break;
      case 'memory':
        pick = (walk, instr) => (memory(walk, (instr as With<'memory'>).memory).address === 'i64' ? wide : narrow);
        break;
      case 'table':
        pick = (walk, instr) => (table(walk, (instr as With<'table'>).table).limits.address === 'i64' ? wide : narrow);
        break;
      case 'data':
        checks.push((walk, instr) => data(walk, (instr as With<'data'>).data));
        break;
      case 'elem':
        checks.push((walk, instr) => void elem(walk, (instr as With<'elem'>).elem));
        break;
      case 'lane': {
        const lanes = laneCount(row.name);
        checks.push((walk, instr) => {
          if ((instr as With<'lane'>).lane >= lanes) walk.fail('invalid lane index');
        });
        break;
      }
      case 'lanes':
        checks.push((walk, instr) => {
          for (const lane of (instr as With<'lanes'>).lanes) if (lane >= 32) walk.fail('invalid lane index');
        });
        break;
      case 'i32':
      case 'i64':
      case 'f32':
      case 'f64':
      case 'v128':
      case 'zero':
        break;
      default:
        throw new RangeError(`${row.name}: the immediate ${immediate} needs a rule of its own`);
    }
  }
  if (pick === null && checks.length === 0) return (walk) => apply(walk, narrow);
  return (walk, instr) => {
    const arrow = pick === null ? narrow : pick(walk, instr);
    for (const check of checks) check(walk, instr);
    apply(walk, arrow);
  };
}
