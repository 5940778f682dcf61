import type { FieldType, FuncIdx, FuncType, GlobalIdx, LocalIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, type Label, Locals, made, valueBlock } from '../../lower/asm.ts';
import type { Build } from '../../lower/build.ts';
import { Dummies } from '../../lower/dummies.ts';
import { BASE, type CheckName, hostFlag } from '../../lower/interface.ts';
import { once } from '../../lower/once.ts';
import { CONT, FRAME, STACK, T } from '../../lower/runtime-types.ts';
import type { Deep } from './deep.ts';
import { Runtime, takeContinuation } from './runtime.ts';
import type { RuntimeState } from './state.ts';

const FRAME_FIELDS: readonly FieldType[] = [
  { type: refType(T.frame, true), mutable: true },
  { type: refType(T.reenter, true), mutable: true },
  { type: 'i32', mutable: true },
];

/** A frame type whose live values have these output types; references are nullable in it, so that it has a default. */
export function frameType(build: Build, saved: readonly ValType[]): TypeIdx {
  const fields = saved.map((type): FieldType => ({ type: nullable(type), mutable: true }));
  return build.addType({
    final: true,
    supers: [T.frame],
    comp: { kind: 'struct', fields: [...FRAME_FIELDS, ...fields] },
  });
}

export function nullable(type: ValType): ValType {
  return isRef(type) ? refType(type.heap, true) : type;
}

/** Emits the first locals of a function: its parameters. */
export function pushParams(asm: Asm, params: readonly ValType[]): void {
  for (let index = 0; index < params.length; index++) asm.get(index as LocalIdx);
}

interface Signature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** The locals that keep a stack chain while the host runs. */
interface Chain {
  readonly current: LocalIdx;
  readonly level: LocalIdx;
}

/** The small functions around instrumented ones, each made once. */
export class Stubs {
  readonly state: RuntimeState;
  readonly runtime: Runtime;
  readonly dummies: Dummies;
  /** Functions by name, each made when it is first needed. */
  readonly #once = once<FuncIdx>();
  /** Re-entries, by what they call. */
  readonly #reentries = once<FuncIdx, FuncIdx>();

  constructor(state: RuntimeState) {
    this.state = state;
    this.runtime = new Runtime(state);
    this.dummies = new Dummies(state.build);
  }

  #contType(cont: TypeIdx): { func: TypeIdx; type: FuncType } {
    const comp = this.state.build.info.comp(cont);
    if (comp.kind !== 'cont') throw new RangeError(`type ${cont} is no continuation type`);
    return { func: comp.type, type: this.state.build.info.funcType(comp.type) };
  }

  /** Emits `[(ref null $stack)] -> [(ref $ct)]`, `$ct` a source type: a new continuation object. */
  wrap(asm: Asm, cont: TypeIdx): void {
    const { func } = this.#contType(cont);
    const { build } = this.state;
    asm.null(build.type(func)).structNew(build.type(cont));
  }

  /** `cont.new` on a source type: `[(ref null $ft)] -> [(ref $ct)]`. */
  contNew(cont: TypeIdx): FuncIdx {
    return this.#once(`new ${cont}`, () => {
      const { build } = this.state;
      const body = refType(build.type(this.#contType(cont).func), true);
      const func = build.addFunc(build.funcType([body], [refType(build.type(cont), false)]), `cont.new ${cont}`);
      const asm = new Asm();
      const param = 0 as LocalIdx;
      asm.get(param).do('ref.is_null').openUnlikely();
      this.state.trap(asm, 'nullFunction');
      asm.close();
      asm.globalGet(this.state.fresh).get(param).structNew(build.type(cont));
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /**
   * `resume` of a continuation of a source type: `[(ref null $ct) (ref null $handler)] -> [i32 (ref null $stack)]`, see
   * Runtime.drive. One that has not run yet gets its stack here.
   */
  resume(cont: TypeIdx): FuncIdx {
    return this.#once(`resume ${cont}`, () => {
      const { state } = this;
      const { build } = state;
      const type = build.type(cont);
      const results = ['i32', refType(T.stack, true)] as const;
      const func = build.addFunc(
        build.funcType([refType(type, true), refType(T.handler, true)], results),
        `resume ${cont}`,
      );
      const locals = new Locals(2);
      const stack = locals.add(refType(T.stack, true));
      const asm = new Asm();
      const self = locals.param(0);
      takeContinuation(state, asm, self, stack);
      asm.get(stack).globalGet(state.fresh).do('ref.eq').open('if');
      const source = this.#contType(cont).func;
      asm.get(self).structGet(type, CONT.body).globalSet(this.#bodyGlobal(source));
      asm.globalGet(this.#startFrame(source));
      state.newStackOf(asm);
      asm.set(stack);
      state.checks?.at(asm, 'fresh', stack);
      asm.close();
      asm.get(stack).do('ref.as_non_null').get(locals.param(1));
      if (state.exceptions) asm.null('exn');
      asm.op('return_call', { func: this.runtime.drive });
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** `[(ref null $ct)] -> [(ref null $ct)]`, a source type: the same continuation, with a stack if it is not consumed. */
  materialise(cont: TypeIdx): FuncIdx {
    return this.#once(`materialise ${cont}`, () => {
      const { state } = this;
      const { build } = state;
      const type = build.type(cont);
      const func = build.addFunc(build.funcType([refType(type, true)], [refType(type, true)]), `materialise ${cont}`);
      const asm = new Asm();
      const self = 0 as LocalIdx;
      const source = this.#contType(cont).func;
      const frame = frameType(build, [refType(build.type(source), true)]);
      const done = asm.open('block');
      asm
        .get(self)
        .brOnNull(done)
        .structGet(type, CONT.stack)
        .globalGet(state.fresh)
        .do('ref.eq', 'i32.eqz')
        .brIf(done);
      asm.get(self);
      asm
        .null(T.frame)
        .op('ref.func', { func: build.declare(this.#startBound(source, frame)) })
        .i32(0);
      asm.get(self).structGet(type, CONT.body).structNew(frame);
      state.newStackOf(asm);
      asm.structSet(type, CONT.stack).close().get(self);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** Where `resume` leaves the body for the start frame, which it is at once called with. */
  #bodyGlobal(source: TypeIdx): GlobalIdx {
    const type = refType(this.state.build.type(source), true);
    return this.state.build.addGlobal(
      { type, mutable: true },
      [made('ref.null', { heap: type.heap })],
      `body ${source}`,
    );
  }

  /** The innermost frame of every stack of a body of this type that is about to start; it holds nothing. */
  #startFrame(source: TypeIdx): GlobalIdx {
    const { build } = this.state;
    const func = this.#once(`start ${source}`, () => {
      const start = build.addFunc(T.reenter, `start ${source}`);
      this.#define(start, source, (asm) => asm.globalGet(this.#bodyGlobal(source)));
      return start;
    });
    const asm = new Asm();
    asm.null(T.frame).op('ref.func', { func }).i32(0).structNew(T.frame);
    return build.addGlobal({ type: refType(T.frame, false), mutable: false }, asm.out, `start frame ${source}`);
  }

  /** Re-entry of a start frame that holds its body. */
  #startBound(source: TypeIdx, frame: TypeIdx): FuncIdx {
    return this.#once(`start held ${source}`, () => {
      const func = this.state.build.addFunc(T.reenter, `start held ${source}`);
      this.#define(func, source, (asm) =>
        asm
          .get(0 as LocalIdx)
          .cast(refType(frame, false))
          .structGet(frame, FRAME.locals),
      );
      return func;
    });
  }

  /** Defines a re-entry that calls a body with the arguments in the slots. */
  #define(func: FuncIdx, source: TypeIdx, body: (asm: Asm) => void): void {
    const { state } = this;
    const { params, results } = state.build.signature(source);
    const asm = new Asm();
    state.load(asm, params);
    body(asm);
    asm.callRef(state.build.type(source));
    if (results.length > 0) {
      // Once the body is suspended its own frame hands on the results: this one is not needed again.
      asm.globalGet(state.shared('unwinding')).open('if');
      asm.do('return').close();
      state.store(asm, results);
    }
    state.build.define(func, { locals: [], body: asm.out });
  }

  /** `cont.bind` on source types: `[t1* (ref null $ct1)] -> [(ref $ct2)]`. */
  contBind(from: TypeIdx, to: TypeIdx): FuncIdx {
    return this.#once(`bind ${from} ${to}`, () => {
      const { build } = this.state;
      const all = build.vals(this.#contType(from).type.params);
      const bound = all.slice(0, all.length - this.#contType(to).type.params.length);
      const signature = build.funcType([...bound, refType(build.type(from), true)], [refType(build.type(to), false)]);
      const func = build.addFunc(signature, `cont.bind ${from} ${to}`);
      const locals = new Locals(bound.length + 1);
      const stack = locals.add(refType(T.stack, true));
      const asm = new Asm();
      asm.get(locals.param(bound.length)).call(this.materialise(from)).call(this.runtime.take).set(stack);
      if (bound.length > 0) {
        this.pushBound(asm, stack, frameType(build, bound), bound, all.slice(bound.length), () =>
          pushParams(asm, bound),
        );
      }
      this.state.checks?.at(asm, 'bound', stack);
      asm.get(stack);
      this.wrap(asm, to);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits a new innermost frame of a stack that has not begun or is suspended: it holds its first arguments. */
  pushBound(
    asm: Asm,
    stack: LocalIdx,
    frame: TypeIdx,
    bound: readonly ValType[],
    rest: readonly ValType[],
    push: () => void,
  ): void {
    const { build } = this.state;
    asm.get(stack);
    asm.get(stack).structGet(T.stack, STACK.top);
    asm.op('ref.func', { func: build.declare(this.#bound(frame, bound, rest)) }).i32(0);
    push();
    asm.structNew(frame).structSet(T.stack, STACK.top);
    asm.get(stack).get(stack).structGet(T.stack, STACK.depth).i32(1).do('i32.add').structSet(T.stack, STACK.depth);
  }

  /** Re-entry of the frame `cont.bind` pushed: puts the bound arguments before those in the slots. */
  #bound(frame: TypeIdx, bound: readonly ValType[], rest: readonly ValType[]): FuncIdx {
    return this.#once(`bound ${frame} ${JSON.stringify([bound, rest])}`, () => {
      const { state } = this;
      const func = state.build.addFunc(T.reenter, 'bound arguments');
      const locals = new Locals(1);
      const self = locals.add(refType(frame, true));
      const asm = new Asm();
      asm.get(locals.param(0)).cast(refType(frame, false)).set(self);
      bound.forEach((type, index) => {
        asm.get(self).structGet(frame, FRAME.locals + index);
        if (isRef(type) && !type.nullable) asm.do('ref.as_non_null');
      });
      state.load(asm, rest);
      state.store(asm, [...bound, ...rest]);
      state.build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /**
   * Who re-enters an instrumented function: calls it and puts its results in the slots. `tells`: the function can also be called,
   * and looks at `reentering`.
   */
  reentry(target: FuncIdx, source: TypeIdx, name: string, tells: boolean): FuncIdx {
    return this.#reentries(target, () => {
      const { state } = this;
      const { params, results } = state.build.signature(source);
      const func = state.build.addFunc(T.reenter, `re-enter ${name}`);
      const asm = new Asm();
      if (tells) asm.i32(1).globalSet(state.reentering);
      // Where a parameter's type has no value the function was never called.
      for (const param of params) asm.pushAll(this.dummies.of(param) ?? [made('unreachable', {})]);
      asm.call(target);
      this.#leave(asm, results.length > 0);
      state.store(asm, results);
      state.build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** Emits, in a re-entry after the call: return if the function is unwinding again. */
  #leave(asm: Asm, hasResults: boolean): void {
    const { state } = this;
    if (state.linking === 'closed' && !hasResults) return;
    // After a tail call into another module only the shared flag tells.
    asm.globalGet(state.shared('unwinding')).open('if');
    if (state.linking === 'linked') asm.i32(0).globalSet(state.unwinding);
    asm.do('return').close();
  }

  /** What the host calls: the code behind it sees an empty stack chain, and nothing a trap left behind. */
  hostEntry(target: FuncIdx, source: TypeIdx, name: string): FuncIdx {
    return this.guardedEntry(target, this.state.build.signature(source), `host entry ${name}`, 'hostLeft', true);
  }

  /** The same for a function that has no source type. `canUnwind`: it is not a driver. */
  guardedEntry(target: FuncIdx, signature: Signature, name: string, left: CheckName, canUnwind: boolean): FuncIdx {
    return this.#once(`host entry ${target}`, () => {
      const { state } = this;
      const func = state.build.addFunc(state.build.funcTypeOf(target, signature), name);
      const locals = new Locals(signature.params.length);
      const asm = new Asm();
      const saved = this.#saveChain(asm, locals);
      this.reset(asm);
      state.checks?.running(asm, 'hostEntered');
      const { deep } = this.runtime;
      const given = deep === null ? null : { base: locals.add('i32'), room: locals.add('i32') };
      if (given !== null) deep?.enter(asm, given);
      const restore = (): void => {
        state.checks?.running(asm, left);
        if (given !== null) deep?.exit(asm, given);
        this.#restoreChain(asm, saved);
      };
      this.#guarded(asm, signature.results, restore, () => {
        pushParams(asm, signature.params);
        asm.call(target);
        if (deep !== null && canUnwind) this.#goOn(asm, locals, deep, signature.results);
      });
      state.build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits, after what the host entry has called: if that has unwound, it is gone on with as frames. */
  #goOn(asm: Asm, locals: Locals, deep: Deep, results: readonly ValType[]): void {
    const { state } = this;
    const kept = results.map((type) => locals.add(nullable(type)));
    for (const local of [...kept].reverse()) asm.set(local);
    asm.globalGet(state.shared('unwinding')).openUnlikely();
    asm.call(deep.goOn);
    state.load(asm, results);
    for (const local of [...kept].reverse()) asm.set(local);
    asm.close();
    results.forEach((type, index) => {
      asm.get(kept[index] as LocalIdx);
      if (isRef(type) && !type.nullable) asm.do('ref.as_non_null');
    });
  }

  /**
   * What calls an imported function: the host sees an empty stack chain and leaves this one as it was. Where the import is
   * suspending it may set `pending`; the call then suspends to the host, which answers with its results later.
   */
  hostCall(target: FuncIdx, source: TypeIdx, suspending: boolean): FuncIdx {
    return this.#once(`host call ${target}`, () => {
      const { state } = this;
      const { build } = state;
      const signature = build.signature(source);
      const func = build.addFunc(build.type(source), `call import ${target}`);
      const locals = new Locals(signature.params.length);
      const asm = new Asm();
      const push = (): void => pushParams(asm, signature.params);
      if (state.linking === 'linked') {
        const flag = build.importGlobal(hostFlag(target), { type: 'i32', mutable: false });
        asm.globalGet(flag).do('i32.eqz').open('if');
        push();
        asm.op('return_call', { func: target }).close();
      }
      const saved = this.#saveChain(asm, locals);
      if (suspending) asm.get(saved.current).globalSet(state.shared('calling'));
      state.checks?.running(asm, 'hostCalling');
      asm.i32(0).globalSet(state.shared('level'));
      const base = this.runtime.deep === null ? null : locals.add('i32');
      if (base !== null) {
        asm.globalGet(state.shared('base')).set(base).i32(BASE.host).globalSet(state.shared('base'));
      }
      // What the import called may have trapped, and the import have caught that.
      const restore = (): void => {
        this.reset(asm);
        if (base !== null) asm.get(base).globalSet(state.shared('base'));
        this.#restoreChain(asm, saved);
        // No other call is running now that could be suspended by it.
        if (suspending) asm.null(T.stack).globalSet(state.shared('calling'));
        state.checks?.running(asm, 'hostReturned');
        state.lookAfterCall(asm);
        if (state.poll !== null) this.#askAgain(asm, saved);
      };
      this.#guarded(asm, signature.results, restore, () => {
        push();
        asm.call(target);
      });
      if (suspending) {
        asm.globalGet(state.shared('pending')).open('if');
        asm.i32(0).globalSet(state.shared('pending'));
        // The results on the stack are only dummies from here on: the caller's frame will find the answer in the slots.
        asm.globalGet(state.hostTag('blocked')).call(this.runtime.suspend).close();
      }
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits code that keeps the stack chain in locals. */
  #saveChain(asm: Asm, locals: Locals): Chain {
    const { state } = this;
    const saved = { current: locals.add(refType(T.stack, true)), level: locals.add('i32') };
    asm.globalGet(state.shared('level')).tee(saved.level).open('if');
    asm.globalGet(state.shared('current')).set(saved.current).close();
    return saved;
  }

  /** Emits what follows a host frame: where a poll beneath it was to yield and could not, the next one that can does. */
  #askAgain(asm: Asm, saved: Chain): void {
    const { state } = this;
    asm.globalGet(state.shared('asked')).openUnlikely();
    asm.get(saved.level).open('if');
    asm.i32(0).globalSet(state.shared('asked'));
    state.requestYield(asm);
    asm.close().close();
  }

  #restoreChain(asm: Asm, saved: Chain): void {
    const { state } = this;
    asm.get(saved.level).globalSet(state.shared('level'));
    asm.get(saved.current).globalGet(state.shared('current')).do('ref.eq', 'i32.eqz').open('if');
    asm.get(saved.current).globalSet(state.shared('current')).close();
  }

  /** Emits a call and what is to follow it, whether it returns or throws. */
  #guarded(asm: Asm, results: readonly ValType[], restore: () => void, call: () => void): void {
    const { state } = this;
    const { build } = state;
    if (!state.exceptions) {
      call();
      restore();
      return;
    }
    const block =
      results.length === 0
        ? ({ kind: 'empty' } as const)
        : ({ kind: 'type', type: build.funcType([], results) } as const);
    const done: Label = asm.open('block', block);
    const thrown = asm.open('block', valueBlock(refType('exn', true)));
    asm.openTry(block, [{ kind: 'catch_all_ref', label: thrown }]);
    call();
    asm.close();
    restore();
    asm.br(done).close();
    restore();
    asm.do('throw_ref').close();
  }

  /** Emits what makes the runtime usable whatever a trap interrupted: nothing is unwinding, nothing being re-entered. */
  reset(asm: Asm): void {
    const { state } = this;
    asm.i32(0).globalSet(state.shared('level'));
    asm.null(T.stack).globalSet(state.shared('other'));
    asm.null(T.stack).globalSet(state.shared('leaf'));
    asm.null(T.frame).globalSet(state.shared('tail'));
    asm.i32(0).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(0).globalSet(state.unwinding);
    asm.i32(0).globalSet(state.reentering);
  }
}
