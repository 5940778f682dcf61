import { readFileSync } from 'node:fs';
import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim';
import { transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { type Exports, type Imports, Store } from '../../continuations/index.ts';
import { Process, type ProcessOptions, suspendingImports } from '../../engine/process/index.ts';
import { wasmPath } from './sources.ts';

export const SIGINT = 2;
export const SIGUSR1 = 10;
export const SIGUSR2 = 12;
export const SIGALRM = 14;

/** Without its optimiser Binaryen takes a fifth of the time; -O2 is the default. */
export type Instrumenter = 'frames' | 'binaryen -O0' | 'binaryen -O2';
export type Poll = 'fuel' | 'epoch';

const WASI_MODULE = 'wasi_snapshot_preview1';
const READ = `${WASI_MODULE}.fd_read`;
/** WASI preview 1, `errno`. */
const WASI_EINTR = 27;

/** What a guest's transform is told suspends. */
export const suspending: readonly string[] = [...suspendingImports, READ];

export const read = (guest: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(wasmPath(guest)));

const binaryen = await loadBinaryen();

export function instrument(bytes: Uint8Array, instrumenter: Instrumenter, yields: Poll): Uint8Array<ArrayBuffer> {
  if (instrumenter === 'frames') return transform(bytes, { linking: 'closed', yields, suspending }).bytes;
  const optimizeLevel = instrumenter === 'binaryen -O0' ? 0 : 2;
  return binaryen.transform(bytes, { yields, suspending, optimizeLevel }).bytes;
}

const modules = new Map<string, WebAssembly.Module>();

/** A checked-in guest, transformed; every variant once. */
export function moduleOf(guest: string, instrumenter: Instrumenter, yields: Poll): WebAssembly.Module {
  const key = `${guest} ${instrumenter} ${yields}`;
  let module = modules.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(instrument(read(guest), instrumenter, yields));
    modules.set(key, module);
  }
  return module;
}

/** Standard input that comes when a test gives it: until then a reader waits. */
export class Input {
  readonly #waiting: (() => void)[] = [];
  #bytes = new Uint8Array();
  #closed = false;
  /** Is told how often a reader has begun to wait. */
  onWait: (times: number) => void = () => {};
  #begun = 0;

  give(text: string): void {
    this.#bytes = new Uint8Array([...this.#bytes, ...new TextEncoder().encode(text)]);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  close(): void {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Calls back when there is something to take, or the end has come. */
  wait(ready: () => void): () => void {
    if (this.#bytes.length > 0 || this.#closed) {
      ready();
      return () => {};
    }
    this.#waiting.push(ready);
    this.onWait(++this.#begun);
    return () => void this.#waiting.splice(this.#waiting.indexOf(ready), 1);
  }

  take(most: number): Uint8Array {
    const taken = this.#bytes.subarray(0, most);
    this.#bytes = this.#bytes.slice(most);
    return taken;
  }
}

/** A guest's memory and files: what it says, and what it reads. */
export class World {
  out = '';
  err = '';
  readonly input = new Input();
  /** Is told what is written to standard output. */
  onOutput: (text: string) => void = () => {};
  readonly wasi: WASI;
  memory: WebAssembly.Memory | null = null;

  constructor(args: readonly string[]) {
    const out = new TextDecoder();
    const err = new TextDecoder();
    const fds = [
      new OpenFile(new File([])),
      new ConsoleStdout((bytes) => {
        const text = out.decode(bytes, { stream: true });
        this.out += text;
        this.onOutput(text);
      }),
      new ConsoleStdout((bytes) => {
        this.err += err.decode(bytes, { stream: true });
      }),
    ];
    this.wasi = new WASI([...args], [], fds, { debug: false });
  }

  attach(exports: Exports): void {
    this.memory = exports.memory as WebAssembly.Memory;
    this.wasi.inst = { exports: { memory: this.memory } };
  }

  /** WASI for a process: reading standard input suspends it. */
  imports(process: Process): Imports {
    return {
      [WASI_MODULE]: {
        ...this.wasi.wasiImport,
        proc_exit: (status: number) => process.exit(status),
        // A guest that waits by looking at the clock lets the host run: with `epoch` polls nothing else would have it yield.
        clock_time_get: (...args: Parameters<WASI['wasiImport']['clock_time_get']>) => {
          process.runner.budget.request();
          return this.wasi.wasiImport.clock_time_get?.(...args);
        },
        fd_read: (fd: number, iovs: number, count: number, read: number) =>
          process.block(READ, {
            start: (done) => this.input.wait(() => done(this.#read(fd, iovs, count, read))),
            interrupted: () => WASI_EINTR,
            restartable: true,
          }),
      },
    };
  }

  #read(fd: number, iovs: number, count: number, read: number): number {
    if (fd !== 0 || this.memory === null) throw new Error(`fd_read of ${fd}`);
    const { buffer } = this.memory;
    const view = new DataView(buffer);
    let total = 0;
    for (let at = iovs; at < iovs + count * 8; at += 8) {
      const taken = this.input.take(view.getUint32(at + 4, true));
      new Uint8Array(buffer).set(taken, view.getUint32(at, true));
      total += taken.length;
    }
    view.setUint32(read, total, true);
    return 0;
  }
}

export interface Running {
  readonly world: World;
  readonly process: Process;
  readonly exports: WebAssembly.Exports;
}

/** A process of a guest that has not begun. */
export function launch(module: WebAssembly.Module, args: readonly string[], options: ProcessOptions = {}): Running {
  const world = new World(args);
  let exports: WebAssembly.Exports = {};
  class Watched extends Store {
    override instantiate(...args: Parameters<Store['instantiate']>) {
      const linked = super.instantiate(...args);
      exports = linked.instance.exports;
      return linked;
    }
  }
  const process = Process.instantiate(new Watched(), module, (self) => world.imports(self), options);
  world.attach(exports);
  return { world, process, exports };
}

/** What a guest that was not transformed prints, without any signal. */
export function plain(guest: string, args: readonly string[]): string {
  const world = new World([guest, ...args]);
  class Exit extends Error {}
  const exports = new WebAssembly.Instance(new WebAssembly.Module(read(guest)), {
    [WASI_MODULE]: {
      ...world.wasi.wasiImport,
      proc_exit: () => {
        throw new Exit();
      },
    },
    'bobbin:signal': { sigaction: () => 0, sigprocmask: () => 0, raise: () => 0, setitimer: () => 0 },
  }).exports;
  world.attach(exports);
  try {
    (exports._start as () => void)();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
  }
  return world.out;
}
