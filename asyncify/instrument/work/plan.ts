import type { Expr } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import { boundedLoops } from '../bounded-loops.ts';
import { CallGraph } from '../call-graph.ts';
import type { Linking } from '../frames/state.ts';
import { findStretches, type Stretches, type Work, type WorkLimits } from './stretches.ts';
import { traitOf, weightOf } from './weights.ts';

/** A loop that runs a known number of times, and is more work in all, polls. */
const BOUNDED_WORK = 50_000;

/** What a call of the host takes; what it does in there the host looks after itself. */
const HOST: Work = { head: -1, through: 200, tail: -1, debt: 32 };
/** What a call of another module may take. Its own calls and loops poll as this one's do. */
const FOREIGN: Work = { head: -1, through: 20_000, tail: -1, debt: 400 };
/** A function that polls at its entry, where nothing else is known of it yet. */
const POLLED: Work = { head: 0, through: -1, tail: 0, debt: 0 };

/** What is known of the work in a module: where it polls so that there is never too much between two polls. */
export interface WorkPlan {
  /** The functions that poll at their entry: every cycle of calls passes one. */
  readonly entries: ReadonlySet<FuncIdx>;
  /** By defined function. */
  readonly functions: readonly FunctionPlan[];
}

export interface FunctionPlan extends Stretches {
  /** The loops that do not poll, by index, and how often they run. */
  readonly bounded: ReadonlyMap<number, number>;
  /** Whether it has instructions whose time depends on their operands. */
  readonly isBulky: boolean;
}

export interface WorkInput {
  readonly info: ModuleInfo;
  readonly linking: Linking;
  readonly limits: WorkLimits;
  /**
   * What an instruction whose time depends on its operands takes for them; null: it is none of those. `before` is the one
   * before it.
   */
  bulk(instr: Instr, before: Instr | undefined): Work | null;
}

/** Plans polls function by function, those that are called before those that call them. */
export function planWork(input: WorkInput): WorkPlan {
  const { info, linking, limits } = input;
  const graph = new CallGraph(info);
  const entries = graph.cycleBreakers();
  const foreign = linking === 'linked' ? FOREIGN : HOST;
  const known: (Work | undefined)[] = [];
  const functions: FunctionPlan[] = [];
  for (let func = 0; func < info.importedFuncs; func++) known[func] = foreign;
  const of = (node: number): Work => known[node] ?? POLLED;
  for (const node of graph.calledFirst(entries)) {
    if (!graph.isFunction(node)) {
      known[node] = graph.next(node).reduce((work, next) => either(work, of(next)), foreign);
      continue;
    }
    const func = info.module.funcs[node - info.importedFuncs];
    if (func === undefined) continue;
    const { body } = func;
    let isBulky = false;
    const bulk = (instr: Instr, before: Instr | undefined): Work | null => {
      const work = input.bulk(instr, before);
      isBulky ||= work !== null;
      return work;
    };
    const hasLoop = info.landmarks[node - info.importedFuncs]?.some(({ instr }) => instr.op === 'loop') === true;
    const bounded = hasLoop ? loopBounds(info, body, input.bulk) : NO_LOOPS;
    const work = (instr: Instr, index: number): Work => {
      const weight = weightOf(info, instr);
      const taken = bulk(instr, body[index - 1]);
      if (taken !== null) return { ...taken, through: taken.through < 0 ? -1 : taken.through + weight };
      if (!traitOf(instr).calls) return plain(weight);
      const target = graph.target(instr);
      return then(plain(weight), target === null ? foreign : of(target));
    };
    const entry = entries.has(node as FuncIdx);
    const found = findStretches({ body, locals: func.locals.length, entry, bounded, work }, limits);
    known[node] = found.work;
    functions[node - info.importedFuncs] = { ...found, bounded, isBulky };
  }
  return { entries, functions };
}

const PLAIN: Work[] = [];
/** One object a weight: there is one for each instruction of a module. */
function plain(weight: number): Work {
  if (!Number.isInteger(weight) || weight > 100) return { head: -1, through: weight, tail: -1, debt: weight };
  PLAIN[weight] ??= { head: -1, through: weight, tail: -1, debt: weight };
  return PLAIN[weight];
}

function then(first: Work, second: Work): Work {
  return {
    head: second.head < 0 ? -1 : first.through + second.head,
    through: second.through < 0 ? -1 : first.through + second.through,
    tail: second.tail,
    debt: first.debt + second.debt,
  };
}

function either(a: Work, b: Work): Work {
  return {
    head: Math.max(a.head, b.head),
    through: Math.max(a.through, b.through),
    tail: Math.max(a.tail, b.tail),
    debt: Math.max(a.debt, b.debt),
  };
}

export const NO_LOOPS: ReadonlyMap<number, number> = new Map();

/** The loops of a function that do not poll, by index, and how often they run. */
export function loopBounds(info: ModuleInfo, body: Expr, bulk: WorkInput['bulk']): ReadonlyMap<number, number> {
  const bounds = boundedLoops(body);
  if (bounds.size === 0) return bounds;
  const result = new Map<number, number>();
  const open: { readonly index: number; work: number }[] = [];
  body.forEach((instr, index) => {
    const top = open.at(-1);
    if (top !== undefined) {
      const work = bulk(instr, body[index - 1]);
      if (work !== null && work.head >= 0) top.work = Number.POSITIVE_INFINITY;
      else top.work += weightOf(info, instr) + Math.max(work?.through ?? 0, 0);
    }
    if ('block' in instr) open.push({ index, work: 0 });
    else if (instr.op === 'end') {
      const closed = open.pop();
      if (closed === undefined) return;
      const times = bounds.get(closed.index);
      const work = closed.work * (times ?? 1);
      if (times !== undefined && work <= BOUNDED_WORK) result.set(closed.index, times);
      const around = open.at(-1);
      if (around !== undefined) around.work += work;
    }
  });
  return result;
}
