import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseText } from '../spec-tests/runner/index.ts';

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** A code block, and what the README shows as its output, if it does. */
interface Block {
  readonly language: string;
  readonly code: string;
  readonly output: string | null;
}

const blocks: Block[] = [];
for (const [, language = '', code = ''] of readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
  const last = blocks.at(-1);
  if (language !== 'text') blocks.push({ language, code, output: null });
  else if (last !== undefined) blocks[blocks.length - 1] = { ...last, output: code };
}

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'readme-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'bobbin-wasm'));
  symlinkSync(join(root, 'examples'), join(folder, 'examples'));
  const binary = async (name: string) => parseText(readFileSync(join(root, 'examples', name), 'utf8'));
  writeFileSync(join(folder, 'squares.wasm'), await binary('squares.wat'));
  writeFileSync(join(folder, 'spin.wasm'), await binary('spin.wat'));
  writeFileSync(join(folder, 'program.wasm'), await binary('scheduler.wat'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Inside of the tests there is nothing to install, and the tests run already. */
const outside = /^npm (ci|test)$/;

const commandsOf = (code: string): string[] => code.split('\n').flatMap((line) => line.split(' && '));

function shell(code: string) {
  const lines = commandsOf(code).filter((line) => !outside.test(line));
  const npx = 'npx() { shift; node "$BOBBIN" "$@"; }';
  return spawnSync('sh', ['-e', '-c', [npx, ...lines].join('\n')], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      BOBBIN: join(root, 'bin', 'bobbin.mjs'),
      PATH: `${join(process.execPath, '..')}:${process.env.PATH}`,
    },
  });
}

describe('README', () => {
  it('has the blocks that are looked at here', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['sh', 'sh', 'ts', 'ts', 'ts', 'c', 'sh', 'sh', 'sh']);
    expect(blocks.filter(({ output }) => output !== null)).toHaveLength(6);
  });

  it('installs and tests as CI does', () => {
    const ci = readFileSync(join(root, '.ci', 'run'), 'utf8').split('\n');
    const lines = blocks.flatMap(({ code }) => commandsOf(code));
    expect(ci.filter((line) => outside.test(line))).toEqual(lines.filter((line) => outside.test(line)));
  });

  it.each(blocks.filter(({ language }) => language === 'sh'))('shell: $code', ({ code, output }) => {
    const result = shell(code);
    expect(result.stderr).toBe('');
    if (output !== null) expect(result.stdout).toBe(output);
    expect(result.status).toBe(0);
  });

  it.each(blocks.filter(({ language }) => language === 'ts'))('the library, in less than 15 lines: $code', (block) => {
    const { code, output } = block;
    expect(code.trimEnd().split('\n').length).toBeLessThan(15);
    writeFileSync(join(folder, 'program.ts'), code);
    const result = spawnSync(process.execPath, ['program.ts'], { cwd: folder, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.stdout).toBe(output);
  });

  it('the guest in C, in less than 20 lines, is the one that is run', () => {
    const [source] = blocks.filter(({ language }) => language === 'c').map(({ code }) => code);
    expect(source).toBe(readFileSync(join(root, 'examples', 'guests', 'threads-tiny.c'), 'utf8'));
    expect(source?.trimEnd().split('\n').length).toBeLessThan(20);
  });

  it('the host program among the examples', () => {
    expect(shell('npx bobbin transform examples/squares.wat -o transformed.wasm').status).toBe(0);
    const host = join(root, 'examples', 'host.ts');
    const result = spawnSync(process.execPath, [host, 'transformed.wasm'], { cwd: folder, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toEqual(['1', '4', '9']);
    expect(result.stdout).toMatch(/continuation already consumed\n$/);
  });
});
