import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files by their path from the project's root. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** What is recorded of each guest when it is built; hashes are SHA-256 in hexadecimal. */
export interface Built {
  /** Of the sources, headers and flags it was made from. */
  readonly source: string;
  readonly wasm: string;
}

const root = join(import.meta.dirname, '..', '..');
export const directory = 'examples/guests';
const library = 'engine/guest';
const jumping = new Set(['jump']);
const leaving = new Set(['stuck-handler']);
/** Whether it has threads. */
export const threaded = (guest: string): boolean => guest.startsWith('threads-');
/** Whether it is built for wasi-threads: without a C library, over a shared memory that it imports. */
export const freestanding = (guest: string): boolean => guest === 'wasi-threads';
/** What shows that locks are needed goes without them. */
const unlocked = new Set(['threads-unlocked']);
/** What the library has for threads only. */
const THREADS = /^threads\/|^include\/threads\.h$|^include\/bobbin\//;
const THREAD_FILES = ['lock', 'thread', 'result', 'mutex', 'tss', 'sync', 'channel'];
const LOCKING_FILES = ['malloc', 'stream', 'stdio', 'wide-stdio'];

/** The guests' names: each is `NAME.c` here. */
export const guests: readonly string[] = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2))
  .sort();

export const wasmPath = (guest: string): string => join(import.meta.dirname, `${guest}.wasm`);
export const recordPath = join(import.meta.dirname, 'built.json');

/** Everything a guest is made from. */
export function sourcesOf(guest: string): Files {
  if (freestanding(guest)) {
    const path = `${directory}/${guest}.c`;
    return new Map([[path, readFileSync(join(root, path))]]);
  }
  const threads = threaded(guest);
  const own = readdirSync(join(root, directory)).filter(
    (name) => name === `${guest}.c` || (name.endsWith('.h') && (threads || name !== 'threaded.h')),
  );
  if (unlocked.has(guest)) own.push('threads-stress.c');
  const shared = readdirSync(join(root, library), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.[ch]$|^threads\/link\.txt$/.test(name) && (threads || !THREADS.test(name)));
  const paths = [...own.map((name) => `${directory}/${name}`), ...shared.map((name) => `${library}/${name}`)].sort();
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))]));
}

const FREESTANDING: readonly string[] = [
  '--target=wasm32-wasip1-threads',
  '-nostdlib',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-matomics',
  '-mbulk-memory',
  '-mthread-model',
  'posix',
  '-ftls-model=local-exec',
  '-Wl,--no-entry',
  '-Wl,--shared-memory',
  '-Wl,--import-memory',
  '-Wl,--export-memory',
  '-Wl,--max-memory=1048576',
  '-Wl,--strip-all',
];

/** The compiler's arguments for a guest, from the project's root. */
export function flagsFor(guest: string): readonly string[] {
  if (freestanding(guest)) return [...FREESTANDING, `${directory}/${guest}.c`, '-o', `${guest}.wasm`];
  const jumps = jumping.has(guest);
  const threads = threaded(guest);
  const locked = threads && !unlocked.has(guest);
  const files = [
    ...['signal', 'sigset', 'sleep'],
    ...(jumps ? ['jump'] : []),
    ...(leaving.has(guest) ? ['leave'] : []),
    ...[...(threads ? THREAD_FILES : []), ...(locked ? LOCKING_FILES : [])].map((name) => `threads/${name}`),
  ];
  return [
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    `-I${library}/include`,
    // An interrupted guest has its stack pointer set for a handler, and handlers are found in the table.
    '-Wl,--export=__stack_pointer',
    '-Wl,--export=__stack_low',
    '-Wl,--export-table',
    // Deep calls, and handlers below them.
    '-Wl,-z,stack-size=1048576',
    '-Wl,--strip-all',
    // A memory that some hundred threads fill.
    ...(guest === 'threads-errors' ? ['-Wl,--max-memory=16777216'] : []),
    // setjmp and longjmp by Wasm's exceptions.
    ...(jumps ? ['-mllvm', '-wasm-enable-sjlj', '-mllvm', '-wasm-use-legacy-eh=false', '-lsetjmp'] : []),
    // All calls of the allocator and of <stdio.h> by way of the library's locks.
    ...(locked ? [`@${library}/threads/link.txt`] : []),
    `${directory}/${guest}.c`,
    ...files.map((name) => `${library}/${name}.c`),
    '-o',
    `${guest}.wasm`,
  ];
}

export const hash = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** The hash of everything a guest is made from. */
export function sourceHash(guest: string): string {
  const parts = [...sourcesOf(guest)].map(([path, bytes]) => `${path} ${hash(bytes)}\n`);
  return hash([...parts, ...flagsFor(guest)].join('\n'));
}

/** What was recorded when the guests were built. */
export function readRecord(): Readonly<Record<string, Built>> {
  return JSON.parse(readFileSync(recordPath, 'utf8'));
}
