import type { FuncIdx, TableIdx, TypeIdx, ValType } from '../../binary/types.ts';
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
   * What takes the place of an instrumented function: calls its body, and makes a frame of what Asyncify saved of it. It is the
   * only caller of the body, so that the optimiser makes one function of the two.
   */
  entry(index: FuncIdx, body: FuncIdx, source: TypeIdx): Code {
    const { state, area } = this;
    const { build } = state;
    const { params, results } = build.signature(source);
    const locals = new Locals(params.length);
    const mode = locals.add('i32');
    const asm = new Asm();
    asm.globalGet(state.reentering).tee(mode).open('if');
    asm.get(mode).i32(REENTERING.caller).do('i32.eq').open('if');
    this.#answer(asm, results);
    asm.close();
    asm.i32(REENTERING.caller).globalSet(state.reentering).close();
    pushParams(asm, params);
    asm.call(body);
    asm.globalGet(state.shared('unwinding')).open('if');
    // Where it is being re-entered it has its frame already, and who re-entered it knows which.
    asm.get(mode).do('i32.eqz').open('if');
    asm.null(T.frame).op('ref.func', { func: build.declare(this.#reentry(index, source)) });
    area.used(asm);
    asm.call(area.unload).structNew(this.#frame).call(this.runtime.save).close().close();
    return { locals: locals.declared, body: asm.out };
  }

  /** A frame of an instrumented function; its resume point is the number of its bytes. */
  get #frame(): TypeIdx {
    return frameType(this.state.build, [refType(this.area.slice, true)]);
  }

  #reentry(index: FuncIdx, source: TypeIdx): FuncIdx {
    return this.#once(`re-enter ${index}`, () => {
      const { state, area } = this;
      const { build } = state;
      const { params, results } = build.signature(source);
      const frame = this.#frame;
      const func = build.addFunc(T.reenter, 'asyncify re-enter');
      const locals = new Locals(1);
      const self = locals.add(refType(frame, true));
      const asm = new Asm();
      asm.get(locals.param(0)).cast(refType(frame, false)).tee(self).structGet(frame, FRAME.locals);
      asm.get(self).structGet(frame, FRAME.point).call(area.load);
      asm.i32(REENTERING.callee).globalSet(state.reentering);
      asm.i32(0).call(this.#import('startRewind'));
      for (const param of params) asm.pushAll(this.dummies.of(param) ?? []);
      asm.call(index);
      asm.globalGet(state.shared('unwinding')).open('if');
      asm.call(this.#import('stopUnwind'));
      // A function's frames all have the same size.
      asm.get(self).structGet(frame, FRAME.locals).call(area.refill);
      asm.i32(UNWINDING.kept).globalSet(state.shared('unwinding')).do('return').close();
      state.store(asm, results);
      build.define(func, { locals: locals.declared, body: asm.out });
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
