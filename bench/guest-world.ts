import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim';
import { HOST_EXPORTS, OUTCOME } from '../asyncify/lower/interface.ts';
import { Store } from '../continuations/index.ts';
import { POLLS } from './polls.ts';
import { CHECK } from './stock.ts';

class Exit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

type Resume = (continuation: object) => number;
const FUEL = 0x7fff_ffff;
/** For Asyncify's stack: two words, then the room between the addresses in them. */
const PAGE = 65_536;
const AREA_PAGES = 16;
const ASYNCIFY = { normal: 0, unwinding: 1 } as const;

/** An instance of a guest, with WASI and with signal functions that do nothing. It runs once. */
export class World {
  out = '';
  /** How often the guest yielded. */
  yields = 0;
  readonly #exports: WebAssembly.Exports;
  #interruptions = 0;
  #area: number | null = null;

  constructor(module: WebAssembly.Module, args: readonly string[]) {
    const decoder = new TextDecoder();
    const stdout = new ConsoleStdout((bytes) => {
      this.out += decoder.decode(bytes, { stream: true });
    });
    const fds = [new OpenFile(new File([])), stdout, new ConsoleStdout(() => {})];
    const wasi = new WASI([...args], [], fds, { debug: false });
    const { instance } = new Store().instantiate(module, {
      wasi_snapshot_preview1: {
        ...wasi.wasiImport,
        proc_exit: (status: number): never => {
          throw new Exit(status);
        },
      },
      'bobbin:signal': { sigaction: () => 0, sigprocmask: () => 0, raise: () => 0 },
      [CHECK.module]: { [CHECK.name]: () => this.#check() },
    });
    this.#exports = instance.exports;
    wasi.inst = instance as { exports: { memory: WebAssembly.Memory } };
  }

  /** Runs the program as a process does, or, where the module is none for a process, as a JavaScript program does. */
  run(): void {
    if (HOST_EXPORTS.resume in this.#exports) this.#untilExit(() => this.#process());
    else this.#untilExit(() => this.#stock());
  }

  /** Runs the program, which is suspended at each of its first so many polls. */
  interrupt(times: number): void {
    this.#interruptions = times;
    this.run();
  }

  #process(): void {
    const { [HOST_EXPORTS.new('_start')]: start, [HOST_EXPORTS.resume]: resume } = this.#exports;
    const continuation = (start as () => object)();
    for (;;) {
      const more = this.yields < this.#interruptions;
      this.#global(HOST_EXPORTS.fuel).value = more ? 0 : FUEL;
      this.#epoch = more ? 1 : 0;
      const outcome = (resume as Resume)(continuation);
      if (outcome === OUTCOME.returned) return;
      if (outcome === OUTCOME.yielded) this.yields++;
    }
  }

  #stock(): void {
    const start = this.#exports._start as () => void;
    if (this.#interruptions > 0) this.#global(POLLS.epoch).value = 1;
    start();
    while (this.#asyncify('get_state') === ASYNCIFY.unwinding) {
      this.#asyncify('stop_unwind');
      this.#asyncify('start_rewind', this.#area ?? 0);
      start();
    }
  }

  /** What a poll of stock Asyncify calls. */
  #check(): void {
    if (this.#asyncify('get_state') !== ASYNCIFY.normal) {
      this.#asyncify('stop_rewind');
      if (this.yields >= this.#interruptions) this.#global(POLLS.epoch).value = 0;
      return;
    }
    this.yields++;
    const memory = this.#exports.memory as WebAssembly.Memory;
    this.#area ??= memory.grow(AREA_PAGES) * PAGE;
    const header = new Int32Array(memory.buffer, this.#area, 2);
    header[0] = this.#area + header.byteLength;
    header[1] = this.#area + AREA_PAGES * PAGE;
    this.#asyncify('start_unwind', this.#area);
  }

  set #epoch(value: number) {
    const memory = this.#exports[HOST_EXPORTS.epochMemory];
    if (memory instanceof WebAssembly.Memory) new Int32Array(memory.buffer)[0] = value;
    else this.#global(HOST_EXPORTS.epoch).value = value;
  }

  #asyncify(name: string, ...args: number[]): number | undefined {
    return (this.#exports[`asyncify_${name}`] as ((...args: number[]) => number | undefined) | undefined)?.(...args);
  }

  #global(name: string): WebAssembly.Global {
    const value = this.#exports[name];
    if (!(value instanceof WebAssembly.Global)) throw new TypeError(`no global "${name}" is exported`);
    return value;
  }

  #untilExit(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      if (error.status !== 0) throw new Error(`the guest exited with ${error.status}`, { cause: error });
    }
  }
}
