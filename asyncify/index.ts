export { decode, encode } from './binary/index.ts';
export { BobbinError, InvalidError, MalformedError, RefusedError } from './errors.ts';
export type { Linking } from './instrument/frames/state.ts';
export { type Explanation, type Transformed, type TransformOptions, transform, transformModule } from './transform.ts';
export { type ModuleInfo, validate } from './validate/index.ts';
