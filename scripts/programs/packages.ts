import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The versions that the checks are written for. */
const PACKAGES = {
  '@micropython/micropython-webassembly-pyscript': '1.27.0',
  'sql.js': '1.17.0',
  wasmoon: '1.16.0',
} as const;
export type PackageName = keyof typeof PACKAGES;

/** Installed packages, which the project does not depend on. */
export class Packages {
  readonly #require: NodeJS.Require;

  /** Installs them with npm where they are not there yet. @param folder where to */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
    this.#require = createRequire(manifest);
    const missing = Object.entries(PACKAGES).filter(([name, version]) => this.#version(folder, name) !== version);
    if (missing.length === 0) return;
    const wanted = missing.map(([name, version]) => `${name}@${version}`);
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, ...wanted], { stdio: 'inherit' });
  }

  #version(folder: string, name: string): string | null {
    const path = join(folder, 'node_modules', name, 'package.json');
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : null;
  }

  path(file: string): string {
    return this.#require.resolve(file);
  }

  bytes(file: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(this.path(file)));
  }

  text(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  /** Runs a module of CommonJS anew: some keep the first instance that they make. */
  load<T>(file: string): T {
    delete this.#require.cache[this.path(file)];
    return this.#require(file) as T;
  }

  import<T>(file: string): Promise<T> {
    return import(pathToFileURL(this.path(file)).href) as Promise<T>;
  }
}
