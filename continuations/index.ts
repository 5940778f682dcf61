export { ExhaustionError, ForeignContinuationError, SuspensionError, TrapError } from './errors.ts';
export { ContinuationHandle, unwrap } from './handles.ts';
export { manifestOf } from './manifest.ts';
export {
  type Checker,
  type Exports,
  type Imports,
  type InstantiateOptions,
  type Linked,
  Store,
  type StoreOptions,
} from './store.ts';
