import { type Brand, sameBrand } from '../asyncify/lower/brand.ts';
import {
  CHECK_IMPORT,
  EPOCH_IMPORT,
  EPOCH_PAGES,
  HIDDEN_EXPORTS,
  hostFlag,
  MOST_ROOM,
  NATIVE_STACK_IMPORT,
  PROCESS_IMPORTS,
  ROOM_UNIT,
  RUNTIME_MODULE,
} from '../asyncify/lower/interface.ts';
import { FRAME_UNIT } from '../asyncify/lower/runtime-types.ts';
import { type Manifest, ManifestError } from '../asyncify/manifest.ts';
import { raiseTrap } from './errors.ts';
import { unwrap, withHandles, wrap } from './handles.ts';
import { manifestOf } from './manifest.ts';
import { identify, isExported, polled, returned, suspendable } from './running.ts';
import { SharedState } from './shared.ts';

export interface StoreOptions {
  /** How many saved frames one stack may have before it ends with an ExhaustionError. Default 1,048,576. */
  readonly frameLimit?: number;
  /**
   * How many bytes the saved frames of one stack may have before it ends with an ExhaustionError, by the sizes of their values.
   * Default 536,870,912.
   */
  readonly stackLimit?: number;
  /**
   * How many bytes of the engine's stack the activations of a guest may take, by the transform's estimate, before they are turned into
   * frames on the heap; for modules transformed so (`depth` of TransformOptions). Default 262,144.
   */
  readonly nativeStack?: number;
  /** For tests: what modules transformed with `checks` show the runtime's state to (checks.ts). */
  readonly checks?: Checker;
}

/** See CHECK in asyncify/lower/interface.ts for the arguments. */
export interface Checker {
  /** @param brand of the module that shows it */
  checkOf(brand: Brand): (...state: never[]) => void;
  /** Called where a handler of a process has returned to what it interrupted. */
  stackPointer(before: number, after: number): void;
}

/** Imports as the JavaScript API takes them. */
export type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export type Exports = Readonly<Record<string, unknown>>;

export interface InstantiateOptions {
  /**
   * When the start function of a module that a process can run is run: at instantiation (`now`, the default), where nothing can
   * suspend or end it; or by the process that the instance is given to, before its entry (`deferred`).
   */
  readonly start?: 'now' | 'deferred';
}

/** An instance of a store. */
export interface Linked {
  /** The program's own exports. */
  readonly exports: Exports;
  /** The engine's instance: its exports include what the runtime added. */
  readonly instance: WebAssembly.Instance;
}

const DEFAULT_FRAME_LIMIT = 1024 * 1024;
const DEFAULT_STACK_LIMIT = 512 * 1024 * 1024;
const DEFAULT_NATIVE_STACK = 256 * 1024;
type Callable = (...args: never[]) => unknown;

/**
 * What the instances of transformed modules that link with each other have in common: the stack chain, the identities of
 * control tags, and which exported function stands for which one between modules.
 */
export class Store {
  /** Null until a linked module has come. */
  #shared: SharedState | null = null;
  readonly #frameLimit: WebAssembly.Global;
  readonly #stackLimit: WebAssembly.Global;
  readonly #nativeStack: WebAssembly.Global;
  /** Null unless this is a test. */
  readonly checker: Checker | null;
  #epoch: WebAssembly.Memory | null = null;
  readonly #tags = new WeakMap<object, WebAssembly.Global>();
  /** The function other modules call, by the one the host calls; and back. */
  readonly #raw = new WeakMap<Callable, Callable>();
  readonly #host = new WeakMap<Callable, Callable>();

  constructor(options: StoreOptions = {}) {
    const limit = options.frameLimit ?? DEFAULT_FRAME_LIMIT;
    if (!Number.isInteger(limit) || limit < 1 || limit > 0x7fff_ffff) {
      throw new RangeError(`frameLimit must be an integer from 1 to ${0x7fff_ffff}`);
    }
    const size = options.stackLimit ?? DEFAULT_STACK_LIMIT;
    if (!Number.isInteger(size) || size < 1 || size > 0x7fff_ffff * FRAME_UNIT) {
      throw new RangeError(`stackLimit must be an integer from 1 to ${0x7fff_ffff * FRAME_UNIT}`);
    }
    const native = options.nativeStack ?? DEFAULT_NATIVE_STACK;
    if (!Number.isInteger(native) || native < 0 || native > MOST_ROOM * ROOM_UNIT) {
      throw new RangeError(`nativeStack must be an integer from 0 to ${MOST_ROOM * ROOM_UNIT}`);
    }
    this.checker = options.checks ?? null;
    this.#stackLimit = new WebAssembly.Global({ value: 'i32' }, Math.floor(size / FRAME_UNIT));
    this.#nativeStack = new WebAssembly.Global({ value: 'i32' }, Math.floor(native / ROOM_UNIT));
    this.#frameLimit = new WebAssembly.Global({ value: 'i32' }, limit);
  }

  /**
   * Instantiates a module, transformed or not, with this store's runtime.
   *
   * @param imports values by module and name, as WebAssembly.Instance takes them; exports of other instances of this store
   * link directly, so that suspensions pass between them
   * @throws ManifestError where this version cannot run the module
   * @throws what WebAssembly.Instance throws: LinkError, TypeError, and what the start function throws
   */
  instantiate(module: WebAssembly.Module, imports: Imports = {}, options: InstantiateOptions = {}): Linked {
    const identity = {};
    const instance = new WebAssembly.Instance(module, this.#imports(module, imports, options, identity));
    identify(instance, identity);
    return { instance, exports: this.adopt(instance, module) };
  }

  /**
   * The import object to instantiate a module with: the program's own imports and what the runtime adds.
   *
   * @throws ManifestError where this version cannot run the module
   */
  imports(module: WebAssembly.Module, imports: Imports = {}, options: InstantiateOptions = {}): WebAssembly.Imports {
    return this.#imports(module, imports, options, {});
  }

  #imports(
    module: WebAssembly.Module,
    imports: Imports,
    options: InstantiateOptions,
    identity: object,
  ): WebAssembly.Imports {
    const manifest = manifestOf(module);
    if (manifest === null) return imports as WebAssembly.Imports;
    const shared = manifest.linking === 'linked' ? this.#sharedBy(manifest) : null;
    const suspending = new Set(manifest.host?.suspending.map(({ module, name }) => `${module}.${name}`));
    const wanted = WebAssembly.Module.imports(module);
    const runtime = wanted.filter((entry) => entry.module === RUNTIME_MODULE).map((entry) => entry.name);
    const names = new Set(runtime);
    const named = handlesAmong(runtime);
    // Drivers of such modules could not go on with those that make room on the native stack.
    if (shared !== null && !names.has(NATIVE_STACK_IMPORT)) notDeep(shared);
    const result: Record<string, Record<string, unknown>> = {};
    const tags: unknown[] = [];
    const provided: Record<string, unknown> = {};
    let funcs = 0;
    for (const { module: from, name, kind } of wanted) {
      if (from === RUNTIME_MODULE) continue;
      const space = imports[from];
      let value: unknown = space?.[name];
      if (kind === 'function') {
        const handles = named.get(funcs);
        const flag = hostFlag(funcs++);
        const raw = shared === null ? undefined : this.#raw.get(value as Callable);
        // What the host calls has another type where there are continuations in it.
        if (raw !== undefined && (names.has(flag) || handles !== undefined)) value = raw;
        if (names.has(flag)) {
          provided[flag] = new WebAssembly.Global({ value: 'i32' }, raw === undefined ? 1 : 0);
        }
        if (handles !== undefined && typeof value === 'function' && !isExported(value)) {
          value = withHandles(value as Callable, handles);
        }
        const key = `${from}.${name}`;
        if (suspending.has(key) && typeof value === 'function') value = suspendable(key, value as Callable, identity);
      }
      // A missing namespace stays missing, for the engine to report.
      if (space !== undefined) {
        result[from] ??= {};
        result[from][name] = value;
      }
      if (kind === ('tag' as string)) tags.push(value);
    }
    if (names.has(PROCESS_IMPORTS.start)) {
      provided[PROCESS_IMPORTS.start] = new WebAssembly.Global({ value: 'i32' }, options.start === 'deferred' ? 0 : 1);
    }
    for (const name of runtime) provided[name] ??= this.#provide(name, manifest, shared, tags);
    result[RUNTIME_MODULE] = provided;
    return result as WebAssembly.Imports;
  }

  /**
   * Registers an instance of a module and returns the exports its program has.
   *
   * @throws ManifestError where this version cannot run the module
   */
  adopt(instance: WebAssembly.Instance, module: WebAssembly.Module): Exports {
    const all: Exports = instance.exports;
    // What others export under hidden names is not what the transform has put there.
    if (manifestOf(module)?.linking !== 'linked') return visible(all);
    for (const [name, value] of Object.entries(all)) {
      if (name.startsWith(HIDDEN_EXPORTS.raw)) {
        const host = all[name.slice(HIDDEN_EXPORTS.raw.length)];
        if (typeof host !== 'function' || typeof value !== 'function') lacks(name);
        this.#raw.set(host as Callable, value as Callable);
        this.#host.set(value as Callable, host as Callable);
      } else if (name.startsWith(HIDDEN_EXPORTS.tag)) {
        const tag = all[name.slice(HIDDEN_EXPORTS.tag.length)];
        if (typeof tag !== 'object' || tag === null || !(value instanceof WebAssembly.Global)) lacks(name);
        this.#tags.set(tag, value);
      }
    }
    return visible(all, (value) => this.#host.get(value) ?? value);
  }

  /** @throws ManifestError for a module that cannot link with those that are there */
  #sharedBy({ brand }: Manifest): SharedState {
    this.#shared ??= new SharedState(brand);
    if (sameBrand(this.#shared.brand, brand)) return this.#shared;
    const message = 'the module has another brand than the linked modules that the store has instantiated before';
    throw new ManifestError('brand', message);
  }

  #provide(name: string, { brand }: Manifest, shared: SharedState | null, tags: readonly unknown[]): unknown {
    if (name === 'trap') return raiseTrap;
    if (name === 'raise') return raise;
    if (name === PROCESS_IMPORTS.polled) return polled;
    if (name === PROCESS_IMPORTS.returned) return returned;
    if (HANDLES.test(name)) return new WebAssembly.Global({ value: 'i32' }, 0);
    if (name === 'wrap') return wrap;
    if (name === 'unwrap') return unwrap;
    if (name === CHECK_IMPORT) return this.checker?.checkOf(brand);
    if (name === 'frame-limit') return this.#frameLimit;
    if (name === 'stack-limit') return this.#stackLimit;
    if (name === NATIVE_STACK_IMPORT) return this.#nativeStack;
    // A closed module has a state of its own.
    if (shared === null) return undefined;
    if (name === EPOCH_IMPORT) return this.#epochMemory;
    const tag = /^tag\.(\d+)$/.exec(name);
    if (tag !== null) return this.#tagIdentity(shared, tags[Number(tag[1])]);
    return shared.get(name);
  }

  /** The word that all linked modules poll. */
  get #epochMemory(): WebAssembly.Memory {
    this.#epoch ??= new WebAssembly.Memory({ initial: EPOCH_PAGES, maximum: EPOCH_PAGES, shared: true });
    return this.#epoch;
  }

  #tagIdentity(shared: SharedState, tag: unknown): WebAssembly.Global {
    // Not a tag: the engine will say so when it links.
    if (typeof tag !== 'object' || tag === null) return shared.newTag();
    let identity = this.#tags.get(tag);
    if (identity === undefined) {
      identity = shared.newTag();
      this.#tags.set(tag, identity);
    }
    return identity;
  }
}

function lacks(name: string): never {
  throw new ManifestError('malformed', `the module exports "${name}", and not what that goes with`);
}

const HANDLES = /^handles\.(\d+):([\d,]*)$/;

/** By imported function: the places of continuation objects among its parameters. */
function handlesAmong(names: readonly string[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  for (const name of names) {
    const [, func, params] = HANDLES.exec(name) ?? [];
    if (func !== undefined) found.set(Number(func), (params ?? '').split(',').filter(Boolean).map(Number));
  }
  return found;
}

/** A module's exports without those of the runtime. */
function visible(all: Exports, shown: (func: Callable) => Callable = (func) => func): Exports {
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(all)) {
    if (!name.startsWith('bobbin:')) result[name] = typeof value === 'function' ? shown(value as Callable) : value;
  }
  return Object.freeze(result);
}

function notDeep(shared: SharedState): void {
  const mixed = shared.get('mixed');
  if (mixed !== undefined) mixed.value = 1;
}

function raise(value: unknown): never {
  throw value;
}
