import type { FuncIdx, LocalIdx, TableIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import { UNWINDING } from '../../lower/interface.ts';
import { once } from '../../lower/once.ts';
import { FRAME, T } from '../../lower/runtime-types.ts';
import { Lowering } from '../frames/lowering.ts';
import type { RuntimeState } from '../frames/state.ts';
import { frameType, pushParams, Stubs } from '../frames/stubs.ts';
import { Area } from './area.ts';

/** Imports that the pass puts its own functions in the place of, as RuntimeState names them until then. */
export const ASYNCIFY = {
  startUnwind: 'asyncify.start_unwind',
  stopUnwind: 'asyncify.stop_unwind',
  startRewind: 'asyncify.start_rewind',
  stopRewind: 'asyncify.stop_rewind',
} as const;

/** Names of added functions that start with this may change Asyncify's state: calls of them are instrumented. */
export const CHANGES_STATE = 'asyncify: ';

/** What `reentering` says to a function that is called. */
const REENTERING = {
  /** Its caller is being re-entered in this very call: it returns the results that waited. */
  caller: 1,
  /** It is itself being re-entered. */
  callee: 2,
} as const;

/**
 * The functions between Asyncify and the frame protocol. Those that call `start_unwind` or `stop_rewind` are no functions
 * of the guest's to the pass: it does not instrument them, but the calls of them.
 */
export class AsyncifyStubs extends Stubs {
  readonly area: Area;
  /** Functions by name, each made when it is first needed. */
  readonly #once = once<FuncIdx>();

  constructor(state: RuntimeState) {
    super(state);
    this.area = new Area(state.build);
  }

  #import(name: keyof typeof ASYNCIFY): FuncIdx {
    return this.#once(name, () => {
      const params: ValType[] = name === 'startUnwind' || name === 'startRewind' ? ['i32'] : [];
      return this.state.build.importFunc(ASYNCIFY[name], this.state.build.funcType(params, []));
    });
  }

  // ---- pieces

  /** Emits, at the start of a function: where the caller is being re-entered in its call of this one, return the results that waited. */
  #rewound(asm: Asm, results: readonly ValType[]): void {
    const { state } = this;
    asm.globalGet(state.reentering).open('if');
    this.#answer(asm, results);
    asm.close();
  }

  #answer(asm: Asm, results: readonly ValType[]): void {
    const { state } = this;
    asm.i32(0).globalSet(state.reentering).call(this.#import('stopRewind'));
    state.load(asm, results);
    asm.do('return');
  }

  /** Emits, after something may have started to unwind: have Asyncify do so. */
  #unwind(asm: Asm): void {
    asm.globalGet(this.state.shared('unwinding')).open('if');
    this.area.clear(asm);
    asm.i32(0).call(this.#import('startUnwind')).close();
  }

  override reset(asm: Asm): void {
    super.reset(asm);
    // Whatever calls stop_unwind is taken for the host's side; so only this function does, not those that are reset.
    const func = this.#once('reset', () => {
      const { build } = this.state;
      const made = build.addFunc(build.funcType([], []), 'asyncify reset');
      build.define(made, { locals: [], body: new Asm().call(this.#import('stopUnwind')).out });
      return made;
    });
    asm.call(func);
  }

  // ---- what instrumented functions call

  /** `[] -> []`: suspends to the host at a yield point. */
  get yield(): FuncIdx {
    return this.#once('yield', () => {
      const { build } = this.state;
      const func = build.addFunc(build.funcType([], []), `${CHANGES_STATE}yield`);
      const asm = new Asm();
      this.#rewound(asm, []);
      asm.call(this.runtime.yield).do('drop');
      this.#unwind(asm);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  override hostCall(target: FuncIdx, source: TypeIdx, suspending: boolean): FuncIdx {
    const call = super.hostCall(target, source, suspending);
    if (!suspending) return call;
    return this.#once(`host ${target}`, () => {
      const { build } = this.state;
      const { params, results } = build.signature(source);
      const func = build.addFunc(build.type(source), `${CHANGES_STATE}import ${target}`);
      const asm = new Asm();
      this.#rewound(asm, results);
      pushParams(asm, params);
      asm.call(call);
      this.#unwind(asm);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** Calls a function that is not instrumented but may suspend in a tail call. */
  passing(target: FuncIdx, source: TypeIdx): FuncIdx {
    return this.#once(`pass ${target}`, () => {
      const { build } = this.state;
      const { params, results } = build.signature(source);
      const func = build.addFunc(build.type(source), `${CHANGES_STATE}pass ${target}`);
      const asm = new Asm();
      this.#rewound(asm, results);
      pushParams(asm, params);
      asm.call(target);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /**
   * `call_indirect`: `[t1* address] -> [t2*]`. Rewinding ends here and does not ask the table, which may have another entry
   * there by then.
   */
  indirect(source: TypeIdx, table: TableIdx): FuncIdx {
    return this.#once(`indirect ${source} ${table}`, () => {
      const { build } = this.state;
      const { params, results } = build.signature(source);
      const address = build.info.tables[table]?.limits.address ?? 'i32';
      const func = build.addFunc(
        build.funcType([...params, address], results),
        `${CHANGES_STATE}call_indirect ${source} ${table}`,
      );
      const asm = new Asm();
      this.#rewound(asm, results);
      pushParams(asm, [...params, address]);
      asm.op('call_indirect', { type: build.type(source), table });
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  // ---- around one instrumented function

  /**
   * What takes the place of an instrumented function: calls its body, and makes a frame of what Asyncify saved of it. There is one for
   * each function: what they can share is in functions of their own.
   */
  entry(index: FuncIdx, body: FuncIdx, source: TypeIdx): Code {
    const { state } = this;
    const { build } = state;
    const { params, results } = build.signature(source);
    const locals = new Locals(params.length);
    /** Whether it has its frame already, as it is being re-entered. */
    const again = locals.add('i32');
    const asm = new Asm();
    asm.globalGet(state.reentering).open('if');
    asm.call(this.#entered).open('if');
    asm.call(this.#import('stopRewind'));
    state.load(asm, results);
    asm.do('return').close();
    asm.i32(1).set(again).close();
    pushParams(asm, params);
    asm.call(body);
    asm.globalGet(state.shared('unwinding')).open('if');
    asm.get(again).op('ref.func', { func: build.declare(index) });
    asm.op('ref.func', { func: build.declare(this.#reentry(source)) });
    asm.call(this.#left).close();
    return { locals: locals.declared, body: asm.out };
  }

  /** `[] -> [i32]`, at the start of a function while something is re-entered: whether that is its caller, in its call of this one. */
  get #entered(): FuncIdx {
    return this.#once('entered', () => {
      const { state } = this;
      const func = state.build.addFunc(state.build.funcType([], ['i32']), 'asyncify entered');
      const locals = new Locals(0);
      const caller = locals.add('i32');
      const asm = new Asm();
      asm.globalGet(state.reentering).i32(REENTERING.caller).do('i32.eq').tee(caller).do('i32.eqz');
      // What a function that is itself re-entered calls first is the function it was in.
      asm.globalSet(state.reentering).get(caller);
      state.build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /**
   * `[i32 funcref (ref $reenter)] -> []`: makes the frame of a function that is being unwound, unless it has one: then who re-entered
   * it knows which.
   */
  get #left(): FuncIdx {
    return this.#once('left', () => {
      const { state, area } = this;
      const { build } = state;
      const type = build.funcType(['i32', refType('func', true), refType(T.reenter, true)], []);
      const func = build.addFunc(type, 'asyncify left');
      const locals = new Locals(3);
      const asm = new Asm();
      asm.get(locals.param(0)).do('i32.eqz').open('if');
      asm.null(T.frame).get(locals.param(2));
      area.used(asm);
      asm.call(area.unload).get(locals.param(1)).structNew(this.#frame).call(this.runtime.save).close();
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** A frame of an instrumented function: its resume point is the number of its bytes; then these, and the function. */
  get #frame(): TypeIdx {
    return frameType(this.state.build, [refType(this.area.slice, true), refType('func', true)]);
  }

  /** Re-enters functions of a type. */
  #reentry(source: TypeIdx): FuncIdx {
    const { build } = this.state;
    return this.#once(`re-enter ${build.info.canonical(source)}`, () => {
      const { state } = this;
      const { params, results } = build.signature(source);
      const type = build.type(source);
      const func = build.addFunc(T.reenter, 'asyncify re-enter');
      const self = 0 as LocalIdx;
      const asm = new Asm();
      for (const param of params) asm.pushAll(this.dummies.of(param) ?? []);
      asm.get(self).call(this.#rewind).cast(refType(type, false)).callRef(type);
      asm.globalGet(state.shared('unwinding')).open('if');
      asm.get(self).call(this.#kept).do('return').close();
      state.store(asm, results);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** `[(ref null $frame)] -> [funcref]`: puts a frame into the area, and hands out whose it is. */
  get #rewind(): FuncIdx {
    return this.#once('rewind', () => {
      const { state, area } = this;
      const { build } = state;
      const frame = this.#frame;
      const type = build.funcType([refType(T.frame, true)], [refType('func', true)]);
      const func = build.addFunc(type, 'asyncify rewind');
      const locals = new Locals(1);
      const self = locals.add(refType(frame, true));
      const asm = new Asm();
      asm.get(locals.param(0)).cast(refType(frame, false)).tee(self).structGet(frame, FRAME.locals);
      asm.get(self).structGet(frame, FRAME.point).call(area.load);
      asm.i32(REENTERING.callee).globalSet(state.reentering);
      asm.i32(0).call(this.#import('startRewind'));
      asm.get(self).structGet(frame, FRAME.locals + 1);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** `[(ref null $frame)] -> []`: keeps in a frame what Asyncify saved of its function anew. */
  get #kept(): FuncIdx {
    return this.#once('kept', () => {
      const { state, area } = this;
      const { build } = state;
      const frame = this.#frame;
      const func = build.addFunc(build.funcType([refType(T.frame, true)], []), 'asyncify kept');
      const asm = new Asm();
      asm.call(this.#import('stopUnwind'));
      // A function's frames all have the same size.
      asm
        .get(0 as LocalIdx)
        .cast(refType(frame, false))
        .structGet(frame, FRAME.locals)
        .call(area.refill);
      asm.i32(UNWINDING.kept).globalSet(state.shared('unwinding'));
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** What the first activation of a stack is called through: unwinding ends there. */
  outermost(target: FuncIdx, source: TypeIdx): FuncIdx {
    return this.#once(`outermost ${target}`, () => {
      const { state } = this;
      const { params } = state.build.signature(source);
      const func = state.build.addFunc(state.build.type(source), 'asyncify outermost');
      const asm = new Asm();
      pushParams(asm, params);
      asm.call(target);
      asm.globalGet(state.shared('unwinding')).open('if');
      asm.call(this.#import('stopUnwind')).close();
      state.build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }
}

/** As the host's interface sees the module: functions it refers to are the outermost of a stack. */
export class HostLowering extends Lowering {
  readonly #stubs: AsyncifyStubs;
  constructor(stubs: AsyncifyStubs, from: Lowering) {
    super(stubs, from.suspensions, from);
    this.#stubs = stubs;
  }
  override referenced(func: FuncIdx): FuncIdx {
    return this.#stubs.outermost(this.callee(func), this.typeOf(func));
  }
}
