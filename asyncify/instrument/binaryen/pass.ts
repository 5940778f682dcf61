import { decode, encode, encodeNames, importsOf, NO_NAMES, namesOf } from '../../binary/index.ts';
import type { Elem, Export, Func, Import, Module } from '../../binary/module.ts';
import { subTypes } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import {
  type FuncIdx,
  type FuncType,
  type GlobalIdx,
  isRef,
  type MemIdx,
  refType,
  sameType,
  type TypeIdx,
} from '../../binary/types.ts';
import { RefusedError } from '../../errors.ts';
import { made } from '../../lower/asm.ts';
import { RUNTIME_MODULE } from '../../lower/interface.ts';
import { locate } from './locate.ts';
import { ASYNCIFY } from './stubs.ts';

type Binaryen = typeof import('binaryen').default;
type BinaryenModule = ReturnType<Binaryen['readBinary']>;

export interface PassOptions {
  /** 0 to 4, as wasm-opt's -O0 to -O4. */
  readonly optimizeLevel: number;
  readonly shrinkLevel: number;
  readonly onStep: (step: Step) => void;
}
export type Step = 'asyncify' | 'optimize' | 'finish';

/** A module for the pass: it has one memory more than the source, the last, which becomes Asyncify's. */
export interface Prepared {
  readonly module: Module;
  /** The functions that may change Asyncify's state. */
  readonly listed: ReadonlySet<FuncIdx>;
  /** By function that holds code of the guest's, the guest's function. */
  readonly origins: ReadonlyMap<FuncIdx, FuncIdx>;
  readonly area: MemIdx;
}

/** Wasm 3.0 and threads: Binaryen knows more, and would use it. */
const FEATURES = [
  'Atomics',
  'MutableGlobals',
  'NontrappingFPToInt',
  'SIMD128',
  'BulkMemory',
  'BulkMemoryOpt',
  'SignExt',
  'ExceptionHandling',
  'TailCall',
  'ReferenceTypes',
  'Multivalue',
  'GC',
  'Memory64',
  'RelaxedSIMD',
  'ExtendedConst',
  'MultiMemory',
  'CallIndirectOverlong',
] as const;

const PAGE = 65_536;
const AREA_NAME = 'area';

/**
 * Runs the pass and the optimiser over a module. What it exports and imports, and in which order, stays as it is.
 *
 * @throws RefusedError where Binaryen fails, with the function and instruction that it fails at
 */
export function runAsyncify(binaryen: Binaryen, prepared: Prepared, options: PassOptions): Module {
  try {
    return attempt(binaryen, prepared, options);
  } catch (error) {
    // Binaryen ends with an exit status, or aborts, where it does not support something.
    const fails = (module: Module): boolean => {
      try {
        attempt(binaryen, { ...prepared, module }, { ...options, onStep: () => {} });
        return false;
      } catch {
        return true;
      }
    };
    throw new RefusedError(`Binaryen's Asyncify pass failed: ${reasonOf(error)}`, locate(prepared, fails));
  }
}

function attempt(binaryen: Binaryen, prepared: Prepared, options: PassOptions): Module {
  const source = prepared.module;
  const features = FEATURES.reduce((all, name) => all | binaryen.Features[name], 0);
  // The package's types declare another function for this, which it does not have.
  const read = binaryen.readBinary as (data: Uint8Array, features: number) => BinaryenModule;
  let module: BinaryenModule | null = null;
  try {
    module = read(encode(disguised(prepared)), features);
    const optimizeLevel = mayAlias(source) ? 0 : options.optimizeLevel;
    binaryen.setOptimizeLevel(optimizeLevel);
    binaryen.setShrinkLevel(options.shrinkLevel);
    binaryen.setDebugInfo(true);
    binaryen.setClosedWorld(false);
    binaryen.setTrapsNeverHappen(false);
    for (const pass of skipped(source)) binaryen.addPassToSkip(pass);
    binaryen.clearPassArguments();
    binaryen.setPassArgument('asyncify-in-secondary-memory', '1');
    binaryen.setPassArgument('asyncify-onlylist', [...prepared.listed].map((func) => `f${func}`).join(','));
    // Without an argument every import may change the state; no import is called this.
    binaryen.setPassArgument('asyncify-imports', 'none.none');
    options.onStep('asyncify');
    module.runPasses(['asyncify']);
    for (const name of ['start_unwind', 'stop_unwind', 'start_rewind', 'stop_rewind', 'get_state']) {
      module.removeExport(`asyncify_${name}`);
    }
    options.onStep('optimize');
    // Each body has one caller, its stub, and becomes part of it: that is all there is to inline. It also saves native stack.
    binaryen.setAlwaysInlineMaxSize(0);
    binaryen.setFlexibleInlineMaxSize(0);
    binaryen.setOneCallerInlineMaxSize(UNLIMITED);
    module.runPasses([...(optimizeLevel > 0 ? TIDYING : ['inlining']), 'remove-unused-module-elements']);
    options.onStep('finish');
    return restored(decode(module.emitBinary()), source);
  } finally {
    module?.dispose();
    binaryen.clearPassesToSkip();
    binaryen.clearPassArguments();
  }
}

function reasonOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === 'string' ? message : 'it exited';
}

/** Whether two imported globals may be one and the same, which the optimiser does not consider. */
function mayAlias(module: Module): boolean {
  const mutable = importsOf(module, 'global').filter(
    (entry) => entry.desc.type.mutable && entry.module !== RUNTIME_MODULE,
  );
  return mutable.some(({ desc }, index) =>
    mutable.slice(index + 1).some((other) => sameType(desc.type.type, other.desc.type.type)),
  );
}

/**
 * What is done behind the pass, which optimises every function that it instruments by itself: as `wasm-opt -O2 --asyncify` does, which
 * leaves its output at that.
 */
const TIDYING = ['inlining', 'coalesce-locals', 'reorder-locals', 'vacuum', 'merge-blocks', 'vacuum'];

const UNLIMITED = 2 ** 31 - 1;

/** Passes that would change what a module does. */
function skipped(module: Module): readonly string[] {
  // They take entries that are no functions of the module's own for empty.
  const unknown = module.elems.some((elem) =>
    elem.init.some((expr) => expr.some(({ op }) => op !== 'ref.func' && op !== 'ref.null')),
  );
  // It gives exported globals other types.
  return ['global-refining', ...(unknown ? ['directize', 'remove-unused-module-elements'] : [])];
}

// ---- what Binaryen gets

/**
 * The module with names that collide with nothing, and with every import exported, so that the optimiser leaves it. The pass
 * stops at tail calls, at calls that return a non-null reference, and at two that return references of different types of the
 * module, wherever they are: they become calls of references.
 */
function disguised({ module, area }: Prepared): Module {
  const imported = importsOf(module, 'func').length;
  const types = subTypes(module);
  const typeOf = funcTypes(module);
  const signature = (type: TypeIdx): FuncType => types[type]?.comp as FuncType;
  const needed = new Set<FuncIdx>();
  const funcs = module.funcs.map((func): Func => {
    const body = func.body.flatMap((instr) => asReference(withoutHint(instr), typeOf, signature));
    for (const instr of body) if (instr.op === 'ref.func') needed.add(instr.func);
    return { ...func, body };
  });
  const asyncify = new Map<string, string>(
    Object.values(ASYNCIFY).map((name) => [name, name.slice('asyncify.'.length)]),
  );
  const kept: Export[] = [];
  const counts = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  const imports = module.imports.map((entry, index): Import => {
    const at = counts[entry.desc.kind]++;
    const name = entry.module === RUNTIME_MODULE ? asyncify.get(entry.name) : undefined;
    if (name !== undefined) return { ...entry, module: 'asyncify', name };
    kept.push({ name: `i${index}`, kind: entry.desc.kind, index: at, at: -1 });
    return { ...entry, module: 'i', name: `${index}` };
  });
  const names = {
    ...NO_NAMES,
    func: new Map(Array.from({ length: imported + funcs.length }, (_, index) => [index as FuncIdx, `f${index}`])),
    global: new Map(
      Array.from({ length: importsOf(module, 'global').length + module.globals.length }, (_, index) => [
        index as GlobalIdx,
        `g${index}`,
      ]),
    ),
    // The pass gives its own no name.
    memory: new Map(
      Array.from({ length: area + 1 }, (_, index) => [index as MemIdx, index === area ? AREA_NAME : `m${index}`]),
    ),
  };
  return {
    ...module,
    imports,
    funcs,
    exports: [...module.exports.map((entry, index) => ({ ...entry, name: `e${index}` })), ...kept],
    elems: [
      // Binaryen drops declarative segments, and does not know those that are named afterwards. They have no elements.
      ...module.elems.map(
        (elem): Elem => (elem.mode.kind === 'declarative' ? { ...elem, init: [], mode: { kind: 'passive' } } : elem),
      ),
      {
        type: refType('func', false),
        init: [...needed].map((func) => [made('ref.func', { func })]),
        mode: { kind: 'declarative' },
        at: -1,
      },
    ],
    customs: [{ name: 'name', bytes: encodeNames(names), after: 'data', at: -1 }],
  };
}

/** Binaryen aborts at the hint of a branch that it does not keep. */
function withoutHint(instr: Instr): Instr {
  if (instr.unlikely === undefined) return instr;
  const { unlikely: _, ...rest } = instr;
  return rest as Instr;
}

function funcTypes(module: Module): readonly TypeIdx[] {
  return [...importsOf(module, 'func').map(({ desc }) => desc.type), ...module.funcs.map(({ type }) => type)];
}

function asReference(
  instr: Instr,
  typeOf: readonly TypeIdx[],
  signature: (type: TypeIdx) => FuncType,
): readonly Instr[] {
  const { at } = instr;
  const stopsAt = (type: TypeIdx): boolean =>
    signature(type).results.some((each) => isRef(each) && (!each.nullable || typeof each.heap === 'number'));
  switch (instr.op) {
    case 'call':
    case 'return_call': {
      const type = typeOf[instr.func] as TypeIdx;
      if (instr.op === 'call' && !stopsAt(type)) return [instr];
      return [
        made('ref.func', { func: instr.func }, at),
        made(instr.op === 'call' ? 'call_ref' : 'return_call_ref', { type }, at),
      ];
    }
    case 'call_indirect':
    case 'return_call_indirect':
      if (instr.op === 'call_indirect' && !stopsAt(instr.type)) return [instr];
      return [
        made('table.get', { table: instr.table }, at),
        made('ref.cast', { heap: instr.type }, at),
        made(instr.op === 'call_indirect' ? 'call_ref' : 'return_call_ref', { type: instr.type }, at),
      ];
    default:
      return [instr];
  }
}

// ---- what comes back

function restored(output: Module, source: Module): Module {
  const names = namesOf(output);
  const imports = output.imports.map((entry) => {
    const index = Number(entry.name);
    const original = source.imports[index];
    if (entry.module !== 'i' || original === undefined)
      throw new RangeError(`import "${entry.module}" "${entry.name}"`);
    return { index, entry: { ...entry, module: original.module, name: original.name } };
  });
  imports.sort((a, b) => a.index - b.index);
  const exports = output.exports.flatMap((entry) => {
    const original = source.exports[Number(entry.name.slice(1))];
    return entry.name.startsWith('e') && original !== undefined
      ? [{ order: Number(entry.name.slice(1)), entry: { ...entry, name: original.name } }]
      : [];
  });
  exports.sort((a, b) => a.order - b.order);
  const merged = mergeMemories(output);
  const originals = namesOf(source);
  const mapNames = <I extends number>(map: ReadonlyMap<I, string>, to: ReadonlyMap<I, string>): Map<I, string> => {
    const entries = [...map].flatMap(([index, name]): [I, string][] => {
      const original = to.get(Number(name.slice(1)) as I);
      return original === undefined ? [] : [[index, original]];
    });
    return new Map(entries);
  };
  const hasNames = source.customs.some(({ name }) => name === 'name');
  return {
    ...merged,
    imports: imports.map(({ entry }) => entry),
    exports: exports.map(({ entry }) => entry),
    customs: source.customs.map((custom) =>
      custom.name === 'name' && hasNames
        ? {
            ...custom,
            bytes: encodeNames({
              ...NO_NAMES,
              module: originals.module,
              func: mapNames(names.func, originals.func),
              global: mapNames(names.global, originals.global),
            }),
          }
        : custom,
    ),
  };
}

/** The pass has made a memory of its own: it and the one of the stubs are one, as large as the largest frame needs. */
function mergeMemories(output: Module): Module {
  const names = namesOf(output).memory;
  const imported = importsOf(output, 'memory').length;
  const area = [...names].find(([, name]) => name === AREA_NAME)?.[0];
  const all = Array.from({ length: imported + output.memories.length }, (_, index) => index as MemIdx);
  const made = all.find((index) => !names.has(index));
  if (area === undefined && made === undefined) return output;
  const drop = area === undefined ? undefined : made;
  const target = (area ?? made) as MemIdx;
  const move = (memory: MemIdx): MemIdx => {
    if (drop === undefined) return memory;
    if (memory === drop) return (target > drop ? target - 1 : target) as MemIdx;
    return (memory > drop ? memory - 1 : memory) as MemIdx;
  };
  let largest = 0n;
  const instruction = (instr: Instr): Instr => {
    if ('memarg' in instr) {
      const { memarg } = instr;
      if (memarg.memory === drop || memarg.memory === target) {
        if (memarg.offset > largest) largest = memarg.offset;
      }
      const memory = move(memarg.memory);
      return memory === memarg.memory ? instr : ({ ...instr, memarg: { ...memarg, memory } } as Instr);
    }
    if ('memory' in instr) {
      const patch = { memory: move(instr.memory), ...('memory2' in instr ? { memory2: move(instr.memory2) } : {}) };
      return { ...instr, ...patch } as Instr;
    }
    return instr;
  };
  const funcs = output.funcs.map((func) => ({ ...func, body: func.body.map(instruction) }));
  // Header, index of the call, the last value; and a slice is moved in units of 8 bytes.
  const pages = (largest + 64n) / BigInt(PAGE) + 1n;
  const memories = output.memories
    .map((memory, index) =>
      index + imported === target ? { ...memory, type: { ...memory.type, min: pages, max: pages } } : memory,
    )
    .filter((_, index) => index + imported !== drop);
  const datas = output.datas.map((data) =>
    data.mode.kind === 'active' ? { ...data, mode: { ...data.mode, target: move(data.mode.target) } } : data,
  );
  const exports = output.exports.map((entry) =>
    entry.kind === 'memory' ? { ...entry, index: move(entry.index as MemIdx) } : entry,
  );
  return { ...output, funcs, memories, datas, exports };
}
