import { namesOf } from '../../binary/index.ts';
import type { Expr } from '../../binary/module.ts';
import type { GlobalIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';

/** The name that linkers give the pointer of the shadow stack. */
export const STACK_POINTER = '__stack_pointer';

/** How a module keeps the pointer of its shadow stack, as far as anything tells. */
export type StackPointer =
  /** `isShared`: the host can read and set it. */
  | { readonly kind: 'global'; readonly global: GlobalIdx; readonly isShared: boolean }
  /** No function takes memory from one. */
  | { readonly kind: 'none' }
  /** Nothing tells which global it is. */
  | { readonly kind: 'unknown' };

/**
 * The global that holds the pointer of the shadow stack (tool conventions, "Linear memory"): the mutable i32 that is exported, imported
 * or named as `__stack_pointer`. Or else the one that functions take memory from as LLVM has them begin; of several, the one that
 * exported functions read and set, as Emscripten's `stackSave` and `stackRestore` do.
 */
export function stackPointerOf(info: ModuleInfo): StackPointer {
  const shared = sharedGlobals(info);
  const named = namedPointer(info);
  if (named !== null) return { kind: 'global', global: named, isShared: shared.has(named) };
  const taken = globalsTaken(info);
  const both = [...taken].filter((global) => shared.has(global));
  const [global, ...others] = both.length > 0 ? both : [...taken];
  if (global !== undefined) {
    return others.length > 0 ? { kind: 'unknown' } : { kind: 'global', global, isShared: both.length > 0 };
  }
  return isMoved(info, shared) ? { kind: 'unknown' } : { kind: 'none' };
}

function isPointer(info: ModuleInfo, global: number): boolean {
  const type = info.globals[global];
  return type?.type === 'i32' && type.mutable;
}

function namedPointer(info: ModuleInfo): GlobalIdx | null {
  const { module } = info;
  const exported = module.exports.find(({ kind, name }) => kind === 'global' && name === STACK_POINTER);
  const globals = module.imports.filter(({ desc }) => desc.kind === 'global');
  const imported = globals.findIndex(({ name }) => name === STACK_POINTER);
  const named = [...namesOf(module).global].find(([, name]) => name === STACK_POINTER)?.[0];
  const found = [exported?.index, imported, named].find((global) => global !== undefined && isPointer(info, global));
  return found === undefined ? null : (found as GlobalIdx);
}

/** What LLVM keeps the stack aligned to. */
const ALIGNMENT = 16;

/** The globals that a function takes memory from as it begins, and keeps the address of it. */
function globalsTaken(info: ModuleInfo): ReadonlySet<GlobalIdx> {
  const taken = new Set<GlobalIdx>();
  for (const { body } of info.module.funcs) {
    const [read] = body;
    if (read?.op === 'global.get' && isPointer(info, read.global) && takes(body)) taken.add(read.global);
  }
  return taken;
}

/** `global - size`, put into a local. Unoptimised code has both operands in locals first. */
function takes(body: Expr): boolean {
  const sub = body.slice(0, UNOPTIMISED).findIndex(({ op }) => op === 'i32.sub');
  if (sub < 0 || !/^local\.(set|tee)$/.test(body[sub + 1]?.op ?? '')) return false;
  const between = body.slice(1, sub);
  const sizes = between.flatMap((instr) => (instr.op === 'i32.const' ? [instr.i32] : []));
  return (
    sizes.length === 1 &&
    sizes.every((size) => size > 0 && size % ALIGNMENT === 0) &&
    between.every(({ op }) => op === 'i32.const' || op.startsWith('local.'))
  );
}
const UNOPTIMISED = 8;

/** The mutable i32 that the host can read and set: by themselves, or by exported functions `() -> i32` and `(i32) -> ()`. */
function sharedGlobals(info: ModuleInfo): ReadonlySet<GlobalIdx> {
  const { module, importedFuncs, importedGlobals } = info;
  const read = new Set<GlobalIdx>();
  const set = new Set<GlobalIdx>();
  const open = (global: number): void => {
    read.add(global as GlobalIdx);
    set.add(global as GlobalIdx);
  };
  for (let global = 0; global < importedGlobals; global++) open(global);
  for (const { kind, index } of module.exports) {
    if (kind === 'global') open(index);
    const func = kind === 'func' ? module.funcs[index - importedFuncs] : undefined;
    if (func === undefined) continue;
    const { params, results } = info.funcType(func.type);
    const signature = `${params.join()}>${results.join()}`;
    if (signature !== '>i32' && signature !== 'i32>') continue;
    const { body } = func;
    if (body.length > LARGEST_ACCESSOR) continue;
    for (const instr of body) {
      if (instr.op === 'global.get' && signature === '>i32') read.add(instr.global);
      if (instr.op === 'global.set' && signature === 'i32>') set.add(instr.global);
    }
  }
  return new Set([...read].filter((global) => set.has(global) && isPointer(info, global)));
}

/** In instructions: unoptimised code copies its parameters and its results. */
const LARGEST_ACCESSOR = 16;

/** Whether anything but what is there for the host takes from one of the globals an amount that is not known before. */
function isMoved(info: ModuleInfo, globals: ReadonlySet<GlobalIdx>): boolean {
  return info.module.funcs.some(({ body }) =>
    body.some(
      (instr, at) =>
        instr.op === 'global.set' &&
        globals.has(instr.global) &&
        body.length > LARGEST_ACCESSOR &&
        body.slice(Math.max(at - UNOPTIMISED, 0), at).some(({ op }) => op === 'i32.sub'),
    ),
  );
}
