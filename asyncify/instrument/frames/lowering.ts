import type { Catch, Handler } from '../../binary/immediates.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx, FuncType, LocalIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, type Label, made, type SymbolicCatch } from '../../lower/asm.ts';
import type { Build, Code } from '../../lower/build.ts';
import { rewriteTypes } from '../../lower/rewrite.ts';
import { T } from '../../lower/runtime-types.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import type { Suspensions } from '../analysis.ts';
import type { Poll, PollCost, YieldPoints } from '../polls.ts';
import { handlerList } from './runtime.ts';
import type { RuntimeState } from './state.ts';
import type { Stubs } from './stubs.ts';

export type ResumeInstr = Extract<Instr, { op: 'resume' | 'resume_throw' | 'resume_throw_ref' }>;

/** A single payment is far less. */
const MOST_OWED = -(2 ** 30);

/** The locals that tell how a `resume` ended: 0 or clause + 1, and the stack that suspended. */
export interface Ended {
  readonly outcome: LocalIdx;
  readonly captured: LocalIdx;
}

/** What the lowering of one module's functions has in common. */
export class Lowering {
  readonly info: ModuleInfo;
  readonly build: Build;
  readonly state: RuntimeState;
  readonly stubs: Stubs;
  readonly suspensions: Suspensions;

  /** Imported functions whose calls the host may suspend. */
  readonly suspending: ReadonlySet<FuncIdx>;

  /** Where and how functions poll; null: they do not. */
  readonly yields: { readonly points: YieldPoints; readonly poll: Poll | 'none' } | null;
  /** How much of the native stack the functions take that count it; null: none does. */
  readonly weights: ReadonlyMap<FuncIdx, number> | null;

  /** Whether functions may be there twice, for speed. */
  readonly copies: boolean;

  constructor(
    stubs: Stubs,
    suspensions: Suspensions,
    host: Pick<Lowering, 'suspending' | 'yields' | 'copies' | 'weights'>,
  ) {
    this.copies = host.copies;
    this.suspending = host.suspending;
    this.weights = host.weights;
    this.yields = host.yields;
    this.stubs = stubs;
    this.state = stubs.state;
    this.build = stubs.state.build;
    this.info = stubs.state.build.info;
    this.suspensions = suspensions;
  }

  /** Emits `[] -> [i32]`: what a poll asks, having taken what it costs. */
  asks(asm: Asm, cost: PollCost): void {
    const { state } = this;
    if (this.yields?.poll !== 'fuel') {
      state.epoch(asm);
      return;
    }
    const fuel = state.shared('fuel');
    if (cost === 'parameter') this.#pay(asm);
    else asm.globalGet(fuel).i32(cost).do('i32.sub').globalSet(fuel);
    asm.globalGet(fuel).i32(0).do('i32.lt_s');
  }

  /** The code of a function that takes fuel as its parameter says. */
  paying(): Code {
    const asm = new Asm();
    if (this.yields?.poll === 'fuel') this.#pay(asm);
    return { locals: [], body: asm.out };
  }

  /** Where very much is owed no more is taken: it would come round to be much. What a slice has used is told by all that is owed. */
  #pay(asm: Asm): void {
    const fuel = this.state.shared('fuel');
    asm.globalGet(fuel).i32(MOST_OWED).do('i32.ge_s').open('if');
    asm
      .globalGet(fuel)
      .get(0 as LocalIdx)
      .do('i32.sub')
      .globalSet(fuel)
      .close();
  }

  typeOf(func: FuncIdx): TypeIdx {
    return this.info.funcTypes[func] as TypeIdx;
  }

  /** What a call of a source function calls. */
  callee(func: FuncIdx): FuncIdx {
    return func < this.info.importedFuncs
      ? this.stubs.hostCall(func, this.typeOf(func), this.suspending.has(func))
      : func;
  }

  /** What a reference to a source function refers to. */
  referenced(func: FuncIdx): FuncIdx {
    // An export declares a function for ref.func, but its host entry may have taken its place there.
    return this.build.declare(this.callee(func));
  }

  contFunc(cont: TypeIdx): FuncType {
    const comp = this.info.comp(cont);
    if (comp.kind !== 'cont') throw new RangeError(`type ${cont} is no continuation type`);
    return this.info.funcType(comp.type);
  }
  tagType(tag: number): FuncType {
    return this.info.funcType(this.info.tags[tag] as TypeIdx);
  }

  /** The instruction in the output, where it needs no more than other types and other functions. */
  simple(instr: Instr): Instr {
    switch (instr.op) {
      case 'call':
      case 'return_call':
        return { ...instr, func: this.callee(instr.func) };
      case 'ref.func':
        return { ...instr, func: this.referenced(instr.func) };
      case 'cont.new':
        return made('call', { func: this.stubs.contNew(instr.type) });
      case 'cont.bind':
        return made('call', { func: this.stubs.contBind(instr.type, instr.type2) });
      default:
        return rewriteTypes(this.build, instr);
    }
  }

  expr(code: readonly Instr[]): Instr[] {
    return code.map((instr) => this.simple(instr));
  }

  /** Emits a `resume` of operands on the real stack, up to what tells how it ended: i32, and the captured stack. */
  resume(asm: Asm, instr: ResumeInstr, cont: LocalIdx): void {
    const { build, state, stubs } = this;
    const list = handlerList(
      state,
      instr.handlers.map((handler) => ({ tag: handler.tag, switch: handler.kind === 'switch' })),
    );
    const handlers = handlersOperand(list);
    asm.set(cont);
    switch (instr.op) {
      case 'resume':
        state.store(asm, build.vals(this.contFunc(instr.type).params));
        asm.get(cont).push(handlers).call(stubs.resume(instr.type));
        return;
      case 'resume_throw': {
        const payload = build.vals(this.tagType(instr.tag).params);
        const exn = refType('exn', true);
        const caught = asm.open('block', { kind: 'type', type: build.funcType(payload, [exn]) });
        asm.openTry({ kind: 'type', type: build.funcType(payload, []) }, [{ kind: 'catch_all_ref', label: caught }]);
        asm.op('throw', { tag: instr.tag }).close().do('unreachable').close();
        asm.get(cont).call(stubs.materialise(instr.type)).push(handlers).call(stubs.runtime.resumeThrow);
        return;
      }
      case 'resume_throw_ref':
        asm.get(cont).call(stubs.materialise(instr.type)).push(handlers).call(stubs.runtime.resumeThrow);
        return;
      default:
        instr satisfies never;
    }
  }

  /** Emits the branches of a `resume` that ended with a suspension; falls through where it returned. */
  outcome(
    asm: Asm,
    instr: ResumeInstr,
    ended: Ended,
    target: (handler: Handler & { kind: 'label' }) => { label: Label; types: readonly ValType[] },
  ): void {
    const clauses = instr.handlers.flatMap((handler, index) => (handler.kind === 'label' ? [{ handler, index }] : []));
    const take = ({ handler }: (typeof clauses)[number]): void => {
      const { label, types } = target(handler);
      const cont = types.at(-1);
      if (cont === undefined || !isRef(cont) || typeof cont.heap !== 'number') {
        throw new RangeError('a handler label without a continuation');
      }
      this.state.load(asm, this.build.vals(this.tagType(handler.tag).params));
      asm.get(ended.captured);
      this.stubs.wrap(asm, cont.heap);
      asm.br(label);
    };
    const [first] = clauses;
    if (first === undefined) return;
    if (clauses.length === 1) {
      asm.get(ended.outcome).open('if');
      take(first);
      asm.close();
      return;
    }
    const returned = asm.open('block');
    const labels = clauses.map(() => asm.open('block')).reverse();
    const table = Array.from({ length: instr.handlers.length + 1 }, () => returned);
    clauses.forEach(({ index }, at) => {
      table[index + 1] = labels[at] as Label;
    });
    asm.get(ended.outcome).brTable([...table, returned]);
    for (const clause of clauses) {
      asm.close();
      take(clause);
    }
    asm.close();
  }

  /** Emits a `switch` of operands on the real stack, up to the start of the unwinding. */
  switch(asm: Asm, instr: Extract<Instr, { op: 'switch' }>, cont: LocalIdx): void {
    const { build, state, stubs } = this;
    const params = this.contFunc(instr.type).params;
    const back = params.at(-1);
    if (back === undefined || !isRef(back) || typeof back.heap !== 'number') {
      throw new RangeError('a switch to a continuation that takes none');
    }
    const types = build.vals(params);
    asm.set(cont);
    // The continuation of this very stack goes last; where the switch traps nobody sees it.
    asm.globalGet(state.shared('current'));
    stubs.wrap(asm, back.heap);
    state.store(asm, types);
    asm.get(cont).call(stubs.materialise(instr.type)).globalGet(state.tag(instr.tag)).call(stubs.runtime.switchTo);
  }

  /** The catch clauses of a `try_table` with labels of the output. */
  catches(clauses: readonly Catch[], label: (index: number) => Label): SymbolicCatch[] {
    return clauses.map((clause): SymbolicCatch => {
      switch (clause.kind) {
        case 'catch':
        case 'catch_ref':
          return { kind: clause.kind, tag: clause.tag, label: label(clause.label) };
        case 'catch_all':
        case 'catch_all_ref':
          return { kind: clause.kind, label: label(clause.label) };
        default:
          return clause satisfies never;
      }
    });
  }
}

function handlersOperand(list: ReturnType<typeof handlerList>): Instr {
  return list === null ? made('ref.null', { heap: T.handler }) : made('global.get', { global: list });
}
