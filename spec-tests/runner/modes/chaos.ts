import { type FuncType, importsOf, isRef, subTypes, type ValType } from '../../../asyncify/binary/index.ts';
import type { Module } from '../../../asyncify/binary/module.ts';
import { decode, transform } from '../../../asyncify/index.ts';
import { HOST_EXPORTS, OUTCOME } from '../../../asyncify/lower/interface.ts';
import { type Imports, Store } from '../../../continuations/index.ts';
import { classify } from './frames.ts';
import type { Mode, ModeStore } from './mode.ts';

/** Every module has yield points, and the epoch is never set. */
export const yieldMode: Mode = {
  name: 'frames-yield',
  createStore: () => {
    const store = new Store();
    return {
      compile: (bytes) => new WebAssembly.Module(transform(bytes, { yields: 'epoch' }).bytes),
      instantiate: (module: WebAssembly.Module, imports) => store.instantiate(module, imports).exports,
      classify,
    } satisfies ModeStore<WebAssembly.Module> as ModeStore;
  },
};

/** Every function a script calls runs in a continuation that is unwound and rewound at every yield point. */
export const chaosMode: Mode = {
  name: 'frames-chaos',
  createStore: () => chaosStore((bytes) => transform(bytes, { yields: 'fuel' }).bytes) as ModeStore,
};

interface Chaotic {
  readonly module: WebAssembly.Module;
  /** Exported functions whose arguments and results JavaScript can carry without loss. */
  readonly callable: ReadonlySet<string>;
}
type Callable = (...args: unknown[]) => unknown;

/** A store whose modules are given yield points that ask for fuel, and yield at each of them. */
export function chaosStore(yielding: (bytes: Uint8Array) => Uint8Array<ArrayBuffer>): ModeStore<Chaotic> {
  const store = new Store();
  const originals = new WeakMap<object, unknown>();
  const original = (value: unknown): unknown => (typeof value === 'function' ? (originals.get(value) ?? value) : value);
  return {
    compile: (bytes) => ({
      module: new WebAssembly.Module(yielding(bytes)),
      callable: callableExports(decode(bytes)),
    }),
    instantiate({ module, callable }, imports) {
      const linked = store.instantiate(module, mapImports(imports, original));
      const exports: Record<string, unknown> = Object.create(null);
      for (const [name, value] of Object.entries(linked.exports)) {
        const start = linked.instance.exports[HOST_EXPORTS.new(name)];
        exports[name] = value;
        if (typeof start !== 'function' || !callable.has(name)) continue;
        const wrapped = interrupted(linked.instance.exports, name);
        originals.set(wrapped, value);
        exports[name] = wrapped;
      }
      return exports;
    },
    classify,
  };
}

/** Calls an exported function so that it yields at each of its yield points. */
function interrupted(hidden: WebAssembly.Exports, name: string): Callable {
  const start = hidden[HOST_EXPORTS.new(name)] as Callable;
  const results = hidden[HOST_EXPORTS.results(name)] as Callable;
  const resume = hidden[HOST_EXPORTS.resume] as (continuation: unknown) => [number, unknown];
  const fuel = hidden[HOST_EXPORTS.fuel] as WebAssembly.Global;
  return (...args) => {
    let continuation: unknown = start(...args);
    for (;;) {
      fuel.value = 0;
      const [outcome, next] = resume(continuation);
      if (outcome === OUTCOME.returned) return results();
      continuation = next;
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

const carried = (type: ValType): boolean =>
  isRef(type) ? type.heap === 'extern' || type.heap === 'func' : type !== 'v128';

function callableExports(module: Module): ReadonlySet<string> {
  const types = subTypes(module);
  const imported = importsOf(module, 'func');
  const names = module.exports.filter(({ kind, index }) => {
    if (kind !== 'func') return false;
    const type = imported[index]?.desc.type ?? module.funcs[index - imported.length]?.type;
    const comp = type === undefined ? undefined : types[type]?.comp;
    return comp?.kind === 'func' && ofCarried(comp);
  });
  return new Set(names.map(({ name }) => name));
}

function ofCarried({ params, results }: FuncType): boolean {
  return params.every(carried) && results.every(carried);
}
