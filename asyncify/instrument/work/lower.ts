import type { Expr, Func } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import { type FuncIdx, isRef, type LocalIdx, type ValType } from '../../binary/types.ts';
import { Appended } from '../../lower/append.ts';
import { Asm, made } from '../../lower/asm.ts';
import { once } from '../../lower/once.ts';
import type { Origins } from '../../lower/origins.ts';
import { type Landmark, Landmarks, type ModuleInfo, typingContext } from '../../validate/index.ts';
import type { Linking } from '../frames/state.ts';
import type { Poll, YieldPoints } from '../polls.ts';
import { type Bulk, type BulkInstr, bulkOf, countFor, workFor } from './bulk.ts';
import { bulkHelper, type Charging, chargeFor } from './bulk-helper.ts';
import { loopBounds, NO_LOOPS, planWork, type WorkPlan } from './plan.ts';
import type { Insertion, Work, WorkLimits } from './stretches.ts';

/** How bulk instructions are cut, in units of work: about a nanosecond, or two bytes of memory. */
export interface BulkLimits {
  /** Up to here an instruction is left as it is. */
  readonly small: number;
  /** Polls come at least so often. */
  readonly piece: number;
}

/** Half a KiB; 1 MiB. */
const BULK: BulkLimits = { small: 256, piece: 524_288 };
/** Work that a unit of fuel pays: `1 << UNIT`. */
const UNIT = 6;
const LIMITS: WorkLimits = { stretch: 1_000_000, unit: 1 << UNIT, debt: 512 };

export interface WorkOptions {
  readonly poll: Poll;
  readonly linking: Linking;
  /** Whether functions that hold references can be suspended. */
  readonly references: boolean;
  readonly bulk?: BulkLimits;
}

export interface LoweredWork {
  readonly info: ModuleInfo;
  readonly points: YieldPoints;
  /** Undefined: the module is as it was. */
  readonly origins: Origins | undefined;
}

/**
 * The same module with bounded work between any two polls: bulk instructions whose operands can be large are cut into pieces, with a
 * poll after each, and polls are put in where the code between two others would take long. With `fuel`, what does not
 * poll pays for itself where it is more than a little.
 */
export function lowerWork(info: ModuleInfo, options: WorkOptions): LoweredWork {
  return new Lowered(info, options).run();
}

class Lowered {
  readonly #info: ModuleInfo;
  readonly #options: WorkOptions;
  readonly #limits: BulkLimits;
  readonly #appended: Appended;
  readonly #once = once<FuncIdx>();
  readonly #helpers = new Map<FuncIdx, Bulk>();
  /** The instructions before which polls were put in, by offset. */
  readonly #polled = new Map<number, Instr>();

  constructor(info: ModuleInfo, options: WorkOptions) {
    this.#info = info;
    this.#options = options;
    this.#limits = options.bulk ?? BULK;
    this.#appended = new Appended(info);
  }

  run(): LoweredWork {
    const { linking, poll } = this.#options;
    const limits = poll === 'fuel' ? LIMITS : { ...LIMITS, debt: Number.POSITIVE_INFINITY };
    const bulk = (instr: Instr, before: Instr | undefined): Work | null => this.#bulkWork(instr, before);
    const plan = planWork({ info: this.#info, linking, limits, bulk });
    const bounds = plan.functions.map(({ bounded }) => bounded);
    const landmarks = [...this.#info.landmarks];
    const marks = new Landmarks();
    const seen = (body: Expr): readonly Landmark[] => {
      body.forEach((instr, index) => {
        marks.see(instr, index);
      });
      return marks.take();
    };
    const funcs = this.#info.module.funcs.map((func, at): Func => {
      const { insertions = [], isBulky = false } = plan.functions[at] ?? {};
      if (insertions.length === 0 && !isBulky) return func;
      const { locals, body } = this.#rewritten(func, insertions);
      if (body === null) return func;
      landmarks[at] = seen(body);
      if (bounds[at] !== NO_LOOPS) bounds[at] = loopBounds(this.#info, body, bulk);
      return this.#lazily(func, locals, insertions);
    });
    if (this.#appended.isEmpty) return { info: this.#info, points: this.#points(plan, bounds), origins: undefined };
    const module = this.#appended.finish(funcs);
    for (const { body } of module.funcs.slice(funcs.length)) {
      bounds.push(loopBounds(this.#info, body, bulk));
      landmarks.push(seen(body));
    }
    return {
      info: typingContext(module, landmarks),
      points: this.#points(plan, bounds),
      origins: { func: (index) => (this.#appended.has(index) ? null : index), ...this.#origins() },
    };
  }

  #origins(): Pick<Origins, 'instr' | 'text'> {
    const bulk = (instr: Instr): BulkInstr | null =>
      instr.op === 'call' ? (this.#helpers.get(instr.func)?.instr ?? null) : null;
    const polled = (instr: Instr): Instr | null =>
      instr.op === 'call' && instr.func === this.#made.poll ? (this.#polled.get(instr.at) ?? null) : null;
    return {
      instr: (instr) => {
        const source = bulk(instr);
        return source === null ? (polled(instr) ?? instr) : ({ ...source, at: instr.at } as Instr);
      },
      text: (instr) => {
        if (bulk(instr) !== null) return 'is done in pieces, with a yield point after each';
        return polled(instr) === null ? null : 'has a yield point before it, as what comes before may take long';
      },
    };
  }

  #points({ entries, functions }: WorkPlan, bounds: readonly ReadonlyMap<number, number>[]): YieldPoints {
    const { importedFuncs } = this.#info;
    const charging = this.#made.poll;
    return {
      entry: (func) => entries.has(func) || func === charging,
      loop: (func, index) => bounds[func - importedFuncs]?.has(index) !== true,
      cost: (func, at, loopAt) => {
        if (func === charging) return 'parameter';
        const costs = functions[func - importedFuncs]?.costs;
        return costs?.get(at) ?? costs?.get(loopAt) ?? 1;
      },
      paying: this.#made.pay,
    };
  }

  // ---- functions put in

  readonly #made: { poll: FuncIdx | null; pay: FuncIdx | null } = { poll: null, pay: null };

  get #poll(): FuncIdx {
    this.#made.poll ??= this.#appended.func('yield point', this.#appended.type(['i32'], []), { locals: [], body: [] });
    return this.#made.poll;
  }
  get #pay(): FuncIdx {
    this.#made.pay ??= this.#appended.func('pay fuel', this.#appended.type(['i32'], []), { locals: [], body: [] });
    return this.#made.pay;
  }

  #helper(bulk: Bulk): FuncIdx {
    const { op, at, ...immediates } = bulk.instr;
    return this.#once(`${op} ${Object.values(immediates).join(' ')}`, () => {
      const charging: Charging = { func: this.#poll, shift: UNIT };
      const code = bulkHelper(this.#info, bulk, this.#limits.piece, charging);
      const func = this.#appended.func(op, this.#appended.type(bulk.params, bulk.results), code, at);
      this.#helpers.set(func, bulk);
      return func;
    });
  }

  // ---- bulk instructions

  /** Whether it is cut, or only pays for itself. */
  #isCut({ params, results }: Bulk): boolean {
    return this.#options.references || (!params.some(isRef) && !results.some(isRef));
  }

  /** The number of bytes or elements, where it is a constant. */
  #constant(before: Instr | undefined): number | null {
    if (before?.op === 'i32.const') return before.i32 >>> 0;
    if (before?.op === 'i64.const') return Number(BigInt.asUintN(64, before.i64));
    return null;
  }

  #bulkWork(instr: Instr, before: Instr | undefined): Work | null {
    const bulk = bulkOf(this.#info, instr);
    if (bulk === null) return null;
    const { small, piece } = this.#limits;
    const constant = this.#constant(before);
    const least = Math.min(constant === null ? small : workFor(constant, bulk), small);
    if (constant !== null && constant <= countFor(small, bulk))
      return { head: -1, through: least, tail: -1, debt: least };
    if (!this.#isCut(bulk)) return { head: -1, through: least, tail: -1, debt: least };
    return { head: piece, through: constant === null ? small : -1, tail: 0, debt: constant === null ? small : 0 };
  }

  /** What takes the place of an instruction; null: it stays. */
  #bulk(instr: Instr, before: Instr | undefined, local: (type: ValType) => LocalIdx): readonly Instr[] | null {
    const bulk = bulkOf(this.#info, instr);
    if (bulk === null) return null;
    const small = countFor(this.#limits.small, bulk);
    const constant = this.#constant(before);
    if (constant !== null && constant <= small) return null;
    const asm = new Asm();
    const type = bulk.params[bulk.count] as 'i32' | 'i64';
    const isSmall = (): Asm => {
      if (type === 'i32') return asm.i32(small).do('i32.gt_u');
      return asm.op('i64.const', { i64: BigInt(small) }).do('i64.gt_u');
    };
    if (!this.#isCut(bulk)) {
      if (this.#options.poll !== 'fuel') return null;
      const count = local(type);
      asm.tee(count).push(instr).get(count);
      isSmall().openUnlikely();
      chargeFor(asm, type, () => asm.get(count), bulk, { func: this.#pay, shift: UNIT });
      return asm.close().out;
    }
    const call = made('call', { func: this.#helper(bulk) }, instr.at);
    if (constant !== null) return [call];
    const count = local(type);
    asm.tee(count).get(count);
    isSmall();
    const block = { kind: 'type', type: this.#appended.type(bulk.params, bulk.results) } as const;
    asm.push({ ...made('if', { block }, instr.at), unlikely: true } as Instr);
    return asm.push(call).do('else').push(instr).do('end').out;
  }

  // ---- bodies

  /** A function that makes its body anew each time it is read, as its source does. */
  #lazily(func: Func, locals: readonly ValType[], insertions: readonly Insertion[]): Func {
    const body = (): Expr => this.#rewritten(func, insertions).body ?? func.body;
    return {
      type: func.type,
      locals,
      ...(func.emptyRuns === undefined ? {} : { emptyRuns: func.emptyRuns }),
      at: func.at,
      endAt: func.endAt,
      get body() {
        return body();
      },
    };
  }

  /** `body`: null where nothing changes. */
  #rewritten(func: Func, insertions: readonly Insertion[]): { locals: readonly ValType[]; body: Expr | null } {
    const locals = new Map<ValType, LocalIdx>();
    const declared = [...func.locals];
    const params = this.#info.funcType(func.type).params.length;
    const local = (type: ValType): LocalIdx => {
      let known = locals.get(type);
      if (known === undefined) {
        declared.push(type);
        known = (params + declared.length - 1) as LocalIdx;
        locals.set(type, known);
      }
      return known;
    };
    const source = func.body;
    let body: Instr[] | null = null;
    let next = 0;
    for (let index = 0; index < source.length; index++) {
      const instr = source[index] as Instr;
      const replaced = this.#bulk(instr, source[index - 1], local);
      if (body === null && (replaced !== null || insertions[next]?.index === index)) body = source.slice(0, index);
      if (body === null) continue;
      for (; insertions[next]?.index === index; next++) this.#insert(body, instr, insertions[next] as Insertion);
      if (replaced === null) body.push(instr);
      else for (const each of replaced) body.push(each);
    }
    return { locals: declared, body };
  }

  #insert(body: Instr[], before: Instr, { kind, cost }: Insertion): void {
    const call = made('call', { func: kind === 'poll' ? this.#poll : this.#pay }, before.at);
    if (kind === 'poll') this.#polled.set(before.at, before);
    body.push(made('i32.const', { i32: cost }, before.at), call);
  }
}
