import { type Brand, LINKED_BRAND } from '../asyncify/lower/brand.ts';
import { CHECK, type CheckName, UNWINDING } from '../asyncify/lower/interface.ts';
import { raiseAs } from './errors.ts';
import { type FrameObject, type Inspector, inspector, type StackObject } from './inspector.ts';
import type { Checker } from './store.ts';

/** What has to hold whenever the runtime passes from one state to another. */
export type Invariant =
  /** A continuation object is consumed once. */
  | 'one-shot'
  /** Only a suspended stack is resumed, only a running one runs, and a finished one does neither. */
  | 'stack-state'
  /** `current` is the stack whose frames run. */
  | 'current-stack'
  /** A suspended chain ends where its innermost stack says; a running one has as many drivers as `level` says. */
  | 'stack-chain'
  /** A frame list is acyclic and as long as its stack says. */
  | 'frame-list'
  | 'frame-limit'
  /** No frame is on two stacks, or saved twice. */
  | 'frame-owner'
  /** Every frame has a function that re-enters it, its own. */
  | 'frame-function'
  /** Nothing unwinds while guest code runs, or past a host frame. */
  | 'unwinding'
  /** The mark of a re-entry is gone once the function has found its frame. */
  | 'reentering'
  /** Drivers and host frames leave `level` as they found it. */
  | 'level'
  /** References in the slots are gone once they are read. */
  | 'slots'
  /** A handler of a process leaves the guest's stack pointer as it was. */
  | 'shadow-stack';

/** The runtime's state is broken: a mistake of the transform or the runtime, not of a program. No handler sees it. */
export class InvariantError extends WebAssembly.RuntimeError {
  declare readonly invariant: Invariant;
  declare readonly point: CheckName | 'stackPointer';
  get kind(): 'invariant' {
    return 'invariant';
  }
}

type StackState = 'running' | 'finished';

const NAMES = Object.keys(CHECK) as CheckName[];
/** `cont.bind` adds frames without asking for the limit; a type has no more parameters to bind. */
const MOST_BOUND = 1000;
/** Longer chains are not walked to their end. */
const LONG_CHAIN = 64;
/** On deeper stacks new frames are not remembered: a million entries of a weak map bring the collector to a halt. */
const DEEP = 1000;
/** How many frames are looked at for each transition, in the mean. */
const FRAMES_PER_CHECK = 4;

/** What one transition shows. */
interface View {
  readonly point: CheckName;
  readonly unwinding: number;
  readonly level: number;
  readonly reentering: number;
  readonly slotsEmpty: number;
  readonly limit: number;
  readonly current: StackObject | null;
}

/** Checks the invariants of one store's runtime: pass it as `checks` to the store, and transform with `checks`. */
export class InvariantChecker implements Checker {
  /** How often each transition was looked at. */
  readonly counts = new Map<CheckName, number>();
  /** The first violation; it stays known where a host function swallows the error. */
  violation: InvariantError | null = null;
  /** Of the module that is looked at. */
  #inspect: Inspector = inspector(LINKED_BRAND);
  readonly #inspectors = new Map<string, Inspector>();
  /** A stack that is not here is suspended. */
  readonly #states = new WeakMap<StackObject, StackState>();
  readonly #owners = new WeakMap<FrameObject, StackObject>();
  /** The frames that all stacks start with that have not run. */
  readonly #constant = new WeakSet<FrameObject>();
  readonly #consumed = new WeakSet<object>();
  /** A trap has left references in the slots. */
  #litter = false;
  #credit = 0;

  readonly check = (
    point: number,
    unwinding: number,
    level: number,
    reentering: number,
    slotsEmpty: number,
    limit: number,
    current: StackObject | null,
    subject: object | null,
    other: object | null,
    func: unknown,
  ): void => {
    const name = NAMES[point];
    if (name === undefined) throw new RangeError(`no transition has the number ${point}`);
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const view: View = { point: name, unwinding, level, reentering, slotsEmpty, limit, current };
    if (slotsEmpty) this.#litter = false;
    this.#credit += FRAMES_PER_CHECK;
    this.#transition(view, subject as StackObject, other as FrameObject, func);
  };

  checkOf(brand: Brand): InvariantChecker['check'] {
    const key = brand.join();
    const inspect = this.#inspectors.get(key) ?? inspector(brand);
    this.#inspectors.set(key, inspect);
    return (...shown) => {
      this.#inspect = inspect;
      this.check(...shown);
    };
  }

  stackPointer(before: number, after: number): void {
    if (before !== after) this.#fail('shadow-stack', 'stackPointer', `it was ${before} and is ${after}`);
  }

  #transition(view: View, subject: StackObject, other: FrameObject | StackObject, func: unknown): void {
    const { point } = view;
    switch (point) {
      case 'guest':
      case 'start':
        this.#quiet(view);
        this.#slots(view);
        return;
      case 'unbalanced':
        this.#fail('level', point, `it is ${view.level}`);
        return;
      case 'consumed':
        if (this.#consumed.has(subject)) this.#fail('one-shot', point, 'the continuation was consumed before');
        if (this.#inspect.stackOf(subject) !== null) this.#fail('one-shot', point, 'the continuation keeps its stack');
        this.#consumed.add(subject);
        this.#quiet(view);
        this.#is(view, other, undefined);
        return;
      case 'based':
        if (subject ?? view.current) this.#is(view, view.current as StackObject, undefined);
        this.#states.set(view.current as StackObject, 'running');
        return;
      case 'renewed':
        this.#consumed.delete(subject);
        this.#quiet(view);
        return;
      case 'fresh': {
        const top = this.#inspect.top(subject);
        if (top === null) this.#fail('frame-list', point, 'the stack is empty');
        else this.#constant.add(top);
        this.#frames(view, subject);
        return;
      }
      case 'bound':
        this.#is(view, subject, undefined);
        this.#frames(view, subject, MOST_BOUND);
        return;
      case 'resumed':
        this.#quiet(view);
        for (const stack of this.#suspended(view, subject, other, undefined)) this.#states.set(stack, 'running');
        return;
      case 'entering':
      case 'entered':
      case 'left':
      case 'caught':
      case 'saved':
      case 'kept':
        this.#running(view, subject ?? view.current, other, func);
        return;
      case 'finished':
        this.#quiet(view);
        this.#is(view, subject, 'running');
        this.#states.set(subject, 'finished');
        return;
      case 'suspended':
        if (view.unwinding !== UNWINDING.begun) this.#fail('unwinding', point, `it is ${view.unwinding}`);
        this.#reentered(view);
        this.#chain(view);
        return;
      case 'captured':
        this.#quiet(view);
        for (const stack of this.#suspended(view, subject, other, 'running')) this.#states.delete(stack);
        return;
      case 'hostEntered':
        this.#quiet(view);
        if (view.level !== 0) this.#fail('level', point, `it is ${view.level}`);
        if (!view.slotsEmpty) this.#litter = true;
        return;
      case 'hostCalling':
        this.#quiet(view);
        this.#slots(view);
        if (view.level > 0 && view.current !== null) this.#is(view, view.current, 'running');
        return;
      case 'hostReturned':
        // The import may have called guest code, and caught its trap.
        if (!view.slotsEmpty) this.#litter = true;
        this.#quiet(view);
        if (view.level > 0 && view.current !== null) this.#is(view, view.current, 'running');
        return;
      case 'hostLeft':
      case 'hostResumed':
        this.#quiet(view);
        if (view.level !== 0) this.#fail('level', point, `it is ${view.level}`);
        if (point === 'hostLeft') this.#slots(view);
        return;
      default:
        point satisfies never;
    }
  }

  /** A frame of the running stack is in the hands of its driver, or of its own function. */
  #running(view: View, stack: StackObject | null, frame: FrameObject, func: unknown): void {
    const { point, current, level, unwinding } = view;
    if (level < 1) this.#fail('level', point, `it is ${level}`);
    if (stack === null || current !== stack) {
      this.#fail('current-stack', point, 'another stack is current than runs');
      return;
    }
    this.#is(view, stack, 'running');
    this.#reentered(view);
    const expected = point === 'saved' ? UNWINDING.saved : point === 'kept' ? UNWINDING.kept : UNWINDING.no;
    if (unwinding !== expected && point !== 'left') this.#fail('unwinding', point, `it is ${unwinding}`);
    if (unwinding === UNWINDING.no && this.#inspect.top(stack) !== frame) {
      this.#fail('frame-list', point, 'the frame that runs is not the innermost');
    }
    if (point === 'saved') {
      if (this.#owners.has(frame)) this.#fail('frame-owner', point, 'the frame was saved before');
      this.#own(frame, stack);
    }
    if (point === 'kept' && (this.#owners.get(frame) ?? stack) !== stack) {
      this.#fail('frame-owner', point, 'the frame belongs to another stack');
    }
    if (point === 'entered' && this.#inspect.fn(frame) !== func) {
      this.#fail('frame-function', point, 'the function was re-entered with the frame of another');
    }
    this.#frames(view, stack);
  }

  /**
   * A chain from its innermost stack to its outermost one, cut off from everything. Returns the stacks whose states are kept: of a
   * long chain the two ends, as what lies between cannot be had before they are running again.
   */
  #suspended(
    view: View,
    leaf: StackObject,
    root: StackObject,
    state: StackState | undefined,
  ): ReadonlySet<StackObject> {
    const { point } = view;
    const inspect = this.#inspect;
    const outer = inspect.outer(leaf);
    if (leaf === root ? outer !== null && outer !== leaf : outer !== root) {
      this.#fail('stack-chain', point, 'the innermost stack names another outermost one');
    }
    if (inspect.parent(root) !== null) this.#fail('stack-chain', point, 'the outermost stack has a parent');
    let stacks = new Set<StackObject>();
    for (let stack: StackObject | null = leaf; stack !== null; stack = inspect.parent(stack)) {
      if (stacks.has(stack)) this.#fail('stack-chain', point, 'the chain is a cycle');
      stacks.add(stack);
      if (stack === root) break;
      if (stacks.size === LONG_CHAIN) {
        stacks = new Set([leaf, root]);
        break;
      }
    }
    if (!stacks.has(root)) this.#fail('stack-chain', point, 'the chain does not lead to its outermost stack');
    for (const stack of stacks) {
      this.#is(view, stack, state);
      if (inspect.top(stack) === null) this.#fail('frame-list', point, 'the stack is empty');
      this.#frames(view, stack);
    }
    return stacks;
  }

  /** From the running stack outward. */
  #chain(view: View): void {
    const { point, level, limit, current } = view;
    let length = 0;
    const most = Math.min(limit, this.#credit);
    for (let stack = current; stack !== null; stack = this.#inspect.parent(stack)) {
      if (++length > most) {
        if (length > limit) this.#fail('stack-chain', point, 'the chain is a cycle');
        return;
      }
      this.#is(view, stack, 'running');
    }
    this.#credit -= length;
    if (level < 1 || length < level) this.#fail('stack-chain', point, `${level} drivers run ${length} stacks`);
  }

  /** All frames of a stack where that is not too many, the innermost ones anyway. */
  #frames(view: View, stack: StackObject, more = 0): void {
    const { point, limit } = view;
    const inspect = this.#inspect;
    const depth = inspect.depth(stack);
    if (depth < 0 || depth > limit + more)
      this.#fail('frame-limit', point, `the stack has ${depth} frames of ${limit}`);
    const most = depth < this.#credit ? depth : Math.min(depth, FRAMES_PER_CHECK);
    let count = 0;
    let frame = inspect.top(stack);
    for (; frame !== null && count < most; frame = inspect.next(frame)) {
      count++;
      if (inspect.fn(frame) === null) this.#fail('frame-function', point, 'a frame has none');
      if (this.#constant.has(frame)) {
        if (inspect.next(frame) !== null) this.#fail('frame-list', point, 'a start frame has one outward of it');
        continue;
      }
      const owner = this.#owners.get(frame);
      if (owner === undefined) this.#own(frame, stack);
      else if (owner !== stack) this.#fail('frame-owner', point, 'a frame is on two stacks');
    }
    this.#credit = Math.max(0, this.#credit - count);
    if (count < most || (most === depth && frame !== null)) {
      this.#fail('frame-list', point, `it has ${count < most ? count : `more than ${depth}`} of ${depth} frames`);
    }
  }

  #own(frame: FrameObject, stack: StackObject): void {
    if (this.#inspect.depth(stack) <= DEEP) this.#owners.set(frame, stack);
  }

  #is(view: View, stack: StackObject, state: StackState | undefined): void {
    const is = this.#states.get(stack);
    if (is === state) return;
    this.#fail('stack-state', view.point, `the stack is ${is ?? 'suspended'}, not ${state ?? 'suspended'}`);
  }

  /** Nothing is being unwound or re-entered. */
  #quiet(view: View): void {
    if (view.unwinding !== UNWINDING.no) this.#fail('unwinding', view.point, `it is ${view.unwinding}`);
    if (view.point !== 'start') this.#reentered(view);
  }

  #reentered({ point, reentering }: View): void {
    if (reentering !== 0) this.#fail('reentering', point, 'it is set');
  }

  #slots({ point, slotsEmpty, reentering }: View): void {
    if (!slotsEmpty && !reentering && !this.#litter) this.#fail('slots', point, 'references are left in them');
  }

  #fail(invariant: Invariant, point: InvariantError['point'], detail: string): void {
    const message = `runtime invariant "${invariant}" is broken (${point}): ${detail}`;
    try {
      raiseAs({ prototype: InvariantError.prototype, name: 'InvariantError', message });
    } catch (error) {
      if (error instanceof InvariantError) {
        Object.assign(error, { invariant, point });
        this.violation ??= error;
      }
      throw error;
    }
    throw new Error(message);
  }
}
