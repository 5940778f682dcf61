import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { transform } from '../../asyncify/index.ts';
import { suspendingImports } from '../../engine/process/index.ts';
import { suspendingThreads } from '../../engine/threads/index.ts';
import { suspendingWasiImports } from '../../engine/wasi/index.ts';

const root = resolve(import.meta.dirname, '..', '..');

/**
 * Writes the page to a folder: `index.html`, its style, its script, and the guest, transformed here: the page has the runtime only.
 *
 * @returns the files that the script is made of, from the project's root
 * @throws where esbuild or the transform fails
 */
export async function buildPage(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { page: 'examples/timeline/page/main.ts' },
    outdir: folder,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    minify: true,
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'page.css']) copyFileSync(join(import.meta.dirname, name), join(folder, name));
  const guest = readFileSync(join(root, 'examples', 'guests', 'threads-workshop.wasm'));
  const suspending = [...suspendingImports, ...suspendingWasiImports, ...suspendingThreads];
  const { bytes } = transform(guest, { linking: 'closed', yields: 'fuel', suspending });
  writeFileSync(join(folder, 'workshop.wasm'), bytes);
  return Object.keys(metafile.inputs);
}
