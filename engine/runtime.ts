import { admit } from '../asyncify/admission.ts';
import { secretBrand } from '../asyncify/lower/brand.ts';
import type { Manifest } from '../asyncify/manifest.ts';
import { type Exports, type Imports, manifestOf, Store } from '../continuations/index.ts';
import { Process, type ProcessOptions } from './process/index.ts';

export {
  type HostManifest,
  type ImportName,
  type InstrumenterName,
  type Manifest,
  ManifestError,
  type ManifestProblem,
} from '../asyncify/manifest.ts';
export {
  ContinuationHandle,
  ExhaustionError,
  type Exports,
  ForeignContinuationError,
  type Imports,
  SuspensionError,
  TrapError,
} from '../continuations/index.ts';

export * from './process/index.ts';
export * from './signals/index.ts';
export * from './wasi/index.ts';

export interface EngineOptions {
  /** How many saved frames one stack may have before it ends with an ExhaustionError. Default 1,048,576. */
  readonly frameLimit?: number;
  /** How many bytes they may have. Default 536,870,912. */
  readonly stackLimit?: number;
  /** As for a store. */
  readonly nativeStack?: number;
}

/** The bytes of a module, as the WebAssembly JavaScript API takes them. */
export type Bytes = Uint8Array | ArrayBuffer;

/** Import and export descriptors hide what the transform added for the runtime. */
const isProgramImport = ({ module }: WebAssembly.ModuleImportDescriptor): boolean => module !== 'bobbin';
const isProgramExport = ({ name }: WebAssembly.ModuleExportDescriptor): boolean => !name.startsWith('bobbin:');

/** An instance of a module (JavaScript API, class Instance). Its exports are the program's, frozen. */
export class Instance<E extends object = Exports> {
  readonly exports: E;

  constructor(exports: E) {
    this.exports = exports;
  }
}

/** A compiled module of one engine (JavaScript API, class Module). */
export class Module {
  /** The engine's own module, for example to be sent to a worker. */
  readonly compiled: WebAssembly.Module;
  /** How it was transformed; null: it was not, and needs nothing of the runtime. */
  readonly manifest: Manifest | null;
  readonly #store: Store;

  /** @throws ManifestError where this version cannot run the module */
  constructor(compiled: WebAssembly.Module, store: Store) {
    this.compiled = compiled;
    this.manifest = manifestOf(compiled);
    this.#store = store;
  }

  /** What the program imports, in order. */
  get imports(): WebAssembly.ModuleImportDescriptor[] {
    return WebAssembly.Module.imports(this.compiled).filter(isProgramImport);
  }

  /** What the program exports, in order. */
  get exports(): WebAssembly.ModuleExportDescriptor[] {
    return WebAssembly.Module.exports(this.compiled).filter(isProgramExport);
  }

  /**
   * Links and starts the module (JavaScript API, "instantiate a WebAssembly module").
   *
   * @typeParam E what the caller knows the exports to be; it is not checked
   * @param imports values by module and name; exports of other instances of this engine link directly, so that suspensions
   * pass between them where both modules were transformed as `linked`
   * @throws WebAssembly.LinkError or TypeError where the imports do not fit, and what the start function throws
   */
  instantiate<E extends object = Exports>(imports: Imports = {}): Instance<E> {
    return new Instance(this.#store.instantiate(this.compiled, imports).exports as E);
  }

  /**
   * Instantiates the module as a process, which is not started yet.
   *
   * @param imports beside those of `bobbin:signal`, or a function that makes them for the process
   * @throws ProcessError where the module was not transformed for a process, or lacks what the options need; and what
   * `instantiate` throws
   */
  spawn(imports?: Imports | ((process: Process) => Imports), options?: ProcessOptions): Process {
    return Process.instantiate(this.#store, this.compiled, imports, options);
  }
}

/** Runs modules that were transformed before; the transform is no part of it. Modules of one engine link with each other. */
export class Runtime {
  readonly #store: Store;
  /** Of its linked modules; no guest knows it. */
  readonly #brand = secretBrand();

  /** @throws RangeError for a limit that is no integer, or out of the range that the store allows */
  constructor(options: EngineOptions = {}) {
    this.#store = new Store(options);
  }

  /**
   * Compiles a module that needs no transform: one that went through it at build time, or plain WebAssembly.
   *
   * The types of the runtime in a transformed one get a brand that no guest knows: a closed module its own, linked ones that
   * of this engine. Who loads a linked module trusts whoever has transformed it.
   *
   * @throws WebAssembly.CompileError where the host's engine does not accept the bytes
   * @throws ManifestError for a transformed module that this version cannot run
   * @throws RefusedError for a module that declares types of the runtime's that are not its own
   */
  load(bytes: Bytes): Module {
    return new Module(new WebAssembly.Module(this.#admit(bytes)), this.#store);
  }

  /** The same without blocking, where the host's engine can. */
  async loadAsync(bytes: Bytes): Promise<Module> {
    return new Module(await WebAssembly.compile(this.#admit(bytes)), this.#store);
  }

  #admit(bytes: Bytes): Uint8Array<ArrayBuffer> {
    const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : (bytes as Uint8Array<ArrayBuffer>);
    return admit(view, ({ linking }) => (linking === 'linked' ? this.#brand : secretBrand()));
  }
}
