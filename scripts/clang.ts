// The C compiler that guests and benchmarks are built with: the npm package `@yowasp/clang`, which the project does not depend on.
//
//   npm install --prefix /tmp/clang @yowasp/clang
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Files and folders by name. */
export type Tree = { [name: string]: Tree | string | Uint8Array };
/** Runs a command line of clang over files, and returns the files that it has written. */
export type RunClang = (args: readonly string[], files: Tree) => Promise<Tree>;

/** The compiler, from the packages of a folder. */
export async function loadCompiler(folder: string): Promise<RunClang> {
  const path = createRequire(join(resolve(folder), 'package.json')).resolve('@yowasp/clang');
  const { runClang } = (await import(pathToFileURL(path).href)) as { runClang: RunClang };
  return runClang;
}

/** Files by their path as a tree. */
export function treeOf(files: ReadonlyMap<string, Uint8Array>): Tree {
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
