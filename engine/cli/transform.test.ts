import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { Runtime } from '../index.ts';
import { cli } from './cli.ts';

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  const text = (data: string): string => `(module (import "a" "f" (func $f)) (memory 8) (data (i32.const 0) "${data}")
    (func (export "_start") (loop $l (call $f) (br_if $l (i32.const 0)))))`;
  writeFileSync(at('small.wasm'), await parseText(text('')));
  writeFileSync(at('big.wasm'), await parseText(text('x'.repeat(300_000))));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function transform(isTerminal: boolean, ...args: string[]): Promise<string> {
  let output = '';
  const out = (text: string | Uint8Array): void => {
    output += text;
  };
  expect(await cli(['transform', ...args], { out, err: out, isTerminal })).toBe(0);
  return output;
}

it.each([
  ['big.wasm', true, ['analyse', 'asyncify', 'optimize', 'finish']],
  ['big.wasm', false, []],
  ['small.wasm', true, []],
] as const)('says what takes long: %s, on a terminal: %s', async (file, isTerminal, steps) => {
  const args = [at(file), '-o', at('out.wasm'), '--yield', 'fuel', '--suspending', 'a.f', '--optimize', '1'];
  const shown = await transform(isTerminal, ...args, '--instrumenter', 'binaryen');
  expect(shown).toBe(steps.map((step) => `${step}...\n`).join(''));
  const { manifest } = new Runtime().load(readFileSync(at('out.wasm')));
  expect(manifest).toMatchObject({ instrumenter: 'binaryen', host: { poll: 'fuel', entries: ['_start'] } });
  expect(manifest?.host?.suspending).toEqual([{ module: 'a', name: 'f' }]);
});

it('says nothing about frames', async () => {
  expect(await transform(true, at('big.wasm'), '-o', at('out.wasm'), '--yield', 'epoch')).toBe('');
  expect(new Runtime().load(readFileSync(at('out.wasm'))).manifest).toMatchObject({
    instrumenter: 'frames',
    host: { poll: 'epoch', epochWord: 'shared' },
  });
});
