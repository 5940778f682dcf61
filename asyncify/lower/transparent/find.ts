import { importsOf } from '../../binary/module.ts';
import { type FuncIdx, sameType, type TypeIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import { calleeOf, likelyDynCall, namedDynCall } from './dyn-call.ts';
import { usedLikeInvoke } from './pattern.ts';
import { functionTable, tableEntries } from './table.ts';

/** The names that Emscripten gives such imports. */
const EMSCRIPTEN = ['env.invoke_*'];

/** An imported function that is taken for one that only calls back. */
export interface HostCall {
  readonly func: FuncIdx;
  /** The exported function by which its host may do so; null: it calls what is in the table. */
  readonly dynCall: FuncIdx | null;
  /** Whether that is what calls the function, and not what the table has for the import's own type. */
  readonly isIndirect: boolean;
}

/**
 * The imported functions that are taken for such as only call back: those of the given names, or where none are given, the ones of
 * Emscripten, by their names or by how they are used.
 *
 * @param names `module.name`; `*` at the end stands for anything
 */
export function hostCalls(info: ModuleInfo, names: readonly string[] | undefined): readonly HostCall[] {
  const table = functionTable(info);
  const matches = matcher(names ?? EMSCRIPTEN);
  const found = new Map<FuncIdx, HostCall>();
  importsOf(info.module, 'func').forEach(({ module, name }, index) => {
    const func = index as FuncIdx;
    if (!matches(`${module}.${name}`)) return;
    const dynCall = namedDynCall(info, func);
    const callee = dynCall === null ? null : calleeOf(info, dynCall);
    // Older versions give each type its own part of the table: only the function itself knows which.
    const isIndirect = dynCall !== null && (callee === null || !isCalledDirectly(info, func, callee));
    found.set(func, { func, dynCall, isIndirect });
  });
  // Where there are names nothing is minified.
  if (names !== undefined || table === null || found.size > 0) return [...found.values()];
  const entries = tableEntries(info, table);
  const dynCalls = new Map<FuncIdx, FuncIdx>();
  const used = usedLikeInvoke(info, (func, index) => {
    const entry = entries.get(index);
    const type = entry === undefined ? undefined : info.funcTypes[entry];
    if (type === undefined) return false;
    if (isCalledDirectly(info, func, type)) return true;
    const dynCall = likelyDynCall(info, func, type);
    if (dynCall !== null) dynCalls.set(func, dynCall);
    return dynCall !== null;
  });
  return [...used].map((func) => {
    const dynCall = dynCalls.get(func) ?? null;
    return { func, dynCall, isIndirect: dynCall !== null };
  });
}

/** Whether a function of the type takes what an import gets behind the function's index, and returns what that does. */
function isCalledDirectly(info: ModuleInfo, func: FuncIdx, callee: TypeIdx): boolean {
  const outer = info.funcType(info.funcTypes[func] as TypeIdx);
  const inner = info.funcType(callee);
  const same = (a: typeof outer.params, b: typeof outer.params): boolean =>
    a.length === b.length && a.every((type, at) => sameType(type, b[at] as typeof type));
  return same(outer.params.slice(1), inner.params) && same(outer.results, inner.results);
}

function matcher(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names.filter((name) => !name.endsWith('*')));
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}
