import type { Exports, ModeStore } from './modes/mode.ts';
import { parseText } from './text.ts';

const printSignatures: readonly (readonly string[])[] = [
  [],
  ['i32'],
  ['i64'],
  ['f32'],
  ['f64'],
  ['i32', 'f32'],
  ['f64', 'f64'],
];

const table64 = `(table (export "table64") i64 10 20 funcref)`;

const spectestText = (optional: string): string => `(module
  ${printSignatures.map((types) => `(import "host" "${printName(types)}" (func (param ${types.join(' ')})))`).join('\n')}
  ${printSignatures.map((types, index) => `(export "${printName(types)}" (func ${index}))`).join('\n')}
  (global (export "global_i32") i32 (i32.const 666))
  (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6))
  (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref)
  ${optional}
  (memory (export "memory") 1 2))`;

/** What is asked of a reference whose kind JavaScript does not show: 1 for i31, 2 for struct, 3 for array, 0 for others. */
const inspectorText = `(module
  (func $any (export "any") (param anyref) (result i32)
    (if (ref.test (ref i31) (local.get 0)) (then (return (i32.const 1))))
    (if (ref.test (ref struct) (local.get 0)) (then (return (i32.const 2))))
    (if (ref.test (ref array) (local.get 0)) (then (return (i32.const 3))))
    (i32.const 0))
  (func (export "extern") (param externref) (result i32)
    (call $any (any.convert_extern (local.get 0)))))`;

interface HostBinaries {
  readonly spectest: Uint8Array;
  readonly inspector: Uint8Array;
}
let binaries: Promise<HostBinaries> | undefined;

async function assemble(): Promise<HostBinaries> {
  const full = await parseText(spectestText(table64));
  // An engine without 64-bit tables runs the scripts that do without.
  const supported = WebAssembly.validate(full as Uint8Array<ArrayBuffer>);
  return { spectest: supported ? full : await parseText(spectestText('')), inspector: await parseText(inspectorText) };
}

/** The runner's own two modules, assembled once. */
export function hostBinaries(): Promise<HostBinaries> {
  binaries ??= assemble();
  return binaries;
}

/**
 * The module "spectest" that scripts may import from. It is a real instance of the mode, so that its exports have types;
 * `print` receives one line per call of a print function. Source: the reference interpreter's README, Spectest host module.
 */
export function instantiateSpectest(store: ModeStore, binary: Uint8Array, print: (line: string) => void): Exports {
  const host: Record<string, unknown> = {};
  for (const types of printSignatures) {
    host[printName(types)] = (...values: unknown[]) => {
      print(values.map((value, index) => `${String(value)} : ${types[index]}`).join(' '));
    };
  }
  return store.instantiate(store.compile(binary), { host });
}

function printName(types: readonly string[]): string {
  return ['print', ...types].join('_');
}
