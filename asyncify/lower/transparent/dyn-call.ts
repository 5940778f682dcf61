import { importsOf } from '../../binary/module.ts';
import type { FuncIdx, TypeIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';

/**
 * The exported function by which Emscripten's host code calls for an import, where that does not use the table itself: `dynCall_SIG`
 * for `invoke_SIG`. Older versions have one for each signature, later ones where an i64 is passed to the host in two halves.
 */
export function namedDynCall(info: ModuleInfo, func: FuncIdx): FuncIdx | null {
  const name = importsOf(info.module, 'func')[func]?.name ?? '';
  const wanted = name.replace(/^invoke_/, 'dynCall_');
  const found = wanted === name ? undefined : exportsLike(info, func).find((entry) => entry.name === wanted);
  return found?.func ?? null;
}

/**
 * The same in a module without names, for a function of that type: the only exported function of the import's type that calls it
 * through a table by its first parameter, and calls no other so.
 */
export function likelyDynCall(info: ModuleInfo, func: FuncIdx, callee: TypeIdx): FuncIdx | null {
  const likely = exportsLike(info, func).filter((entry) => {
    const type = calleeOf(info, entry.func);
    return type !== null && info.canonical(type) === info.canonical(callee);
  });
  const funcs = new Set(likely.map((entry) => entry.func));
  const [only] = funcs;
  return only !== undefined && funcs.size === 1 ? only : null;
}

/** The exported functions of the module's own that are of an import's type. */
function exportsLike(info: ModuleInfo, func: FuncIdx): { readonly name: string; readonly func: FuncIdx }[] {
  const type = info.canonical(info.funcTypes[func] as TypeIdx);
  return info.module.exports.flatMap(({ kind, name, index }) => {
    const source = kind === 'func' ? info.module.funcs[index - info.importedFuncs] : undefined;
    if (source === undefined || info.canonical(source.type) !== type) return [];
    return [{ name, func: index as FuncIdx }];
  });
}

/** The type of what a function calls through a table by its first parameter, in straight code; null: it does not. */
export function calleeOf(info: ModuleInfo, func: FuncIdx): TypeIdx | null {
  const body = info.module.funcs[func - info.importedFuncs]?.body ?? [];
  let type: TypeIdx | null = null;
  for (const [at, instr] of body.entries()) {
    if (/^(block|loop|if|try|br|call_ref|return_call)/.test(instr.op)) return null;
    if (instr.op !== 'call_indirect') continue;
    const index = body[at - 1];
    if (type !== null || index?.op !== 'local.get' || index.local !== 0) return null;
    type = instr.type;
  }
  return type;
}
