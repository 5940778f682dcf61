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
  writeFileSync(
    at('waits.wasm'),
    await parseText(`(module (import "env" "memory" (memory 1 4 shared))
      (func $wait (export "_start") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))`),
  );
  writeFileSync(at('big.wasm'), await parseText(text('x'.repeat(300_000))));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function transform(isTerminal: boolean, ...args: string[]): Promise<string> {
  return ended(0, isTerminal, ...args);
}

async function ended(status: number, isTerminal: boolean, ...args: string[]): Promise<string> {
  let output = '';
  const out = (text: string | Uint8Array): void => {
    output += text;
  };
  expect(await cli(['transform', ...args], { out, err: out, isTerminal })).toBe(status);
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

it.each(['frames', 'binaryen'])('lowers waits and shared memories where it is told to: %s', async (instrumenter) => {
  const args = [at('waits.wasm'), '-o', at('out.wasm'), '--instrumenter', instrumenter];
  const memory = { address: 'i32', min: 1, max: 4, import: { module: 'env', name: 'memory' }, export: null };
  const host = () => new Runtime().load(readFileSync(at('out.wasm'))).manifest?.host;
  await transform(false, ...args);
  expect(host()).toMatchObject({ suspending: [], memories: [{ ...memory, shared: true }] });
  const waits = { suspending: [{ module: 'bobbin:atomics', name: 'wait32' }] };
  await transform(false, ...args, '--atomic-waits', 'suspending');
  expect(host()).toMatchObject({ ...waits, memories: [{ ...memory, shared: true }] });
  await transform(false, ...args, '--atomic-waits=suspending', '--shared-memories=plain');
  expect(host()).toMatchObject({ ...waits, memories: [{ ...memory, shared: false }] });
  expect(await ended(1, false, ...args, '--shared-memories', 'plain')).toMatch(
    /a wait on a memory that becomes plain would trap: .* \(at byte \d+, function 0, memory\.atomic\.wait32\)/,
  );
});

it('suspending waits make what a process can run, and are explained', async () => {
  const args = [at('waits.wasm'), '-o', at('out.wasm'), '--atomic-waits', 'suspending', '--explain'];
  expect(await transform(false, ...args)).toMatch(
    /^1 of 1 functions instrumented\n\nfunction 0 \$wait\n {4}at byte \d+, memory\.atomic\.wait32.*: waits\n$/,
  );
  const { manifest } = new Runtime().load(readFileSync(at('out.wasm')));
  expect(manifest).toMatchObject({ linking: 'closed', host: { poll: 'fuel', entries: ['_start'] } });
  expect(await ended(2, false, ...args, '--linking', 'linked')).toContain('is closed, not linked');
  expect(await ended(2, false, ...args, '--atomic-waits', 'green')).toContain(
    '--atomic-waits is native or suspending, not "green"',
  );
  expect(await ended(2, false, ...args, '--shared-memories', 'none')).toContain(
    '--shared-memories is keep or plain, not "none"',
  );
});

it('explains which imports that only call back are called without the host', async () => {
  const call = '(call $x (i32.const 1))';
  const text = (table: string): string =>
    `(module (import "env" "invoke_v" (func $x (param i32))) ${table} (func (export "_start") ${call}))`;
  writeFileSync(at('table.wasm'), await parseText(text('(table 1 funcref)')));
  writeFileSync(at('none.wasm'), await parseText(text('')));
  const explained = async (file: string, ...more: string[]): Promise<string> =>
    transform(false, at(file), '-o', at('out.wasm'), '--yield', 'fuel', '--explain', ...more);
  expect(await explained('table.wasm')).toContain('env.invoke_v: called without the host\n');
  expect(await explained('none.wasm')).toContain(
    'env.invoke_v: called by way of the host, as nothing tells which table',
  );
  expect(await explained('table.wasm', '--transparent', 'none')).not.toContain('invoke_v');
  expect(await explained('table.wasm', '--transparent', 'env.*')).toContain('env.invoke_v: called without the host\n');
  expect(await explained('table.wasm', '--instrumenter', 'binaryen')).toContain('as Asyncify cannot');
});
