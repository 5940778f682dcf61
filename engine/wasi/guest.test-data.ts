import { transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { Process, signalImports, suspendingImports } from '../process/index.ts';
import { handlerAction, SA, signo } from '../signals/index.ts';
import { type SuspendingWasiOptions, suspendingWasi, suspendingWasiImports, WASI_MODULE } from './index.ts';

const IMPORTS: Readonly<Record<string, string>> = {
  poll_oneoff: 'i32 i32 i32 i32',
  fd_read: 'i32 i32 i32 i32',
  fd_write: 'i32 i32 i32 i32',
  sched_yield: '',
  proc_raise: 'i32',
  clock_time_get: 'i32 i64 i32',
  fd_fdstat_get: 'i32 i32',
  fd_fdstat_set_flags: 'i32 i32',
  fd_close: 'i32',
  fd_renumber: 'i32 i32',
};

/** A guest whose exports call the imports of the same names; its handlers log the signal's number. */
const TEXT = `(module
  ${Object.entries(IMPORTS)
    .map(
      ([name, params]) =>
        `(import "${WASI_MODULE}" "${name}" (func $${name} ${params === '' ? '' : `(param ${params})`} (result i32)))`,
    )
    .join('\n')}
  (import "${WASI_MODULE}" "proc_exit" (func $proc_exit (param i32)))
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (func (export "__bobbin_signal") (param i32 i32 i32 i32 i32) (call $log (local.get 1)))
  ${Object.entries(IMPORTS)
    .map(([name, params]) => {
      const gets = params === '' ? '' : params.split(' ').map((_, index) => `(local.get ${index})`);
      const type = params === '' ? '' : `(param ${params})`;
      return `(func (export "${name}") ${type} (result i32) (call $${name} ${gets === '' ? '' : gets.join(' ')}))`;
    })
    .join('\n')}
  (func (export "close then read") (result i32) (drop (call $fd_close (i32.const 0)))
    (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0)))
  (func (export "renumber then read") (result i32) (call $log (call $fd_renumber (i32.const 0) (i32.const 3)))
    (call $log (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0)))
    (call $fd_read (i32.const 3) (i32.const 16) (i32.const 1) (i32.const 0)))
  (func (export "read without blocking") (result i32) (call $log (call $fd_fdstat_set_flags (i32.const 0) (i32.const 4)))
    (call $log (call $fd_fdstat_get (i32.const 0) (i32.const 32)))
    (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0)))
  (func (export "proc_exit") (param i32) (call $proc_exit (local.get 0)) unreachable))`;

const compiled = new Map<string, WebAssembly.Module>();

async function moduleOf(suspending: readonly string[]): Promise<WebAssembly.Module> {
  const key = suspending.join();
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { bytes } = transform(await parseText(TEXT), { linking: 'closed', yields: 'fuel', suspending });
  const module = new WebAssembly.Module(bytes);
  compiled.set(key, module);
  return module;
}

/** What the wrapped functions were asked, and the only file descriptors they know: 0 to 3. */
export function givenWasi(asked: string[]) {
  const given = (name: string) => (fd: number) => {
    asked.push(`${name} ${fd}`);
    return fd >= 0 && fd <= 3 ? 0 : 8;
  };
  return {
    fd_read: given('fd_read'),
    fd_write: given('fd_write'),
    fd_close: given('fd_close'),
    fd_renumber: given('fd_renumber'),
    fd_fdstat_get: given('fd_fdstat_get'),
    fd_fdstat_set_flags: given('fd_fdstat_set_flags'),
    sched_yield: () => void asked.push('sched_yield'),
    poll_oneoff: () => {
      asked.push('poll_oneoff');
      return 52;
    },
    clock_time_get: (id: number) => {
      asked.push(`clock_time_get ${id}`);
      return 28;
    },
    proc_exit: () => {
      throw new Error('proc_exit');
    },
    proc_raise: () => 52,
  };
}

export interface CallOptions extends SuspendingWasiOptions {
  readonly suspending?: readonly string[];
}

/** A process of the guest that runs one of its functions. */
export class Guest {
  /** Which of the wrapped functions were called. */
  readonly asked: readonly string[];
  /** The signals handled, and what functions that make several calls say. */
  readonly log: readonly number[];
  readonly process: Process;
  readonly memory: DataView;
  readonly #exports: WebAssembly.Exports;

  private constructor(process: Process, exports: WebAssembly.Exports, asked: string[], log: number[]) {
    this.process = process;
    this.#exports = exports;
    this.memory = new DataView((exports.memory as WebAssembly.Memory).buffer);
    this.asked = asked;
    this.log = log;
  }

  static async of(entry: string, args: readonly unknown[], options: CallOptions = {}): Promise<Guest> {
    const module = await moduleOf(options.suspending ?? [...suspendingImports, ...suspendingWasiImports]);
    const process = new Process({ entry, args });
    const asked: string[] = [];
    const log: number[] = [];
    const { instance } = new Store().instantiate(module, {
      ...signalImports(process),
      [WASI_MODULE]: suspendingWasi(process, givenWasi(asked), options),
      env: { log: (value: number) => void log.push(value) },
    });
    process.attach(module, instance);
    return new Guest(process, instance.exports, asked, log);
  }

  /** Has a signal handled. */
  handle(signal: string, restart = false): this {
    this.process.signals.sigaction(signo(signal), handlerAction(2, restart ? SA.RESTART : 0));
    return this;
  }

  /** Calls a function of the guest from outside of its process. */
  call(name: string, ...args: readonly unknown[]): unknown {
    return (this.#exports[name] as (...args: readonly unknown[]) => unknown)(...args);
  }

  start(): this {
    this.process.start();
    return this;
  }

  /** Until it waits. */
  async waits(): Promise<this> {
    for (let turns = 0; turns < 1000 && this.process.state !== 'blocked'; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (this.process.state !== 'blocked') throw new Error(`the process is ${this.process.state}`);
    return this;
  }

  /** What the call returned: an errno. */
  async result(): Promise<unknown> {
    const status = await this.process.wait();
    if (status.kind === 'failed') throw status.error;
    return status.kind === 'exited' && status.results.length === 1 ? status.results[0] : status;
  }

  text(at: number, size: number): string {
    return new TextDecoder().decode(new Uint8Array(this.memory.buffer, at, size));
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
