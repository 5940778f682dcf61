import type { FuncIdx, TypeIdx } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';

/**
 * For types that calls of references name, by their canonical index: the functions that such a reference may be. These are the
 * referenced ones of the type or a subtype.
 */
export function typeMembers(info: ModuleInfo, called: ReadonlySet<number>): ReadonlyMap<number, readonly FuncIdx[]> {
  const members = new Map<number, FuncIdx[]>();
  for (const type of called) members.set(type, []);
  for (const func of info.declaredRefs) {
    // A function has few supertypes, but types that fit it there can be as many as functions.
    for (let type: TypeIdx | undefined = info.funcTypes[func]; type !== undefined; type = info.types[type]?.supers[0]) {
      members.get(info.canonical(type))?.push(func as FuncIdx);
    }
  }
  return members;
}
