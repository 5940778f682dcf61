// Compiles the guests. The compiler is the npm package `@yowasp/clang`, which the project does not depend on: install it
// anywhere and name the folder.
//
//   npm install --prefix /tmp/clang @yowasp/clang
//   node examples/guests/build.ts /tmp/clang [GUEST...]
//
// Writes GUEST.wasm beside each GUEST.c, and what they were made from to built.json. The compiled files are checked in.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
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

type Tree = { [name: string]: Tree | string | Uint8Array };
type RunClang = (args: readonly string[], files: Tree) => Promise<Tree>;

const limit = 100_000;

/** The compiler, from the packages of a folder. */
async function loadCompiler(folder: string): Promise<RunClang> {
  const path = createRequire(join(resolve(folder), 'package.json')).resolve('@yowasp/clang');
  const { runClang } = (await import(pathToFileURL(path).href)) as { runClang: RunClang };
  return runClang;
}

function treeOf(files: ReadonlyMap<string, Uint8Array>): Tree {
  const tree: Tree = {};
  for (const [path, bytes] of files) {
    const names = path.split('/');
    const last = names.pop() as string;
    let folder = tree;
    for (const name of names) {
      folder[name] ??= {};
      folder = folder[name] as Tree;
    }
    folder[last] = bytes;
  }
  return tree;
}

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
