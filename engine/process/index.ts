export type { BlockingCall } from './blocking.ts';
export { ProcessError, type ProcessErrorKind } from './errors.ts';
export { DISPATCHER, ENTER, type Guest, type GuestOptions } from './guest.ts';
export { SIGNAL_MODULE, type SignalImportOptions, signalImports, suspendingImports } from './imports.ts';
export type { Interrupted } from './interrupted.ts';
export { GuestMemory, type Pointer, pointer } from './memory.ts';
export {
  Process,
  type ProcessOptions,
  type ProcessState,
  type Slice,
  type SliceOptions,
  statusCode,
} from './process.ts';
export type { ExitStatus, Pause } from './runner.ts';
export { suspendingImport } from './suspending.ts';
