export { ExhaustionError, SuspensionError, TrapError } from './errors.ts';
export { manifestOf } from './manifest.ts';
export { type Exports, type Imports, type Linked, Store, type StoreOptions } from './store.ts';
