import type { Module } from '../binary/module.ts';
import type { Instr, OpName } from '../binary/opcodes.ts';
import { OPCODES } from '../binary/opcodes.ts';
import type { FuncIdx, HeapType, StorageType, SubType } from '../binary/types.ts';
import { isRef } from '../binary/types.ts';
import type { InvalidWhere } from '../errors.ts';
import type { ModuleInfo } from '../validate/index.ts';
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
    module.funcs.some((func) =>
      func.body.some((instr) => switching.has(instr.op) || suspensions.unwinds(instr) !== null),
    )
  );
}

const isCont = (heap: HeapType): boolean => heap === 'cont' || heap === 'nocont';
const hasCont = (type: StorageType): boolean => isRef(type) && isCont(type.heap);

/** Where abstract continuation types are named first, with no concrete type declared; null: nowhere. */
export function findContinuationType(info: ModuleInfo): InvalidWhere | null {
  const { module } = info;
  const { imports, globals, tables, elems, funcs } = module;
  const defined =
    info.types.find(typeMentions) ??
    imports.find(
      ({ desc }) =>
        (desc.kind === 'global' && hasCont(desc.type.type)) || (desc.kind === 'table' && hasCont(desc.type.type)),
    ) ??
    tables.find(({ type, init }) => hasCont(type.type) || init?.some(instrMentions)) ??
    globals.find(({ type, init }) => hasCont(type.type) || init.some(instrMentions)) ??
    elems.find(({ type, init }) => hasCont(type) || init.some((expr) => expr.some(instrMentions)));
  if (defined !== undefined) return { offset: defined.at ?? 0 };
  for (const [at, func] of funcs.entries()) {
    const index = info.importedFuncs + at;
    const instr = func.body.find(instrMentions);
    if (func.locals.some(hasCont) || func.emptyRuns?.some(hasCont)) return { offset: func.at, func: index };
    if (instr !== undefined) return { offset: instr.at, func: index, instruction: instr.op };
  }
  return null;
}

function typeMentions({ comp }: SubType): boolean {
  switch (comp.kind) {
    case 'func':
      return comp.params.some(hasCont) || comp.results.some(hasCont);
    case 'struct':
      return comp.fields.some((field) => hasCont(field.type));
    case 'array':
      return hasCont(comp.field.type);
    case 'cont':
      return true;
    default:
      return comp satisfies never;
  }
}

function instrMentions(instr: Instr): boolean {
  switch (instr.op) {
    case 'ref.null':
      return isCont(instr.heap);
    case 'block':
    case 'loop':
    case 'if':
    case 'try':
    case 'try_table':
      return instr.block.kind === 'value' && hasCont(instr.block.type);
    case 'select t':
      return instr.types.some(hasCont);
    default:
      return false;
  }
}

/** Whether exceptions can pass through the frames of a module that links to no other transformed one. */
export function usesExceptions(module: Module): boolean {
  return module.funcs.some((func) =>
    func.body.some(
      ({ op }) =>
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
  info.module.funcs.forEach((func, at) => {
    const index = (info.importedFuncs + at) as FuncIdx;
    if (suspensions.suspends(index)) queue.push(index);
    for (const instr of func.body) {
      if (instr.op === 'call' || instr.op === 'return_call') {
        if (instr.func >= info.importedFuncs) {
          const list = callers.get(instr.func);
          if (list === undefined) callers.set(instr.func, [index]);
          else list.push(index);
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
