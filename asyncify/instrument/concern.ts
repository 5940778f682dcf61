import type { OpName } from '../binary/opcodes.ts';
import { OPCODES } from '../binary/opcodes.ts';
import type { FuncIdx, SubType } from '../binary/types.ts';
import type { InvalidWhere } from '../errors.ts';
import { isAbstractCont, type ModuleInfo, namesContinuation } from '../validate/index.ts';
import type { Suspensions } from './analysis.ts';
import type { Linking } from './frames/state.ts';

const switching: ReadonlySet<OpName> = new Set(
  OPCODES.filter((row) => row.proposal === 'stack-switching').map((row) => row.name),
);
const callsReference: ReadonlySet<OpName> = new Set([
  'call_ref',
  'call_indirect',
  'return_call_ref',
  'return_call_indirect',
]);

/** Whether a module has to be transformed: it uses stack switching, or suspensions of others pass through it. */
export function isConcerned(info: ModuleInfo, suspensions: Suspensions, linking: Linking): boolean {
  const { module } = info;
  return (
    info.types.some(({ comp }) => comp.kind === 'cont') ||
    info.tags.some((type) => info.funcType(type).results.length > 0) ||
    (linking === 'linked' && module.exports.some((entry) => entry.kind === 'tag')) ||
    findContinuationType(info) !== null ||
    info.landmarks.some((list) =>
      list.some(({ instr }) => switching.has(instr.op) || suspensions.unwinds(instr) !== null),
    )
  );
}

/** Where abstract continuation types are named first, with no concrete type declared; null: nowhere. */
export function findContinuationType(info: ModuleInfo): InvalidWhere | null {
  const { module } = info;
  const { imports, globals, tables, elems, funcs } = module;
  const defined =
    info.types.find(typeMentions) ??
    imports.find(
      ({ desc }) =>
        (desc.kind === 'global' && isAbstractCont(desc.type.type)) ||
        (desc.kind === 'table' && isAbstractCont(desc.type.type)),
    ) ??
    tables.find(({ type, init }) => isAbstractCont(type.type) || init?.some(namesContinuation)) ??
    globals.find(({ type, init }) => isAbstractCont(type.type) || init.some(namesContinuation)) ??
    elems.find(
      ({ type, init }) => isAbstractCont(type) || [...new Set(init)].some((expr) => expr.some(namesContinuation)),
    );
  if (defined !== undefined) return { offset: defined.at ?? 0 };
  for (const [at, func] of funcs.entries()) {
    const index = info.importedFuncs + at;
    const instr = info.landmarks[at]?.find((mark) => namesContinuation(mark.instr))?.instr;
    if (func.locals.some(isAbstractCont) || func.emptyRuns?.some(isAbstractCont))
      return { offset: func.at, func: index };
    if (instr !== undefined) return { offset: instr.at, func: index, instruction: instr.op };
  }
  return null;
}

function typeMentions({ comp }: SubType): boolean {
  switch (comp.kind) {
    case 'func':
      return comp.params.some(isAbstractCont) || comp.results.some(isAbstractCont);
    case 'struct':
      return comp.fields.some((field) => isAbstractCont(field.type));
    case 'array':
      return isAbstractCont(comp.field.type);
    case 'cont':
      return true;
    default:
      return comp satisfies never;
  }
}

/** Whether exceptions can pass through the frames of a module that links to no other transformed one. */
export function usesExceptions(info: ModuleInfo): boolean {
  return info.landmarks.some((list) =>
    list.some(
      ({ instr: { op } }) =>
        op === 'try_table' ||
        op === 'throw' ||
        op === 'throw_ref' ||
        op === 'resume_throw' ||
        op === 'resume_throw_ref',
    ),
  );
}

/** The functions that can reach the runtime: what the host calls of them has to be a host entry. */
export function touching(info: ModuleInfo, linking: Linking, suspensions: Suspensions): ReadonlySet<FuncIdx> {
  const callers = new Map<FuncIdx, FuncIdx[]>();
  const queue: FuncIdx[] = [];
  info.landmarks.forEach((list, at) => {
    const index = (info.importedFuncs + at) as FuncIdx;
    if (suspensions.suspends(index)) queue.push(index);
    for (const { instr } of list) {
      if (instr.op === 'call' || instr.op === 'return_call') {
        if (instr.func >= info.importedFuncs) {
          const known = callers.get(instr.func);
          if (known === undefined) callers.set(instr.func, [index]);
          else known.push(index);
        } else if (linking === 'linked') queue.push(index);
      } else if (switching.has(instr.op) || callsReference.has(instr.op)) queue.push(index);
    }
  });
  const result = new Set<FuncIdx>();
  for (let func = queue.pop(); func !== undefined; func = queue.pop()) {
    if (result.has(func)) continue;
    result.add(func);
    for (const caller of callers.get(func) ?? []) queue.push(caller);
  }
  return result;
}
