import type { LocalIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, type Label, Locals, valueBlock } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import { type CheckName, HOPS, UNWINDING } from '../../lower/interface.ts';
import { FRAME, STACK, T } from '../../lower/runtime-types.ts';
import type { Deep } from './deep.ts';
import { lastSaved, sizeOf } from './runtime.ts';
import type { RuntimeState } from './state.ts';

const STACK_REF = refType(T.stack, true);
const FRAME_REF = refType(T.frame, true);
const HANDLERS = refType(T.handler, true);
const EXN = refType('exn', true);

/**
 * The driver of one `resume`: runs the innermost stack of a continuation frame by frame, outward, until the chain has returned, thrown or suspended to this driver's own `resume`. Suspensions for an outer driver are passed on by
 * unwinding the caller.
 *
 * While a frame is re-entered it stays the innermost of its stack: where the function suspends again it is there already.
 */
export class Driver {
  readonly #state: RuntimeState;
  readonly #locals: Locals;
  readonly #caller: LocalIdx;
  readonly #root: LocalIdx;
  readonly #running: LocalIdx;
  readonly #stack: LocalIdx;
  readonly #leaf: LocalIdx;
  readonly #frame: LocalIdx;
  readonly #next: LocalIdx;
  /** The level this driver runs at, in test builds. */
  readonly #level: LocalIdx | null;
  readonly #deep: { readonly deep: Deep; readonly room: LocalIdx } | null;
  readonly #asm = new Asm();

  constructor(state: RuntimeState, deep: Deep | null) {
    this.#state = state;
    this.#locals = new Locals(state.exceptions ? 3 : 2);
    this.#caller = this.#locals.add(STACK_REF);
    this.#root = this.#locals.add(STACK_REF);
    this.#running = this.#locals.add(STACK_REF);
    this.#stack = this.#locals.add(STACK_REF);
    this.#leaf = this.#locals.add(STACK_REF);
    this.#frame = this.#locals.add(FRAME_REF);
    this.#next = this.#locals.add(FRAME_REF);
    this.#level = state.checks === null ? null : this.#locals.add('i32');
    this.#deep = deep === null ? null : { deep, room: this.#locals.add('i32') };
  }

  code(): Code {
    const asm = this.#asm;
    asm.get(this.#locals.param(0)).set(this.#running);
    const level = this.#state.shared('level');
    asm.globalGet(level).open('if');
    asm.globalGet(this.#state.shared('current')).set(this.#caller).close();
    asm.globalGet(level).i32(1).do('i32.add').globalSet(level);
    if (this.#level !== null) asm.globalGet(level).set(this.#level);
    this.#outermost(this.#running, this.#root);
    this.#state.checks?.at(asm, 'resumed', this.#running, this.#root);
    asm.get(this.#root).get(this.#caller).structSet(T.stack, STACK.parent);
    const table = this.#locals.param(1);
    // A stack resumed again from the same place has its list already, and a reference stored costs more than a test.
    asm.get(this.#root).structGet(T.stack, STACK.handlers).get(table).do('ref.eq', 'i32.eqz').open('if');
    asm.get(this.#root).get(table).structSet(T.stack, STACK.handlers).close();
    this.#deep?.deep.measure(asm, this.#deep.room);
    const step = asm.open('loop');
    if (this.#state.exceptions) this.#guardedStep(step);
    else this.#step(step, null);
    asm.close().do('unreachable');
    return { locals: this.#locals.declared, body: asm.out };
  }

  #guardedStep(step: Label): void {
    const asm = this.#asm;
    const exception = this.#locals.param(2);
    const deliver = asm.open('block');
    const thrown = asm.open('block', valueBlock(EXN));
    asm.get(exception).do('ref.is_null', 'i32.eqz').brIf(deliver);
    this.#step(step, () => asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label: thrown }]));
    asm.close();
    asm.set(exception);
    asm.i32(0).globalSet(this.#state.reentering);
    asm.get(this.#running).structGet(T.stack, STACK.top).set(this.#frame);
    this.#check('caught');
    this.#pop();
    asm.close();
    this.#deliver(exception, step);
  }

  /** Emits a look at the running stack and its innermost frame. */
  #check(point: CheckName): void {
    if (this.#level === null) return;
    this.#state.checks?.at(this.#asm, point, this.#running, this.#frame);
    if (point !== 'entering') this.#state.checks?.level(this.#asm, this.#level);
  }

  /** `into` = the outermost stack of the chain whose innermost is `from`. */
  #outermost(from: LocalIdx, into: LocalIdx): void {
    const asm = this.#asm;
    asm.get(from).structGet(T.stack, STACK.outer).set(into);
    asm.get(into).do('ref.is_null').open('if');
    asm.get(from).set(into).close();
  }

  /** Takes `frame`, the innermost, off the running stack. */
  #pop(): void {
    const asm = this.#asm;
    asm.get(this.#running).get(this.#frame).structGet(T.frame, FRAME.next).structSet(T.stack, STACK.top);
    this.#shallower();
  }

  #shallower(): void {
    const asm = this.#asm;
    asm.get(this.#running).get(this.#running).structGet(T.stack, STACK.depth).i32(1).do('i32.sub');
    asm.structSet(T.stack, STACK.depth);
    this.#smaller();
  }

  /** Emits that `frame` is no longer on the running stack. */
  #smaller(): void {
    const asm = this.#asm;
    asm.get(this.#running).get(this.#running).structGet(T.stack, STACK.size);
    sizeOf(asm, this.#frame);
    asm.do('i32.sub').structSet(T.stack, STACK.size);
  }

  #restoreCurrent(): void {
    const asm = this.#asm;
    const level = this.#state.shared('level');
    asm.globalGet(level).i32(1).do('i32.sub').globalSet(level);
    const host = asm.open('block');
    asm.get(this.#caller).brOnNull(host).globalSet(this.#state.shared('current')).close();
  }

  /** Re-enters the innermost frame of the running stack, and goes on with what comes of it. */
  #step(step: Label, guard: (() => void) | null): void {
    const asm = this.#asm;
    const state = this.#state;
    // References stored into globals are dear, and a generator is resumed from where nothing else ran.
    asm.get(this.#running).globalGet(state.shared('current')).do('ref.eq', 'i32.eqz').open('if');
    asm.get(this.#running).globalSet(state.shared('current')).close();
    asm.get(this.#running).structGet(T.stack, STACK.top).set(this.#frame);
    this.#check('entering');
    this.#deep?.deep.give(asm, this.#deep.room);
    guard?.();
    asm.get(this.#frame).do('ref.as_non_null').get(this.#frame).structGet(T.frame, FRAME.fn).callRef(T.reenter);
    if (guard !== null) asm.close();
    this.#check('left');
    asm.globalGet(state.shared('unwinding')).do('i32.eqz').open('if');
    this.#returned(step);
    asm.close();
    this.#settleFrames();
    this.#makeRoom(step);
    this.#captureRoot();
    this.#findTarget();
    this.#capture(step);
  }

  /** The frame returned, its results are in the slots: on to the next one outward. */
  #returned(step: Label): void {
    const asm = this.#asm;
    const state = this.#state;
    asm.i32(0).globalSet(state.shared('outcome'));
    const last = asm.open('block');
    asm.get(this.#frame).structGet(T.frame, FRAME.next).set(this.#next);
    asm.get(this.#next).brOnNull(last).do('drop');
    asm.get(this.#running).get(this.#next).structSet(T.stack, STACK.top);
    this.#shallower();
    asm.br(step).close();
    state.checks?.at(asm, 'finished', this.#running);
    asm.get(this.#running).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    asm.i32(0).null(T.stack).do('return').close();
    asm.get(this.#running).structGet(T.stack, STACK.parent).set(this.#running).br(step);
  }

  /** The frames saved stand before the re-entered one, which is dropped unless its function saved itself in it again. */
  #settleFrames(): void {
    const asm = this.#asm;
    const state = this.#state;
    asm.globalGet(state.shared('unwinding')).i32(UNWINDING.kept).do('i32.ne').open('if');
    if (state.suspendsCalls) this.#replaceTailCaller();
    lastSaved(state, asm, this.#running, this.#next);
    asm.get(this.#next).get(this.#frame).structGet(T.frame, FRAME.next).structSet(T.frame, FRAME.next);
    this.#shallower();
    if (state.suspendsCalls) asm.close();
    asm.close();
  }

  /**
   * Emits `if` nothing was saved: the function has left by a tail call of an import that suspends. What the import returns will be
   * in the slots, and a frame that hands it on takes the place of the function's. And `else`, which is to be closed.
   */
  #replaceTailCaller(): void {
    const asm = this.#asm;
    const { build } = this.#state;
    const func = build.addFunc(T.reenter, 'hand on results');
    build.define(func, { locals: [], body: [] });
    asm.globalGet(this.#state.shared('unwinding')).i32(UNWINDING.begun).do('i32.eq').open('if');
    asm.get(this.#running);
    asm.get(this.#frame).structGet(T.frame, FRAME.next);
    asm
      .op('ref.func', { func: build.declare(func) })
      .i32(0)
      .structNew(T.frame);
    asm.structSet(T.stack, STACK.top);
    this.#smaller();
    asm.else();
  }

  /** Where nothing suspends and only room is made: goes on, or has those outward of it unwind as well. */
  #makeRoom(step: Label): void {
    if (this.#deep === null) return;
    const asm = this.#asm;
    const { deep, room } = this.#deep;
    deep.passed(asm, { running: this.#running, root: this.#root, room }, () => asm.br(step), {
      restore: () => this.#restoreCurrent(),
      end: () => asm.i32(0).null(T.stack).do('return'),
    });
  }

  /** The way most suspensions take: out of a single stack, to the `resume` that runs it. */
  #captureRoot(): void {
    const asm = this.#asm;
    const state = this.#state;
    asm
      .globalGet(state.shared('hops'))
      .do('i32.eqz')
      .get(this.#running)
      .get(this.#root)
      .do('ref.eq', 'i32.and')
      .open('if');
    asm.i32(UNWINDING.no).globalSet(state.shared('unwinding'));
    asm.get(this.#root).null(T.stack).structSet(T.stack, STACK.parent);
    // It may have been the leaf of a longer chain before.
    asm.get(this.#root).null(T.stack).structSet(T.stack, STACK.outer);
    state.checks?.at(asm, 'captured', this.#root, this.#root);
    this.#restoreCurrent();
    asm.globalGet(state.shared('index')).i32(1).do('i32.add').get(this.#root).do('return').close();
  }

  /** `stack` = the stack whose `resume` handles the suspension; where it lies outward of the root, the caller unwinds too. */
  #findTarget(): void {
    const asm = this.#asm;
    const state = this.#state;
    const hops = state.shared('hops');
    asm.get(this.#running).set(this.#stack);
    const ours = asm.open('block');
    const search = asm.open('loop');
    asm.globalGet(hops).i32(HOPS.distance).do('i32.and', 'i32.eqz').brIf(ours);
    asm.globalGet(hops).i32(1).do('i32.sub').globalSet(hops);
    asm.get(this.#stack).get(this.#root).do('ref.eq').open('if');
    asm.globalGet(hops).i32(0).do('i32.ge_s').open('if');
    asm.get(this.#running).globalSet(state.shared('leaf'));
    asm.globalGet(hops).i32(HOPS.forwarded).do('i32.or').globalSet(hops).close();
    this.#restoreCurrent();
    asm.i32(UNWINDING.begun).globalSet(state.shared('unwinding'));
    if (state.linking === 'linked') asm.i32(1).globalSet(state.unwinding);
    asm.i32(0).null(T.stack).do('return').close();
    asm.get(this.#stack).structGet(T.stack, STACK.parent).set(this.#stack).br(search).close().close();
  }

  /** Cuts the chain outward of `stack` and goes on: with the other side of a `switch`, or with the handler. */
  #capture(step: Label): void {
    const asm = this.#asm;
    const state = this.#state;
    const target = this.#stack;
    const parent = this.#locals.add(STACK_REF);
    const hops = state.shared('hops');
    asm.i32(UNWINDING.no).globalSet(state.shared('unwinding'));
    asm.globalGet(hops).i32(0).do('i32.lt_s').open('if');
    asm.globalGet(state.shared('leaf')).set(this.#leaf).null(T.stack).globalSet(state.shared('leaf')).else();
    asm.get(this.#running).set(this.#leaf).close();
    asm.get(target).structGet(T.stack, STACK.parent).set(parent);
    asm.get(target).null(T.stack).structSet(T.stack, STACK.parent);
    asm.get(this.#leaf).get(target).do('ref.eq').open('if');
    asm.get(this.#leaf).null(T.stack).structSet(T.stack, STACK.outer).else();
    asm.get(this.#leaf).get(target).structSet(T.stack, STACK.outer).close();
    state.checks?.at(asm, 'captured', this.#leaf, target);
    asm.globalGet(hops).i32(HOPS.switched).do('i32.and').open('if');
    this.#switchOver(parent, step);
    asm.close();
    asm.get(target).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    asm.globalGet(state.shared('index')).i32(1).do('i32.add').get(this.#leaf).do('return').close();
    asm.get(this.#leaf).globalSet(state.shared('leaf'));
    asm.globalGet(state.shared('index')).i32(1).do('i32.add').globalSet(state.shared('outcome'));
    asm.get(parent).set(this.#running).br(step);
  }

  /** The chain of `running` takes the place of the one cut off at `stack`, under the same handlers. */
  #switchOver(parent: LocalIdx, step: Label): void {
    const asm = this.#asm;
    const state = this.#state;
    const target = this.#stack;
    const outer = this.#locals.add(STACK_REF);
    const table = this.#locals.add(HANDLERS);
    asm.globalGet(state.shared('other')).set(this.#running).null(T.stack).globalSet(state.shared('other'));
    asm.get(target).structGet(T.stack, STACK.handlers).set(table);
    this.#outermost(this.#running, outer);
    state.checks?.at(asm, 'resumed', this.#running, outer);
    asm.get(outer).get(parent).structSet(T.stack, STACK.parent);
    asm.get(outer).get(table).structSet(T.stack, STACK.handlers);
    asm.get(target).get(this.#root).do('ref.eq').open('if');
    asm.get(outer).set(this.#root).close();
    asm.i32(0).globalSet(state.shared('outcome')).br(step);
  }

  /** An exception goes to the next frame outward that can catch, which throws it again at its resume point. */
  #deliver(exception: LocalIdx, step: Label): void {
    const asm = this.#asm;
    const skip = asm.open('loop');
    const none = asm.open('block');
    asm.get(this.#running).structGet(T.stack, STACK.top).set(this.#frame);
    asm.get(this.#frame).brOnNull(none).structGet(T.frame, FRAME.point).i32(0).do('i32.lt_s').open('if');
    asm.get(exception).globalSet(this.#state.shared('exception'));
    asm.null('exn').set(exception).br(step).close();
    this.#pop();
    asm.br(skip).close();
    this.#state.checks?.at(asm, 'finished', this.#running);
    asm.get(this.#running).get(this.#root).do('ref.eq').open('if');
    this.#restoreCurrent();
    asm.get(exception).do('throw_ref').close();
    asm.get(this.#running).structGet(T.stack, STACK.parent).set(this.#running).br(skip).close().do('unreachable');
  }
}
