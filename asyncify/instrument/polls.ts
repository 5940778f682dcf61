import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';
import { boundedLoops } from './bounded-loops.ts';
import { typeMembers } from './type-members.ts';

/**
 * How a yield point asks whether to yield. `fuel`: a counter, so that the same program with the same budget yields at the same
 * instruction every time. `epoch`: one word that the host sets.
 */
export type Poll = 'fuel' | 'epoch';

/**
 * Where the word of `epoch` polls lies. `global`: in a global, for the guest's own imports to set. `shared`: in a shared memory
 * of its own, so that other threads can set it as well.
 */
export type EpochWord = 'global' | 'shared';

/**
 * Where a module yields: at loop headers, but for loops that run a small constant number of times, and at the entries of
 * functions so that every cycle of calls has one.
 */
export interface YieldPoints {
  /** Whether the function polls when it is entered. */
  entry(func: FuncIdx): boolean;
  /** Whether a loop polls each time it starts over; `index` is its `loop` instruction in the function's body. */
  loop(func: FuncIdx, index: number): boolean;
}

/** Yield points for every loop that may run long, and for one function at least of each cycle of calls. */
export function yieldPoints(info: ModuleInfo): YieldPoints {
  const entries = new CallGraph(info).cycleBreakers();
  const bounded = new Map<FuncIdx, ReadonlySet<number>>();
  const boundedOf = (func: FuncIdx): ReadonlySet<number> => {
    let loops = bounded.get(func);
    if (loops === undefined) {
      loops = boundedLoops(info.module.funcs[func - info.importedFuncs]?.body ?? []);
      bounded.set(func, loops);
    }
    return loops;
  };
  return { entry: (func) => entries.has(func), loop: (func, index) => !boundedOf(func).has(index) };
}

/** Functions call functions; a reference of a type is a node between its callers and the functions it may be. */
class CallGraph {
  readonly #info: ModuleInfo;
  readonly #next: number[][] = [];

  constructor(info: ModuleInfo) {
    this.#info = info;
    for (let func = 0; func < info.funcTypes.length; func++) this.#next.push([]);
    const references = new Map<number, number>();
    info.landmarks.forEach((list, at) => {
      const targets = new Set<number>();
      for (const { instr } of list) {
        const target = this.#target(instr, references);
        if (target !== null) targets.add(target);
      }
      this.#next[info.importedFuncs + at] = [...targets];
    });
    const members = typeMembers(info, new Set(references.keys()));
    for (const [type, node] of references) {
      this.#next[node] = (members.get(type) ?? []).filter((func) => func >= info.importedFuncs);
    }
  }

  #target(instr: Instr, references: Map<number, number>): number | null {
    switch (instr.op) {
      case 'call':
      case 'return_call':
        return instr.func >= this.#info.importedFuncs ? instr.func : null;
      case 'call_ref':
      case 'call_indirect':
      case 'return_call_ref':
      case 'return_call_indirect': {
        const key = this.#info.canonical(instr.type);
        let node = references.get(key);
        if (node === undefined) {
          node = this.#next.length;
          references.set(key, node);
          this.#next.push([]);
        }
        return node;
      }
      default:
        return null;
    }
  }

  /** Functions at whose entry every cycle passes: an end of each edge that closes one in a depth-first walk. */
  cycleBreakers(): ReadonlySet<FuncIdx> {
    const result = new Set<FuncIdx>();
    const { length } = this.#info.funcTypes;
    // 0 not seen, 1 on the path, 2 done.
    const state = new Uint8Array(this.#next.length);
    for (let root = 0; root < length; root++) {
      if (state[root] !== 0) continue;
      const path: { node: number; at: number }[] = [{ node: root, at: 0 }];
      state[root] = 1;
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const next = this.#next[top.node]?.[top.at++];
        if (next === undefined) {
          state[top.node] = 2;
          path.pop();
        } else if (state[next] === 1) {
          result.add((next < length ? next : top.node) as FuncIdx);
        } else if (state[next] === 0) {
          state[next] = 1;
          path.push({ node: next, at: 0 });
        }
      }
    }
    return result;
  }
}
