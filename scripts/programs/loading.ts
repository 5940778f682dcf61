import { type TransformOptions, transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { Process } from '../../engine/process/index.ts';

export type Polls = 'fuel' | 'epoch';
type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface Loaded<T> {
  readonly process: Process;
  readonly program: T;
  /** Milliseconds that the transform took. */
  readonly transformed: number;
}

/**
 * Loads a program by its own host code, which gets the instance of a process in the place of its own.
 *
 * @param imports what becomes of the imports that it gives
 */
export async function loadAsProcess<T>(
  source: Uint8Array,
  polls: Polls,
  load: () => Promise<T>,
  imports: (given: Imports) => Imports = (given) => given,
): Promise<Loaded<T>> {
  const options: TransformOptions = { linking: 'closed', yields: polls, suspending: [] };
  const begun = performance.now();
  const { bytes, hostFrames } = transform(source, options);
  const transformed = performance.now() - begun;
  const kept = hostFrames.filter((frame) => frame.kept !== null);
  if (kept.length > 0) throw new Error(`host frames that stay: ${kept.map((frame) => frame.kept).join('; ')}`);
  const module = new WebAssembly.Module(bytes);
  const { instantiate, instantiateStreaming } = WebAssembly;
  let process: Process | undefined;
  const replaced = async (_: unknown, given: Imports): Promise<WebAssembly.WebAssemblyInstantiatedSource> => {
    process = Process.instantiate(new Store(), module, imports(given), { entry: null });
    return { instance: process.instance, module };
  };
  Object.assign(WebAssembly, { instantiate: replaced, instantiateStreaming: replaced });
  try {
    const program = await load();
    if (process === undefined) throw new Error('the program was loaded without WebAssembly.instantiate');
    return { process, program, transformed };
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming });
  }
}
