import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx, ValType } from '../../binary/types.ts';
import { Asm } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import type { Lowering } from '../frames/lowering.ts';
import type { AsyncifyStubs } from './stubs.ts';

/** The code of instrumented functions that Asyncify gets: the source's, with polls, and calls of what it may rewind into. */
export class Bodies {
  readonly #lowering: Lowering;
  readonly #stubs: AsyncifyStubs;
  readonly #instrumented: ReadonlySet<FuncIdx>;

  constructor(lowering: Lowering, stubs: AsyncifyStubs, instrumented: ReadonlySet<FuncIdx>) {
    this.#lowering = lowering;
    this.#stubs = stubs;
    this.#instrumented = instrumented;
  }

  code(func: { readonly locals: readonly ValType[]; readonly body: readonly Instr[] }, index: FuncIdx): Code {
    const { build, yields } = this.#lowering;
    const asm = new Asm();
    if (yields?.points.entry(index)) this.#poll(asm);
    func.body.forEach((instr, at) => {
      asm.push(this.#instr(instr));
      if (instr.op === 'loop' && yields?.points.loop(index, at)) this.#poll(asm);
    });
    return { locals: build.vals(func.locals), body: asm.out };
  }

  #poll(asm: Asm): void {
    const { state, yields } = this.#lowering;
    if (yields?.poll === 'fuel') {
      asm.globalGet(state.shared('fuel')).i32(1).do('i32.sub').globalSet(state.shared('fuel'));
      asm.globalGet(state.shared('fuel')).i32(0).do('i32.lt_s');
    } else asm.globalGet(state.shared('epoch'));
    asm.open('if').call(this.#stubs.yield).close();
  }

  #instr(instr: Instr): Instr {
    const lowering = this.#lowering;
    const { suspensions } = lowering;
    if (suspensions.unwinds(instr) !== null) {
      if (instr.op === 'call') {
        const { func } = instr;
        if (func >= lowering.info.importedFuncs && !this.#instrumented.has(func)) {
          return { ...instr, func: this.#stubs.passing(func, lowering.typeOf(func)) };
        }
      } else if (instr.op === 'call_indirect') {
        return { op: 'call', at: instr.at, func: this.#stubs.indirect(instr.type, instr.table) } as unknown as Instr;
      }
    }
    return lowering.simple(instr);
  }
}
