import { readFile } from 'node:fs/promises';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { transform } from '../asyncify/index.ts';
import { Store } from '../continuations/index.ts';
import { notNative } from './child.ts';

/** Who runs a program: the engine's own stack switching, or the transformed module, closed or linked. */
export const VARIANTS = ['native', 'closed', 'linked'] as const;
export type Variant = (typeof VARIANTS)[number];

/** The binary of a program in `programs/`. */
export async function assemble(program: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = await readFile(new URL(`programs/${program}.wat`, import.meta.url), 'utf8');
  return new Uint8Array(await parse(text));
}

/** Instantiates a program; ends the process where the engine is to run it natively and does not know the instructions. */
export function load(bytes: Uint8Array<ArrayBuffer>, variant: Variant): Readonly<Record<string, unknown>> {
  if (variant === 'native') return new WebAssembly.Instance(compileNative(bytes)).exports;
  return new Store().instantiate(new WebAssembly.Module(transform(bytes, { linking: variant }).bytes)).exports;
}

function compileNative(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) notNative(error);
    throw error;
  }
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
