export { decode, encode } from './binary/index.ts';
export { BobbinError, InvalidError, MalformedError, RefusedError } from './errors.ts';
export {
  type BinaryenInstrumenter,
  type BinaryenOptions,
  loadBinaryen,
  type Progress,
  transformWithBinaryen,
} from './instrument/binaryen/index.ts';
export type { Linking } from './instrument/frames/state.ts';
export type { AtomicsOptions, AtomicWaits, SharedMemories } from './lower/atomics.ts';
export type { HostFrame, TransparentOptions } from './lower/transparent/index.ts';
export {
  decodeManifest,
  encodeManifest,
  type HostManifest,
  type ImportName,
  type InstrumenterName,
  isTransformed,
  MANIFEST_FORMAT,
  MANIFEST_SECTION,
  type Manifest,
  ManifestError,
  type ManifestProblem,
  type MemoryManifest,
} from './manifest.ts';
export { type Explanation, type Transformed, type TransformOptions, transform, transformModule } from './transform.ts';
export { type ModuleInfo, validate } from './validate/index.ts';
