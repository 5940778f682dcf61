import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseText } from '../spec-tests/runner/index.ts';

const root = resolve(import.meta.dirname, '..');
const text = readFileSync(join(root, 'docs', 'schedulers.md'), 'utf8');

/** Each program, and what it prints. */
const programs = [...text.matchAll(/^```ts\n(.*?)^```\n\n```text\n(.*?)^```$/gms)].map(
  ([, code = '', output = '']) => ({
    code,
    output,
  }),
);

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'schedulers-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'bobbin-wasm'));
  for (const name of ['requests', 'library', 'program']) {
    const source = readFileSync(join(root, 'examples', 'schedulers', `${name}.wat`), 'utf8');
    writeFileSync(join(folder, `${name}.wasm`), await parseText(source));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('docs/schedulers.md', () => {
  it('shows what each of its programs prints', () => {
    expect(programs.length).toBe([...text.matchAll(/^```ts$/gm)].length);
    expect(programs.length).toBeGreaterThan(5);
  });

  it("shows a policy of one's own of about a dozen lines", () => {
    const policies = [...text.matchAll(/^class \w+ implements Policy \{\n.*?^\}$/gms)];
    expect(policies).toHaveLength(1);
    expect(policies[0]?.[0].split('\n').length).toBeLessThan(15);
  });

  it.each(programs)('$code', ({ code, output }) => {
    const file = join(folder, 'program.ts');
    writeFileSync(file, code);
    const result = spawnSync(process.execPath, ['program.ts'], { cwd: folder, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.stdout).toBe(output);
    expect(result.status).toBe(0);
  });
});
