import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseText } from '../runner/index.ts';
import { parseScript } from '../runner/script.ts';

const root = resolve(import.meta.dirname, '../..');

const files = (folder: string, extension: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name));

/** The binaries of all valid modules of this project: its test suites, its benchmark programs, its examples. */
export async function smallModules(): Promise<Uint8Array<ArrayBuffer>[]> {
  const texts = ['bench/programs', 'examples'].flatMap((folder) =>
    files(join(root, folder), '.wat').map((file) => readFileSync(file, 'utf8')),
  );
  for (const file of files(join(root, 'spec-tests/suites'), '.wast')) {
    for (const command of parseScript(readFileSync(file, 'utf8'))) {
      if (command.type === 'module' && command.source.form === 'text') texts.push(command.source.text);
    }
  }
  return Promise.all(texts.map(async (text) => new Uint8Array(await parseText(text))));
}

/** The core module of a compiler tool that the tests depend on: megabytes of real code. */
export function largeModule(): Uint8Array<ArrayBuffer> {
  const entry = createRequire(import.meta.url).resolve('@bytecodealliance/jco-transpile/wasm-tools');
  return new Uint8Array(readFileSync(join(dirname(entry), '../vendor/wasm-tools.core.wasm')));
}
