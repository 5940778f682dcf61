export {
  DEFAULT_ACTION,
  handlerAction,
  IGNORE_ACTION,
  SA,
  SI,
  type SigAction,
  type SigInfo,
  type SigInfoInit,
  sigInfo,
} from './action.ts';
export { type ErrnoTable, type ErrorName, LINUX_ERRNO, SignalError, WASI_ERRNO } from './errno.ts';
export * from './numbers.ts';
export type { Places } from './pending.ts';
export { SigSet } from './sigset.ts';
export { type Delivery, type Directed, type Sent, SIG_HOW, SignalState } from './state.ts';
