import {
  type BinaryenInstrumenter,
  type BinaryenOptions,
  loadBinaryen,
  type TransformOptions,
  transform,
} from '../asyncify/index.ts';
import { LINKED_BRAND } from '../asyncify/lower/brand.ts';
import { type Bytes, type Module, Runtime } from './runtime.ts';

type FramesOptions = TransformOptions & { readonly instrumenter?: 'frames' };
type ByBinaryen<I> = Partial<BinaryenOptions> & {
  readonly instrumenter: I;
  /** Binaryen's instrumenter makes no modules that link with each other. */
  readonly linking?: 'closed';
};

/** How a module is transformed: by `frames` (the default), or by Binaryen's Asyncify pass, as `loadBinaryen` gives it. */
export type CompileOptions = FramesOptions | ByBinaryen<BinaryenInstrumenter>;
/** The same, where Binaryen can be waited for: by its name it is loaded when it is first needed. */
export type CompileAsyncOptions = FramesOptions | ByBinaryen<BinaryenInstrumenter | 'binaryen'>;

/** Compiles and runs modules that may use stack switching. Modules of one engine link with each other. */
export class Engine extends Runtime {
  /**
   * Transforms and compiles a module (JavaScript API, "compile a WebAssembly module").
   *
   * @throws MalformedError, InvalidError for bytes that are no valid module
   * @throws RefusedError for a valid module that cannot be translated, and for one that was transformed before (see `load`)
   * @throws TypeError for options that contradict each other
   * @throws WebAssembly.CompileError where the host's engine lacks a feature the module needs
   */
  compile(bytes: Bytes, options: CompileOptions = {}): Module {
    return this.load(transformed(bytes, options));
  }

  /** The same; Binaryen is loaded and the host's engine compiles without blocking, the transform does not. */
  async compileAsync(bytes: Bytes, options: CompileAsyncOptions = {}): Promise<Module> {
    const { instrumenter } = options;
    const loaded = instrumenter === 'binaryen' ? { ...options, instrumenter: await loadBinaryen() } : options;
    return this.loadAsync(transformed(bytes, loaded as CompileOptions));
  }
}

function transformed(bytes: Bytes, options: CompileOptions): Uint8Array<ArrayBuffer> {
  const source = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  // Loading gives it another: this one need not be worked out.
  const brand = options.brand ?? LINKED_BRAND;
  const { instrumenter = 'frames' } = options;
  if (typeof instrumenter === 'object') {
    if (options.linking !== undefined && options.linking !== 'closed') {
      throw new TypeError(`Binaryen's instrumenter makes closed modules only, not "${options.linking}" ones`);
    }
    const { yields = 'none', suspending = [] } = options;
    return instrumenter.transform(source, { ...options, yields, suspending, brand }).bytes;
  }
  if (instrumenter === 'frames') return transform(source, { ...(options as TransformOptions), brand }).bytes;
  if ((instrumenter as string) === 'binaryen') {
    throw new TypeError('Binaryen has to be loaded: give compile what loadBinaryen() resolves to, or use compileAsync');
  }
  throw new TypeError(`no instrumenter "${instrumenter as string}"`);
}
