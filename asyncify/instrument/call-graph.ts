import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx, TypeIdx } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';

const NONE: readonly number[] = [];

/**
 * Functions call functions. Behind them there are nodes for what a reference of a type may be, and for the bodies of the
 * continuations that there can be.
 */
export class CallGraph {
  readonly #info: ModuleInfo;
  /** Functions come first. */
  readonly #next: (readonly number[])[] = [];
  /** By canonical type, the functions of just that type that references can be of, and the types that declare it as their supertype. */
  readonly #members = new Map<number, { readonly funcs: number[]; readonly subTypes: Set<TypeIdx> }>();
  readonly #references = new Map<number, number>();
  #bodies = -1;

  constructor(info: ModuleInfo) {
    this.#info = info;
    for (let func = 0; func < info.funcTypes.length; func++) this.#next.push(NONE);
    this.#collectMembers();
    info.landmarks.forEach((list, at) => {
      let targets: Set<number> | null = null;
      for (const { instr } of list) {
        const target = this.target(instr);
        if (target === null) continue;
        targets ??= new Set();
        targets.add(target);
      }
      if (targets !== null) this.#next[info.importedFuncs + at] = [...targets];
    });
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#next.length;
  }

  isFunction(node: number): boolean {
    return node < this.#info.funcTypes.length;
  }

  next(node: number): readonly number[] {
    return this.#next[node] ?? [];
  }

  /** What an instruction calls; null: nothing, or an import. */
  target(instr: Instr): number | null {
    switch (instr.op) {
      case 'call':
      case 'return_call':
        return instr.func >= this.#info.importedFuncs ? instr.func : null;
      case 'call_ref':
      case 'call_indirect':
      case 'return_call_ref':
      case 'return_call_indirect':
        return this.#reference(instr.type);
      case 'resume':
      case 'resume_throw':
      case 'resume_throw_ref':
      case 'switch':
        return this.#continuations();
      default:
        return null;
    }
  }

  #collectMembers(): void {
    const info = this.#info;
    const of = (type: TypeIdx) => {
      const key = info.canonical(type);
      let members = this.#members.get(key);
      if (members === undefined) {
        members = { funcs: [], subTypes: new Set() };
        this.#members.set(key, members);
      }
      return members;
    };
    info.types.forEach((sub, index) => {
      const [above] = sub.supers;
      if (above !== undefined && info.canonical(index as TypeIdx) === index) of(above).subTypes.add(index as TypeIdx);
    });
    for (const func of info.declaredRefs) {
      const type = info.funcTypes[func];
      if (func >= info.importedFuncs && type !== undefined) of(type).funcs.push(func);
    }
  }

  #reference(type: TypeIdx): number {
    const key = this.#info.canonical(type);
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const node = this.#next.length;
    this.#references.set(key, node);
    const next: number[] = [];
    this.#next.push(next);
    const members = this.#members.get(key);
    if (members !== undefined) {
      for (const func of members.funcs) next.push(func);
      for (const subType of members.subTypes) next.push(this.#reference(subType));
    }
    return node;
  }

  /** What may be run by resuming: references of every type that a continuation is made of. */
  #continuations(): number {
    if (this.#bodies >= 0) return this.#bodies;
    this.#bodies = this.#next.length;
    const next: number[] = [];
    this.#next.push(next);
    const types = new Set<number>();
    for (const list of this.#info.landmarks) {
      for (const { instr } of list) {
        if (instr.op !== 'cont.new') continue;
        const comp = this.#info.comp(instr.type);
        if (comp.kind === 'cont') types.add(this.#reference(comp.type));
      }
    }
    next.push(...types);
    return this.#bodies;
  }

  /** Functions at whose entry every cycle passes: an end of each edge that closes one in a depth-first walk. */
  cycleBreakers(): ReadonlySet<FuncIdx> {
    const result = new Set<FuncIdx>();
    // 0 not seen, 1 on the path, 2 done.
    const state = new Uint8Array(this.#next.length);
    const path: { readonly node: number; at: number }[] = [];
    const enter = (node: number): void => {
      state[node] = 1;
      path.push({ node, at: 0 });
    };
    for (let root = 0; root < this.#info.funcTypes.length; root++) {
      if (state[root] !== 0) continue;
      enter(root);
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const next = this.#next[top.node]?.[top.at++];
        if (next === undefined) {
          state[top.node] = 2;
          path.pop();
        } else if (state[next] === 1) {
          if (this.isFunction(top.node) && !this.isFunction(next)) result.add(top.node as FuncIdx);
          else for (const func of this.#functionsAt(next)) result.add(func);
        } else if (state[next] === 0) {
          enter(next);
        }
      }
    }
    return result;
  }

  /** The functions that a node stands for: a cycle that comes to the node goes on through one of them, whoever called. */
  #functionsAt(node: number): FuncIdx[] {
    if (this.isFunction(node)) return [node as FuncIdx];
    return this.next(node).flatMap((next) => this.#functionsAt(next));
  }

  /** The nodes with what they call before them, where calls of some functions do not count; what is left has no cycles. */
  calledFirst(uncounted: ReadonlySet<number>): readonly number[] {
    const order: number[] = [];
    const seen = new Uint8Array(this.#next.length);
    for (let root = 0; root < this.#next.length; root++) {
      if (seen[root] !== 0) continue;
      seen[root] = 1;
      const path: { readonly node: number; at: number }[] = [{ node: root, at: 0 }];
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const next = this.#next[top.node]?.[top.at++];
        if (next === undefined) {
          order.push(top.node);
          path.pop();
        } else if (seen[next] === 0 && !uncounted.has(next)) {
          seen[next] = 1;
          path.push({ node: next, at: 0 });
        }
      }
    }
    return order;
  }
}
