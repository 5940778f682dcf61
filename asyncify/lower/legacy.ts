import type { BlockType, Catch } from '../binary/immediates.ts';
import { encodeNames, type Names, namesOf, remapNames } from '../binary/index.ts';
import type { Expr, Func, Module } from '../binary/module.ts';
import type { Instr, OpName } from '../binary/opcodes.ts';
import {
  type FuncIdx,
  isRef,
  type LabelIdx,
  type LocalIdx,
  type RecGroup,
  refType,
  type TagIdx,
  type TypeIdx,
  type ValType,
} from '../binary/types.ts';
import { RefusedError } from '../errors.ts';
import type { Landmark, ModuleInfo } from '../validate/index.ts';
import { EMPTY, made, valueBlock } from './asm.ts';
import { type Plan, planBody, Region } from './legacy-plan.ts';

const EXNREF = refType('exn', true);
const NONE: readonly ValType[] = [];
/** As V8 has it, parameters included: what has more would not run. */
const MAX_LOCALS = 50_000;

/** Whether a function uses legacy exception instructions: all of them stand in, or end, a `try`. */
function isLegacy(list: readonly Landmark[] | undefined): boolean {
  return list?.some(({ instr }) => instr.op === 'try') === true;
}

/** Whether a module uses the legacy exception instructions (`try`, `catch`, `catch_all`, `delegate`, `rethrow`). */
export function usesLegacyExceptions(info: ModuleInfo): boolean {
  return info.landmarks.some(isLegacy);
}

/**
 * The same module with the legacy exception instructions expressed by `try_table` and `throw_ref`
 * (exception-handling proposal, legacy document; Wasm 3.0 §4.6). What is lowered keeps its offset.
 *
 * @param info what `validate` returned
 * @throws RefusedError where a function has no room for the locals that hold caught exceptions
 */
export function lowerLegacyExceptions(info: ModuleInfo): Module {
  const { module } = info;
  if (!usesLegacyExceptions(info)) return module;
  const blocks = new BlockTypes(info);
  const labels = new Map<FuncIdx, readonly number[]>();
  const funcs = module.funcs.map((func, index): Func => {
    if (!isLegacy(info.landmarks[index])) return func;
    const lowering = new FunctionLowering(info, blocks, func, index);
    const lowered = lowering.lower();
    labels.set((info.importedFuncs + index) as FuncIdx, lowering.labels);
    return lowered;
  });
  const moved = (names: Names): Names =>
    remapNames(names, {
      label: (func, label) => {
        const list = labels.get(func);
        return list === undefined ? label : (list[label] ?? null);
      },
    });
  const customs = module.customs.map((custom) => {
    if (custom.name !== 'name') return custom;
    const names = namesOf({ customs: [custom] });
    return names.label.size === 0 ? custom : { ...custom, bytes: encodeNames(moved(names)) };
  });
  return { ...module, recGroups: [...module.recGroups, ...blocks.added], funcs, customs };
}

type CarrierPair = [plain?: BlockType, ref?: BlockType];

/** Finds or makes the types of the blocks that exceptions are carried out of. */
class BlockTypes {
  readonly added: RecGroup[] = [];
  readonly #info: ModuleInfo;
  #types: Map<string, TypeIdx> | null = null;
  /** By identity: long parameter lists are looked at once, however many blocks have them. */
  readonly #known = new Map<readonly ValType[], Map<readonly ValType[], CarrierPair>>();

  constructor(info: ModuleInfo) {
    this.#info = info;
  }

  params(block: BlockType): readonly ValType[] {
    return block.kind === 'type' ? this.#info.funcType(block.type).params : NONE;
  }

  payload(tag: TagIdx | null): readonly ValType[] {
    return tag === null ? NONE : this.#info.funcType(this.#info.tags[tag] as TypeIdx).params;
  }

  /** A block that takes `params` and gives `payload`, and an `exnref` after it if `ref` is true. */
  carrier(params: readonly ValType[], payload: readonly ValType[], ref: boolean): BlockType {
    const row = this.#known.get(params) ?? new Map<readonly ValType[], CarrierPair>();
    const pair = row.get(payload) ?? [];
    const block = pair[ref ? 1 : 0] ?? this.#make(params, ref ? [...payload, EXNREF] : payload);
    pair[ref ? 1 : 0] = block;
    this.#known.set(params, row.set(payload, pair));
    return block;
  }

  #make(params: readonly ValType[], results: readonly ValType[]): BlockType {
    const [first, second] = results;
    if (params.length === 0 && second === undefined) return first === undefined ? EMPTY : valueBlock(first);
    this.#types ??= new Map(
      this.#info.types.flatMap(({ comp }, index) =>
        comp.kind === 'func' ? [[keyOf(comp.params, comp.results), index as TypeIdx] as const] : [],
      ),
    );
    const key = keyOf(params, results);
    let type = this.#types.get(key);
    if (type === undefined) {
      type = (this.#info.types.length + this.added.length) as TypeIdx;
      this.added.push([{ final: true, supers: [], comp: { kind: 'func', params, results } }]);
      this.#types.set(key, type);
    }
    return { kind: 'type', type };
  }
}

function keyOf(params: readonly ValType[], results: readonly ValType[]): string {
  const list = (types: readonly ValType[]): string =>
    types.map((type) => (isRef(type) ? `${type.heap}${type.nullable ? '?' : ''}` : type)).join();
  return `${list(params)}>${list(results)}`;
}

/** An open construct of the source; the first is the function. */
interface Frame {
  /** The level of the block that branches to the construct go to. */
  readonly level: number;
  readonly plan: Plan | null;
  /** The level of the `try_table` that encloses the body. */
  readonly tried: number;
  /** How many clauses have begun. */
  clauses: number;
  /** The local that holds the exception caught by the current clause. */
  exn: LocalIdx | null;
}

/** Lowers one body. A level is the number of constructs around, the function among them. */
class FunctionLowering {
  /** For each construct of the source, in order, which of the output's carries its label. */
  readonly labels: number[] = [];
  readonly #func: Func;
  readonly #body: Expr;
  readonly #index: number;
  readonly #importedFuncs: number;
  readonly #blocks: BlockTypes;
  readonly #root = new Region();
  readonly #plans: Iterator<Plan>;
  readonly #out: Instr[] = [];
  readonly #frames: Frame[] = [];
  /** The first local after the source's. */
  readonly #firstExn: number;
  #level = 1;
  #opened = 0;
  #heldNow = 0;
  #heldMost = 0;

  constructor(info: ModuleInfo, blocks: BlockTypes, func: Func, index: number) {
    this.#blocks = blocks;
    this.#func = func;
    this.#index = index;
    this.#importedFuncs = info.importedFuncs;
    this.#firstExn = info.funcType(func.type).params.length + func.locals.length;
    this.#body = func.body;
    this.#plans = planBody(this.#body, this.#root).values();
  }

  lower(): Func {
    const { locals, at } = this.#func;
    const body = this.#body;
    this.#frames.push({ level: 0, plan: null, tried: 0, clauses: 0, exn: null });
    this.#enterRegion(this.#root, NONE);
    for (const instr of body) this.#instr(instr);
    if (this.#root.lands) this.#do('return').#close().#do('throw_ref');
    if (this.#firstExn + this.#heldMost > MAX_LOCALS) {
      const message = `too many locals: the limit is ${MAX_LOCALS} in a function, caught exceptions included`;
      throw new RefusedError(message, { offset: at, func: this.#importedFuncs + this.#index });
    }
    return {
      ...this.#func,
      locals: [...locals, ...new Array<ValType>(this.#heldMost).fill(EXNREF)],
      body: this.#out,
    };
  }

  #instr(instr: Instr): void {
    switch (instr.op) {
      case 'block':
      case 'loop':
      case 'if':
        this.#enter(this.#open(instr));
        break;
      case 'try':
        this.#try(instr);
        break;
      case 'try_table': {
        const plan = this.#nextPlan();
        const catches = instr.catches.map((clause): Catch => ({ ...clause, label: this.#label(clause.label) }));
        const level = this.#open({ ...instr, catches });
        this.#enter(level, plan, level);
        this.#enterRegion(plan.inner, this.#blocks.params(instr.block));
        break;
      }
      case 'catch':
      case 'catch_all':
        this.#clause(instr.at);
        break;
      case 'delegate':
        this.#leave();
        this.#close(instr.at);
        break;
      case 'end': {
        const frame = this.#leave();
        if (frame.plan !== null && frame.clauses === 0) this.#leaveRegion(frame.plan.inner, frame.tried);
        this.#close(instr.at);
        break;
      }
      case 'rethrow': {
        const { exn } = this.#frame(instr.label);
        if (exn === null) throw new RangeError('rethrow outside of a catch clause');
        this.#out.push(made('local.get', { local: exn }));
        this.#do('throw_ref', instr.at);
        break;
      }
      default:
        this.#out.push(this.#relabelled(instr));
    }
  }

  #try(instr: Instr<'try'>): void {
    const { block, at } = instr;
    const plan = this.#nextPlan();
    const { inner, outer, clauses } = plan;
    if (clauses.length > 0) {
      const params = this.#blocks.params(block);
      this.#enter(this.#open(made('block', { block }, at)), plan, this.#level + clauses.length);
      for (const { tag, rethrown } of clauses.toReversed()) {
        this.#open(made('block', { block: this.#blocks.carrier(params, this.#blocks.payload(tag), rethrown) }));
      }
      const catches = clauses.map(({ tag, rethrown }, index): Catch => {
        const label = index as LabelIdx;
        if (tag === null) return { kind: rethrown ? 'catch_all_ref' : 'catch_all', label };
        return { kind: rethrown ? 'catch_ref' : 'catch', tag, label };
      });
      this.#open(made('try_table', { block, catches }, at));
      this.#enterRegion(inner, params);
    } else if (inner.target === outer.target) {
      this.#enter(this.#open(made('block', { block }, at)), plan);
    } else {
      const label = this.#depth(inner.target.landing);
      const catches: readonly Catch[] = [{ kind: 'catch_all_ref', label }];
      this.#enter(this.#open(made('try_table', { block, catches }, at)), plan);
    }
  }

  /** Ends the body or clause before, leaving the `try`, and begins the next clause. */
  #clause(at: number): void {
    const frame = this.#frame(0);
    if (frame.plan === null) throw new RangeError('catch outside of a try');
    if (frame.clauses === 0) {
      this.#leaveRegion(frame.plan.inner, frame.tried);
      this.#close();
    }
    this.#release(frame);
    this.#br(frame.level).#close(at);
    const clause = frame.plan.clauses[frame.clauses++];
    if (clause?.rethrown !== true) return;
    frame.exn = (this.#firstExn + this.#heldNow++) as LocalIdx;
    this.#heldMost = Math.max(this.#heldMost, this.#heldNow);
    this.#out.push(made('local.set', { local: frame.exn }));
  }

  #release(frame: Frame): void {
    if (frame.exn !== null) this.#heldNow--;
    frame.exn = null;
  }

  #enterRegion(inner: Region, params: readonly ValType[]): void {
    if (inner.lands) inner.landing = this.#open(made('block', { block: this.#blocks.carrier(params, NONE, true) }));
  }

  /** Ends a body: its results leave the `try_table`, what was delegated here is thrown again inside it. */
  #leaveRegion(inner: Region, tried: number): void {
    if (inner.lands) this.#br(tried).#close().#do('throw_ref');
  }

  #enter(level: number, plan: Plan | null = null, tried = level): void {
    // The block was the last to be opened.
    this.labels.push(this.#opened - 1);
    this.#frames.push({ level, plan, tried, clauses: 0, exn: null });
  }

  #leave(): Frame {
    const frame = this.#frames.pop();
    if (frame === undefined) throw new RangeError('end of a construct that was not begun');
    this.#release(frame);
    return frame;
  }

  #frame(label: number): Frame {
    const frame = this.#frames[this.#frames.length - 1 - label];
    if (frame === undefined) throw new RangeError(`unknown label ${label}`);
    return frame;
  }

  #nextPlan(): Plan {
    return this.#plans.next().value as Plan;
  }

  #open(instr: Instr): number {
    this.#out.push(instr);
    this.#opened++;
    return this.#level++;
  }

  #close(at = -1): this {
    this.#level--;
    return this.#do('end', at);
  }

  #do(op: OpName, at = -1): this {
    this.#out.push({ op, at } as unknown as Instr);
    return this;
  }

  #br(level: number): this {
    this.#out.push(made('br', { label: this.#depth(level) }));
    return this;
  }

  #depth(level: number): LabelIdx {
    return (this.#level - 1 - level) as LabelIdx;
  }

  /** Where the output has what a label of the source names. */
  #label(label: LabelIdx): LabelIdx {
    return this.#depth(this.#frame(label).level);
  }

  #relabelled(instr: Instr): Instr {
    if ('label' in instr) return { ...instr, label: this.#label(instr.label) };
    if ('labels' in instr) return { ...instr, labels: instr.labels.map((label) => this.#label(label)) };
    if ('cast' in instr) return { ...instr, cast: { ...instr.cast, label: this.#label(instr.cast.label) } };
    if ('handlers' in instr) {
      const handlers = instr.handlers.map((handler) =>
        handler.kind === 'label' ? { ...handler, label: this.#label(handler.label) } : handler,
      );
      return { ...instr, handlers };
    }
    return instr;
  }
}
