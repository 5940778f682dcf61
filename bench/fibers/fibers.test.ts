import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode, transform, validate } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { BACK_ENDS, type BackEnd, builtPath, hash, PROGRAMS, readRecord, sourceHash } from './sources.ts';

const names = PROGRAMS.map(({ name }) => name);
const SMALL: Readonly<Record<string, number>> = { sieve: 60, skynet: 1_000, many: 20_000, pi: 40, 'switch-pi': 40 };
const USUAL = 3_000;

interface Exports {
  readonly _initialize?: () => void;
  readonly run: (n: number) => number;
}

function run(backEnd: BackEnd, name: string, linking?: 'closed' | 'linked'): number {
  const source = readFileSync(builtPath(backEnd, name));
  const bytes = linking === undefined ? source : transform(source, { linking }).bytes;
  const { exports } = new Store().instantiate(new WebAssembly.Module(bytes));
  const { _initialize, run } = exports as unknown as Exports;
  _initialize?.();
  const n = SMALL[name] ?? USUAL;
  const result = run(n);
  expect(run(n), 'the second time').toBe(result);
  return result;
}

describe.each(BACK_ENDS)('programs of fibers, %s', (backEnd) => {
  it('are all there, and no others', () => {
    const built = readdirSync(dirname(builtPath(backEnd, 'any'))).map((name) => name.replace(/\.wasm$/, ''));
    expect(built.sort()).toEqual(names.toSorted());
  });

  it.each(names)('%s is what build.ts made of its source as it is now', (name) => {
    const bytes = readFileSync(builtPath(backEnd, name));
    expect(readRecord()[`${backEnd}/${name}`]).toEqual({ source: sourceHash(name, backEnd), wasm: hash(bytes) });
    expect(() => validate(decode(bytes))).not.toThrow();
  });
});

describe('fibers by Asyncify and by stack switching', () => {
  it.each(names)('%s comes to the same', (name) => {
    const expected = run('asyncify', name);
    expect(expected).not.toBe(0);
    for (const linking of ['closed', 'linked'] as const)
      expect(run('switching', name, linking), linking).toBe(expected);
  });
});
