import { type TransformOptions, transform } from '../asyncify/index.ts';
import { type Bytes, type Module, Runtime } from './runtime.ts';

/** Compiles and runs modules that may use stack switching. Modules of one engine link with each other. */
export class Engine extends Runtime {
  /**
   * Transforms and compiles a module (JavaScript API, "compile a WebAssembly module").
   *
   * @throws MalformedError, InvalidError for bytes that are no valid module
   * @throws RefusedError for a valid module that cannot be translated
   * @throws WebAssembly.CompileError where the host's engine lacks a feature the module needs
   */
  compile(bytes: Bytes, options: TransformOptions = {}): Module {
    return this.load(transform(view(bytes), options).bytes);
  }

  /** The same; the host's engine compiles without blocking, the transform does not. */
  async compileAsync(bytes: Bytes, options: TransformOptions = {}): Promise<Module> {
    return this.loadAsync(transform(view(bytes), options).bytes);
  }
}

function view(bytes: Bytes): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}
