import type { Elem, Export, Expr, ExternType, Func, Global, Import, Module } from '../../asyncify/binary/module.ts';
import { importsOf } from '../../asyncify/binary/module.ts';
import type { Instr } from '../../asyncify/binary/opcodes.ts';
import type { FuncIdx, GlobalIdx, TypeIdx } from '../../asyncify/binary/types.ts';
import { refType } from '../../asyncify/binary/types.ts';
import { Asm, made } from '../../asyncify/lower/asm.ts';

/** Marks the exports that one half has for the other. */
export const SHARED = 'shared:';
/** The module name under which the second half imports the first. */
export const FIRST = 'first';

/**
 * Cuts a module in two that do the same together: every other function that is not exported goes into the second, which
 * imports everything else from the first. The first calls those through globals, which the second sets when it starts.
 */
export function split(module: Module): { readonly first: Module; readonly second: Module } {
  const imported = importsOf(module, 'func').length;
  const exported = new Set(module.exports.flatMap(({ kind, index }) => (kind === 'func' ? [index] : [])));
  const moves = (index: number): boolean => index >= imported && index % 2 === 1 && !exported.has(index);
  const all = module.funcs.map((func, at) => ({ func, index: imported + at }));
  const staying = all.filter(({ index }) => !moves(index));
  const moved = all.filter(({ index }) => moves(index));
  // The index of a function in both halves; in the first one there is none for those that moved.
  const inFirst = new Map<number, FuncIdx>();
  const inSecond = new Map<number, FuncIdx>();
  for (let index = 0; index < imported; index++) {
    inFirst.set(index, index as FuncIdx);
    inSecond.set(index, index as FuncIdx);
  }
  for (const [at, { index }] of staying.entries()) inFirst.set(index, (imported + at) as FuncIdx);
  for (const [at, { index }] of [...staying, ...moved].entries()) inSecond.set(index, (imported + at) as FuncIdx);
  const globals = importsOf(module, 'global').length + module.globals.length;
  const places = new Map(moved.map(({ index }, at) => [index, (globals + at) as GlobalIdx]));
  const typeOf = new Map(all.map(({ func, index }) => [index, func.type]));

  const through = (func: number): Instr[] => {
    const place = places.get(func);
    return place === undefined ? [] : [made('global.get', { global: place }), made('ref.as_non_null', {})];
  };
  const forFirst = (instr: Instr): Instr[] => {
    if (!('func' in instr)) return [instr];
    const index = inFirst.get(instr.func);
    if (index !== undefined) return [{ ...instr, func: index } as Instr];
    const reference = through(instr.func);
    if (instr.op === 'ref.func') return reference;
    const type = typeOf.get(instr.func) as TypeIdx;
    return [...reference, made(instr.op === 'call' ? 'call_ref' : 'return_call_ref', { type })];
  };
  const forSecond = (instr: Instr): Instr =>
    'func' in instr ? ({ ...instr, func: inSecond.get(instr.func) } as Instr) : instr;
  const withBody = (func: Func, translate: (instr: Instr) => readonly Instr[]): Func => ({
    ...func,
    body: func.body.flatMap(translate),
  });

  const shared = sharedExports(module, staying, inFirst, globals + moved.length);
  const first: Module = {
    ...module,
    funcs: staying.map(({ func }) => withBody(func, forFirst)),
    globals: [
      ...module.globals,
      ...moved.map(({ func }): Global => {
        const init = [made('ref.null', { heap: func.type })];
        return { type: { type: refType(func.type, true), mutable: true }, init, at: -1 };
      }),
    ],
    exports: [
      ...module.exports.map((entry) =>
        entry.kind === 'func' ? { ...entry, index: inFirst.get(entry.index) as number } : entry,
      ),
      ...shared,
    ],
    elems: module.elems.map((elem): Elem => ({ ...elem, init: elem.init.map((entry) => ofFirst(entry, inFirst)) })),
  };
  const second: Module = {
    ...module,
    imports: [
      ...module.imports.filter(({ desc }) => desc.kind === 'func' || desc.kind === 'tag'),
      ...importsFrom(first, shared),
    ],
    funcs: [
      ...moved.map(({ func }) => withBody(func, (instr) => [forSecond(instr)])),
      starting(moved, {
        places,
        inSecond,
        type: module.recGroups.reduce((sum, group) => sum + group.length, 0) as TypeIdx,
      }),
    ],
    recGroups: [
      ...module.recGroups,
      [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }],
    ] as Module['recGroups'],
    tables: [],
    memories: [],
    tags: [],
    globals: [],
    exports: [],
    start: (imported + all.length) as FuncIdx,
    elems: module.elems.map((elem): Elem => ({ ...elem, init: elem.init.map((entry) => entry.map(forSecond)) })),
  };
  return { first, second };
}

/** An entry of a table without what the second half will put there. */
function ofFirst(entry: Expr, inFirst: ReadonlyMap<number, FuncIdx>): Expr {
  return entry.map((instr): Instr => {
    if (!('func' in instr)) return instr;
    const func = inFirst.get(instr.func);
    return func === undefined ? made('ref.null', { heap: 'func' }) : made('ref.func', { func });
  });
}

/** In the order of the second half's index spaces. */
function sharedExports(
  module: Module,
  staying: readonly { readonly index: number }[],
  inFirst: ReadonlyMap<number, FuncIdx>,
  globals: number,
): Export[] {
  const entry = (kind: Export['kind'], index: number): Export => ({
    name: `${SHARED}${kind}${index}`,
    kind,
    index,
    at: -1,
  });
  const importedTags = importsOf(module, 'tag').length;
  return [
    ...staying.map(({ index }) => entry('func', inFirst.get(index) as number)),
    ...module.tables.map((_, at) => entry('table', at)),
    ...module.memories.map((_, at) => entry('memory', at)),
    ...module.tags.map((_, at) => entry('tag', importedTags + at)),
    ...Array.from({ length: globals }, (_, at) => entry('global', at)),
  ];
}

function importsFrom(first: Module, shared: readonly Export[]): Import[] {
  const funcs = importsOf(first, 'func').length;
  const tags = importsOf(first, 'tag').length;
  const desc = ({ kind, index }: Export): ExternType => {
    switch (kind) {
      case 'func':
        return { kind, type: (first.funcs[index - funcs] as Func).type };
      case 'table':
        return { kind, type: (first.tables[index] as Module['tables'][number]).type };
      case 'memory':
        return { kind, type: (first.memories[index] as Module['memories'][number]).type };
      case 'tag':
        return { kind, type: (first.tags[index - tags] as Module['tags'][number]).type };
      case 'global':
        return { kind, type: (first.globals[index] as Global).type };
      default:
        return kind satisfies never;
    }
  };
  return shared.map((entry) => ({ module: FIRST, name: entry.name, desc: desc(entry), at: -1 }));
}

interface Moved {
  readonly places: ReadonlyMap<number, GlobalIdx>;
  readonly inSecond: ReadonlyMap<number, FuncIdx>;
  readonly type: TypeIdx;
}

/** Puts the functions where the first half finds them. */
function starting(moved: readonly { readonly index: number }[], { places, inSecond, type }: Moved): Func {
  const asm = new Asm();
  for (const { index } of moved) {
    asm.op('ref.func', { func: inSecond.get(index) as FuncIdx }).globalSet(places.get(index) as GlobalIdx);
  }
  return { type, locals: [], body: asm.out, at: -1, endAt: -1 };
}
