import type { Handler } from '../binary/immediates.ts';
import type { Expr } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx, TypeIdx } from '../binary/types.ts';
import type { Landmark, ModuleInfo } from '../validate/index.ts';
import type { Linking } from './frames/state.ts';
import type { YieldPoints } from './polls.ts';
import { typeMembers } from './type-members.ts';

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

type ResumeInstr = Instr<'resume' | 'resume_throw' | 'resume_throw_ref'>;

interface Resume {
  readonly node: number;
  readonly instr: ResumeInstr;
}

/** What a node has from another one, and why. */
interface Edge {
  /** What may raise. */
  readonly from: number;
  /** What then may as well. */
  readonly to: number;
  readonly instr: Instr | null;
  readonly text: string;
}

/**
 * Which tags leave which function matters at `resume` alone, which takes some: and all it can meet there is what any continuation
 * may raise, one set for the whole module. So that set is found first, then who suspends at all; both take a walk over the calls.
 */
class Analysis implements Suspensions {
  readonly #info: ModuleInfo;
  readonly #linking: Linking;
  readonly #host: HostSuspensions;
  readonly #funcs: number;
  /** Node of "whatever any continuation may raise". */
  readonly #anyCont: number;
  /** Nodes of "whatever a call of a reference of this type may raise", by type and by whether it may be another module's. */
  readonly #indirect = new Map<number, number>();
  readonly #indirectTypes: TypeIdx[] = [];
  readonly #edges: Edge[] = [];
  /** What nodes raise themselves: the bits of control tags. */
  readonly #own = new Map<number, readonly number[]>();
  /** Lists of one: most functions have one and the same. */
  readonly #single = new Map<number, readonly number[]>();
  readonly #reasons: (Reason | Edge | null)[] = [];
  readonly #queue: number[] = [];
  readonly #unknown: number;
  readonly #toHost: number;
  readonly #privateTables: PrivateTables;
  /** Whatever any continuation may raise, and a node that raises it. */
  #raised: ReadonlyMap<number, number> = new Map();
  #suspends = new Uint8Array();
  #foreignTail = new Uint8Array();

  constructor(info: ModuleInfo, linking: Linking, host: HostSuspensions) {
    this.#info = info;
    this.#host = host;
    this.#linking = linking;
    this.#funcs = info.funcTypes.length;
    this.#unknown = 2 * info.tags.length;
    this.#toHost = this.#unknown + 1;
    this.#anyCont = this.#funcs;
    this.#privateTables = new PrivateTables(info);
  }

  run(): Suspensions {
    const { importedFuncs, landmarks } = this.#info;
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
    const resumes: Resume[] = [];
    landmarks.forEach((list, index) => {
      this.#scan(importedFuncs + index, list, resumes);
      this.#yields((importedFuncs + index) as FuncIdx, list);
    });
    this.#started();
    const members = typeMembers(this.#info, new Set(this.#indirectTypes));
    for (const [key, node] of this.#indirect) {
      for (const func of members.get(key >> 1) ?? []) this.#edge(node, func, null, 'may be that function');
    }
    this.#raised = this.#raisedByAny();
    for (const { node, instr } of resumes) {
      const from = this.#passes(instr);
      if (from !== null)
        this.#edge(node, from, instr, 'resumes without handling every tag the continuation may suspend with');
    }
    this.#propagate();
    this.#tails();
    return this;
  }

  /** Every referenced function may be a continuation's body, if its type fits a continuation type that is created. */
  #started(): void {
    const created = new Set<TypeIdx>();
    for (const list of this.#info.landmarks) {
      for (const { instr } of list) {
        if (instr.op !== 'cont.new') continue;
        const comp = this.#info.comp(instr.type);
        if (comp.kind === 'cont') created.add(comp.type);
      }
    }
    for (const type of created)
      this.#edge(this.#anyCont, this.#indirectNode(type, false), null, 'a continuation of that type');
  }

  #scan(node: number, list: readonly Landmark[], resumes: Resume[]): void {
    for (const { instr } of list) {
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
            this.#indirectNode(instr.type, !this.#privateTables.has(instr.table)),
            instr,
            'calls a table entry that may suspend',
          );
          break;
        case 'suspend':
          this.#raise(node, suspendBit(instr.tag), { instr, via: null, text: 'suspends' });
          break;
        case 'switch':
          this.#raise(node, switchBit(instr.tag), { instr, via: null, text: 'switches' });
          break;
        case 'resume':
        case 'resume_throw':
        case 'resume_throw_ref':
          resumes.push({ node, instr });
          break;
        default:
      }
    }
  }

  #yields(func: FuncIdx, list: readonly Landmark[]): void {
    const { yields } = this.#host;
    if (yields === null) return;
    const loop = list.find(({ instr, index }) => instr.op === 'loop' && yields.loop(func, index));
    if (loop !== undefined || yields.entry(func)) {
      this.#raise(func, this.#toHost, { instr: loop?.instr ?? null, via: null, text: 'has a yield point' });
    }
  }

  /** The node of "whatever a call of a reference of this type may raise". */
  #indirectNode(type: TypeIdx, foreign: boolean): number {
    const unknown = foreign && this.#linking === 'linked';
    const canonical = this.#info.canonical(type);
    const key = canonical * 2 + (unknown ? 1 : 0);
    const known = this.#indirect.get(key);
    if (known !== undefined) return known;
    const node = this.#funcs + 1 + this.#indirect.size;
    this.#indirect.set(key, node);
    this.#indirectTypes.push(canonical as TypeIdx);
    if (unknown)
      this.#raise(node, this.#unknown, { instr: null, via: null, text: 'may be a function of another module' });
    return node;
  }

  #edge(to: number, from: number, instr: Instr | null, text: string): void {
    this.#edges.push({ from, to, instr, text });
  }

  #raise(node: number, bit: number, reason: Reason): void {
    const own = this.#own.get(node);
    if (own === undefined) {
      let list = this.#single.get(bit);
      if (list === undefined) {
        list = [bit];
        this.#single.set(bit, list);
      }
      this.#own.set(node, list);
      this.#reasons[node] = reason;
      this.#queue.push(node);
    } else if (!own.includes(bit)) this.#own.set(node, [...own, bit]);
  }

  /** A `resume` is no way for more to come to this set: all it hands on is in it. */
  #raisedByAny(): ReadonlyMap<number, number> {
    const raised = new Map<number, number>();
    const nodes = this.#funcs + 1 + this.#indirect.size;
    const { starts, list } = grouped(this.#edges, nodes, ({ to }) => to);
    const seen = new Uint8Array(nodes);
    const queue = [this.#anyCont];
    seen[this.#anyCont] = 1;
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      for (const bit of this.#own.get(node) ?? []) if (!raised.has(bit)) raised.set(bit, node);
      for (let at = starts[node] as number; at < (starts[node + 1] as number); at++) {
        const { from } = this.#edges[list[at] as number] as Edge;
        if (seen[from] === 1) continue;
        seen[from] = 1;
        queue.push(from);
      }
    }
    return raised;
  }

  /** Where something comes from that a `resume` hands on; null: it takes everything. */
  #passes({ handlers }: ResumeInstr): number | null {
    const handled = new Set(handledBits(handlers));
    for (const [bit, node] of this.#raised) if (!handled.has(bit)) return node;
    return null;
  }

  #propagate(): void {
    const nodes = this.#funcs + 1 + this.#indirect.size;
    const { starts, list } = grouped(this.#edges, nodes, ({ from }) => from);
    const suspends = new Uint8Array(nodes);
    this.#suspends = suspends;
    const queue = this.#queue;
    for (const node of queue) suspends[node] = 1;
    for (let next = 0; next < queue.length; next++) {
      const node = queue[next] as number;
      for (let at = starts[node] as number; at < (starts[node + 1] as number); at++) {
        const edge = this.#edges[list[at] as number] as Edge;
        if (suspends[edge.to] === 1) continue;
        suspends[edge.to] = 1;
        this.#reasons[edge.to] = edge;
        queue.push(edge.to);
      }
    }
  }

  /** Functions that leave the module by a tail call: after them only the shared flag tells. */
  #tails(): void {
    const { landmarks, importedFuncs } = this.#info;
    const callers = new Map<number, number[]>();
    const queue: number[] = [];
    for (let func = 0; func < importedFuncs; func++) queue.push(func);
    landmarks.forEach((marks, index) => {
      for (const { instr } of marks) {
        if (instr.op === 'return_call') {
          const list = callers.get(instr.func) ?? [];
          list.push(importedFuncs + index);
          callers.set(instr.func, list);
        } else if (instr.op === 'return_call_ref' || instr.op === 'return_call_indirect') {
          queue.push(importedFuncs + index);
        }
      }
    });
    this.#foreignTail = new Uint8Array(this.#funcs);
    for (let func = queue.pop(); func !== undefined; func = queue.pop()) {
      if (this.#foreignTail[func] === 1) continue;
      this.#foreignTail[func] = 1;
      for (const caller of callers.get(func) ?? []) queue.push(caller);
    }
  }

  suspends(func: FuncIdx): boolean {
    return this.#suspends[func] === 1;
  }

  unwinds(instr: Instr): Unwinds {
    switch (instr.op) {
      case 'suspend':
      case 'switch':
        return 'always';
      case 'call':
        if (!this.suspends(instr.func)) return null;
        return this.#foreignTail[instr.func] === 1 ? 'shared' : 'own';
      case 'call_ref':
        return this.#callOf(instr.type, true) ? 'shared' : null;
      case 'call_indirect':
        return this.#callOf(instr.type, !this.#privateTables.has(instr.table)) ? 'shared' : null;
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
        return this.#passes(instr) === null ? null : 'own';
      default:
        return null;
    }
  }

  #callOf(type: TypeIdx, foreign: boolean): boolean {
    const unknown = foreign && this.#linking === 'linked';
    const node = this.#indirect.get(this.#info.canonical(type) * 2 + (unknown ? 1 : 0));
    if (node === undefined) throw new RangeError(`no call of type ${type} in the module`);
    return this.#suspends[node] === 1;
  }

  reason(func: FuncIdx): Reason | null {
    let reason = this.#reasonOf(func);
    // Nodes behind the functions are sets of functions: name the member that made them suspend.
    while (reason !== null && reason.via !== null && reason.via >= this.#funcs) {
      const inner = this.#reasonOf(reason.via);
      if (inner === null) break;
      reason = {
        instr: reason.instr,
        via: inner.via,
        text: inner.via === null ? `${reason.text}: ${inner.text}` : reason.text,
      };
    }
    return reason;
  }

  #reasonOf(node: number): Reason | null {
    const known = this.#reasons[node] ?? null;
    if (known === null || 'via' in known) return known;
    return { instr: known.instr, via: known.from as FuncIdx, text: known.text };
  }
}

/** The indices of edges by one of their ends: those of node `n` are `list[starts[n]]` up to `list[starts[n + 1]]`. */
function grouped(
  edges: readonly Edge[],
  nodes: number,
  end: (edge: Edge) => number,
): { readonly starts: Uint32Array; readonly list: Uint32Array } {
  const starts = new Uint32Array(nodes + 2);
  for (const edge of edges) starts[end(edge) + 2] = (starts[end(edge) + 2] as number) + 1;
  for (let node = 2; node < starts.length; node++) {
    starts[node] = (starts[node] as number) + (starts[node - 1] as number);
  }
  const list = new Uint32Array(edges.length);
  for (let at = 0; at < edges.length; at++) {
    const slot = end(edges[at] as Edge) + 1;
    list[starts[slot] as number] = at;
    starts[slot] = (starts[slot] as number) + 1;
  }
  return { starts, list };
}

/** The tables that only the module's own element segments put functions into. */
class PrivateTables {
  readonly #shared = new Set<number>();
  readonly #info: ModuleInfo;
  readonly #anyForeign: boolean;

  constructor(info: ModuleInfo) {
    this.#info = info;
    const { exports, elems } = info.module;
    for (const { kind, index } of exports) if (kind === 'table') this.#shared.add(index);
    for (const list of info.landmarks) {
      for (const { instr } of list) {
        switch (instr.op) {
          case 'table.set':
          case 'table.grow':
          case 'table.fill':
          case 'table.copy':
            this.#shared.add(instr.table);
            break;
          default:
        }
      }
    }
    this.#anyForeign = elems.some(({ init }) => [...new Set(init)].some(readsGlobal));
  }

  has(table: number): boolean {
    const { module, importedTables } = this.#info;
    if (this.#anyForeign || table < importedTables || this.#shared.has(table)) return false;
    return !readsGlobal(module.tables[table - importedTables]?.init ?? []);
  }
}

const readsGlobal = (expr: Expr): boolean => expr.some(({ op }) => op === 'global.get');
