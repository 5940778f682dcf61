import type { OpName } from '../../binary/opcodes.ts';
import type { FuncIdx, LocalIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, type Locals } from '../../lower/asm.ts';
import { CHECK, CHECK_IMPORT, type CheckName } from '../../lower/interface.ts';
import { T } from '../../lower/runtime-types.ts';
import type { RuntimeState } from './state.ts';

const ANY = refType('any', true);

/** Whether an instruction calls, and goes on behind the call. */
export function calls(op: OpName): boolean {
  return op === 'call' || op === 'call_ref' || op === 'call_indirect';
}

/**
 * The test build: at every transition the emitted code shows the runtime's state to an import, which looks for broken
 * invariants (continuations/checks.ts).
 */
export class Checks {
  readonly #state: RuntimeState;
  readonly #hook: FuncIdx;
  readonly #clear: FuncIdx;

  constructor(state: RuntimeState) {
    this.#state = state;
    const { build } = state;
    const i32s = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const;
    this.#hook = build.importFunc(CHECK_IMPORT, build.funcType([...i32s, ANY, ANY, ANY, refType('func', true)], []));
    this.#clear = build.addFunc(build.funcType([], ['i32']), 'reference slots are empty');
  }

  /** Emits a look at the state: `stack` is whose turn it is, `other` and `func` are what the transition is about. */
  at(asm: Asm, point: CheckName, stack: LocalIdx | null, other: LocalIdx | null = null, func?: FuncIdx): void {
    const state = this.#state;
    asm.i32(CHECK[point]);
    asm.globalGet(state.shared('unwinding')).globalGet(state.shared('level')).globalGet(state.reentering);
    asm.call(this.#clear).globalGet(state.frameLimit).globalGet(state.shared('current'));
    for (const local of [stack, other]) {
      if (local === null) asm.null('any');
      else asm.get(local);
    }
    if (func === undefined) asm.null('func');
    else asm.op('ref.func', { func });
    asm.call(this.#hook);
  }

  /** Emits a look at the running stack. */
  running(asm: Asm, point: CheckName, other: LocalIdx | null = null, func?: FuncIdx): void {
    this.at(asm, point, null, other, func);
  }

  /** Emits a look at the running stack, which was made for activations of the host entry. */
  based(asm: Asm): void {
    this.running(asm, 'based');
  }

  /** Emits a look at the continuation that a `switch` has consumed; its stack is in `other`. */
  consumed(asm: Asm, cont: LocalIdx, locals: Locals): void {
    const stack = locals.add(refType(T.stack, true));
    asm.globalGet(this.#state.shared('other')).set(stack);
    this.at(asm, 'consumed', cont, stack);
  }

  /** Emits the test that an activation's `level` is what it was at its start. */
  level(asm: Asm, expected: LocalIdx): void {
    asm.globalGet(this.#state.shared('level')).get(expected).do('i32.ne').open('if');
    this.running(asm, 'unbalanced');
    asm.close();
  }

  /** Emits what holds wherever guest code runs. `reentered`: it may be a re-entry that has not begun to read its frame. */
  guest(asm: Asm, reentered: boolean): void {
    asm.call(reentered ? this.#start : this.#guest);
  }

  #starts: FuncIdx | null = null;
  get #start(): FuncIdx {
    this.#starts ??= this.#guestFunc('start of a function', (asm) => {
      // The arguments of a re-entry are still in the slots.
      asm.globalGet(this.#state.shared('unwinding')).call(this.#clear).globalGet(this.#state.reentering);
      asm.do('i32.or', 'i32.eqz', 'i32.or');
    });
    return this.#starts;
  }

  #guests: FuncIdx | null = null;
  get #guest(): FuncIdx {
    this.#guests ??= this.#guestFunc('guest code', (asm) => {
      asm.globalGet(this.#state.shared('unwinding')).globalGet(this.#state.reentering).do('i32.or');
      asm.call(this.#clear).do('i32.eqz', 'i32.or');
    });
    return this.#guests;
  }

  /** The import is only called where something is wrong: guest code is everywhere. */
  #guestFunc(name: string, wrong: (asm: Asm) => void): FuncIdx {
    const { build } = this.#state;
    const func = build.addFunc(build.funcType([], []), name);
    const asm = new Asm();
    wrong(asm);
    asm.open('if');
    this.running(asm, name === 'guest code' ? 'guest' : 'start');
    asm.close();
    build.define(func, { locals: [], body: asm.out });
    return func;
  }

  /** To be called once all code is made: only then are all slots known. */
  finish(): void {
    const asm = new Asm().i32(1);
    for (const slot of this.#state.referenceSlots) asm.globalGet(slot).do('ref.is_null', 'i32.and');
    this.#state.build.define(this.#clear, { locals: [], body: asm.out });
  }
}
