// Builds the programs as people build them: clang, and Binaryen's tools behind it. The compiler is not a dependency of the project:
//
//   npm install --prefix /tmp/clang @yowasp/clang
//   node bench/fibers/build.ts /tmp/clang [PROGRAM...]
//
// Writes built/BACK END/PROGRAM.wasm, and what they were made from to built/built.json. The built files are checked in.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadCompiler, type RunClang } from '../../scripts/clang.ts';
import {
  BACK_ENDS,
  type BackEnd,
  type Built,
  builtPath,
  flagsFor,
  hash,
  OPTIMISE,
  PROGRAMS,
  readRecord,
  recordPath,
  sourceHash,
  sources,
} from './sources.ts';

const tools = join(dirname(createRequire(import.meta.url).resolve('binaryen')), 'bin');
function binaryen(tool: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, [join(tools, tool), ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
}

async function build(runClang: RunClang, program: string, backEnd: BackEnd): Promise<Built> {
  const output = await runClang(['clang', ...flagsFor(program, backEnd)], Object.fromEntries(sources()));
  const compiled = output['program.wasm'];
  if (!(compiled instanceof Uint8Array)) throw new Error(`${program}: the compiler wrote no module`);
  const folder = mkdtempSync(join(tmpdir(), 'fibers-'));
  try {
    let input = join(folder, 'program.wasm');
    writeFileSync(input, compiled);
    if (backEnd === 'switching') {
      const library = join(folder, 'switching.wasm');
      const merged = join(folder, 'merged.wasm');
      binaryen('wasm-as', join(import.meta.dirname, 'library', 'fiber-switching.wat'), '-all', '-g', '-o', library);
      binaryen('wasm-merge', input, 'fiber', library, 'switching', '-all', '-g', '-o', merged);
      input = merged;
    }
    const path = builtPath(backEnd, program);
    mkdirSync(dirname(path), { recursive: true });
    binaryen('wasm-opt', input, ...OPTIMISE[backEnd], '-o', path);
    const wasm = readFileSync(path);
    console.log(`${backEnd}/${program}.wasm: ${wasm.length} bytes`);
    return { source: sourceHash(program, backEnd), wasm: hash(wasm) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [folder = '.', ...named] = process.argv.slice(2);
const runClang = await loadCompiler(folder);
const record: Record<string, Built> = named.length === 0 ? {} : { ...readRecord() };
for (const name of named.length === 0 ? PROGRAMS.map((program) => program.name) : named) {
  for (const backEnd of BACK_ENDS) record[`${backEnd}/${name}`] = await build(runClang, name, backEnd);
}
const sorted = Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(recordPath, `${JSON.stringify(sorted, null, 2)}\n`);
