import type { FuncIdx, GlobalIdx, LocalIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, Locals, valueBlock } from '../../lower/asm.ts';
import { CONT, FRAME, HANDLER, STACK, T } from '../../lower/runtime-types.ts';
import type { RuntimeState } from './state.ts';

const STACK_REF = refType(T.stack, true);
const FRAME_REF = refType(T.frame, true);
const HANDLERS = refType(T.handler, true);
const CONT_REF = refType(T.cont, true);
const EXN = refType('exn', true);

/**
 * The runtime's functions, made in a module when it first needs them. They realise docs/architecture.md, "Frames":
 * a stack is a list of frames, only the innermost is ever re-entered, and a driver runs the stacks of one `resume`.
 */
export class Runtime {
  readonly state: RuntimeState;
  readonly #made = new Map<string, FuncIdx>();

  constructor(state: RuntimeState) {
    this.state = state;
  }

  #once(name: string, make: () => FuncIdx): FuncIdx {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const func = make();
    this.#made.set(name, func);
    return func;
  }

  /** `[(ref null $cont)] -> [(ref $stack)]`: consumes a continuation object. Traps on null and on a consumed one. */
  get take(): FuncIdx {
    return this.#once('take', () => {
      const { build } = this.state;
      const func = build.addFunc(build.funcType([CONT_REF], [refType(T.stack, false)]), 'take continuation');
      const locals = new Locals(1);
      const stack = locals.add(STACK_REF);
      const asm = new Asm();
      this.checkContinuation(asm, locals.param(0));
      asm.get(locals.param(0)).structGet(T.cont, CONT.stack).set(stack);
      asm.get(locals.param(0)).null(T.stack).structSet(T.cont, CONT.stack);
      asm.get(stack).do('ref.as_non_null');
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits the traps of an operand that must be a live continuation. */
  checkContinuation(asm: Asm, cont: LocalIdx): void {
    asm.get(cont).do('ref.is_null').open('if');
    this.state.trap(asm, 'nullContinuation');
    asm.close();
    asm.get(cont).structGet(T.cont, CONT.stack).do('ref.is_null').open('if');
    this.state.trap(asm, 'consumed');
    asm.close();
  }

  /** `[(ref $tag)] -> [i32]`: the index of the innermost handler, its stack in `target`; traps where there is none. */
  #find(kind: 'suspend' | 'switch'): FuncIdx {
    return this.#once(`find ${kind}`, () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([refType(T.tag, false)], ['i32']), `find ${kind} handler`);
      const locals = new Locals(1);
      const tag = locals.param(0);
      const stack = locals.add(STACK_REF);
      const handler = locals.add(HANDLERS);
      const asm = new Asm();
      asm.globalGet(state.shared('current')).set(stack);
      const unhandled = asm.open('block');
      const nextStack = asm.open('loop');
      asm.get(stack).brOnNull(unhandled).structGet(T.stack, STACK.handlers).set(handler);
      const listEnd = asm.open('block');
      const nextHandler = asm.open('loop');
      asm.get(handler).brOnNull(listEnd).structGet(T.handler, HANDLER.tag).get(tag).do('ref.eq');
      asm.get(handler).structGet(T.handler, HANDLER.code).i32(0);
      asm.do(kind === 'suspend' ? 'i32.ge_s' : 'i32.lt_s', 'i32.and').open('if');
      asm.get(stack).globalSet(state.shared('target'));
      asm.get(handler).structGet(T.handler, HANDLER.code).do('return').close();
      asm.get(handler).structGet(T.handler, HANDLER.next).set(handler).br(nextHandler).close().close();
      asm.get(stack).structGet(T.stack, STACK.parent).set(stack).br(nextStack).close().close();
      state.trap(asm, 'unhandled');
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits the start of an unwinding out of the running stack. */
  #beginUnwinding(asm: Asm): void {
    const { state } = this;
    asm.globalGet(state.shared('current')).globalSet(state.shared('leaf'));
    asm.globalGet(state.anchor).globalSet(state.shared('tail'));
    asm.i32(1).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(1).globalSet(state.unwinding);
  }

  /** `[(ref $tag)] -> []`: finds the handler and starts unwinding; the payload is in the slots. */
  get suspend(): FuncIdx {
    return this.#once('suspend', () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([refType(T.tag, false)], []), 'suspend');
      const asm = new Asm();
      asm
        .get(0 as LocalIdx)
        .call(this.#find('suspend'))
        .globalSet(state.shared('index'));
      asm.null(T.stack).globalSet(state.shared('other'));
      this.#beginUnwinding(asm);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** `[(ref null $cont) (ref $tag)] -> []`: the same for `switch`; the target is consumed once a handler is found. */
  get switchTo(): FuncIdx {
    return this.#once('switch', () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([CONT_REF, refType(T.tag, false)], []), 'switch');
      const asm = new Asm();
      const [cont, tag] = [0 as LocalIdx, 1 as LocalIdx];
      this.checkContinuation(asm, cont);
      asm.get(tag).call(this.#find('switch')).globalSet(state.shared('index'));
      asm.get(cont).call(this.take).globalSet(state.shared('other'));
      this.#beginUnwinding(asm);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** `[(ref null $cont) (ref null $handler)] -> [i32]`: resumes; 0 returned, n + 1 suspended with clause n. */
  get resume(): FuncIdx {
    return this.#once('resume', () => {
      const { build, exceptions } = this.state;
      const func = build.addFunc(build.funcType([CONT_REF, HANDLERS], ['i32']), 'resume');
      const asm = new Asm();
      asm
        .get(0 as LocalIdx)
        .call(this.take)
        .get(1 as LocalIdx);
      if (exceptions) asm.null('exn');
      asm.op('return_call', { func: this.drive });
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** `[exnref (ref null $cont) (ref null $handler)] -> [i32]`: resumes with an exception; a null one traps first. */
  get resumeThrow(): FuncIdx {
    return this.#once('resume_throw', () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([EXN, CONT_REF, HANDLERS], ['i32']), 'resume with exception');
      const asm = new Asm();
      asm
        .get(0 as LocalIdx)
        .do('ref.is_null')
        .open('if');
      state.trap(asm, 'nullException');
      asm.close();
      asm
        .get(1 as LocalIdx)
        .call(this.take)
        .get(2 as LocalIdx)
        .get(0 as LocalIdx);
      asm.op('return_call', { func: this.drive });
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** `[(ref $stack) (ref null $handler) exnref?] -> [i32]`: the driver of one `resume`. */
  get drive(): FuncIdx {
    return this.#once('drive', () => {
      const { build, exceptions } = this.state;
      const params = [refType(T.stack, false), HANDLERS, ...(exceptions ? [EXN] : [])];
      const func = build.addFunc(build.funcType(params, ['i32']), 'drive');
      build.define(func, new Driver(this.state, params.length).code());
      return func;
    });
  }
}

/**
 * The driver: runs the innermost stack of a chain frame by frame, outward, until the chain has returned, thrown or
 * suspended to this driver's own `resume`. Suspensions for an outer driver are passed on by unwinding the caller.
 */
class Driver {
  readonly #state: RuntimeState;
  readonly #locals: Locals;
  readonly #caller: LocalIdx;
  readonly #root: LocalIdx;
  readonly #running: LocalIdx;
  readonly #stack: LocalIdx;
  readonly #frame: LocalIdx;
  readonly #asm = new Asm();

  constructor(state: RuntimeState, params: number) {
    this.#state = state;
    this.#locals = new Locals(params);
    this.#caller = this.#locals.add(STACK_REF);
    this.#root = this.#locals.add(STACK_REF);
    this.#running = this.#locals.add(STACK_REF);
    this.#stack = this.#locals.add(STACK_REF);
    this.#frame = this.#locals.add(FRAME_REF);
  }

  code(): { locals: Locals['declared']; body: Asm['out'] } {
    const asm = this.#asm;
    const leaf = this.#locals.param(0);
    const table = this.#locals.param(1);
    asm.globalGet(this.#state.shared('current')).set(this.#caller);
    this.#outermost(leaf, this.#root);
    asm.get(this.#root).get(this.#caller).structSet(T.stack, STACK.parent);
    asm.get(this.#root).get(table).structSet(T.stack, STACK.handlers);
    asm.get(leaf).set(this.#running);
    const next = asm.open('loop');
    if (this.#state.exceptions) {
      const exception = this.#locals.param(2);
      const thrown = asm.open('block', valueBlock(EXN));
      const fresh = asm.open('block');
      asm.get(exception).brOnNull(fresh).br(thrown).close();
      this.#step(() => asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label: thrown }]));
      this.#after(next);
      asm.close();
      asm.set(exception);
      this.#deliver(exception, next);
    } else {
      this.#step(null);
      this.#after(next);
    }
    asm.close().do('unreachable');
    return { locals: this.#locals.declared, body: asm.out };
  }

  /** `into` = the outermost stack of the chain whose innermost is `from`. */
  #outermost(from: LocalIdx, into: LocalIdx): void {
    const asm = this.#asm;
    const known = asm.open('block', valueBlock(STACK_REF));
    asm.get(from).structGet(T.stack, STACK.outer).set(into);
    asm.get(into).get(into).do('ref.is_null', 'i32.eqz').brIf(known).do('drop');
    asm.get(from).close().set(into);
  }

  /** Re-enters the innermost frame of the running stack. */
  #step(guard: (() => void) | null): void {
    const asm = this.#asm;
    asm.get(this.#running).globalSet(this.#state.shared('current'));
    asm.get(this.#running).structGet(T.stack, STACK.top).set(this.#frame);
    this.#pop();
    guard?.();
    asm.get(this.#frame).do('ref.as_non_null').get(this.#frame).structGet(T.frame, FRAME.fn).callRef(T.reenter);
    if (guard !== null) asm.close();
  }

  /** Takes `frame`, the innermost, off the running stack. */
  #pop(): void {
    const asm = this.#asm;
    asm.get(this.#running).get(this.#frame).structGet(T.frame, FRAME.next).structSet(T.stack, STACK.top);
    asm.get(this.#running).get(this.#running).structGet(T.stack, STACK.depth).i32(1).do('i32.sub');
    asm.structSet(T.stack, STACK.depth);
  }

  /** The running stack is done: `stack` = its parent; where it is the root, the driver returns what `leave` leaves. */
  #finishStack(leave: () => void): void {
    const asm = this.#asm;
    asm.get(this.#running).structGet(T.stack, STACK.parent).set(this.#stack);
    asm.get(this.#running).null(T.stack).structSet(T.stack, STACK.parent);
    asm.get(this.#running).null(T.handler).structSet(T.stack, STACK.handlers);
    asm.get(this.#running).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    leave();
    asm.close();
    asm.get(this.#stack).set(this.#running);
  }

  #restoreCurrent(): void {
    this.#asm.get(this.#caller).globalSet(this.#state.shared('current'));
  }

  /** After a frame came back: its results are in the slots, or it is unwinding. */
  #after(next: { level: number }): void {
    const asm = this.#asm;
    const state = this.#state;
    asm.globalGet(state.shared('unwinding')).do('i32.eqz').open('if');
    asm.i32(0).globalSet(state.shared('outcome'));
    asm.get(this.#running).structGet(T.stack, STACK.top).do('ref.is_null', 'i32.eqz').brIf(next);
    this.#finishStack(() => asm.i32(0).do('return'));
    asm.br(next).close();
    this.#attachFrames();
    this.#passOn();
    this.#capture(next);
  }

  /** Hangs the frames saved since the last driver on the running stack. */
  #attachFrames(): void {
    const asm = this.#asm;
    const state = this.#state;
    const count = this.#locals.add('i32');
    asm.i32(1).set(count);
    asm.globalGet(state.anchor).structGet(T.frame, FRAME.next).set(this.#frame);
    const counted = asm.open('block');
    const more = asm.open('loop');
    asm.get(this.#frame).globalGet(state.shared('tail')).do('ref.eq').brIf(counted);
    asm.get(this.#frame).structGet(T.frame, FRAME.next).set(this.#frame);
    asm.get(count).i32(1).do('i32.add').set(count).br(more).close().close();
    asm.get(this.#frame).get(this.#running).structGet(T.stack, STACK.top).structSet(T.frame, FRAME.next);
    asm.get(this.#running).globalGet(state.anchor).structGet(T.frame, FRAME.next).structSet(T.stack, STACK.top);
    asm.globalGet(state.anchor).null(T.frame).structSet(T.frame, FRAME.next);
    asm.globalGet(state.anchor).globalSet(state.shared('tail'));
    asm.get(this.#running).get(this.#running).structGet(T.stack, STACK.depth).get(count).do('i32.add');
    asm.structSet(T.stack, STACK.depth);
    asm.get(this.#running).structGet(T.stack, STACK.depth).globalGet(state.frameLimit).do('i32.gt_u').open('if');
    asm.i32(0).globalSet(state.shared('unwinding'));
    state.trap(asm, 'exhausted');
    asm.close();
  }

  /** Where the handler lies outward of this driver's root, its caller unwinds too. */
  #passOn(): void {
    const asm = this.#asm;
    const state = this.#state;
    asm.get(this.#running).set(this.#stack);
    const ours = asm.open('block');
    const search = asm.open('loop');
    asm.get(this.#stack).globalGet(state.shared('target')).do('ref.eq').brIf(ours);
    asm.get(this.#stack).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    if (state.linking === 'linked') asm.i32(1).globalSet(state.unwinding);
    asm.i32(0).do('return').close();
    asm.get(this.#stack).structGet(T.stack, STACK.parent).set(this.#stack).br(search).close().close();
  }

  /** `stack` is the target and in this driver's chain: cut the chain there and go on with the handler. */
  #capture(next: { level: number }): void {
    const asm = this.#asm;
    const state = this.#state;
    const target = this.#stack;
    const parent = this.#locals.add(STACK_REF);
    const table = this.#locals.add(HANDLERS);
    const outer = this.#locals.add(STACK_REF);
    asm.i32(0).globalSet(state.shared('unwinding'));
    asm.get(target).structGet(T.stack, STACK.parent).set(parent);
    asm.get(target).structGet(T.stack, STACK.handlers).set(table);
    asm.get(target).null(T.stack).structSet(T.stack, STACK.parent);
    asm.get(target).null(T.handler).structSet(T.stack, STACK.handlers);
    asm.globalGet(state.shared('leaf')).get(target).structSet(T.stack, STACK.outer);
    const suspended = asm.open('block');
    asm.globalGet(state.shared('other')).brOnNull(suspended).set(this.#running);
    asm.null(T.stack).globalSet(state.shared('other'));
    this.#outermost(this.#running, outer);
    asm.get(outer).get(parent).structSet(T.stack, STACK.parent);
    asm.get(outer).get(table).structSet(T.stack, STACK.handlers);
    asm.get(target).get(this.#root).do('ref.eq').open('if');
    asm.get(outer).set(this.#root).close();
    asm.i32(0).globalSet(state.shared('outcome')).br(next).close();
    asm.get(target).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    asm.globalGet(state.shared('index')).i32(1).do('i32.add', 'return').close();
    asm.get(parent).set(this.#running);
    asm.globalGet(state.shared('index')).i32(1).do('i32.add').globalSet(state.shared('outcome')).br(next);
  }

  /** An exception left the running stack's activation: the next frame outward that can catch throws it again. */
  #deliver(exception: LocalIdx, next: { level: number }): void {
    const asm = this.#asm;
    const state = this.#state;
    asm.null(T.frame).globalSet(state.reentry);
    const skip = asm.open('loop');
    const none = asm.open('block');
    asm.get(this.#running).structGet(T.stack, STACK.top).set(this.#frame);
    asm.get(this.#frame).brOnNull(none).structGet(T.frame, FRAME.point).i32(0).do('i32.lt_s').open('if');
    asm.get(exception).globalSet(state.shared('exception'));
    asm.null('exn').set(exception).br(next).close();
    this.#pop();
    asm.br(skip).close();
    this.#finishStack(() => asm.get(exception).do('throw_ref'));
    asm.br(skip).close().do('unreachable');
  }
}

/** A global holding the handler list of one `resume` site, or null where it has no clause. */
export function handlerList(
  state: RuntimeState,
  clauses: readonly { readonly tag: number; readonly switch: boolean }[],
): GlobalIdx | null {
  if (clauses.length === 0) return null;
  const key = `handlers ${clauses.map((clause) => `${clause.tag}${clause.switch ? 's' : ''}`).join(' ')}`;
  const asm = new Asm();
  clauses.forEach((clause, index) => {
    asm.globalGet(state.tag(clause.tag)).i32(clause.switch ? -1 : index);
  });
  asm.null(T.handler);
  for (const _ of clauses) asm.structNew(T.handler);
  return state.build.addGlobal({ type: refType(T.handler, false), mutable: false }, asm.out, key);
}
