import {
  type FuncType,
  type HeapType,
  importsOf,
  isRef,
  type SubType,
  subTypes,
  type ValType,
} from '../../../asyncify/binary/index.ts';
import type { Module } from '../../../asyncify/binary/module.ts';
import type { OpName } from '../../../asyncify/binary/opcodes.ts';
import { decode, encode, type Transformed, transform, validate } from '../../../asyncify/index.ts';
import { HOST_EXPORTS, OUTCOME } from '../../../asyncify/lower/interface.ts';
import { type Imports, Store } from '../../../continuations/index.ts';
import { pollEverywhere, probeName } from './everywhere.ts';
import { classify, counted } from './frames.ts';
import type { Mode, ModeStore, Tally } from './mode.ts';

/** Every function a script calls runs in a continuation that is unwound and rewound at yield points in every block. */
export const chaosMode: Mode = {
  name: 'frames-chaos',
  createStore: (_, tally) => chaosStore((bytes) => transform(bytes, { yields: 'fuel', optimize: 'size' }), tally),
};

/** The same, looking at what is executed: takes instructions out of `unseen` once a function has executed them. */
export function probingMode(unseen: Set<OpName>): Mode {
  const store: typeof chaosMode.createStore = (_, tally) =>
    chaosStore((bytes) => transform(bytes, { yields: 'fuel' }), tally, unseen);
  return { name: chaosMode.name, createStore: store };
}

interface Chaotic {
  readonly module: WebAssembly.Module;
  /** Exported functions whose arguments and results JavaScript can carry. */
  readonly callable: ReadonlySet<string>;
}
type Callable = (...args: unknown[]) => unknown;

/** A store whose modules yield at each of their yield points, of which every block has one. */
export function chaosStore(
  instrument: (bytes: Uint8Array) => Transformed,
  tally: Tally,
  unseen: Set<OpName> = new Set(),
  store = new Store(),
): ModeStore {
  const originals = new WeakMap<object, unknown>();
  const original = (value: unknown): unknown => (typeof value === 'function' ? (originals.get(value) ?? value) : value);
  const probes = new Map<WebAssembly.Global, OpName>();
  const look = (): void => {
    for (const [probe, op] of probes) {
      if (probe.value === 1) unseen.delete(op);
      if (!unseen.has(op)) probes.delete(probe);
    }
  };
  return {
    compile(bytes) {
      const source = decode(bytes);
      validate(source);
      return {
        module: new WebAssembly.Module(counted(instrument(encode(pollEverywhere(source, unseen))), tally)),
        callable: callableExports(source),
      };
    },
    instantiate({ module, callable }: Chaotic, imports) {
      const { instance, exports: own } = store.instantiate(module, mapImports(imports, original));
      const exports: Record<string, unknown> = Object.create(null);
      for (const [name, value] of Object.entries(own)) {
        exports[name] = value;
        if (!callable.has(name) || !(HOST_EXPORTS.new(name) in instance.exports)) continue;
        const wrapped = interrupted(instance.exports, name, { tally, after: look });
        originals.set(wrapped, value);
        exports[name] = wrapped;
      }
      for (const op of unseen) {
        const probe = instance.exports[probeName(op)];
        if (probe instanceof WebAssembly.Global) probes.set(probe, op);
      }
      look();
      return exports;
    },
    classify,
  } satisfies ModeStore<Chaotic> as ModeStore;
}

/** Calls an exported function so that it yields at each of its yield points. */
function interrupted(
  hidden: WebAssembly.Exports,
  name: string,
  { tally, after }: { readonly tally: Tally; readonly after: () => void },
): Callable {
  const start = hidden[HOST_EXPORTS.new(name)] as Callable;
  const results = hidden[HOST_EXPORTS.results(name)] as Callable;
  const resume = hidden[HOST_EXPORTS.resume] as (continuation: unknown) => number;
  const fuel = hidden[HOST_EXPORTS.fuel] as WebAssembly.Global;
  return (...args) => {
    const continuation: unknown = start(...args);
    tally.calls++;
    try {
      for (;;) {
        fuel.value = 0;
        if (resume(continuation) === OUTCOME.returned) return results();
        tally.suspensions++;
      }
    } finally {
      after();
    }
  };
}

function mapImports(imports: Imports, map: (value: unknown) => unknown): Imports {
  const entries = Object.entries(imports).map(([module, space]) => {
    const values = Object.entries(space).map(([name, value]) => [name, map(value)]);
    return [module, Object.fromEntries(values)] as const;
  });
  return Object.fromEntries(entries);
}

function callableExports(module: Module): ReadonlySet<string> {
  const types = subTypes(module);
  const imported = importsOf(module, 'func');
  const names = module.exports.filter(({ kind, index }) => {
    if (kind !== 'func') return false;
    const type = imported[index]?.desc.type ?? module.funcs[index - imported.length]?.type;
    const comp = type === undefined ? undefined : types[type]?.comp;
    return comp?.kind === 'func' && ofCarried(comp, types);
  });
  return new Set(names.map(({ name }) => name));
}

function ofCarried({ params, results }: FuncType, types: readonly SubType[]): boolean {
  return [...params, ...results].every((type) => carried(type, types));
}

/** Whether JavaScript can hold a value of this type. Functions that take or give others are called by modules that wrap them. */
function carried(type: ValType, types: readonly SubType[]): boolean {
  if (!isRef(type)) return type !== 'v128';
  const { heap } = type;
  if (typeof heap === 'number') return types[heap]?.comp.kind !== 'cont';
  return !OPAQUE.has(heap);
}

const OPAQUE: ReadonlySet<HeapType> = new Set<HeapType>(['exn', 'noexn', 'cont', 'nocont']);
