export type { BinaryenInstrumenter, BinaryenOptions, Linking, TransformOptions } from '../asyncify/index.ts';
export { BobbinError, InvalidError, loadBinaryen, MalformedError, RefusedError } from '../asyncify/index.ts';
export { type CompileAsyncOptions, type CompileOptions, Engine } from './engine.ts';
export { explain, type Instrumented, type NamedFunction, type Step } from './explain.ts';
export * from './runtime.ts';
