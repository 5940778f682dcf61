import type { BlockType, Handler } from '../../binary/immediates.ts';
import type { Func } from '../../binary/module.ts';
import type { Instr, OpName } from '../../binary/opcodes.ts';
import type { FuncIdx, LabelIdx, LocalIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { type InvalidWhere, RefusedError } from '../../errors.ts';
import { ENGINE_LIMITS, refuseBody } from '../../limits.ts';
import { Asm, Locals, made } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import { T } from '../../lower/runtime-types.ts';
import { type Observer, type WalkState, walkFunction } from '../../validate/index.ts';
import { calls } from './checks.ts';
import { Constructs } from './constructs.ts';
import type { Counted } from './deep.ts';
import { type Part, withFrame } from './frame-code.ts';
import type { Ended, Lowering, ResumeInstr } from './lowering.ts';
import { Operands } from './operands.ts';
import { leaves, opens, type Point, type Points } from './points.ts';
import { type Prepared, prepare } from './prepare.ts';
import { ResumePoints } from './resume-points.ts';
import type { RuntimeState } from './state.ts';
import { nullable } from './stubs.ts';

const isResume = (instr: Instr): instr is ResumeInstr =>
  instr.op === 'resume' || instr.op === 'resume_throw' || instr.op === 'resume_throw_ref';
const tailCalls = (op: OpName): boolean =>
  op === 'return_call' || op === 'return_call_indirect' || op === 'return_call_ref';

type Opening = Instr & { readonly block: BlockType };

/** With room for what goes around a body. */
const MAX_LOCALS = ENGINE_LIMITS.locals - 1_000;
const MAX_HANDLERS = 10_000;

/** Functions that poll at their entry, and are no longer than this, are translated twice. */
const SPLIT = 100;

/**
 * Translates a function that has resume points or handles suspensions. A short one that may call itself becomes two: in the first,
 * which is what the program calls, nothing serves re-entry; the other is only ever re-entered.
 */
export function translateFunction(lowering: Lowering, index: FuncIdx): Code {
  const prepared = prepare(lowering, index);
  const { func, points } = prepared;
  const translator = (part: Part): FunctionTranslator => new FunctionTranslator(lowering, prepared, part);
  const isSplit = lowering.copies && points.polls.has(-1) && func.body.length <= SPLIT;
  if (!isSplit) return translator({ kind: 'whole' }).translate();
  const again = lowering.build.addFunc(lowering.build.type(func.type), `${index} re-entered`);
  lowering.build.define(again, translator({ kind: 'again', self: again }).translate());
  const weight = lowering.weights?.get(index);
  if (weight === undefined || !callsItself(func, index)) {
    return translator({ kind: 'first', again, counted: null }).translate();
  }
  const { build, state } = lowering;
  const { params, results } = build.signature(func.type);
  const counted = build.addFunc(build.funcType([...params, 'i32'], results), `${index} with room`);
  const first = translator({ kind: 'first', again, counted });
  build.define(counted, roomAsParameter(first.translate(), params.length, first.room));
  return handingOn(state, params.length, counted, weight);
}

function callsItself({ body }: Func, index: FuncIdx): boolean {
  return body.some((instr) => (instr.op === 'call' || instr.op === 'return_call') && instr.func === index);
}

/** The code with one of its locals as its last parameter. */
function roomAsParameter({ locals, body }: Code, params: number, room: LocalIdx): Code {
  const moved = (local: LocalIdx): LocalIdx => {
    if (local === room) return params as LocalIdx;
    return local >= params && local < room ? ((local + 1) as LocalIdx) : local;
  };
  return {
    locals: locals.filter((_, index) => params + index !== room),
    body: body.map((instr) => ('local' in instr ? { ...instr, local: moved(instr.local) } : instr)),
  };
}

/** What the program calls of a function that is handed the room that is left. */
function handingOn(state: RuntimeState, params: number, counted: FuncIdx, weight: number): Code {
  const locals = new Locals(params);
  const room = locals.add('i32');
  const asm = new Asm();
  for (let index = 0; index < params; index++) asm.get(index as LocalIdx);
  asm.globalGet(state.shared('room')).tee(room).i32(weight).do('i32.sub').call(counted);
  asm.get(room).globalSet(state.shared('room'));
  return { locals: locals.declared, body: asm.out };
}

/**
 * Translates one function that has resume points or handles suspensions. The output is the source's code with, after
 * each instruction that may unwind, a branch to code that saves the live locals in a frame; and, at the start of the
 * function and of each construct around a resume point, a jump towards the point a frame is re-entered at.
 */
class FunctionTranslator {
  readonly #lowering: Lowering;
  readonly #func: Func;
  readonly #index: FuncIdx;
  readonly #params: readonly ValType[];
  readonly #results: readonly ValType[];
  readonly #localTypes: readonly ValType[];
  readonly #asm = new Asm();
  readonly #locals: Locals;
  readonly #operands: Operands;
  readonly #points: Points;
  readonly #part: Part;
  readonly #resumes: ResumePoints;
  readonly #constructs: Constructs;
  readonly #saved = new Set<number>();
  readonly #counted: Counted | null;
  readonly #temps = new Map<string, LocalIdx>();
  /** Nesting of constructs opened in dead code; -1: live. */
  #dead = -1;

  constructor(lowering: Lowering, { index, func, points, live }: Prepared, part: Part) {
    this.#lowering = lowering;
    const { build } = lowering;
    this.#index = index;
    this.#func = func;
    this.#points = points;
    this.#part = part;
    const { params, results } = build.signature(func.type);
    this.#params = params;
    this.#results = results;
    this.#localTypes = [...params, ...build.vals(func.locals)];
    this.#locals = new Locals(params.length);
    // Re-entry jumps over assignments, so that a local without default would not count as initialised.
    for (const type of this.#localTypes.slice(params.length)) this.#locals.add(nullable(type));
    this.#operands = new Operands(this.#asm, this.#locals);
    if (points.count > 0) for (const local of live) this.#saved.add(local);
    const weight = part.kind === 'again' ? undefined : lowering.weights?.get(index);
    const passed = part.kind === 'first' && part.counted !== null;
    this.#counted =
      weight === undefined || !points.polls.has(-1)
        ? null
        : { kind: passed ? 'passed' : 'shared', room: this.#temp('room', 'i32'), weight };
    this.#resumes = new ResumePoints(
      this.#asm,
      lowering,
      part.kind,
      this.#temp('point', 'i32'),
      this.#temp('left', 'i32'),
    );
    this.#constructs = new Constructs({
      lowering,
      index,
      body: func.body,
      points,
      part,
      asm: this.#asm,
      operands: this.#operands,
      resumes: this.#resumes,
      saved: this.#saved,
      counted: this.#counted,
      temp: (name, type) => this.#temp(name, type),
    });
  }

  /** Where it has the room that is left on the native stack. @throws RangeError where it does not count it */
  get room(): LocalIdx {
    if (this.#counted === null) throw new RangeError('the function does not count');
    return this.#counted.room;
  }

  translate(): Code {
    const { body } = this.#func;
    const { count } = this.#points;
    if (this.#part.kind !== 'again') {
      this.#lowering.state.checks?.guest(this.#asm, count > 0 && this.#part.kind === 'whole');
    }
    if (this.#counted?.kind === 'shared') {
      this.#asm.globalGet(this.#lowering.state.shared('room')).set(this.#counted.room);
    }
    if (count > 0) this.#resumes.begin();
    this.#constructs.begin(this.#results);
    const { info } = this.#lowering;
    const observer: Observer = { after: (instr, index, state) => this.#instr(instr, index, state) };
    walkFunction(info, this.#index - info.importedFuncs, observer, body);
    if (this.#dead < 0) this.#operands.flush();
    if (count === 0) return { locals: this.#locals.declared, body: this.#asm.out };
    this.#asm.close();
    this.#giveBack();
    this.#asm.do('return').close();
    return withFrame(this.#lowering, {
      index: this.#index,
      type: this.#func.type,
      at: this.#func.at,
      params: this.#params,
      results: this.#results,
      locals: this.#locals,
      body: this.#asm.out,
      entry: this.#resumes.entry,
      saved: this.#saved,
      point: this.#resumes.point,
      left: this.#resumes.left,
      part: this.#part,
    });
  }

  /** Emits, where the function is left: what it took of the native stack is free again. */
  #giveBack(): void {
    if (this.#counted?.kind === 'shared') this.#setRoom(this.#counted);
  }

  /** Emits, before a call: those that it calls see what room there is. */
  #show(): void {
    if (this.#counted?.kind === 'passed') this.#setRoom(this.#counted);
  }

  #setRoom({ room }: Counted): void {
    this.#asm.get(room).globalSet(this.#lowering.state.shared('room'));
  }

  /** Emits a call, of a function that may call others that count. */
  #call(instr: Instr): void {
    const { counted } = { counted: null, ...this.#part };
    if (this.#counted !== null && counted !== null && 'func' in instr && instr.func === this.#index) {
      this.#asm.get(this.#counted.room);
      // A tail call takes the place of this activation.
      if (instr.op === 'call') this.#asm.i32(this.#counted.weight).do('i32.sub');
      this.#asm.push({ ...instr, func: counted } as Instr);
      return;
    }
    this.#show();
    this.#asm.push(this.#lowering.simple(instr));
  }

  #temp(name: string, type: ValType): LocalIdx {
    let local = this.#temps.get(name);
    if (local === undefined) {
      local = this.#locals.add(type);
      this.#temps.set(name, local);
    }
    return local;
  }
  #nonNull(local: number): boolean {
    const type = this.#localTypes[local];
    return type !== undefined && isRef(type) && !type.nullable;
  }

  #else(): void {
    this.#constructs.else(this.#dead < 0);
    this.#dead = -1;
  }
  #end(): void {
    this.#constructs.end(this.#dead < 0);
    this.#dead = -1;
  }

  #instr(instr: Instr, index: number, state: WalkState): void {
    const { op } = instr;
    this.#checkSize(instr);
    const entry = this.#points.polls.get(-1);
    if (entry !== undefined && entry.place === index) this.#constructs.pollHere(entry);
    if (this.#dead >= 0) {
      if (opens(op)) this.#dead++;
      else if (this.#dead > 0) {
        if (op === 'end') this.#dead--;
      } else if (op === 'else') this.#else();
      else if (op === 'end') this.#end();
      return;
    }
    if (opens(op)) {
      this.#constructs.open(instr as Opening, index, state);
      return;
    }
    if (op === 'else') this.#else();
    else if (op === 'end') this.#end();
    else this.#plain(instr, index, state);
    if (leaves(op)) this.#dead = 0;
  }

  /** Refuses what grows beyond what engines take; output can be quadratic where many operands wait at many suspensions. */
  #checkSize(instr: Instr): void {
    // No instruction is shorter than a byte. How many bytes there are is seen when all is encoded.
    if (this.#asm.out.length > ENGINE_LIMITS.body) refuseBody(this.#where(instr));
    if (this.#locals.declared.length + this.#params.length > MAX_LOCALS) {
      throw new RefusedError(
        `the translated function has too many locals: the limit of engines is ${ENGINE_LIMITS.locals}`,
        this.#where(instr),
      );
    }
    if (isResume(instr) && instr.handlers.length > MAX_HANDLERS) {
      throw new RefusedError(`more than ${MAX_HANDLERS} handlers`, this.#where(instr));
    }
  }

  #where(instr: Instr): InvalidWhere {
    return { offset: instr.at, func: this.#index, instruction: instr.op };
  }

  #plain(instr: Instr, index: number, state: WalkState): void {
    const { build } = this.#lowering;
    const { op } = instr;
    const item = this.#points.at.get(index);
    if (item?.kind === 'point') {
      this.#suspending(instr, item, state);
      return;
    }
    switch (instr.op) {
      case 'local.get': {
        const type = this.#localTypes[instr.local] as ValType;
        const declared = instr.local >= this.#params.length && this.#nonNull(instr.local);
        const code = declared ? [instr, made('ref.as_non_null', {})] : [instr];
        this.#operands.pushCode(type, code, instr.local);
        return;
      }
      case 'i32.const':
      case 'i64.const':
      case 'f32.const':
      case 'f64.const':
      case 'v128.const':
      case 'ref.null':
      case 'ref.func':
        this.#operands.pushCode(build.val(state.operands[state.low] as ValType), [this.#lowering.simple(instr)], null);
        return;
      case 'drop':
        if (this.#operands.dropUnmade()) return;
        break;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        // No suspension passes it: the operands below stay where they are.
        this.#operands.flush();
        this.#finishResume(instr, this.#emitResume(instr), state);
        this.#lowering.state.checks?.guest(this.#asm, false);
        this.#operands.truncate(state.low);
        this.#pushed(state);
        return;
      default:
    }
    if (this.#constructs.branchBack(instr)) {
      this.#operands.truncate(state.low);
      return;
    }
    this.#operands.flush();
    const isTailCall = tailCalls(op);
    if (op === 'return' || isTailCall) this.#giveBack();
    if (isTailCall) this.#call(instr);
    else this.#asm.push(this.#relabel(this.#lowering.simple(instr)));
    if (calls(op)) this.#lowering.state.checks?.guest(this.#asm, false);
    if (instr.op === 'local.tee' && instr.local >= this.#params.length && this.#nonNull(instr.local)) {
      this.#asm.do('ref.as_non_null');
    }
    this.#operands.truncate(state.low);
    if (!leaves(instr.op)) this.#pushed(state);
  }

  /** Takes what an instruction has pushed, which is on the real stack. */
  #pushed({ operands, low }: WalkState): void {
    const { build } = this.#lowering;
    for (let at = low; at < operands.length; at++) this.#operands.push(build.val(operands[at] as ValType));
  }

  #relabel(instr: Instr): Instr {
    switch (instr.op) {
      case 'br':
      case 'br_if':
      case 'br_on_null':
      case 'br_on_non_null':
        return { ...instr, label: this.#depth(instr.label) };
      case 'br_table':
        return { ...instr, labels: instr.labels.map((index) => this.#depth(index)) };
      case 'br_on_cast':
      case 'br_on_cast_fail':
        return { ...instr, cast: { ...instr.cast, label: this.#depth(instr.cast.label) } };
      default:
        return instr;
    }
  }

  #depth(index: number): LabelIdx {
    return this.#asm.depthOf(this.#constructs.labelOf(index));
  }

  #continuation(type: TypeIdx): LocalIdx {
    return this.#temp(`continuation ${type}`, refType(this.#lowering.build.type(type), true));
  }

  #emitResume(instr: ResumeInstr): Ended {
    this.#show();
    const ended = { outcome: this.#temp('outcome', 'i32'), captured: this.#temp('captured', refType(T.stack, true)) };
    this.#lowering.resume(this.#asm, instr, this.#continuation(instr.type));
    this.#asm.set(ended.captured).set(ended.outcome);
    return ended;
  }

  #finishResume(instr: ResumeInstr, ended: Ended, state: WalkState): void {
    const { build } = this.#lowering;
    this.#lowering.outcome(this.#asm, instr, ended, (handler: Handler & { kind: 'label' }) => {
      const control = state.controls[state.controls.length - 1 - handler.label];
      const types = control === undefined ? [] : control.op === 'loop' ? control.params : control.results;
      return { label: this.#constructs.labelOf(handler.label), types };
    });
    this.#lowering.state.load(this.#asm, build.vals(this.#lowering.contFunc(instr.type).results));
  }

  // ---- resume points

  #suspending(instr: Instr, point: Point, state: WalkState): void {
    const { low } = state;
    const { build, state: runtime, suspensions } = this.#lowering;
    this.#operands.isolate(low);
    this.#operands.truncate(low);
    for (const local of this.#operands.localsBelow(low)) this.#saved.add(local);
    const asm = this.#asm;
    const results = build.vals(state.operands.slice(low) as ValType[]);
    const unwinds = suspensions.unwinds(instr);
    switch (instr.op) {
      case 'suspend':
        runtime.store(asm, build.vals(this.#lowering.tagType(instr.tag).params));
        asm.globalGet(runtime.tag(instr.tag)).call(this.#lowering.stubs.runtime.suspend);
        this.#resumes.leave(point);
        this.#resumes.reenter(point);
        runtime.load(asm, results);
        this.#constructs.pushResults(low, results);
        return;
      case 'switch':
        this.#lowering.switch(asm, instr, this.#continuation(instr.type));
        this.#resumes.leave(point);
        this.#resumes.reenter(point);
        runtime.load(asm, results);
        this.#constructs.pushResults(low, results);
        return;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref': {
        const ended = this.#emitResume(instr);
        this.#resumes.leaveIf(point, unwinds === 'shared');
        this.#resumes.reenter(point, () => {
          asm.globalGet(runtime.shared('outcome')).set(ended.outcome);
          asm.globalGet(runtime.shared('leaf')).set(ended.captured);
          asm.null(T.stack).globalSet(runtime.shared('leaf'));
        });
        this.#finishResume(instr, ended, state);
        runtime.checks?.guest(asm, false);
        this.#constructs.pushResults(low, results);
        return;
      }
      default: {
        this.#call(instr);
        this.#resumes.leaveIf(point, unwinds === 'shared');
        runtime.checks?.guest(asm, false);
        this.#operands.setSpilled(low, results);
        this.#resumes.reenter(point, () => {
          runtime.load(asm, results);
          this.#operands.setSpilled(low, results);
        });
        this.#operands.pushSpilled(results);
      }
    }
  }
}
