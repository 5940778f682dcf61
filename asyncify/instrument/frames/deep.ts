import type { FuncIdx, GlobalIdx, LocalIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import { BASE, HOPS, UNWINDING } from '../../lower/interface.ts';
import { once } from '../../lower/once.ts';
import { STACK, T } from '../../lower/runtime-types.ts';
import type { Poll } from '../polls.ts';
import type { Runtime } from './runtime.ts';
import type { RuntimeState } from './state.ts';

const STACK_REF = refType(T.stack, true);

/**
 * How a function knows what room is left on the native stack. `shared`: from `room`, which it takes its weight of and puts back;
 * the local has what it found. `passed`: it is handed it, less its weight, as a parameter.
 */
export interface Counted {
  readonly kind: 'shared' | 'passed';
  readonly room: LocalIdx;
  readonly weight: number;
}

/** Where the host calls in from an import it has this part of the native stack at least, whatever is left: 1 of 4. */
const NESTED_SHIFT = 2;

/**
 * What keeps the native stack from getting full. Only the innermost frame of a stack is ever re-entered: once all activations are
 * frames, whoever is at the bottom of the native stack goes on with that one, and has all of the native stack again.
 *
 * That is the outermost driver where it has most of the native stack itself, and otherwise the host entry, which makes a stack of the
 * activations that it has called and becomes a driver.
 */
export class Deep {
  readonly #runtime: Runtime;
  readonly #state: RuntimeState;
  readonly #once = once<FuncIdx>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#state = runtime.state;
  }

  /** Emits whether a function has to call `entered`, at its entry: `[] -> [i32]`; `poll` emits what its poll asks. */
  condition(asm: Asm, { kind, room, weight }: Counted, poll: (() => void) | null): void {
    const state = this.#state;
    if (kind === 'shared') {
      asm.get(room).i32(weight).do('i32.sub').globalSet(state.shared('room'));
      asm.get(room).i32(weight).do('i32.lt_s');
    } else asm.get(room).i32(0).do('i32.lt_s');
    if (poll === null) return;
    poll();
    asm.do('i32.or');
  }

  /** Emits what `entered` is called with. */
  left(asm: Asm, { kind, room }: Counted): void {
    if (kind === 'shared') asm.globalGet(this.#state.shared('room'));
    else asm.get(room);
  }

  /** `[i32] -> [i32]`: for a function that finds at its entry that it has to yield, or that no room is left. Takes what is; 1: it is to unwind. */
  entered(poll: Poll | 'none'): FuncIdx {
    return this.#once(`entered ${poll}`, () => {
      const { build } = this.#state;
      const func = build.addFunc(build.funcType(['i32'], ['i32']), 'entered');
      const asm = new Asm();
      asm.get(0 as LocalIdx).globalSet(this.#state.shared('room'));
      if (poll !== 'none') {
        if (poll === 'fuel') asm.globalGet(this.#state.shared('fuel')).i32(0).do('i32.lt_s');
        else this.#state.epoch(asm);
        asm.open('if');
        asm.call(this.#runtime.yield).open('if');
        asm.i32(1).do('return').close().close();
      }
      asm
        .get(0 as LocalIdx)
        .i32(0)
        .do('i32.lt_s')
        .open('if');
      this.#begin(asm);
      asm.close().i32(0);
      build.define(func, { locals: [], body: asm.out });
      return func;
    });
  }

  /** Emits the start of the unwinding, and the return of 1, unless nobody could go on. */
  #begin(asm: Asm): void {
    const state = this.#state;
    const cannot = asm.open('block');
    if (state.linking === 'linked') asm.globalGet(state.shared('mixed')).brIf(cannot);
    asm.globalGet(state.shared('level')).do('i32.eqz').open('if');
    asm.globalGet(state.shared('base')).i32(0).do('i32.le_s').brIf(cannot);
    this.#makeBase(asm);
    asm.close();
    asm.i32(HOPS.deep).globalSet(state.shared('hops'));
    this.#unwind(asm);
    state.checks?.running(asm, 'suspended');
    asm.i32(1).do('return').close();
  }

  #unwind(asm: Asm): void {
    const state = this.#state;
    asm.i32(UNWINDING.begun).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(1).globalSet(state.unwinding);
  }

  /** Emits a new stack for the activations that the host entry has called, which counts as driven. */
  #makeBase(asm: Asm): void {
    const state = this.#state;
    state.newStack(asm);
    asm.globalSet(state.shared('current'));
    asm.i32(1).globalSet(state.shared('level'));
    state.checks?.based(asm);
  }

  /** Emits, at the start of a driver: what room it has. */
  measure(asm: Asm, room: LocalIdx): void {
    asm.globalGet(this.#state.shared('room')).set(room);
  }

  /** Emits, before a driver re-enters a frame: it has as much room as the driver had. */
  give(asm: Asm, room: LocalIdx): void {
    asm.get(room).globalSet(this.#state.shared('room'));
  }

  /**
   * Emits what a driver does once its activation has unwound, where it did so to make room.
   *
   * @param goOn emits that the running stack is run on
   * @param leave emits that the driver is left, whose caller unwinds; its stack is `current` then
   */
  passed(
    asm: Asm,
    driver: { readonly running: LocalIdx; readonly root: LocalIdx; readonly room: LocalIdx },
    goOn: () => void,
    leave: { readonly restore: () => void; readonly end: () => void },
  ): void {
    const state = this.#state;
    const { running, root, room } = driver;
    const leaf = state.shared('leaf');
    asm.globalGet(state.shared('hops')).i32(HOPS.deep).do('i32.and').open('if');
    // 0 is not the bottom, 1 is it.
    asm.globalGet(state.shared('level')).i32(1).do('i32.eq');
    asm.globalGet(state.shared('base')).get(room).do('i32.sub').i32(1).do('i32.shl');
    asm.globalGet(state.shared('base')).do('i32.le_s');
    asm.globalGet(state.shared('base')).i32(0).do('i32.le_s', 'i32.or', 'i32.and').open('if');
    asm.i32(UNWINDING.no).globalSet(state.shared('unwinding'));
    asm.globalGet(state.shared('hops')).i32(0).do('i32.lt_s').open('if');
    asm.globalGet(leaf).set(running).null(T.stack).globalSet(leaf).close();
    goOn();
    asm.close();
    asm.globalGet(state.shared('hops')).i32(0).do('i32.ge_s').open('if');
    asm.get(running).globalSet(leaf);
    asm
      .i32(HOPS.deep | HOPS.forwarded)
      .globalSet(state.shared('hops'))
      .close();
    asm.globalGet(state.shared('level')).i32(1).do('i32.eq').open('if');
    this.#makeBase(asm);
    asm.get(root).globalGet(state.shared('current')).structSet(T.stack, STACK.parent);
    asm.else();
    leave.restore();
    asm.close();
    this.#unwind(asm);
    leave.end();
    asm.close();
  }

  /** Emits the start of a host entry: what it gives to those that it calls. */
  enter(asm: Asm, saved: { readonly base: LocalIdx; readonly room: LocalIdx }): void {
    const state = this.#state;
    const room = state.shared('room');
    asm.globalGet(state.shared('base')).set(saved.base);
    asm.globalGet(room).set(saved.room);
    const enough = asm.open('block');
    asm.get(saved.base).i32(BASE.host).do('i32.eq').open('if');
    asm.globalGet(room).globalGet(state.nativeStack).i32(NESTED_SHIFT).do('i32.shr_u', 'i32.gt_s').brIf(enough);
    asm.globalGet(state.nativeStack).i32(NESTED_SHIFT).do('i32.shr_u').globalSet(room).br(enough).close();
    asm.globalGet(state.nativeStack).globalSet(room).close();
    // However little it is, it is not BASE.none.
    asm.globalGet(room).i32(1).do('i32.or').globalSet(state.shared('base'));
  }

  /** Emits the end of a host entry. */
  exit(asm: Asm, saved: { readonly base: LocalIdx; readonly room: LocalIdx }): void {
    asm.get(saved.base).globalSet(this.#state.shared('base')).get(saved.room).globalSet(this.#state.shared('room'));
  }

  /** `[] -> []`: drives, at the bottom of the native stack, the activations that have become frames; leaves results in the slots. */
  get goOn(): FuncIdx {
    return this.#once('go on', () => {
      const state = this.#state;
      const { build } = state;
      const shared = (name: Parameters<RuntimeState['shared']>[0]): GlobalIdx => state.shared(name);
      const func = build.addFunc(build.funcType([], []), 'go on with frames');
      const locals = new Locals(0);
      const base = locals.add(STACK_REF);
      const leaf = locals.add(STACK_REF);
      const asm = new Asm();
      asm.i32(UNWINDING.no).globalSet(shared('unwinding'));
      if (state.linking === 'linked') asm.i32(0).globalSet(state.unwinding);
      asm.i32(0).globalSet(shared('level'));
      asm.globalGet(shared('current')).tee(base).set(leaf);
      asm.globalGet(shared('hops')).i32(0).do('i32.lt_s').open('if');
      asm.globalGet(shared('leaf')).set(leaf).null(T.stack).globalSet(shared('leaf'));
      asm.get(leaf).get(base).structSet(T.stack, STACK.outer).close();
      state.checks?.at(asm, 'captured', leaf, base);
      asm.globalGet(shared('base')).globalSet(shared('room'));
      asm.get(leaf).do('ref.as_non_null').null(T.handler);
      if (state.exceptions) asm.null('exn');
      asm.call(this.#runtime.drive).do('drop', 'drop');
      build.define(func, { locals: locals.declared, body: asm.out });
      return func;
    });
  }
}
