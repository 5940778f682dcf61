import { encodeNames, namesOf, remapNames } from '../binary/index.ts';
import { type Func, type Limits, type Memory, type Module, mapEntries } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type { FuncIdx, FuncType, LocalIdx, MemIdx, RecGroup, TypeIdx } from '../binary/types.ts';
import { RefusedError } from '../errors.ts';
import type { ModuleInfo } from '../validate/index.ts';
import { Asm, made } from './asm.ts';
import { relocate } from './build.ts';
import { ATOMICS, ATOMICS_MODULE, type AtomicsName } from './interface.ts';
import type { Origins } from './origins.ts';

/**
 * What waits in shared memory are. `native`: instructions, which block the JavaScript thread. `suspending`: calls of imports from
 * `bobbin:atomics` (see ATOMICS in interface.ts), which the host may suspend.
 */
export type AtomicWaits = 'native' | 'suspending';

/** Whether shared memories are kept, or become `plain` ones with the same limits, for hosts without SharedArrayBuffer. */
export type SharedMemories = 'keep' | 'plain';

export interface AtomicsOptions {
  /** Default `native`. */
  readonly atomicWaits?: AtomicWaits;
  /** Default `keep`. `plain` needs `atomicWaits: 'suspending'` where a shared memory is waited on: natively that would trap. */
  readonly sharedMemories?: SharedMemories;
}

type WaitInstr = Instr<'memory.atomic.wait32' | 'memory.atomic.wait64' | 'memory.atomic.notify'>;

const NAMES: Readonly<Record<WaitInstr['op'], AtomicsName>> = {
  'memory.atomic.wait32': 'wait32',
  'memory.atomic.wait64': 'wait64',
  'memory.atomic.notify': 'notify',
};

function isWait(instr: Instr): instr is WaitInstr {
  return instr.op in NAMES;
}

/** Why an instruction that was lowered may suspend; null: it is none of those. */
function reasonOf(source: Instr): string | null {
  if (!isWait(source)) return null;
  return source.op === 'memory.atomic.notify' ? 'notifies by an import that may suspend' : 'waits';
}

export interface LoweredAtomics {
  readonly module: Module;
  readonly origins: Origins;
}

/**
 * The same module with waits and notifies of shared memories as calls, and with plain memories, as the options say. On a memory
 * that is not shared in the source both stay instructions: there a wait traps and a notify finds nobody (threads proposal).
 *
 * Each is a call of a function that first loads the word atomically, which traps where the instruction would, and returns
 * `not-equal` by itself, so that the host has nothing to do but to wait.
 *
 * @param info what `validate` returned
 * @returns null where there is nothing to do
 * @throws RefusedError for a wait on a memory that is to become plain, where waits stay native
 */
export function lowerAtomics(info: ModuleInfo, options: AtomicsOptions): LoweredAtomics | null {
  const { module } = info;
  const plain = options.sharedMemories === 'plain' && info.memories.some(({ shared }) => shared);
  const suspending = options.atomicWaits === 'suspending';
  const lowers = (instr: Instr): instr is WaitInstr =>
    suspending && isWait(instr) && info.memories[instr.memarg.memory]?.shared === true;
  if (plain && !suspending) refuseWaits(info);
  const used = new Set<AtomicsName>();
  for (const list of info.landmarks) for (const { instr } of list) if (lowers(instr)) used.add(NAMES[instr.op]);
  if (used.size === 0 && !plain) return null;

  const added = new Added(info, used);
  const moved = { func: (index: number) => added.func(index), global: same, memory: same };
  const expr = (body: readonly Instr[]): Instr[] => body.map((instr) => relocate(instr, moved));
  const lowered = new Map<Instr, Instr>();
  const funcs = module.funcs.map((func): Func => {
    const body = func.body.map((instr) => {
      const output = lowers(instr) ? made('call', { func: added.helper(instr) }, instr.at) : relocate(instr, moved);
      if (output !== instr) lowered.set(output, instr);
      return output;
    });
    return { ...func, body };
  });
  const memory = (type: Limits): Limits => (plain ? { ...type, shared: false } : type);
  const output: Module = {
    ...module,
    recGroups: [...module.recGroups, ...added.types],
    imports: [
      ...module.imports.map((entry) =>
        entry.desc.kind === 'memory' ? { ...entry, desc: { ...entry.desc, type: memory(entry.desc.type) } } : entry,
      ),
      ...added.imports,
    ],
    funcs: [...funcs, ...added.helpers],
    memories: module.memories.map((entry): Memory => ({ ...entry, type: memory(entry.type) })),
    tables: module.tables.map((table) => (table.init === null ? table : { ...table, init: expr(table.init) })),
    globals: module.globals.map((global) => ({ ...global, init: expr(global.init) })),
    exports: module.exports.map((entry) =>
      entry.kind === 'func' ? { ...entry, index: added.func(entry.index) } : entry,
    ),
    start: module.start === null ? null : added.func(module.start),
    elems: module.elems.map((elem) => ({
      ...elem,
      init: mapEntries(elem.init, expr),
      mode: elem.mode.kind === 'active' ? { ...elem.mode, offset: expr(elem.mode.offset) } : elem.mode,
    })),
    customs: module.customs.map((custom) => {
      if (custom.name !== 'name') return custom;
      const names = remapNames(namesOf({ customs: [custom] }), { func: (index) => added.func(index) });
      return { ...custom, bytes: encodeNames({ ...names, func: new Map([...names.func, ...added.names()]) }) };
    }),
  };
  return {
    module: output,
    origins: {
      func: (index) => added.origin(index),
      instr: (instr) => lowered.get(instr) ?? instr,
      text: (instr) => reasonOf(lowered.get(instr) ?? instr),
    },
  };
}

const same = (index: number): number => index;

function refuseWaits(info: ModuleInfo): void {
  info.landmarks.forEach((list, at) => {
    for (const { instr } of list) {
      if (!isWait(instr) || instr.op === 'memory.atomic.notify') continue;
      if (info.memories[instr.memarg.memory]?.shared !== true) continue;
      throw new RefusedError("a wait on a memory that becomes plain would trap: it needs atomicWaits: 'suspending'", {
        offset: instr.at,
        func: info.importedFuncs + at,
        instruction: instr.op,
      });
    }
  });
}

/** What is added to a module: imports behind its imported functions, and helpers behind its own. */
class Added {
  readonly types: RecGroup[] = [];
  readonly imports: Module['imports'][number][];
  readonly #info: ModuleInfo;
  readonly #imported = new Map<AtomicsName, FuncIdx>();
  readonly #helpers = new Map<string, { readonly index: FuncIdx; readonly name: string; readonly func: Func }>();

  constructor(info: ModuleInfo, used: ReadonlySet<AtomicsName>) {
    this.#info = info;
    const names = (Object.keys(ATOMICS) as AtomicsName[]).filter((name) => used.has(name));
    this.imports = names.map((name, at) => {
      this.#imported.set(name, (info.importedFuncs + at) as FuncIdx);
      return { module: ATOMICS_MODULE, name, desc: { kind: 'func', type: this.#type(ATOMICS[name]) }, at: -1 };
    });
  }

  get helpers(): Func[] {
    return [...this.#helpers.values()].map(({ func }) => func);
  }

  *names(): Generator<readonly [FuncIdx, string]> {
    for (const [name, index] of this.#imported) yield [index, `${ATOMICS_MODULE}.${name}`];
    for (const { index, name } of this.#helpers.values()) yield [index, name];
  }

  /** Where a function of the source is now. */
  func(source: number): FuncIdx {
    return (source < this.#info.importedFuncs ? source : source + this.imports.length) as FuncIdx;
  }

  origin(index: FuncIdx): FuncIdx | null {
    const { importedFuncs, module } = this.#info;
    if (index < importedFuncs) return index;
    const source = index - this.imports.length;
    return source >= importedFuncs && source < importedFuncs + module.funcs.length ? (source as FuncIdx) : null;
  }

  /** The function that does what the instruction does. Its operands and results are the instruction's. */
  helper(instr: WaitInstr): FuncIdx {
    const { memory, offset } = instr.memarg;
    const key = `${instr.op} ${memory} ${offset}`;
    const known = this.#helpers.get(key);
    if (known !== undefined) return known.index;
    const index = this.func(this.#info.funcTypes.length + this.#helpers.size);
    this.#helpers.set(key, { index, name: instr.op, func: this.#make(instr) });
    return index;
  }

  #make({ op, memarg, at: place }: WaitInstr): Func {
    const name = NAMES[op];
    const { params, results } = ATOMICS[name];
    const address = (this.#info.memories[memarg.memory] as Limits).address;
    // The instruction's operands are the import's without the memory, the address in the memory's own type.
    const type = this.#type({ params: [address, ...params.slice(2)], results });
    const operand = (at: number): LocalIdx => at as LocalIdx;
    const asm = new Asm();
    asm.get(operand(0)).op(name === 'wait64' ? 'i64.atomic.load' : 'i32.atomic.load', { memarg });
    if (name === 'notify') asm.do('drop');
    else {
      asm.get(operand(1)).do(name === 'wait64' ? 'i64.ne' : 'i32.ne');
      asm.open('if');
      asm.i32(NOT_EQUAL).do('return').close();
    }
    asm.i32(memarg.memory satisfies MemIdx).get(operand(0));
    if (address === 'i32') asm.do('i64.extend_i32_u');
    if (memarg.offset !== 0n) asm.op('i64.const', { i64: BigInt.asIntN(64, memarg.offset) }).do('i64.add');
    for (let at = 2; at < params.length; at++) asm.get(operand(at - 1));
    asm.call(this.#imported.get(name) as FuncIdx);
    // What is refused in here is the instruction's fault.
    return { type, locals: [], body: asm.out.map((instr) => ({ ...instr, at: place })), at: place, endAt: place };
  }

  #type({ params, results }: Pick<FuncType, 'params' | 'results'>): TypeIdx {
    const key = (type: Pick<FuncType, 'params' | 'results'>): string => `${type.params.join()}>${type.results.join()}`;
    const known = this.types.findIndex(
      ([sub]) => sub?.comp.kind === 'func' && key(sub.comp) === key({ params, results }),
    );
    if (known >= 0) return (this.#info.types.length + known) as TypeIdx;
    this.types.push([{ final: true, supers: [], comp: { kind: 'func', params, results } }]);
    return (this.#info.types.length + this.types.length - 1) as TypeIdx;
  }
}

/** What a wait returns where the word is not what was expected (threads proposal). */
const NOT_EQUAL = 1;

/** The names of the imports that waits are lowered to, for the list of those that suspend. */
export const SUSPENDING_ATOMICS: readonly string[] = ['wait32', 'wait64'].map((name) => `${ATOMICS_MODULE}.${name}`);
