/** (module (import "" "" (func (param i32) (result i32)))) */
const PROBE = Uint8Array.of(...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 2, 5, 1, 0, 0, 0, 0]);
let probe: WebAssembly.Module | undefined;
const known = new WeakMap<object, boolean>();

/** Whether an exported function of Wasm is of type `(i32) -> i32`: JavaScript can ask only by importing it. */
export function isThreadEntry(func: unknown): func is (argument: number) => number {
  if (typeof func !== 'function') return false;
  let fits = known.get(func);
  if (fits === undefined) {
    probe ??= new WebAssembly.Module(PROBE);
    try {
      new WebAssembly.Instance(probe, { '': { '': func as WebAssembly.ImportValue } });
      fits = true;
    } catch (error) {
      if (!(error instanceof WebAssembly.LinkError)) throw error;
      fits = false;
    }
    known.set(func, fits);
  }
  return fits;
}
