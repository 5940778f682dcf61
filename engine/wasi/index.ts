export { type Clocks, hostClocks } from './clocks.ts';
export { WASI_MODULE } from './constants.ts';
export { BrokenPipeError, type InputSource, type OutputSink, QueuedInput } from './streams.ts';
export {
  type SuspendingWasiOptions,
  suspendingWasi,
  suspendingWasiImports,
  type WasiImports,
} from './suspending.ts';
