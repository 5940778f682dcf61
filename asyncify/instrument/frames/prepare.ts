import type { Expr, Func } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx } from '../../binary/types.ts';
import { isRef } from '../../binary/types.ts';
import { type ModuleInfo, walkFunction } from '../../validate/index.ts';
import { liveAtPoints } from './liveness.ts';
import { takeExitsOutOfLoops } from './loop-exits.ts';
import type { Lowering } from './lowering.ts';
import { findPoints, type Points } from './points.ts';

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
  const polled = new Set(source.body.filter(({ op }, at) => op === 'loop' && yields?.points.loop(index, at)));
  const body = exitsTaken(info, index, source, (instr) => polled.has(instr) || unwinds(instr));
  const points = findPoints(body, unwinds, (at) =>
    at < 0 ? yields?.points.entry(index) === true : polled.has(body[at] as Instr),
  );
  const { params } = info.funcType(source.type);
  const live = liveAtPoints(body, params.length + source.locals.length, {
    isPoint: (at) => points.at.get(at)?.kind === 'point',
    isPolled: (at) => points.polls.has(at),
  });
  return { index, func: { ...source, body }, points, live };
}

/** Not where a local without default may be assigned in a loop. */
function exitsTaken(info: ModuleInfo, index: FuncIdx, func: Func, isPoint: (instr: Instr) => boolean): Expr {
  const { body, locals } = func;
  if (locals.some((type) => isRef(type) && !type.nullable)) return body;
  let heights: number[] | undefined;
  const measure = (): number[] => {
    const result: number[] = [];
    walkFunction(info, index - info.importedFuncs, {
      after: (_, at, { operands, controls }) => {
        result[at] = operands.length - (controls.at(-1)?.height ?? 0);
      },
    });
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
