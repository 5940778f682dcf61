import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { type Exports, type Imports, Store } from '../../../continuations/index.ts';
import { transform } from '../../index.ts';
import { HOST_EXPORTS, OUTCOME } from '../../lower/interface.ts';
import type { Poll } from '../polls.ts';
import { type BinaryenOptions, loadBinaryen } from './index.ts';

const instrumenter = await loadBinaryen();

/** Ways to make a guest that can be suspended. */
export const ways = {
  frames: (bytes: Uint8Array, options: BinaryenOptions) => transform(bytes, { ...options, linking: 'closed' }).bytes,
  'binaryen -O0': (bytes: Uint8Array, options: BinaryenOptions) =>
    instrumenter.transform(bytes, { ...options, optimizeLevel: 0 }).bytes,
  'binaryen -O2': (bytes: Uint8Array, options: BinaryenOptions) => instrumenter.transform(bytes, options).bytes,
} as const;
export type Way = keyof typeof ways;
export const WAYS = Object.keys(ways) as Way[];

export const assemble = (text: string): Promise<Uint8Array> => parse(text);

type Callable = (...args: unknown[]) => unknown;

export interface RunOptions {
  /** How many polls pass before each yield. */
  readonly fuel?: number;
  /** Is called between two slices. */
  readonly between?: (guest: Guest) => void;
}

/** A guest that runs in continuations. */
export class Guest {
  readonly exports: Exports;
  readonly hidden: WebAssembly.Exports;
  /** How often the last run yielded, and how often it was suspended in an import. */
  yields = 0;
  blocks = 0;
  #waiting: { readonly func: number; readonly results: readonly unknown[] } | null = null;

  constructor(bytes: Uint8Array<ArrayBuffer>, imports: Imports = {}, store = new Store()) {
    const linked = store.instantiate(new WebAssembly.Module(bytes), imports);
    this.exports = linked.exports;
    this.hidden = linked.instance.exports;
  }

  static async make(way: Way, text: string, options: { suspending?: string[]; poll?: Poll; imports?: Imports } = {}) {
    const bytes = await assemble(text);
    const { suspending = [], poll = 'fuel', imports } = options;
    return new Guest(ways[way](bytes, { yields: poll, suspending }), imports);
  }

  start(name: string, ...args: unknown[]): unknown {
    return (this.hidden[HOST_EXPORTS.new(name)] as Callable)(...args);
  }
  resume(continuation: unknown): number {
    return (this.hidden[HOST_EXPORTS.resume] as Callable)(continuation) as number;
  }
  results(name: string): unknown {
    return (this.hidden[HOST_EXPORTS.results(name)] as Callable)();
  }
  set fuel(value: number) {
    (this.hidden[HOST_EXPORTS.fuel] as WebAssembly.Global).value = value;
  }
  set epoch(value: number) {
    const memory = this.hidden[HOST_EXPORTS.epochMemory] as WebAssembly.Memory;
    new Int32Array(memory.buffer)[0] = value;
  }

  /** To be called by an import: has its call suspended, which will then return these results. */
  block(func: number, ...results: unknown[]): void {
    if ((this.hidden[HOST_EXPORTS.canSuspend] as Callable)() !== 1) return;
    this.#waiting = { func, results };
    (this.hidden[HOST_EXPORTS.pending] as WebAssembly.Global).value = 1;
  }

  /** Runs an exported function to its end, in slices. */
  run(name: string, args: readonly unknown[], { fuel = 0, between }: RunOptions = {}): unknown {
    this.yields = 0;
    this.blocks = 0;
    const continuation = this.start(name, ...args);
    for (;;) {
      this.fuel = fuel;
      const outcome = this.resume(continuation);
      if (outcome === OUTCOME.returned) return this.results(name);
      if (outcome === OUTCOME.yielded) this.yields++;
      else if (outcome === OUTCOME.blocked && this.#waiting !== null) {
        this.blocks++;
        const { func, results } = this.#waiting;
        this.#waiting = null;
        (this.hidden[HOST_EXPORTS.answer(func)] as Callable)(...results);
      } else throw new RangeError(`outcome ${outcome}`);
      between?.(this);
    }
  }
}
