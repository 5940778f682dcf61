import { readdirSync, readFileSync } from 'node:fs';
import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim';
import { describe, expect, it } from 'vitest';
import { importsOf, type Module } from '../../asyncify/binary/index.ts';
import { decode, type TransformOptions, transform, validate } from '../../asyncify/index.ts';
import { HOST_EXPORTS, OUTCOME } from '../../asyncify/lower/interface.ts';
import { Store } from '../../continuations/index.ts';
import { guests, hash, readRecord, sourceHash, wasmPath } from './sources.ts';

const SIGUSR1 = 10;
const RED_ZONE = 128;
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

  it.each(guests)('%s has the imports and exports of a guest with signals', (guest) => {
    const module = decode(read(guest));
    expect(() => validate(module)).not.toThrow();
    const imports = importsOf(module, 'func').map(({ module: from, name }) => `${from}.${name}`);
    for (const name of imports) expect(name).toMatch(/^(wasi_snapshot_preview1|bobbin:signal)\./);
    expect(module.imports).toHaveLength(imports.length);

    const exported = new Map(module.exports.map(({ name, kind }) => [name, kind]));
    expect(Object.fromEntries(exported)).toEqual({
      memory: 'memory',
      _start: 'func',
      __bobbin_signal: 'func',
      __stack_pointer: 'global',
      __stack_low: 'global',
      __indirect_function_table: 'table',
      ...(imports.includes('bobbin:signal.sigleave') ? { __bobbin_enter: 'func' } : {}),
    });
    expect(globalOf(module, '__stack_pointer')).toEqual({ mutable: true, type: 'i32' });
    expect(globalOf(module, '__stack_low')).toEqual({ mutable: false, type: 'i32' });
  });

  it.each(guests)('%s can be transformed for a process', (guest) => {
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

describe('a handler at every yield point', () => {
  const programs: readonly (readonly [guest: string, ...args: string[]])[] = [
    ['bench-fib', '17'],
    ['bench-sieve', '8000', '1'],
    ['bench-sha256', '8'],
    ['bench-matrix', '24'],
    ['bench-interpreter', '60'],
    ['bench-quicksort', '1200'],
    ['sieve', '20000'],
    ['deep', '200', '2000'],
  ];
  // The handler of `deep` has a thousand yield points of its own.
  const times = (guest: string): number => (guest === 'deep' ? 600 : 10_000);
  it.each(programs)('changes nothing of what %s prints', (guest, ...args) => {
    const bytes = read(guest);
    const plain = new World([guest, ...args], new WebAssembly.Module(bytes)).call();
    expect(plain.out).toMatch(/[0-9a-f]{16}\n$/);
    const module = new WebAssembly.Module(transform(bytes, { ...options, yields: 'fuel' }).bytes);
    const interrupted = new World([guest, ...args], module).interrupt(times(guest));
    expect(interrupted.handled).toBeGreaterThan(500);
    expect(interrupted.out).toBe(plain.out);
  });

  it('leaves memory as it was, but for what the handler wrote', () => {
    const module = new WebAssembly.Module(transform(read('bench-sha256'), { ...options, yields: 'fuel' }).bytes);
    const { handled, written } = new World(['bench-sha256', '1'], module).interrupt(200, true);
    expect(handled).toBe(200);
    // The counter of the benchmark.
    expect(written.size).toBe(1);
  });
});

const nameOf = ({ name }: { name: string }): string => name;

function globalOf(module: Module, name: string): unknown {
  const index = module.exports.find((entry) => entry.name === name)?.index;
  return module.globals[index ?? -1]?.type;
}

class Exit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

type Continuation = object | null;
interface Exports extends WebAssembly.Exports {
  readonly memory: WebAssembly.Memory;
  readonly __stack_pointer: WebAssembly.Global<'i32'>;
}

/** A guest with a host that can do no more than these tests need: no process, and one signal. */
class World {
  out = '';
  handled = 0;
  /** Addresses that handlers wrote to above the interrupted stack pointer's red zone. */
  readonly written = new Set<number>();
  #handler: number | undefined;
  readonly #exports: Exports;
  readonly #wasi: WASI;

  constructor(args: readonly string[], module: WebAssembly.Module) {
    const decoder = new TextDecoder();
    const stdout = new ConsoleStdout((bytes) => {
      this.out += decoder.decode(bytes, { stream: true });
    });
    const fds = [new OpenFile(new File([])), stdout, new ConsoleStdout(() => {})];
    this.#wasi = new WASI([...args], [], fds, { debug: false });
    const exit = (status: number): never => {
      throw new Exit(status);
    };
    const { instance } = new Store().instantiate(module, {
      wasi_snapshot_preview1: { ...this.#wasi.wasiImport, proc_exit: exit },
      'bobbin:signal': {
        sigaction: (signo: number, act: number) => {
          if (signo === SIGUSR1) this.#handler = new DataView(this.#exports.memory.buffer).getUint32(act, true);
          return 0;
        },
        sigprocmask: () => 0,
        raise: () => 0,
      },
    });
    this.#exports = instance.exports as Exports;
    this.#wasi.inst = instance as { exports: Exports };
  }

  /** Calls the program. */
  call(): this {
    this.#untilExit(() => (this.#exports._start as () => void)());
    return this;
  }

  /** Runs it with a handler at each of its first `times` yield points. */
  interrupt(times: number, compare = false): this {
    this.#untilExit(() => {
      for (let next = this.#new('_start'); ; ) {
        this.#fuel = this.handled < times ? 0 : 0x7fff_ffff;
        next = this.#resume(next);
        if (next === null) return;
        if (this.#handler === undefined || this.handled === times) continue;
        const before = compare ? new Uint32Array(this.#exports.memory.buffer.slice(0)) : null;
        this.#handle(this.#handler);
        if (before !== null) this.#compare(before);
      }
    });
    return this;
  }

  set #fuel(value: number) {
    (this.#exports[HOST_EXPORTS.fuel] as WebAssembly.Global).value = value;
  }

  #new(name: string, ...args: number[]): Continuation {
    return (this.#exports[HOST_EXPORTS.new(name)] as (...args: number[]) => Continuation)(...args);
  }

  /** Null: it has returned. */
  #resume(continuation: Continuation): Continuation {
    const resume = this.#exports[HOST_EXPORTS.resume] as (continuation: Continuation) => [number, Continuation];
    const [outcome, next] = resume(continuation);
    if (outcome === OUTCOME.returned) return null;
    if (outcome !== OUTCOME.yielded) throw new Error(`outcome ${outcome}`);
    return next;
  }

  /** The handler, interrupted at each of its own yield points, on the shadow stack below what it interrupts. */
  #handle(handler: number): void {
    const pointer = this.#exports.__stack_pointer;
    const interrupted = pointer.value;
    const start = (interrupted - RED_ZONE) & ~15;
    pointer.value = start;
    let next = this.#new('__bobbin_signal', handler, SIGUSR1, 0, 0, 0);
    do {
      this.#fuel = 0;
      next = this.#resume(next);
    } while (next !== null);
    if (pointer.value !== start) throw new Error('the handler left the stack pointer elsewhere');
    pointer.value = interrupted;
    this.handled++;
  }

  #compare(before: Uint32Array): void {
    const after = new Uint32Array(this.#exports.memory.buffer);
    const free = this.#exports.__stack_pointer.value - RED_ZONE;
    after.forEach((word, at) => {
      if (word !== before[at] && at * 4 >= free) this.written.add(at * 4);
    });
  }

  #untilExit(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
    }
  }
}
