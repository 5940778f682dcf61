import { importsOf } from '../../binary/module.ts';
import type { FuncIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import { CONT_STATE, CONT_STATES } from '../../lower/interface.ts';
import { CONT, STACK, T } from '../../lower/runtime-types.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import { frameType, type Stubs } from './stubs.ts';

/** What a host gets to run the continuation objects of one type that a module hands it. */
export interface ContFuncs {
  /** `(ref null $ct, params) -> (ref $cont)`: consumes it. */
  readonly start: FuncIdx;
  /** `() -> results` */
  readonly results: FuncIdx;
}

/**
 * The continuation types whose objects can come into the host's hands, subtypes before their supertypes: as results of exported
 * functions and arguments of imported ones, in globals, tables and the payloads of tags that are exported or imported, and as
 * results of such continuations. Those whose parameters or results JavaScript has no values for are not among them.
 */
export function handedOver(info: ModuleInfo): TypeIdx[] {
  const found = new Map<number, TypeIdx>();
  const add = (type: TypeIdx): void => {
    const comp = info.comp(type);
    if (comp.kind !== 'cont' || found.has(info.canonical(type))) return;
    found.set(info.canonical(type), type);
    info.funcType(comp.type).results.forEach(reach);
  };
  const reach = (type: ValType): void => {
    if (!isRef(type)) return;
    if (typeof type.heap === 'number') add(type.heap);
    else if (type.heap === 'cont') for (const index of info.types.keys()) add(index as TypeIdx);
  };
  for (const type of typesAtTheBoundary(info)) reach(type);
  return [...found.values()]
    .filter((type) => {
      const { params, results } = funcTypeOf(info, type);
      return [...params, ...results].every(crosses);
    })
    .sort((a, b) => depth(info, b) - depth(info, a));
}

function* typesAtTheBoundary(info: ModuleInfo): Generator<ValType> {
  const { module } = info;
  for (const { desc } of importsOf(module, 'func')) yield* info.funcType(desc.type).params;
  const shared = [
    ...module.exports,
    ...(['table', 'global', 'tag'] as const).flatMap((kind) =>
      importsOf(module, kind).map((_, index) => ({ kind, index })),
    ),
  ];
  for (const { kind, index } of shared) {
    if (kind === 'func') yield* info.funcType(info.funcTypes[index] as TypeIdx).results;
    if (kind === 'tag') yield* info.funcType(info.tags[index] as TypeIdx).params;
    const type =
      kind === 'global' ? info.globals[index]?.type : kind === 'table' ? info.tables[index]?.type : undefined;
    if (type !== undefined) yield type;
  }
}

function funcTypeOf(info: ModuleInfo, cont: TypeIdx) {
  const comp = info.comp(cont);
  if (comp.kind !== 'cont') throw new RangeError(`type ${cont} is no continuation type`);
  return info.funcType(comp.type);
}

/** Whether JavaScript has values of the type (WebAssembly JavaScript API, ToJSValue). */
const crosses = (type: ValType): boolean =>
  isRef(type) ? type.heap !== 'exn' && type.heap !== 'noexn' : type !== 'v128';

function depth(info: ModuleInfo, type: TypeIdx): number {
  const [parent] = info.types[type]?.supers ?? [];
  return parent === undefined ? 0 : 1 + depth(info, parent);
}

/** `(ref null $ct, params) -> (ref $cont)` and `() -> results` of a source type. */
export function contFuncs(stubs: Stubs, cont: TypeIdx): ContFuncs {
  const { state } = stubs;
  const { build } = state;
  const signature = funcTypeOf(build.info, cont);
  const params = build.vals(signature.params);
  const results = build.vals(signature.results);
  const type = build.type(cont);

  const start = build.addFunc(
    build.funcType([refType(type, true), ...params], [refType(T.cont, false)]),
    `start handed over ${cont}`,
  );
  const locals = new Locals(1 + params.length);
  const stack = locals.add(refType(T.stack, true));
  const asm = new Asm();
  asm.get(locals.param(0)).call(stubs.materialise(cont)).call(stubs.runtime.take).set(stack);
  if (params.length > 0) {
    stubs.pushBound(asm, stack, frameType(build, params), params, [], () => {
      params.forEach((_, index) => void asm.get(locals.param(1 + index)));
    });
  }
  state.checks?.at(asm, 'bound', stack);
  asm.get(stack).structNew(T.cont);
  build.define(start, { locals: locals.declared, body: asm.out });

  const read = build.addFunc(build.funcType([], results), `results of handed over ${cont}`);
  const reading = new Asm();
  state.load(reading, results);
  build.define(read, { locals: [], body: reading.out });
  return { start, results: read };
}

/** `(anyref) -> i32`: of which of these source types a value is, and in what state; -1: of none. See HOST_EXPORTS. */
export function contType(stubs: Stubs, types: readonly TypeIdx[]): FuncIdx {
  const { build, fresh } = stubs.state;
  const func = build.addFunc(build.funcType([refType('any', true)], ['i32']), 'type of continuation');
  const locals = new Locals(1);
  const value = locals.param(0);
  const stack = locals.add(refType(T.stack, true));
  const asm = new Asm();
  types.forEach((type, index) => {
    const answer = (state: number): void => void asm.i32(index * CONT_STATES + state).do('return');
    asm
      .get(value)
      .op('ref.test', { heap: build.type(type) })
      .open('if');
    asm.get(value).cast(refType(T.cont, false)).structGet(T.cont, CONT.stack).tee(stack).do('ref.is_null').open('if');
    answer(CONT_STATE.consumed);
    asm.close();
    asm.get(stack).globalGet(fresh).do('ref.eq').open('if');
    answer(CONT_STATE.own);
    asm.close();
    // Only stacks of continuations that have not begun have no frames.
    asm.get(stack).structGet(T.stack, STACK.depth).do('i32.eqz').open('if');
    answer(CONT_STATE.foreign);
    asm.close();
    answer(CONT_STATE.begun);
    asm.close();
  });
  asm.i32(-1);
  build.define(func, { locals: locals.declared, body: asm.out });
  return func;
}
