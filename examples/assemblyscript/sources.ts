import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '../guests/sources.ts';

export const root = join(import.meta.dirname, '..', '..');
/** Each is `NAME.ts` here. */
export const guests = ['primes', 'library', 'pipeline', 'threads'] as const;
export type GuestName = (typeof guests)[number];
export const sourceOf = (guest: GuestName): string => `examples/assemblyscript/${guest}.ts`;
const library = ['signal', 'threads'].map((name) => `engine/guest/assemblyscript/${name}.ts`);

/** Arguments of the compiler: no handler lies at 0 or 1, and the host can look at the table. */
const flags: readonly string[] = ['-O2', '--runtime', 'stub', '--exportTable', '--tableBase', '2', '--use', 'abort='];

/** Its top-level code makes what its threads share: `_start` runs it, once there is a process. */
const withStart: readonly GuestName[] = ['threads'];
export const flagsOf = (guest: GuestName): readonly string[] =>
  withStart.includes(guest) ? [...flags, '--exportStart', '_start'] : flags;

export const wasmPath = (guest: GuestName): string => join(import.meta.dirname, `${guest}.wasm`);
export const recordPath = join(import.meta.dirname, 'built.json');

/** The hash of everything a guest is made from. */
export function sourceHash(guest: GuestName): string {
  const files = [sourceOf(guest), ...library].map((path) => `${path} ${hash(readFileSync(join(root, path)))}\n`);
  return hash(files.join('') + flagsOf(guest).join('\n'));
}
