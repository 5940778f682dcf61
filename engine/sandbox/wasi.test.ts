import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ERRNO } from '../wasi/constants.ts';
import { errno } from './files/errno.ts';
import { QueuedInput, SandboxError, Wasi, type WasiOptions } from './index.ts';

let memory = new WebAssembly.Memory({ initial: 1 });
let folder = '';
beforeEach(() => {
  memory = new WebAssembly.Memory({ initial: 1 });
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const view = (): DataView => new DataView(memory.buffer);
const bytes = (at: number, size: number): Uint8Array => new Uint8Array(memory.buffer, at, size);

type Call = (name: string, ...args: (number | bigint)[]) => unknown;
function program(options: WasiOptions = {}): { readonly wasi: Wasi; readonly call: Call } {
  const wasi = new Wasi(options);
  wasi.attach(memory);
  const call: Call = (name, ...args) =>
    (wasi.imports[name] as unknown as (...args: (number | bigint)[]) => unknown)(...args);
  return { wasi, call };
}

/** What `args_get` or `environ_get` writes. */
function strings(call: Call, name: 'args' | 'environ'): string[] {
  expect(call(`${name}_sizes_get`, 16, 20)).toBe(0);
  const [count, size] = [view().getUint32(16, true), view().getUint32(20, true)];
  expect(call(`${name}_get`, 64, 1024)).toBe(0);
  const text = new TextDecoder().decode(bytes(1024, size));
  const at = Array.from({ length: count }, (_, index) => view().getUint32(64 + index * 4, true) - 1024);
  return at.map((start) => new TextDecoder().decode(bytes(1024 + start, text.length).slice()).split('\0')[0] ?? '');
}

describe('Wasi', () => {
  it('gives arguments and an environment', () => {
    const { call } = program({ args: ['program', '', 'ä€😀'], env: { LANG: 'C', EMPTY: '', not: undefined, Ü: '=' } });
    expect(strings(call, 'args')).toEqual(['program', '', 'ä€😀']);
    expect(strings(call, 'environ')).toEqual(['LANG=C', 'EMPTY=', 'Ü==']);
    expect(strings(program().call, 'args')).toEqual([]);
  });

  it('has errors of its own for what a program cannot be given', () => {
    const refused = (problem: string) => expect.objectContaining({ name: 'SandboxError', kind: 'sandbox', problem });
    expect(() => new Wasi({ args: ['a\0b'] })).toThrow(refused('bad-argument'));
    expect(() => new Wasi({ env: { 'a=b': '' } })).toThrow(refused('bad-argument'));
    expect(() => new Wasi({ env: { '': '' } })).toThrow(refused('bad-argument'));
    expect(() => new Wasi({ env: { a: '\0' } })).toThrow(refused('bad-argument'));
    expect(() => new Wasi({ folders: { '/': join(folder, 'nowhere') } })).toThrow(refused('no-folder'));
    const early = new Wasi().imports.random_get as unknown as (at: number, size: number) => number;
    expect(() => early(0, 1)).toThrow(SandboxError);
  });

  it('gives folders under the names wanted, and none without', () => {
    writeFileSync(join(folder, 'file'), 'text');
    const { wasi, call } = program({ folders: { '/data': folder, '/more': folder } });
    for (const [fd, name] of [
      [3, '/data'],
      [4, '/more'],
    ] as const) {
      expect(call('fd_prestat_get', fd, 128)).toBe(0);
      const size = view().getUint32(132, true);
      expect(call('fd_prestat_dir_name', fd, 256, size)).toBe(0);
      expect(new TextDecoder().decode(bytes(256, size).slice())).toBe(name);
    }
    bytes(1024, 4).set(new TextEncoder().encode('file'));
    expect(call('path_open', 4, 0, 1024, 4, 0, 2n, 0n, 0, 512)).toBe(0);
    expect(call('fd_prestat_get', 6, 128)).toBe(errno('BADF'));
    wasi.close();
    expect(program().call('fd_prestat_get', 3, 128)).toBe(errno('BADF'));
  });

  it('reads and writes the streams', () => {
    const stdin = new QueuedInput();
    const out: number[] = [];
    const sink = {
      write: (chunk: Uint8Array) => out.push(...chunk) && chunk.length,
      hasRoom: () => true,
      onReady: () => () => {},
    };
    const { call } = program({ stdin, stdout: sink });
    view().setUint32(0, 64, true);
    view().setUint32(4, 8, true);
    expect(call('fd_read', 0, 0, 1, 16)).toBe(ERRNO.AGAIN);
    stdin.push(new TextEncoder().encode('hello'));
    stdin.end();
    expect(call('fd_read', 0, 0, 1, 16)).toBe(0);
    expect(view().getUint32(16, true)).toBe(5);
    expect(call('fd_read', 0, 0, 1, 16)).toBe(0);
    expect(view().getUint32(16, true)).toBe(0);
    expect(call('fd_write', 1, 0, 1, 16)).toBe(0);
    expect(new TextDecoder().decode(Uint8Array.from(out))).toBe('hello\0\0\0');
    expect([call('fd_write', 0, 0, 1, 16), call('fd_read', 1, 0, 1, 16)]).toEqual([ERRNO.BADF, ERRNO.BADF]);
    expect([call('fd_seek', 1, 0n, 0, 16), call('fd_tell', 0, 16)]).toEqual([errno('SPIPE'), errno('SPIPE')]);
    expect(call('fd_fdstat_get', 1, 128)).toBe(0);
    expect(view().getUint8(128)).toBe(2);
    expect([call('fd_read', 9, 0, 1, 16), call('fd_read', 0, 65_530, 1, 16)]).toEqual([ERRNO.BADF, ERRNO.FAULT]);
  });

  it('has clocks and random numbers, and waits', () => {
    const { call } = program();
    expect(call('clock_time_get', 0, 0n, 64)).toBe(0);
    expect(Math.abs(Number(view().getBigUint64(64, true) / 1_000_000n) - Date.now())).toBeLessThan(10_000);
    expect([call('clock_time_get', 7, 0n, 64), call('clock_res_get', 7, 64)]).toEqual([ERRNO.INVAL, ERRNO.INVAL]);
    expect(call('clock_res_get', 1, 64)).toBe(0);
    expect(call('random_get', 0, 65_536)).toBe(0);
    expect(new Set(bytes(60_000, 5000)).size).toBeGreaterThan(200);
    expect(call('random_get', 65_530, 16)).toBe(ERRNO.FAULT);
    bytes(0, 256).fill(0);
    view().setUint32(16, 1, true);
    view().setBigUint64(24, 20_000_000n, true);
    const before = performance.now();
    expect(call('poll_oneoff', 0, 128, 1, 200)).toBe(0);
    expect(performance.now() - before).toBeGreaterThan(15);
    expect(view().getUint32(200, true)).toBe(1);
  });

  it('says what the program has ended with', () => {
    const { wasi, call } = program();
    expect(wasi.exitStatus).toBeUndefined();
    expect(() => call('proc_exit', 7)).toThrow(WebAssembly.RuntimeError);
    expect(wasi.exitStatus).toBe(7);
  });
});

it('bobbin-wasm/wasi needs nothing but Node', () => {
  const dist = resolve(import.meta.dirname, '../../dist');
  const seen = new Set<string>();
  const foreign = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export|\}) ?.*?from "([^"]+)";$/gm)) {
      if (from.startsWith('.')) visit(join(file, '..', from));
      else foreign.add(from);
    }
  };
  visit(join(dist, 'wasi.js'));
  expect(seen.size).toBeGreaterThan(1);
  expect([...foreign].filter((name) => !name.startsWith('node:'))).toEqual([]);
  expect([...foreign]).toContain('node:fs');
});
