export { type Clocks, type InputSource, type OutputSink, QueuedInput, WASI_MODULE } from '../wasi/index.ts';
export { SandboxError, type SandboxProblem } from './errors.ts';
export { type GivenFolder, givenFolder } from './files/given.ts';
export { type StandardStreams, StreamInput, standardStreams } from './streams.ts';
export { Wasi, type WasiOptions } from './wasi.ts';
