import type { FuncIdx, GlobalIdx, LocalIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import { HOPS, UNWINDING } from '../../lower/interface.ts';
import { once } from '../../lower/once.ts';
import { CONT, FRAME, HANDLER, SIZE, STACK, T } from '../../lower/runtime-types.ts';
import { Deep } from './deep.ts';
import { Driver } from './driver.ts';
import type { RuntimeState } from './state.ts';

const STACK_REF = refType(T.stack, true);
const HANDLERS = refType(T.handler, true);
const CONT_REF = refType(T.cont, true);
const EXN = refType('exn', true);

/**
 * The runtime's functions, made in a module when it first needs them. They realise docs/architecture.md, "Frames":
 * a stack is a list of frames, only the innermost is ever re-entered, and a driver runs the stacks of one `resume`.
 */
export class Runtime {
  readonly state: RuntimeState;
  /** Functions by name, each made when it is first needed. */
  readonly #once = once<FuncIdx>();
  /** Null: activations stay on the native stack, however full it gets. */
  readonly deep: Deep | null;

  constructor(state: RuntimeState) {
    this.state = state;
    this.deep = state.deep ? new Deep(this) : null;
  }

  /** `[(ref null $cont)] -> [(ref $stack)]`: consumes a continuation object. Traps on null and on a consumed one. */
  get take(): FuncIdx {
    return this.#once('take', () => {
      const { build } = this.state;
      const func = build.addFunc(build.funcType([CONT_REF], [refType(T.stack, false)]), 'take continuation');
      const locals = new Locals(1);
      const stack = locals.add(STACK_REF);
      const asm = new Asm();
      takeContinuation(this.state, asm, locals.param(0), stack);
      asm.get(stack).do('ref.as_non_null');
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /**
   * Emits the search for the innermost handler of a tag, from the running stack outward, before anything is unwound:
   * leaves its clause in `index` and its distance in `hops`; `orElse` must leave the function.
   */
  #find(asm: Asm, locals: Locals, tag: LocalIdx, kind: 'suspend' | 'switch', orElse: () => void): void {
    const { state } = this;
    const stack = locals.add(STACK_REF);
    const handler = locals.add(HANDLERS);
    const hops = locals.add('i32');
    const found = asm.open('block');
    const unhandled = asm.open('block');
    asm.globalGet(state.shared('level')).do('i32.eqz').brIf(unhandled);
    asm.globalGet(state.shared('current')).set(stack);
    const nextStack = asm.open('loop');
    asm.get(stack).brOnNull(unhandled).structGet(T.stack, STACK.handlers).set(handler);
    const listEnd = asm.open('block');
    const nextHandler = asm.open('loop');
    asm.get(handler).brOnNull(listEnd).structGet(T.handler, HANDLER.tag).get(tag).do('ref.eq');
    asm.get(handler).structGet(T.handler, HANDLER.code).i32(0);
    asm.do(kind === 'suspend' ? 'i32.ge_s' : 'i32.lt_s', 'i32.and').brIf(found);
    asm.get(handler).structGet(T.handler, HANDLER.next).set(handler).br(nextHandler).close().close();
    asm.get(hops).i32(1).do('i32.add').tee(hops).globalGet(state.frameLimit).do('i32.gt_u').openUnlikely();
    state.trap(asm, 'exhausted');
    asm.close();
    asm.get(stack).structGet(T.stack, STACK.parent).set(stack).br(nextStack).close().close();
    orElse();
    asm.close();
    asm.get(handler).structGet(T.handler, HANDLER.code).globalSet(state.shared('index'));
    asm.get(hops);
    if (kind === 'switch') asm.i32(HOPS.switched).do('i32.or');
    asm.globalSet(state.shared('hops'));
  }

  #beginUnwinding(asm: Asm): void {
    const { state } = this;
    asm.i32(UNWINDING.begun).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(1).globalSet(state.unwinding);
    state.checks?.running(asm, 'suspended');
  }

  /** `[(ref $tag)] -> []`: finds the handler and starts unwinding; the payload is in the slots. */
  get suspend(): FuncIdx {
    return this.#once('suspend', () => {
      const { build } = this.state;
      const func = build.addFunc(build.funcType([refType(T.tag, false)], []), 'suspend');
      const locals = new Locals(1);
      const asm = new Asm();
      this.#find(asm, locals, locals.param(0), 'suspend', () => this.state.trap(asm, 'unhandled'));
      this.#beginUnwinding(asm);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /**
   * `[] -> [i32]`: starts unwinding to the host that runs this guest; 0: does not, as a host frame is in between. Then that host is
   * told: it may trap here, and says when it is to be told again.
   */
  get yield(): FuncIdx {
    return this.#once('yield', () => {
      const { build } = this.state;
      const func = build.addFunc(build.funcType([], ['i32']), 'yield');
      const locals = new Locals(0);
      const tag = locals.add(refType(T.tag, true));
      const asm = new Asm();
      asm.globalGet(this.state.hostTag('yielded')).set(tag);
      const polls = locals.add('i32');
      this.#find(asm, locals, tag, 'suspend', () => {
        const { state } = this;
        state.clearEpoch(asm);
        asm.i32(1).globalSet(state.shared('asked'));
        asm.call(state.hook('polled')).tee(polls).i32(0).do('i32.lt_s').openUnlikely();
        asm.do('unreachable').close();
        if (state.poll === 'fuel') asm.get(polls).globalSet(state.shared('fuel'));
        asm.i32(0).do('return');
      });
      this.#beginUnwinding(asm);
      asm.i32(1);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** `[(ref null $cont) (ref $tag)] -> []`: the same for `switch`; the target is consumed once a handler is found. */
  get switchTo(): FuncIdx {
    return this.#once('switch', () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([CONT_REF, refType(T.tag, false)], []), 'switch');
      const locals = new Locals(2);
      const asm = new Asm();
      const cont = locals.param(0);
      checkContinuation(state, asm, cont);
      this.#find(asm, locals, locals.param(1), 'switch', () => state.trap(asm, 'unhandled'));
      asm.get(cont).structGet(T.cont, CONT.stack).globalSet(state.shared('other'));
      asm.get(cont).null(T.stack).structSet(T.cont, CONT.stack);
      state.checks?.consumed(asm, cont, locals);
      this.#beginUnwinding(asm);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** `[(ref $frame)] -> []`: hangs a new frame on the running stack, outward of those already saved; traps beyond the limit. */
  get save(): FuncIdx {
    return this.#once('save', () => {
      const { state } = this;
      const { build } = state;
      const func = build.addFunc(build.funcType([refType(T.frame, false)], []), 'save frame');
      const locals = new Locals(1);
      const frame = locals.param(0);
      const stack = locals.add(STACK_REF);
      const tail = locals.add(refType(T.frame, true));
      const asm = new Asm();
      asm.globalGet(state.shared('current')).set(stack);
      asm.get(stack).get(stack).structGet(T.stack, STACK.depth).i32(1).do('i32.add').structSet(T.stack, STACK.depth);
      asm.get(stack).structGet(T.stack, STACK.depth).globalGet(state.frameLimit).do('i32.gt_u').openUnlikely();
      this.#exhausted(asm);
      asm.close();
      asm.get(stack).get(stack).structGet(T.stack, STACK.size);
      sizeOf(asm, frame);
      asm.do('i32.add').structSet(T.stack, STACK.size);
      asm.get(stack).structGet(T.stack, STACK.size).globalGet(state.stackLimit).do('i32.gt_u').openUnlikely();
      this.#exhausted(asm);
      asm.close();
      asm.globalGet(state.shared('unwinding')).i32(UNWINDING.begun).do('i32.eq').open('if');
      asm.i32(UNWINDING.saved).globalSet(state.shared('unwinding'));
      asm.null(T.frame).globalSet(state.shared('tail'));
      asm.get(frame).get(stack).structGet(T.stack, STACK.top).structSet(T.frame, FRAME.next);
      asm.get(stack).get(frame).structSet(T.stack, STACK.top);
      state.checks?.at(asm, 'saved', stack, frame);
      asm.do('return').close();
      lastSaved(state, asm, stack, tail);
      asm.get(frame).get(tail).structGet(T.frame, FRAME.next).structSet(T.frame, FRAME.next);
      asm.get(tail).get(frame).structSet(T.frame, FRAME.next);
      asm.get(frame).globalSet(state.shared('tail'));
      state.checks?.at(asm, 'saved', stack, frame);
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }

  /** Emits the trap of a stack that is too large; nothing is being unwound any more. */
  #exhausted(asm: Asm): void {
    const { state } = this;
    asm.i32(UNWINDING.no).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(0).globalSet(state.unwinding);
    state.trap(asm, 'exhausted');
  }

  /** `[exnref (ref null $cont) (ref null $handler)]`: drives it with an exception; a null exnref traps before all else. */
  get resumeThrow(): FuncIdx {
    return this.#once('resume_throw', () => {
      const { state } = this;
      const { build } = state;
      const type = build.funcType([EXN, CONT_REF, HANDLERS], ['i32', STACK_REF]);
      const func = build.addFunc(type, 'resume with exception');
      const asm = new Asm();
      asm
        .get(0 as LocalIdx)
        .do('ref.is_null')
        .openUnlikely();
      state.trap(asm, 'nullException');
      asm.close();
      asm
        .get(1 as LocalIdx)
        .call(this.take)
        .get(2 as LocalIdx)
        .get(0 as LocalIdx)
        .op('return_call', { func: this.drive });
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /**
   * `[(ref $stack) (ref null $handler) exnref?] -> [i32 (ref null $stack)]`: the driver of one `resume`. 0 where it
   * returned, n + 1 and the captured stack where it suspended with clause n.
   */
  get drive(): FuncIdx {
    return this.#once('drive', () => {
      const { build, exceptions } = this.state;
      const params = [refType(T.stack, false), HANDLERS, ...(exceptions ? [EXN] : [])];
      const func = build.addFunc(build.funcType(params, ['i32', STACK_REF]), 'drive');
      build.define(func, new Driver(this.state, this.deep).code());
      return func;
    });
  }
}

/** Emits the size of a frame: `[] -> [i32]`, in FRAME_UNITs. */
export function sizeOf(asm: Asm, frame: LocalIdx): void {
  const point = (): Asm => asm.get(frame).structGet(T.frame, FRAME.point);
  point()
    .i32(SIZE.shift)
    .do('i32.shr_u')
    .i32((1 << SIZE.bits) - 1)
    .do('i32.and');
  point().i32(SIZE.doublings).do('i32.shr_u').i32(DOUBLINGS).do('i32.and', 'i32.shl');
}
/** The bits of SIZE.doublings; the highest is that of CATCHES. */
const DOUBLINGS = 7;

/** Emits `frame` = the frame of the running stack that was saved last. */
export function lastSaved(state: RuntimeState, asm: Asm, stack: LocalIdx, frame: LocalIdx): void {
  asm.globalGet(state.shared('tail')).tee(frame).do('ref.is_null').open('if');
  asm.get(stack).structGet(T.stack, STACK.top).set(frame).close();
}

/** Emits the traps of an operand that must be a live continuation. */
export function checkContinuation(state: RuntimeState, asm: Asm, cont: LocalIdx): void {
  asm.get(cont).do('ref.is_null').openUnlikely();
  state.trap(asm, 'nullContinuation');
  asm.close();
  asm.get(cont).structGet(T.cont, CONT.stack).do('ref.is_null').openUnlikely();
  state.trap(asm, 'consumed');
  asm.close();
}

/** Emits the consumption of a continuation: its innermost stack goes to `stack`. */
export function takeContinuation(state: RuntimeState, asm: Asm, cont: LocalIdx, stack: LocalIdx): void {
  checkContinuation(state, asm, cont);
  asm.get(cont).structGet(T.cont, CONT.stack).set(stack);
  asm.get(cont).null(T.stack).structSet(T.cont, CONT.stack);
  state.checks?.at(asm, 'consumed', cont, stack);
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
