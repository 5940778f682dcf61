// Compiles the AssemblyScript guests. The compiler is the npm package `assemblyscript`, which the project does not depend on:
// install it anywhere and name the folder.
//
//   npm install --prefix /tmp/asc assemblyscript
//   node examples/assemblyscript/build.ts /tmp/asc
//
// Writes GUEST.wasm beside each source, and what they were made from to built.json. All are checked in.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hash } from '../guests/sources.ts';
import { flagsOf, type GuestName, guests, recordPath, root, sourceHash, sourceOf, wasmPath } from './sources.ts';

interface Compiler {
  main(
    args: readonly string[],
    host: {
      readFile(name: string, base: string): string | null;
      writeFile(name: string, contents: Uint8Array | string): void;
      listFiles(): string[];
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

const limit = 100_000;

const [folder = '.'] = process.argv.slice(2);
const path = resolve(folder, 'node_modules', 'assemblyscript', 'dist', 'asc.js');
const asc = (await import(pathToFileURL(path).href)) as Compiler;

async function build(guest: GuestName): Promise<Uint8Array> {
  let wasm: Uint8Array = new Uint8Array();
  const { error, stderr } = await asc.main([sourceOf(guest), '-o', 'guest.wasm', ...flagsOf(guest)], {
    readFile: (name) => {
      try {
        return readFileSync(join(root, name), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (_, contents) => {
      if (contents instanceof Uint8Array) wasm = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || wasm.length === 0) throw new Error(`${guest}: ${error?.message ?? 'no module'}\n${stderr}`);
  if (wasm.length > limit) throw new Error(`${guest}: ${wasm.length} bytes, more than ${limit}`);
  return wasm;
}

const record: Record<string, { source: string; wasm: string }> = {};
for (const guest of guests) {
  const bytes = await build(guest);
  writeFileSync(wasmPath(guest), bytes);
  record[guest] = { source: sourceHash(guest), wasm: hash(bytes) };
  console.log(`${guest}.wasm: ${bytes.length} bytes`);
}
writeFileSync(recordPath, `${JSON.stringify(record, null, 2)}\n`);
