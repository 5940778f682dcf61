import { encodeNames, namesOf, remapNames } from '../binary/index.ts';
import type { Func, Module } from '../binary/module.ts';
import type { FuncIdx, RecGroup, TypeIdx, ValType } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';
import type { Code } from './build.ts';

/** Types and functions that a step of the transform puts behind a module's own, so that no index moves. */
export class Appended {
  readonly #info: ModuleInfo;
  readonly #groups: RecGroup[] = [];
  readonly #types = new Map<string, TypeIdx>();
  readonly #funcs: { readonly name: string; readonly type: TypeIdx; readonly place: number; code: Code }[] = [];

  constructor(info: ModuleInfo) {
    this.#info = info;
  }

  get isEmpty(): boolean {
    return this.#funcs.length === 0 && this.#groups.length === 0;
  }

  /** A function type; the types in it are the source's. */
  type(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    const key = JSON.stringify([params, results]);
    const known = this.#types.get(key);
    if (known !== undefined) return known;
    const index = (this.#info.types.length + this.#groups.length) as TypeIdx;
    this.#groups.push([{ final: true, supers: [], comp: { kind: 'func', params, results } }]);
    this.#types.set(key, index);
    return index;
  }

  /** @param place offset of what the function is made for: what is refused in it is refused there */
  func(name: string, type: TypeIdx, code: Code, place = -1): FuncIdx {
    this.#funcs.push({ name, type, place, code });
    return (this.#info.funcTypes.length + this.#funcs.length - 1) as FuncIdx;
  }

  /** Whether a function is one of these. */
  has(func: FuncIdx): boolean {
    return func >= this.#info.funcTypes.length;
  }

  /** The module with these behind its own, which are replaced. */
  finish(own: readonly Func[]): Module {
    const { module, funcTypes } = this.#info;
    const added = this.#funcs.map(
      ({ type, place, code }): Func => ({
        type,
        locals: code.locals,
        body: place < 0 ? code.body : code.body.map((instr) => ({ ...instr, at: place })),
        at: place,
        endAt: place,
      }),
    );
    const names = this.#funcs.map(({ name }, at) => [(funcTypes.length + at) as FuncIdx, name] as const);
    return {
      ...module,
      recGroups: [...module.recGroups, ...this.#groups],
      funcs: [...own, ...added],
      customs: module.customs.map((custom) => {
        if (custom.name !== 'name') return custom;
        const known = remapNames(namesOf({ customs: [custom] }), {});
        return { ...custom, bytes: encodeNames({ ...known, func: new Map([...known.func, ...names]) }) };
      }),
    };
  }
}
