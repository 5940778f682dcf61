import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

it('docs/running.md: the program prints what is shown', () => {
  const text = readFileSync(join(root, 'docs', 'running.md'), 'utf8');
  const [, code = '', output] = /^```ts\n(.*?)^```$.*?^```text\n(.*?)^```$/ms.exec(text) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', 'bobbin-wasm'));
    copyFileSync(join(root, 'examples', 'guests', 'repl.wasm'), join(folder, 'program.wasm'));
    writeFileSync(join(folder, 'host.ts'), code);
    const result = spawnSync(process.execPath, ['host.ts'], { cwd: folder, encoding: 'utf8' });
    const out = result.stdout.replace(/ +$/gm, '');
    expect({ out, err: result.stderr }).toEqual({ out: output, err: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
