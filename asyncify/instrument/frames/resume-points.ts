import type { FuncIdx, LocalIdx } from '../../binary/types.ts';
import type { Asm, Label } from '../../lower/asm.ts';
import { CATCHES } from '../../lower/runtime-types.ts';
import type { PollCost } from '../polls.ts';
import type { Counted } from './deep.ts';
import { dispatch, jump, type Target } from './dispatch.ts';
import type { Part } from './frame-code.ts';
import type { Lowering } from './lowering.ts';
import { type Item, type Point, range } from './points.ts';

/** The labels at one item: where re-entry arrives, and where the normal way joins again. */
interface Wrapper {
  readonly arrive: Label;
  readonly join: Label | null;
}

/** The jumps of one function's resume points: out of it to the code that saves its frame, and back in. */
export class ResumePoints {
  readonly #asm: Asm;
  readonly #lowering: Lowering;
  readonly #part: Part['kind'];
  /** Holds the resume point while a re-entry is on its way there, 0 in normal running. */
  readonly point: LocalIdx;
  /** Takes the resume point whose frame is to be saved. */
  readonly left: LocalIdx;
  readonly #wrappers = new Map<Item, Wrapper>();
  /** Targets that the first construct of the one just opened has to jump to. */
  #inherited: Target[] = [];
  #save: Label | null = null;
  #entry = -1;

  constructor(asm: Asm, lowering: Lowering, part: Part['kind'], point: LocalIdx, left: LocalIdx) {
    this.#asm = asm;
    this.#lowering = lowering;
    this.#part = part;
    this.point = point;
    this.left = left;
  }

  /** Where in the code the frame is to be read back: it is run only by a re-entry, which jumps on from there. -1: nowhere. */
  get entry(): number {
    return this.#entry;
  }

  /** Opens the block behind whose end the frame is saved. */
  begin(): void {
    this.#save = this.#asm.open('block');
  }

  /** Opens the labels of a construct's items, and emits the jump towards them unless the first item can do it as well. */
  openItems(items: readonly Item[], startsWithFirst: boolean, needsJoin: (item: Item) => boolean): void {
    if (this.#part === 'first') return;
    const targets = this.#inherited;
    this.#inherited = [];
    for (let at = items.length - 1; at >= (startsWithFirst ? 1 : 0); at--) {
      const item = items[at] as Item;
      const join = needsJoin(item) ? this.#asm.open('block') : null;
      const arrive = this.#asm.open('block');
      this.#wrappers.set(item, { arrive, join });
      const [low, high] = range(item);
      targets.push({ low, high, label: arrive });
    }
    if (startsWithFirst) this.#inherited = targets;
    else if (targets.length === 0) return;
    else if (this.#entry < 0) this.#enter(targets);
    else dispatch(this.#asm, this.point, targets);
  }

  /** The first jump is made only where the function is re-entered, so that normal running has no test of the resume point. */
  #enter(targets: readonly Target[]): void {
    const asm = this.#asm;
    const { state } = this.#lowering;
    const tests = this.#part === 'whole';
    if (tests) {
      asm.globalGet(state.reentering).openUnlikely();
      asm.i32(0).globalSet(state.reentering);
    }
    this.#entry = asm.out.length;
    jump(asm, this.point, targets);
    if (tests) asm.close();
  }

  /** The way of a re-entry meets the normal one where an item's code starts. */
  arrive(item: Item): void {
    if (this.#wrappers.has(item)) this.#asm.close();
  }

  /** Emits the jump to the code that saves the frame. */
  leave(point: Point): void {
    this.#name(point);
    this.#asm.br(this.#save as Label);
  }

  #name(point: Point): void {
    this.#asm.i32(point.id | (point.catches ? CATCHES : 0)).set(this.left);
  }

  /** Emits the test after what may have unwound, and the jump. `shared`: control may have left this module. */
  leaveIf(point: Point, shared: boolean): void {
    const asm = this.#asm;
    const { state } = this.#lowering;
    const save = this.#save as Label;
    this.#name(point);
    if (state.linking === 'closed') {
      asm.globalGet(state.unwinding).brIfUnlikely(save);
      return;
    }
    if (shared) {
      asm.globalGet(state.shared('unwinding')).openUnlikely();
      asm.i32(1).globalSet(state.unwinding).br(save).close();
      return;
    }
    // Whoever unwinds out of this module leaves its flag set; the shared one tells whether that is over.
    asm.globalGet(state.unwinding).openUnlikely();
    asm.globalGet(state.shared('unwinding')).brIf(save);
    asm.i32(0).globalSet(state.unwinding).close();
  }

  /**
   * Emits the place where a re-entry arrives at its resume point, and what it does there first: it is one no longer, and an
   * exception may be waiting. Where the normal way needs none of that it joins behind `restore`.
   */
  reenter(point: Point, restore: () => void = () => {}): void {
    if (this.#part === 'first') return;
    const asm = this.#asm;
    const { state } = this.#lowering;
    const join = this.#wrappers.get(point)?.join ?? null;
    if (join !== null) asm.br(join);
    this.arrive(point);
    if (point.resets) asm.i32(0).set(this.point);
    if (point.catches && state.exceptions) {
      const none = asm.open('block');
      asm.globalGet(state.shared('exception')).brOnNull(none);
      asm.null('exn').globalSet(state.shared('exception')).do('throw_ref').close();
    }
    if (join === null) return;
    restore();
    asm.close();
  }

  /** Emits a poll, and a suspension to the host where it says so. */
  poll(point: Point, cost: PollCost): void {
    const { stubs, yields } = this.#lowering;
    if (yields === null || yields.poll === 'none') return;
    this.#lowering.asks(this.#asm, cost);
    this.#suspendIf(point, stubs.runtime.yield);
  }

  /** Emits the poll at the function's entry, which may look for room on the native stack as well. */
  pollEntry(point: Point, counted: Counted | null, cost: PollCost): void {
    const { stubs, yields } = this.#lowering;
    const { deep } = stubs.runtime;
    if (counted === null || deep === null) {
      this.poll(point, cost);
      return;
    }
    const poll = yields?.poll ?? 'none';
    deep.condition(this.#asm, counted, poll === 'none' ? null : () => this.#lowering.asks(this.#asm, cost));
    this.#suspendIf(point, deep.entered(poll), () => deep.left(this.#asm, counted));
  }

  #suspendIf(point: Point, suspend: FuncIdx, push: () => void = () => {}): void {
    const asm = this.#asm;
    asm.openUnlikely();
    this.#name(point);
    push();
    asm
      .call(suspend)
      .brIf(this.#save as Label)
      .close();
  }
}
