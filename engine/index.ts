export type { Linking, TransformOptions } from '../asyncify/index.ts';
export { BobbinError, InvalidError, MalformedError, RefusedError } from '../asyncify/index.ts';
export { Engine } from './engine.ts';
export { explain, type Instrumented, type NamedFunction, type Step } from './explain.ts';
export * from './process/index.ts';
export * from './runtime.ts';
export * from './signals/index.ts';
