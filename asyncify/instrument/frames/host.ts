import type { Export } from '../../binary/module.ts';
import type { FuncIdx, GlobalIdx, LocalIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import { HOST_EXPORTS, OUTCOME, PROCESS_IMPORTS, UNWINDING } from '../../lower/interface.ts';
import { CONT, FRAME, HANDLER, STACK, T } from '../../lower/runtime-types.ts';
import { STACK_POINTER, stackPointerOf } from '../../lower/transparent/index.ts';
import { contFuncs, contType, handedOver } from './handed-over.ts';
import type { Lowering } from './lowering.ts';
import { frameType, pushParams } from './stubs.ts';

const CONT_REF = refType(T.cont, true);
const STACK_REF = refType(T.stack, true);

/**
 * What lets a host run a module's functions inside continuations: it starts and resumes them, and finds them suspended at a
 * yield point or in a call of an import. See HOST_EXPORTS for the signatures.
 */
export class HostInterface {
  readonly #lowering: Lowering;
  /** Imported functions whose calls may suspend. */
  readonly #suspending: ReadonlySet<FuncIdx>;

  constructor(lowering: Lowering, suspending: ReadonlySet<FuncIdx>) {
    this.#lowering = lowering;
    this.#suspending = suspending;
  }

  /** The exports of this interface. */
  exports(): Export[] {
    const { info, state, yields } = this.#lowering;
    const result: Export[] = [];
    const func = (name: string, index: FuncIdx): void => {
      result.push({ name, kind: 'func', index, at: -1 });
    };
    for (const entry of info.module.exports) {
      if (entry.kind !== 'func' || entry.index < info.importedFuncs) continue;
      func(HOST_EXPORTS.new(entry.name), this.#start(entry.index as FuncIdx));
      func(HOST_EXPORTS.results(entry.name), this.#results(entry.index as FuncIdx));
    }
    for (const index of this.#suspending) func(HOST_EXPORTS.answer(index), this.#answer(index));
    for (const { kind, name, index } of info.module.exports) {
      const type = kind === 'global' ? info.globals[index] : undefined;
      if (type?.mutable === true && type.type === 'i32') func(HOST_EXPORTS.swap(name), this.#swap(index as GlobalIdx));
    }
    result.push(...this.#stackPointer());
    const conts = handedOver(info);
    conts.forEach((type, index) => {
      const { start, results } = contFuncs(this.#lowering.stubs, type);
      func(HOST_EXPORTS.cont(index), start);
      func(HOST_EXPORTS.contResults(index), results);
    });
    if (conts.length > 0) func(HOST_EXPORTS.contType, contType(this.#lowering.stubs, conts));
    func(HOST_EXPORTS.resume, this.#resume());
    if (state.exceptions) func(HOST_EXPORTS.throw, this.#throw());
    func(HOST_EXPORTS.canSuspend, this.#canSuspend());
    func(HOST_EXPORTS.suspend, this.#suspend());
    const { start } = info.module;
    if (start !== null) func(HOST_EXPORTS.start, this.#startFunction(start));
    func(HOST_EXPORTS.refuel, this.#swap(state.shared('fuel')));
    for (const name of ['fuel', 'epoch', 'pending'] as const) {
      result.push({ name: HOST_EXPORTS[name], kind: 'global', index: state.shared(name), at: -1 });
    }
    const memory = yields?.poll === 'epoch' ? state.epochMemory : null;
    if (memory !== null) result.push({ name: HOST_EXPORTS.epochMemory, kind: 'memory', index: memory, at: -1 });
    return result;
  }

  /** The stack pointer, where the host would not find it by its name. */
  #stackPointer(): Export[] {
    const { info } = this.#lowering;
    if (info.module.exports.some(({ kind, name }) => kind === 'global' && name === STACK_POINTER)) return [];
    const pointer = stackPointerOf(info);
    if (pointer.kind !== 'global') return [];
    const name = HOST_EXPORTS.stackPointer;
    const { global } = pointer;
    return [
      { name, kind: 'global', index: global, at: -1 },
      { name: HOST_EXPORTS.swap(name), kind: 'func', index: this.#swap(global), at: -1 },
    ];
  }

  #handlers(): GlobalIdx {
    const { state } = this.#lowering;
    const asm = new Asm();
    asm.globalGet(state.hostTag('yielded')).i32(OUTCOME.yielded - 1);
    asm.globalGet(state.hostTag('blocked')).i32(OUTCOME.blocked - 1);
    asm.null(T.handler).structNew(T.handler).structNew(T.handler);
    return state.build.addGlobal({ type: refType(T.handler, false), mutable: false }, asm.out, 'host handlers');
  }

  /** `(params) -> (ref $cont)`: a continuation that will call the function. */
  #start(target: FuncIdx): FuncIdx {
    const { build, state } = this.#lowering;
    const { params, results } = build.signature(this.#lowering.typeOf(target));
    const type = frameType(build, params);
    const enter = build.addFunc(T.reenter, `run ${target}`);
    const body = new Asm();
    const enterLocals = new Locals(1);
    const frame = enterLocals.add(refType(type, true));
    body.get(enterLocals.param(0)).cast(refType(type, false)).tee(frame);
    body.structGet(type, FRAME.point).open('if');
    body.do('return').close();
    params.forEach((param: ValType, index: number) => {
      body.get(frame).structGet(type, FRAME.locals + index);
      if (isRef(param) && !param.nullable) body.do('ref.as_non_null');
    });
    body.call(this.#lowering.referenced(target));
    body.globalGet(state.shared('unwinding')).open('if');
    // Where an import that suspends was tail-called there is no other frame: this one hands on the results, and does no more.
    body.globalGet(state.shared('unwinding')).i32(UNWINDING.begun).do('i32.eq').open('if');
    body.get(frame).i32(1).structSet(type, FRAME.point);
    body.i32(UNWINDING.kept).globalSet(state.shared('unwinding')).close();
    body.do('return').close();
    state.store(body, results);
    build.define(enter, { locals: enterLocals.declared, body: body.out });

    const func = build.addFunc(build.funcType(params, [refType(T.cont, false)]), `new ${target}`);
    const asm = new Asm();
    asm
      .null(T.frame)
      .op('ref.func', { func: build.declare(enter) })
      .i32(0);
    pushParams(asm, params);
    asm.structNew(type);
    state.newStackOf(asm);
    asm.structNew(T.cont);
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  /** Not 0 where the start function has been run, or given to a host that will. */
  get #started(): GlobalIdx {
    const { build } = this.#lowering;
    return build.addGlobal({ type: 'i32', mutable: true }, new Asm().i32(0).out, 'started');
  }

  /** `() -> (ref null $cont)`: a continuation that will call the start function, the first time unless instantiation has. */
  #startFunction(target: FuncIdx): FuncIdx {
    const { build } = this.#lowering;
    const func = build.addFunc(build.funcType([], [CONT_REF]), 'start function');
    const asm = new Asm();
    asm.globalGet(this.#started).open('if');
    asm.null(T.cont).do('return').close();
    asm.i32(1).globalSet(this.#started).call(this.#start(target));
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  /** What takes the place of the start function: runs it unless the host wants to. @param entry the start function, or its host entry */
  startSection(entry: FuncIdx): FuncIdx {
    const { build } = this.#lowering;
    const func = build.addFunc(build.funcType([], []), 'start');
    const asm = new Asm();
    asm.globalGet(build.importGlobal(PROCESS_IMPORTS.start, { type: 'i32', mutable: false })).open('if');
    asm.i32(1).globalSet(this.#started).call(entry).close();
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  #results(target: FuncIdx): FuncIdx {
    const { build, state } = this.#lowering;
    const { results } = build.signature(this.#lowering.typeOf(target));
    const func = build.addFunc(build.funcType([], results), `results of ${target}`);
    const asm = new Asm();
    state.load(asm, results);
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  #answer(target: FuncIdx): FuncIdx {
    const { build, state } = this.#lowering;
    const { results } = build.signature(this.#lowering.typeOf(target));
    const func = build.addFunc(build.funcType(results, []), `answer ${target}`);
    const asm = new Asm();
    pushParams(asm, results);
    state.store(asm, results);
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  /** `externref -> i32`: runs a continuation, a `(ref $cont)`, until it returns or suspends to the host. */
  #resume(): FuncIdx {
    const { build, stubs } = this.#lowering;
    const drive = build.addFunc(build.funcType([CONT_REF], ['i32', STACK_REF]), 'resume from host');
    const asm = new Asm();
    asm
      .get(0 as LocalIdx)
      .call(stubs.runtime.take)
      .globalGet(this.#handlers());
    if (this.#lowering.state.exceptions) asm.null('exn');
    asm.op('return_call', { func: stubs.runtime.drive });
    build.define(drive, { locals: [], body: asm.out });
    return this.#entry(drive, [CONT_REF]);
  }

  /** The same with a JavaScript value that is thrown where the continuation is suspended. */
  #throw(): FuncIdx {
    const { build, stubs, state } = this.#lowering;
    const extern = refType('extern', true);
    const exn = refType('exn', true);
    const raise = state.raise;
    const drive = build.addFunc(
      build.funcType([CONT_REF, extern], ['i32', STACK_REF]),
      'resume from host with exception',
    );
    const asm = new Asm();
    const caught = asm.open('block', { kind: 'value', type: exn });
    asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label: caught }]);
    asm
      .get(1 as LocalIdx)
      .call(raise)
      .close()
      .do('unreachable')
      .close();
    asm
      .get(0 as LocalIdx)
      .globalGet(this.#handlers())
      .op('return_call', { func: stubs.runtime.resumeThrow });
    build.define(drive, { locals: [], body: asm.out });
    return this.#entry(drive, [CONT_REF, extern]);
  }

  #entry(drive: FuncIdx, params: readonly ValType[]): FuncIdx {
    const { build, state, stubs } = this.#lowering;
    const guarded = stubs.guardedEntry(drive, { params, results: ['i32', STACK_REF] }, 'resume', 'hostResumed', false);
    // What an engine lets through of JavaScript's values as it is: it checks other references outside of the caller's code.
    const outer = params.map((): ValType => refType('extern', true));
    const func = build.addFunc(build.funcType(outer, ['i32']), 'host resume');
    const locals = new Locals(params.length);
    const cont = locals.add(CONT_REF);
    const stack = locals.add(STACK_REF);
    const asm = new Asm();
    if (state.poll !== null) asm.i32(0).globalSet(state.shared('asked'));
    asm.get(locals.param(0)).do('any.convert_extern').cast(CONT_REF).tee(cont);
    for (let index = 1; index < params.length; index++) asm.get(locals.param(index));
    asm.call(guarded).set(stack);
    // The object is used again: several results make an array in JavaScript, and its own collector has less to do.
    asm.get(stack).do('ref.is_null', 'i32.eqz').open('if');
    asm.get(cont).get(stack).structSet(T.cont, CONT.stack);
    state.checks?.at(asm, 'renewed', cont);
    asm.close();
    build.define(func, { locals: locals.declared, body: asm.out });
    return func;
  }

  /** `i32 -> i32`: sets a global and returns what it was. */
  #swap(global: GlobalIdx): FuncIdx {
    const { build } = this.#lowering;
    const func = build.addFunc(build.funcType(['i32'], ['i32']), 'swap global');
    const asm = new Asm();
    asm.globalGet(global);
    pushParams(asm, ['i32']);
    asm.globalSet(global);
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  /** `() -> ()`: the call of the import that is running is to be suspended once it returns. */
  #suspend(): FuncIdx {
    const { build, state } = this.#lowering;
    const func = build.addFunc(build.funcType([], []), 'suspend call');
    build.define(func, { locals: [], body: new Asm().i32(1).globalSet(state.shared('pending')).out });
    return func;
  }

  /** `() -> i32`: whether the import that is running could have its call suspended. */
  #canSuspend(): FuncIdx {
    const { build, state } = this.#lowering;
    const func = build.addFunc(build.funcType([], ['i32']), 'can suspend');
    const locals = new Locals(0);
    const stack = locals.add(STACK_REF);
    const handler = locals.add(refType(T.handler, true));
    const asm = new Asm();
    asm.globalGet(state.shared('calling')).set(stack);
    const end = asm.open('block');
    const nextStack = asm.open('loop');
    asm.get(stack).brOnNull(end).structGet(T.stack, STACK.handlers).set(handler);
    const listEnd = asm.open('block');
    const nextHandler = asm.open('loop');
    asm.get(handler).brOnNull(listEnd).structGet(T.handler, HANDLER.tag);
    asm.globalGet(state.hostTag('blocked')).do('ref.eq').open('if');
    asm.i32(1).do('return').close();
    asm.get(handler).structGet(T.handler, HANDLER.next).set(handler).br(nextHandler).close().close();
    asm.get(stack).structGet(T.stack, STACK.parent).set(stack).br(nextStack).close().close();
    asm.i32(0);
    build.define(func, { locals: locals.declared, body: asm.out });
    return func;
  }
}
