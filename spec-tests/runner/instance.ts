import type { Actual, RefShape } from './expect.ts';
import { bitsToFloat, floatToBits, isNan } from './expect.ts';
import type { Exports, Failure, ModeStore, Phase } from './modes/mode.ts';
import type { ExportType, ModuleTypes, ValueType } from './types.ts';
import { readModuleTypes } from './types.ts';
import type { Constant } from './values.ts';
import { encodeWrapper, isOpaqueToJs, wrapperKey } from './wrap.ts';

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export type Call = { readonly kind: 'invoke' | 'get'; readonly name: string; readonly args: readonly Constant[] };

/** What instances of one script share. */
export class ScriptStore {
  readonly store: ModeStore;
  readonly #inspector: Uint8Array;
  readonly #wrappers = new Map<string, unknown>();
  readonly #hostValues = new Map<number, object>();
  readonly #hostIds = new Map<unknown, number>();
  #inspect: Exports | undefined;

  constructor(store: ModeStore, inspector: Uint8Array) {
    this.store = store;
    this.#inspector = inspector;
  }

  attempt<T>(phase: Phase, run: () => T): Outcome<T> {
    try {
      return { ok: true, value: run() };
    } catch (error) {
      return { ok: false, failure: this.store.classify(error, phase) };
    }
  }

  /** The host value that scripts call `(ref.extern id)` or, inside, `(ref.host id)`. */
  hostValue(id: number): object {
    let value = this.#hostValues.get(id);
    if (value === undefined) {
      value = Object.freeze({ host: id });
      this.#hostValues.set(id, value);
      this.#hostIds.set(value, id);
    }
    return value;
  }

  hostId(value: unknown): number | undefined {
    return this.#hostIds.get(value);
  }

  /** Asks Wasm what a reference is. */
  shapeOf(hierarchy: 'any' | 'extern', value: unknown): RefShape {
    this.#inspect ??= this.store.instantiate(this.store.compile(this.#inspector), {});
    const inspect = this.#inspect[hierarchy] as (value: unknown) => number;
    return (['other', 'i31', 'struct', 'array'] as const)[inspect(value)]!;
  }

  wrap(target: ExportType & { kind: 'func' | 'global' }, types: ModuleTypes, value: unknown): CallableExport {
    const key = wrapperKey(target);
    let compiled = key === undefined ? undefined : this.#wrappers.get(key);
    if (compiled === undefined) {
      compiled = this.store.compile(encodeWrapper(target, types));
      if (key !== undefined) this.#wrappers.set(key, compiled);
    }
    return this.store.instantiate(compiled, { m: { x: value } }).f as CallableExport;
  }
}

type CallableExport = (...args: unknown[]) => unknown;

/** An instance of a script's module, callable with script values. */
export class ScriptInstance {
  readonly exports: Exports;
  readonly #shared: ScriptStore;
  readonly #bytes: Uint8Array;
  readonly #wrapped = new Map<string, CallableExport>();
  #types: ModuleTypes | undefined;

  /** `bytes` is the module as the script gave it, whatever the mode made of it. */
  constructor(shared: ScriptStore, exports: Exports, bytes: Uint8Array) {
    this.#shared = shared;
    this.exports = exports;
    this.#bytes = bytes;
  }

  /**
   * Performs a call. `exact` asks for results with the bits of their NaNs. A call that cannot be made at all (no such
   * export, wrong arguments, a broken wrapper) ends in a `bug`, which no assertion accepts.
   */
  perform(call: Call, exact: boolean): Outcome<readonly Actual[]> {
    let prepared: { run: () => unknown; results: readonly ValueType[]; wrapped: boolean };
    try {
      prepared = this.#prepare(call, exact);
    } catch (error) {
      return bug(error instanceof Error ? error.message : String(error));
    }
    const outcome = this.#shared.attempt('run', prepared.run);
    if (!outcome.ok) return outcome;
    try {
      return { ok: true, value: this.#decodeAll(outcome.value, prepared.results, prepared.wrapped) };
    } catch (error) {
      return bug(error instanceof Error ? error.message : String(error));
    }
  }

  #prepare(call: Call, exact: boolean): { run: () => unknown; results: readonly ValueType[]; wrapped: boolean } {
    this.#types ??= readModuleTypes(this.#bytes);
    const target = this.#types.exports.get(call.name);
    const value = this.exports[call.name];
    if (target === undefined || value === undefined) throw new Error(`no export "${call.name}"`);
    if (target.kind !== (call.kind === 'invoke' ? 'func' : 'global')) {
      throw new Error(`export "${call.name}" is no ${call.kind === 'invoke' ? 'function' : 'global'}`);
    }
    const params = target.kind === 'func' ? target.type.params : [];
    const results = target.kind === 'func' ? target.type.results : [target.type as ValueType];
    if (params.length !== call.args.length || !params.every((type, index) => accepts(type, call.args[index]!))) {
      throw new Error(`arguments do not fit "${call.name}"`);
    }
    const wrapped = exact || [...params, ...results].some(isOpaqueToJs) || call.args.some(isNanConstant);
    if (wrapped) {
      const wrapper = this.#wrapper(call.name, target, value);
      const args = call.args.flatMap((arg) => this.#encodeExact(arg));
      return { run: () => wrapper(...args), results, wrapped };
    }
    if (call.kind === 'get') return { run: () => (value as WebAssembly.Global).value, results, wrapped };
    const args = call.args.map((arg) => this.#encode(arg));
    return { run: () => (value as CallableExport)(...args), results, wrapped };
  }

  #wrapper(name: string, target: ExportType & { kind: 'func' | 'global' }, value: unknown): CallableExport {
    let wrapper = this.#wrapped.get(name);
    if (wrapper === undefined) {
      wrapper = this.#shared.wrap(target, this.#types!, value);
      this.#wrapped.set(name, wrapper);
    }
    return wrapper;
  }

  #encode(arg: Constant): unknown {
    switch (arg.type) {
      case 'i32':
        return Number(BigInt.asIntN(32, arg.bits));
      case 'i64':
        return BigInt.asIntN(64, arg.bits);
      case 'f32':
      case 'f64':
        return bitsToFloat(arg.type, arg.bits);
      case 'null':
        return null;
      case 'host':
        return this.#shared.hostValue(arg.id);
      case 'v128':
        throw new Error('a v128 does not cross the JavaScript boundary');
    }
  }

  /** As the parameters of a wrapper: see {@link encodeWrapper}. */
  #encodeExact(arg: Constant): unknown[] {
    switch (arg.type) {
      case 'f32':
        return [Number(BigInt.asIntN(32, arg.bits))];
      case 'f64':
        return [BigInt.asIntN(64, arg.bits)];
      case 'v128':
        return [BigInt.asIntN(64, arg.bits), BigInt.asIntN(64, arg.bits >> 64n)];
      case 'null':
        return arg.hierarchy === 'exn' || arg.hierarchy === 'cont' ? [] : [null];
      case 'i32':
      case 'i64':
      case 'host':
        return [this.#encode(arg)];
    }
  }

  #decodeAll(raw: unknown, types: readonly ValueType[], wrapped: boolean): Actual[] {
    const width = wrapped ? types.reduce((sum, type) => sum + (type.type === 'v128' ? 2 : 1), 0) : types.length;
    const values: unknown[] = width === 0 ? [] : width === 1 ? [raw] : [...(raw as Iterable<unknown>)];
    if (values.length !== width || (width === 0 && raw !== undefined)) throw new Error('wrong number of results');
    let next = 0;
    return types.map((type) => {
      if (type.type === 'ref') return this.#decodeRef(type, values[next++]);
      if (!wrapped) return { type: type.type, bits: decodeNumber(type, values[next++]) };
      const low = rawBits(values[next++]);
      if (type.type !== 'v128') return { type: type.type, bits: low };
      return { type: 'v128', bits: low | (rawBits(values[next++]) << 64n) };
    });
  }

  #decodeRef({ hierarchy }: ValueType & { type: 'ref' }, value: unknown): Actual {
    if (hierarchy === 'exn' || hierarchy === 'cont') {
      if (value !== 0 && value !== 1) throw new Error(`no null flag: ${String(value)}`);
      return { type: 'ref', hierarchy, shape: value === 1 ? 'null' : hierarchy };
    }
    if (value === null) return { type: 'ref', hierarchy, shape: 'null' };
    if (hierarchy === 'func') {
      if (typeof value !== 'function') throw new Error(`no function: ${String(value)}`);
      return { type: 'ref', hierarchy, shape: 'func' };
    }
    const id = this.#shared.hostId(value);
    if (id !== undefined) return { type: 'ref', hierarchy, shape: 'host', id };
    return { type: 'ref', hierarchy, shape: this.#shared.shapeOf(hierarchy, value) };
  }
}

/** A failure that no assertion accepts. */
export function bug(message: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { kind: 'bug', message } };
}

function accepts(type: ValueType, arg: Constant): boolean {
  switch (arg.type) {
    case 'null':
      return type.type === 'ref' && type.nullable && type.hierarchy === arg.hierarchy;
    case 'host':
      return type.type === 'ref' && type.hierarchy === arg.hierarchy;
    case 'i32':
    case 'i64':
    case 'f32':
    case 'f64':
    case 'v128':
      return type.type === arg.type;
  }
}

function isNanConstant(arg: Constant): boolean {
  return (arg.type === 'f32' || arg.type === 'f64') && isNan(arg.type, arg.bits);
}

function decodeNumber(type: ValueType, value: unknown): bigint {
  switch (type.type) {
    case 'i32':
      if (typeof value !== 'number' || (value | 0) !== value) break;
      return BigInt.asUintN(32, BigInt(value));
    case 'i64':
      if (typeof value !== 'bigint') break;
      return BigInt.asUintN(64, value);
    case 'f32':
    case 'f64':
      if (typeof value !== 'number') break;
      return floatToBits(type.type, value);
  }
  throw new Error(`no ${type.type}: ${String(value)}`);
}

/** The bits of an i32 or i64 that a wrapper returned. */
function rawBits(value: unknown): bigint {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value);
  if (typeof value === 'number') return BigInt.asUintN(32, BigInt(value));
  throw new Error(`no number: ${String(value)}`);
}
