import type { Expr, Func } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx } from '../../binary/types.ts';
import { isRef } from '../../binary/types.ts';
import { ENGINE_LIMITS, refuseBody } from '../../limits.ts';
import { type ModuleInfo, type Observer, walkFunction } from '../../validate/index.ts';
import { liveAtPoints } from './liveness.ts';
import { takeExitsOutOfLoops } from './loop-exits.ts';
import type { Lowering } from './lowering.ts';
import { findPoints, type Points } from './points.ts';

/** At least so many bytes of code each resume point takes. */
const POINT_BYTES = 12;

/** What is known of a function before it is translated. */
export interface Prepared {
  readonly index: FuncIdx;
  /** The source's, code that leaves its loops for good behind them. */
  readonly func: Func;
  readonly points: Points;
  /** The locals of the source that some resume point needs. */
  readonly live: ReadonlySet<number>;
}

export function prepare({ info, suspensions, yields }: Lowering, index: FuncIdx): Prepared {
  const source = info.module.funcs[index - info.importedFuncs] as Func;
  const unwinds = (instr: Instr): boolean => suspensions.unwinds(instr) !== null;
  const { body: original } = source;
  const polled = new Set(original.filter(({ op }, at) => op === 'loop' && yields?.points.loop(index, at)));
  const body = exitsTaken(info, index, source, original, (instr) => polled.has(instr) || unwinds(instr));
  const points = findPoints(body, unwinds, (at) =>
    at < 0 ? yields?.points.entry(index) === true : polled.has(body[at] as Instr),
  );
  if (points.count * POINT_BYTES > ENGINE_LIMITS.body) refuseBody({ offset: source.at, func: index });
  const { params } = info.funcType(source.type);
  const live = liveAtPoints(body, params.length + source.locals.length, {
    isPoint: (at) => points.at.get(at)?.kind === 'point',
    isPolled: (at) => points.polls.has(at),
    entry: points.polls.get(-1)?.place ?? 0,
  });
  const { type, locals, at, endAt, emptyRuns } = source;
  // Not by a spread: a body may be made anew each time it is read.
  const func = { type, locals, ...(emptyRuns === undefined ? {} : { emptyRuns }), body, at, endAt };
  return { index, func, points, live };
}

/** Not where a local without default may be assigned in a loop. */
function exitsTaken(
  info: ModuleInfo,
  index: FuncIdx,
  { locals }: Func,
  body: Expr,
  isPoint: (instr: Instr) => boolean,
): Expr {
  if (locals.some((type) => isRef(type) && !type.nullable)) return body;
  let heights: number[] | undefined;
  const measure = (): number[] => {
    const result: number[] = [];
    const after: Observer['after'] = (_, at, { operands, controls }) => {
      result[at] = operands.length - (controls.at(-1)?.height ?? 0);
    };
    walkFunction(info, index - info.importedFuncs, { after }, body);
    return result;
  };
  return takeExitsOutOfLoops(body, {
    isPoint,
    heights: () => {
      heights ??= measure();
      return heights;
    },
  });
}
