import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { importsOf, type Module } from '../../asyncify/binary/index.ts';
import { decode, type TransformOptions, transform, validate } from '../../asyncify/index.ts';
import { HOST_EXPORTS } from '../../asyncify/lower/interface.ts';
import { freestanding, guests, hash, readRecord, sourceHash, threaded, wasmPath } from './sources.ts';

const options = {
  linking: 'closed',
  suspending: ['bobbin:signal.*', 'wasi_snapshot_preview1.*'],
} as const satisfies TransformOptions;
const record = readRecord();
const read = (guest: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(wasmPath(guest)));

describe('the checked-in guests', () => {
  it('are all there, and no others', () => {
    const compiled = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.wasm'));
    expect(compiled.sort()).toEqual(guests.map((guest) => `${guest}.wasm`));
    expect(Object.keys(record)).toEqual(guests);
  });

  it.each(guests)('%s is what build.ts made of its source as it is now', (guest) => {
    const bytes = read(guest);
    expect(record[guest]).toEqual({ source: sourceHash(guest), wasm: hash(bytes) });
    expect(bytes.length).toBeLessThan(100_000);
  });

  const hosted = guests.filter((guest) => !freestanding(guest));

  it.each(hosted)('%s has the imports and exports of a guest with signals, or with threads', (guest) => {
    const module = decode(read(guest));
    expect(() => validate(module)).not.toThrow();
    const imports = importsOf(module, 'func').map(({ module: from, name }) => `${from}.${name}`);
    const allowed = threaded(guest)
      ? /^(wasi_snapshot_preview1|bobbin:signal|bobbin:threads|network)\./
      : /^(wasi_snapshot_preview1|bobbin:signal)\./;
    for (const name of imports) expect(name).toMatch(allowed);
    expect(module.imports).toHaveLength(imports.length);

    const exported = new Map(module.exports.map(({ name, kind }) => [name, kind]));
    expect(Object.fromEntries(exported)).toEqual({
      memory: 'memory',
      _start: 'func',
      __bobbin_signal: 'func',
      __stack_pointer: 'global',
      __stack_low: 'global',
      __indirect_function_table: 'table',
      ...(threaded(guest) ? { __bobbin_thread: 'func', __bobbin_thread_lost: 'func' } : {}),
      ...(imports.includes('bobbin:signal.sigleave') ? { __bobbin_enter: 'func' } : {}),
    });
    expect(globalOf(module, '__stack_pointer')).toEqual({ mutable: true, type: 'i32' });
    expect(globalOf(module, '__stack_low')).toEqual({ mutable: false, type: 'i32' });
  });

  it.each(guests.filter(freestanding))('%s has the imports and exports of wasi-threads', (guest) => {
    const module = decode(read(guest));
    expect(() => validate(module)).not.toThrow();
    expect(module.imports.map(({ module: from, name }) => `${from}.${name}`).sort()).toEqual([
      'env.memory',
      'wasi.thread-spawn',
      'wasi_snapshot_preview1.args_sizes_get',
      'wasi_snapshot_preview1.fd_write',
    ]);
    expect(module.imports.find(({ name }) => name === 'memory')?.desc).toMatchObject({ type: { shared: true } });
    expect(module.exports.map(({ name }) => name).sort()).toEqual(['_start', 'memory', 'wasi_thread_start']);
    expect(module.start).not.toBeNull();
  });

  it.each(hosted)('%s can be transformed for a process', (guest) => {
    const bytes = read(guest);
    for (const yields of ['fuel', 'epoch'] as const) {
      const transformed = transform(bytes, { ...options, yields }).bytes;
      expect(WebAssembly.validate(transformed)).toBe(true);
      const names = WebAssembly.Module.exports(new WebAssembly.Module(transformed)).map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([HOST_EXPORTS.new('_start'), HOST_EXPORTS.new('__bobbin_signal')]));
      expect(names).toEqual(
        expect.arrayContaining(WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(nameOf)),
      );
    }
  });
});

const nameOf = ({ name }: { name: string }): string => name;

function globalOf(module: Module, name: string): unknown {
  const index = module.exports.find((entry) => entry.name === name)?.index;
  return module.globals[index ?? -1]?.type;
}
