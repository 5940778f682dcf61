export { ExhaustionError, SuspensionError, TrapError } from './errors.ts';
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
