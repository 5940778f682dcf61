export { ExhaustionError, SuspensionError, TrapError } from './errors.ts';
export { type Exports, type Imports, Store, type StoreOptions } from './store.ts';
