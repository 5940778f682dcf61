export { decode } from './decode.ts';
export { type CompiledFunc, type EncodableModule, encode } from './encode.ts';
export * from './immediates.ts';
export * from './module.ts';
export * from './names.ts';
export * from './opcodes.ts';
export { describe, describeType } from './print.ts';
export * from './types.ts';
