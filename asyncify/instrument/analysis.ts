import type { Handler } from '../binary/immediates.ts';
import type { Expr } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx, TypeIdx } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';
import type { Linking } from './frames/state.ts';
import type { YieldPoints } from './polls.ts';

/**
 * Which flag tells, after an instruction, that it is unwinding: `own` where control never left this module's functions,
 * `shared` where it may have; `always`: a suspension itself; null: it cannot unwind.
 */
export type Unwinds = 'own' | 'shared' | 'always' | null;

/** Why a function may suspend: the instruction, and the function it hands the question on to, if it does. */
export interface Reason {
  readonly instr: Instr | null;
  readonly via: FuncIdx | null;
  readonly text: string;
}

export interface Suspensions {
  /** Whether a call of the function may unwind. */
  suspends(func: FuncIdx): boolean;
  /** Whether and how an instruction that is no tail call may unwind. */
  unwinds(instr: Instr): Unwinds;
  /** The reason of a function that may suspend. */
  reason(func: FuncIdx): Reason | null;
}

interface Edge {
  readonly from: number;
  readonly instr: Instr | null;
  readonly text: string;
  /** What a `resume` handles does not go on. */
  readonly handled: readonly number[];
}

const suspendBit = (tag: number): number => 2 * tag;
const switchBit = (tag: number): number => 2 * tag + 1;

function handledBits(handlers: readonly Handler[]): number[] {
  return handlers.map((handler) => (handler.kind === 'switch' ? switchBit(handler.tag) : suspendBit(handler.tag)));
}

/**
 * May-suspend analysis: for every function the control tags that may leave it, as the least fixpoint over direct calls,
 * indirect calls (by type and by what references and tables can hold) and `resume` (what its handlers do not take).
 */
export function analyse(info: ModuleInfo, linking: Linking, host: HostSuspensions = NO_HOST): Suspensions {
  return new Analysis(info, linking, host).run();
}

/** Suspensions to the host, which no handler of the program's takes. */
export interface HostSuspensions {
  /** Where functions yield; null: nowhere. */
  readonly yields: YieldPoints | null;
  /** Imported functions whose calls may be suspended. */
  readonly suspending: ReadonlySet<FuncIdx>;
}
export const NO_HOST: HostSuspensions = { yields: null, suspending: new Set() };

class Analysis implements Suspensions {
  readonly #info: ModuleInfo;
  readonly #linking: Linking;
  readonly #host: HostSuspensions;
  readonly #funcs: number;
  /** Node of "whatever any continuation may raise". */
  readonly #anyCont: number;
  readonly #indirect = new Map<number, number>();
  readonly #privateTables = new Map<number, boolean>();
  readonly #dependents: Edge[][] = [];
  readonly #targets: number[][] = [];
  readonly #raised: Set<number>[] = [];
  readonly #reasons: (Reason | null)[] = [];
  readonly #unknown: number;
  readonly #toHost: number;
  readonly #referenced: FuncIdx[];
  readonly #foreignTail = new Set<number>();
  readonly #queue: number[] = [];

  constructor(info: ModuleInfo, linking: Linking, host: HostSuspensions) {
    this.#info = info;
    this.#host = host;
    this.#linking = linking;
    this.#funcs = info.funcTypes.length;
    this.#unknown = 2 * info.tags.length;
    this.#toHost = this.#unknown + 1;
    for (let node = 0; node <= this.#funcs; node++) this.#node();
    this.#anyCont = this.#funcs;
    this.#referenced = [...info.declaredRefs].map((func) => func as FuncIdx);
  }

  #node(): number {
    this.#dependents.push([]);
    this.#targets.push([]);
    this.#raised.push(new Set());
    this.#reasons.push(null);
    return this.#raised.length - 1;
  }

  run(): Suspensions {
    const { module, importedFuncs } = this.#info;
    if (this.#linking === 'linked') {
      for (let func = 0; func < importedFuncs; func++) {
        this.#raise(func, this.#unknown, { instr: null, via: null, text: 'is imported and may suspend' });
      }
      this.#raise(this.#anyCont, this.#unknown, {
        instr: null,
        via: null,
        text: 'resumes a continuation of unknown origin',
      });
    }
    for (const func of this.#host.suspending) {
      this.#raise(func, this.#toHost, { instr: null, via: null, text: 'is imported and the host may suspend it' });
    }
    module.funcs.forEach((func, index) => {
      this.#scan(importedFuncs + index, func.body);
      this.#yields((importedFuncs + index) as FuncIdx, func.body);
    });
    this.#started();
    this.#propagate();
    this.#tails();
    return this;
  }

  /** Every referenced function may be a continuation's body, if its type fits a continuation type that is created. */
  #started(): void {
    const created = new Set<TypeIdx>();
    for (const func of this.#info.module.funcs) {
      for (const instr of func.body) {
        if (instr.op !== 'cont.new') continue;
        const comp = this.#info.comp(instr.type);
        if (comp.kind === 'cont') created.add(comp.type);
      }
    }
    for (const type of created)
      this.#edge(this.#anyCont, this.#indirectNode(type, false), null, 'a continuation of that type');
  }

  #scan(node: number, body: Expr): void {
    for (const instr of body) {
      switch (instr.op) {
        case 'call':
        case 'return_call':
          this.#edge(node, instr.func, instr, 'calls a function that may suspend');
          break;
        case 'call_ref':
        case 'return_call_ref':
          this.#edge(node, this.#indirectNode(instr.type, true), instr, 'calls a reference that may suspend');
          break;
        case 'call_indirect':
        case 'return_call_indirect':
          this.#edge(
            node,
            this.#indirectNode(instr.type, !this.#isPrivate(instr.table)),
            instr,
            'calls a table entry that may suspend',
          );
          break;
        case 'suspend':
          this.#raise(node, suspendBit(instr.tag), { instr, via: null, text: 'suspends' });
          break;
        case 'switch':
          this.#raise(node, switchBit(instr.tag), { instr, via: null, text: 'switches' });
          this.#edge(node, this.#anyCont, instr, 'switches');
          break;
        case 'resume':
        case 'resume_throw':
        case 'resume_throw_ref':
          this.#edge(
            node,
            this.#anyCont,
            instr,
            'resumes without handling every tag the continuation may suspend with',
            handledBits(instr.handlers),
          );
          break;
        default:
      }
    }
  }

  #yields(func: FuncIdx, body: Expr): void {
    const { yields } = this.#host;
    if (yields === null) return;
    const loop = body.find((instr, index) => instr.op === 'loop' && yields.loop(func, index));
    if (loop !== undefined || yields.entry(func)) {
      this.#raise(func, this.#toHost, { instr: loop ?? null, via: null, text: 'has a yield point' });
    }
  }

  /** The node of "whatever a call of a reference of this type may raise". */
  #indirectNode(type: TypeIdx, foreign: boolean): number {
    const unknown = foreign && this.#linking === 'linked';
    const key = this.#info.canonical(type) * 2 + (unknown ? 1 : 0);
    const known = this.#indirect.get(key);
    if (known !== undefined) return known;
    const node = this.#node();
    this.#indirect.set(key, node);
    if (unknown)
      this.#raise(node, this.#unknown, { instr: null, via: null, text: 'may be a function of another module' });
    for (const func of this.#referenced) {
      const own = this.#info.funcTypes[func];
      if (own !== undefined && this.#info.isSubType(own, type)) this.#edge(node, func, null, 'may be that function');
    }
    return node;
  }

  /** Whether only this module's element segments put functions into a table. */
  #isPrivate(table: number): boolean {
    const known = this.#privateTables.get(table);
    if (known !== undefined) return known;
    const { module, importedTables } = this.#info;
    const writes = (instr: Instr): boolean =>
      (instr.op === 'table.set' ||
        instr.op === 'table.grow' ||
        instr.op === 'table.fill' ||
        instr.op === 'table.copy') &&
      instr.table === table;
    const result =
      table >= importedTables &&
      !module.exports.some((entry) => entry.kind === 'table' && entry.index === table) &&
      (module.tables[table - importedTables]?.init ?? []).every((instr) => instr.op !== 'global.get') &&
      module.elems.every((elem) => elem.init.every((expr) => expr.every((instr) => instr.op !== 'global.get'))) &&
      !module.funcs.some((func) => func.body.some(writes));
    this.#privateTables.set(table, result);
    return result;
  }

  #edge(to: number, from: number, instr: Instr | null, text: string, handled: readonly number[] = []): void {
    this.#dependents[from]?.push({ from: to, instr, text, handled });
    for (const bit of this.#raised[from] ?? []) this.#pass(from, { from: to, instr, text, handled }, bit);
  }

  #pass(source: number, edge: Edge, bit: number): void {
    if (edge.handled.includes(bit)) return;
    this.#raise(edge.from, bit, { instr: edge.instr, via: source as FuncIdx, text: edge.text });
  }

  #raise(node: number, bit: number, reason: Reason): void {
    const raised = this.#raised[node];
    if (raised === undefined || raised.has(bit)) return;
    raised.add(bit);
    this.#reasons[node] ??= reason;
    this.#queue.push(node, bit);
  }

  #propagate(): void {
    while (this.#queue.length > 0) {
      const bit = this.#queue.pop() as number;
      const node = this.#queue.pop() as number;
      for (const edge of this.#dependents[node] ?? []) this.#pass(node, edge, bit);
    }
  }

  /** Functions that leave the module by a tail call: after them only the shared flag tells. */
  #tails(): void {
    const { module, importedFuncs } = this.#info;
    const callers = new Map<number, number[]>();
    const queue: number[] = [];
    for (let func = 0; func < importedFuncs; func++) queue.push(func);
    module.funcs.forEach((func, index) => {
      for (const instr of func.body) {
        if (instr.op === 'return_call') {
          const list = callers.get(instr.func) ?? [];
          list.push(importedFuncs + index);
          callers.set(instr.func, list);
        } else if (instr.op === 'return_call_ref' || instr.op === 'return_call_indirect') {
          queue.push(importedFuncs + index);
        }
      }
    });
    for (let func = queue.pop(); func !== undefined; func = queue.pop()) {
      if (this.#foreignTail.has(func)) continue;
      this.#foreignTail.add(func);
      queue.push(...(callers.get(func) ?? []));
    }
  }

  suspends(func: FuncIdx): boolean {
    return (this.#raised[func]?.size ?? 0) > 0;
  }

  unwinds(instr: Instr): Unwinds {
    switch (instr.op) {
      case 'suspend':
      case 'switch':
        return 'always';
      case 'call':
        if (!this.suspends(instr.func)) return null;
        return this.#foreignTail.has(instr.func) ? 'shared' : 'own';
      case 'call_ref':
        return this.#nonEmpty(this.#indirectNode(instr.type, true)) ? 'shared' : null;
      case 'call_indirect':
        return this.#nonEmpty(this.#indirectNode(instr.type, !this.#isPrivate(instr.table))) ? 'shared' : null;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref': {
        const handled = handledBits(instr.handlers);
        const raised = this.#raised[this.#anyCont] ?? new Set<number>();
        return [...raised].some((bit) => !handled.includes(bit)) ? 'own' : null;
      }
      default:
        return null;
    }
  }

  #nonEmpty(node: number): boolean {
    return (this.#raised[node]?.size ?? 0) > 0;
  }

  reason(func: FuncIdx): Reason | null {
    let reason = this.#reasons[func] ?? null;
    // Nodes behind the functions are sets of functions: name the member that made them suspend.
    while (reason !== null && reason.via !== null && reason.via >= this.#funcs) {
      const inner: Reason | null = this.#reasons[reason.via] ?? null;
      if (inner === null) break;
      reason = {
        instr: reason.instr,
        via: inner.via,
        text: inner.via === null ? `${reason.text}: ${inner.text}` : reason.text,
      };
    }
    return reason;
  }
}
