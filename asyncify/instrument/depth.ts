import type { Func } from '../binary/module.ts';
import type { FuncIdx } from '../binary/types.ts';
import { ROOM_UNIT } from '../lower/interface.ts';
import type { ModuleInfo } from '../validate/index.ts';
import { CallGraph } from './call-graph.ts';

/** Bytes of native stack that an activation takes beside its locals, and for each of those: what an engine's baseline tier needs. */
const FRAME = 112;
const LOCAL = 16;
/** What a driver takes, between the `resume` and the function that it re-enters. */
const DRIVER = 768;
/** A function counts no more than this, however much it may take: each count leaves room for many. */
const MOST = 65_536;

/**
 * The functions that count how much of the native stack is left, one at least of each cycle of calls, and how much of it each
 * takes, in ROOM_UNITs: its own activation and the largest chain of functions below it that do not count.
 */
export function nativeWeights(info: ModuleInfo): ReadonlyMap<FuncIdx, number> {
  const known = found.get(info);
  if (known !== undefined) return known;
  const weights = findWeights(info);
  found.set(info, weights);
  return weights;
}

/** What has been found: a transform asks more than once. */
const found = new WeakMap<ModuleInfo, ReadonlyMap<FuncIdx, number>>();

function findWeights(info: ModuleInfo): ReadonlyMap<FuncIdx, number> {
  const graph = new CallGraph(info);
  const counting = graph.cycleBreakers();
  const chains = new Float64Array(graph.size);
  const below = (node: number): number => {
    let most = 0;
    for (const next of graph.next(node)) {
      if (!counting.has(next as FuncIdx)) most = Math.max(most, chains[next] as number);
    }
    return most;
  };
  const own = (node: number): number => {
    const at = node - info.importedFuncs;
    const func = info.module.funcs[at];
    if (node >= info.funcTypes.length || func === undefined) return 0;
    const drives = info.landmarks[at]?.some(({ instr }) => instr.op.startsWith('resume')) === true;
    return activation(info, func) + (drives ? DRIVER : 0);
  };
  for (const node of graph.calledFirst(counting)) chains[node] = own(node) + below(node);
  return new Map([...counting].map((func) => [func, Math.ceil(Math.min(own(func) + below(func), MOST) / ROOM_UNIT)]));
}

function activation(info: ModuleInfo, { type, locals }: Func): number {
  const { params, results } = info.funcType(type);
  return FRAME + LOCAL * (params.length + results.length + locals.length);
}
