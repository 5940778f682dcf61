// Compiles the guests. The compiler is the npm package `@yowasp/clang`, which the project does not depend on: install it
// anywhere and name the folder.
//
//   npm install --prefix /tmp/clang @yowasp/clang
//   node examples/guests/build.ts /tmp/clang [GUEST...]
//
// Writes GUEST.wasm beside each GUEST.c, and what they were made from to built.json. The compiled files are checked in.
import { writeFileSync } from 'node:fs';
import { loadCompiler, type RunClang, treeOf } from '../../scripts/clang.ts';
import {
  type Built,
  flagsFor,
  guests,
  hash,
  readRecord,
  recordPath,
  sourceHash,
  sourcesOf,
  wasmPath,
} from './sources.ts';

const limit = 100_000;

async function build(runClang: RunClang, guest: string): Promise<Built> {
  const output = await runClang(['clang', ...flagsFor(guest)], treeOf(sourcesOf(guest))).catch((error: unknown) => {
    // The compiler has said why, and the error holds every file.
    throw new Error(`${guest}: ${error instanceof Error ? error.message : error}`);
  });
  const wasm = output[`${guest}.wasm`];
  if (!(wasm instanceof Uint8Array)) throw new Error(`${guest}: the compiler wrote no module`);
  if (wasm.length > limit) throw new Error(`${guest}: ${wasm.length} bytes, more than ${limit}`);
  writeFileSync(wasmPath(guest), wasm);
  console.log(`${guest}.wasm: ${wasm.length} bytes`);
  return { source: sourceHash(guest), wasm: hash(wasm) };
}

const [folder = '.', ...named] = process.argv.slice(2);
const runClang = await loadCompiler(folder);
const record: Record<string, Built> = named.length === 0 ? {} : { ...readRecord() };
for (const guest of named.length === 0 ? guests : named) record[guest] = await build(runClang, guest);
const sorted = Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(recordPath, `${JSON.stringify(sorted, null, 2)}\n`);
