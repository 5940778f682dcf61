import { readFile } from 'node:fs/promises';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { transform } from '../asyncify/index.ts';
import { Store } from '../continuations/index.ts';

/** Who runs a program: the engine's own stack switching, or the transformed module, closed or linked. */
export const VARIANTS = ['native', 'closed', 'linked'] as const;
export type Variant = (typeof VARIANTS)[number];

/** The binary of a program in `programs/`. */
export async function assemble(program: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = await readFile(new URL(`programs/${program}.wat`, import.meta.url), 'utf8');
  return new Uint8Array(await parse(text));
}

/** Instantiates a program. Throws WebAssembly.CompileError where a native engine does not know the instructions. */
export function load(bytes: Uint8Array<ArrayBuffer>, variant: Variant): Readonly<Record<string, unknown>> {
  if (variant === 'native') return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return new Store().instantiate(new WebAssembly.Module(transform(bytes, { linking: variant }).bytes)).exports;
}

export type Run = (n: number, size: number) => bigint;

/** An exported function. */
export function exported<F extends (...args: never[]) => unknown>(
  exports: Readonly<Record<string, unknown>>,
  name: string,
): F {
  const value = exports[name];
  if (typeof value !== 'function') throw new TypeError(`no function "${name}" is exported`);
  return value as F;
}
