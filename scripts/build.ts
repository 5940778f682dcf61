import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

const common = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2024',
  packages: 'external',
  sourcemap: true,
  metafile: true,
  outdir: dist,
  logLevel: 'warning',
} satisfies BuildOptions;

/** Bundles the library and the command line to `dist/`. Throws where that fails. */
export async function bundle(): Promise<void> {
  const library = await build({
    ...common,
    platform: 'neutral',
    chunkNames: 'chunks/library-[hash]',
    entryPoints: {
      index: 'engine/index.ts',
      runtime: 'engine/runtime.ts',
      scheduler: 'engine/scheduler/index.ts',
      timeline: 'engine/timeline/index.ts',
      threads: 'engine/threads/index.ts',
      wasi: 'engine/sandbox/index.ts',
      asyncify: 'asyncify/index.ts',
      continuations: 'continuations/index.ts',
    },
  });
  const cli = await build({
    ...common,
    platform: 'node',
    chunkNames: 'chunks/[name]-[hash]',
    entryPoints: { cli: 'engine/cli/main.ts' },
  });
  const written = new Set([...Object.keys(library.metafile.outputs), ...Object.keys(cli.metafile.outputs)]);
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const file = relative(root, join(dist, name));
    if (/\.js(\.map)?$/.test(name) && !written.has(file.replaceAll('\\', '/'))) rmSync(join(root, file));
  }
}

/** Writes the declarations to `dist/types`; the exit status. */
function declarations(): number {
  rmSync(join(dist, 'types'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' }).status ?? 1;
}

if (import.meta.main) {
  await bundle();
  process.exitCode = declarations();
}
