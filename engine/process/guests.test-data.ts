import { RefusedError, type TransformOptions, transform } from '../../asyncify/index.ts';
import type { BinaryenInstrumenter } from '../../asyncify/instrument/binaryen/index.ts';
import { type Imports, Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { Process, type ProcessOptions, suspendingImports } from './index.ts';

/** The imports, the dispatcher, and a few helpers that guests written as text share. Handlers lie in the table from 2 on. */
const PRELUDE = `
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "sigprocmask" (func $sigprocmask (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "sigpending" (func $sigpending (param i32) (result i32)))
  (import "bobbin:signal" "sigsuspend" (func $sigsuspend (param i32) (result i32)))
  (import "bobbin:signal" "sigaltstack" (func $sigaltstack (param i32 i32) (result i32)))
  (import "bobbin:signal" "kill" (func $kill (param i32 i32) (result i32)))
  (import "bobbin:signal" "raise" (func $raise (param i32) (result i32)))
  (import "bobbin:signal" "sigqueue" (func $sigqueue (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "alarm" (func $alarm (param i32) (result i32)))
  (import "bobbin:signal" "setitimer" (func $setitimer (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "getitimer" (func $getitimer (param i32 i32) (result i32)))
  (import "bobbin:signal" "pause" (func $pause (result i32)))
  (import "bobbin:signal" "nanosleep" (func $nanosleep (param i32 i32) (result i32)))
  (import "bobbin:signal" "getpid" (func $getpid (result i32)))
  (import "bobbin:signal" "sigleave" (func $sigleave (param i32 i32 i32) (result i32)))
  (import "env" "log" (func $log (param i32)))
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "call" (func $call (param i32)))
  (memory (export "memory") 1)
  (table $handlers (export "__indirect_function_table") 8 funcref)
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 32768))
  (type $plain (func (param i32)))
  (type $info (func (param i32 i32 i32)))
  (func (export "__bobbin_signal") (param $handler i32) (param $signo i32) (param $si i32) (param $ctx i32) (param $flags i32)
    (if (i32.and (local.get $flags) (i32.const 4))
      (then (call_indirect (type $info) (local.get $signo) (local.get $si) (local.get $ctx) (local.get $handler)))
      (else (call_indirect (type $plain) (local.get $signo) (local.get $handler)))))
  (func $install (param $signo i32) (param $handler i32) (param $flags i32) (param $mask i64)
    (i32.store (i32.const 16) (local.get $handler))
    (i32.store (i32.const 20) (local.get $flags))
    (i64.store (i32.const 24) (local.get $mask))
    (if (call $sigaction (local.get $signo) (i32.const 16) (i32.const 0)) (then unreachable)))
  (func $mask (param $how i32) (param $set i64)
    (i64.store (i32.const 32) (local.get $set))
    (if (call $sigprocmask (local.get $how) (i32.const 32) (i32.const 0)) (then unreachable)))
  (func $sleep (param $ms i32) (result i32)
    (i64.store (i32.const 48) (i64.extend_i32_u (i32.div_u (local.get $ms) (i32.const 1000))))
    (i64.store (i32.const 56) (i64.extend_i32_u (i32.mul (i32.rem_u (local.get $ms) (i32.const 1000)) (i32.const 1000000))))
    (call $nanosleep (i32.const 48) (i32.const 64)))
  (func $bit (param $signo i32) (result i64)
    (i64.shl (i64.const 1) (i64.extend_i32_u (i32.sub (local.get $signo) (i32.const 1)))))`;

export const SIGUSR1 = 10;
export const SIGUSR2 = 12;
export const EINTR = -4;
export const SA_NODEFER = 0x4000_0000;
export const SA_RESETHAND = 0x8000_0000;
export const SA_RESTART = 0x1000_0000;
export const SA_ONSTACK = 0x0800_0000;
export const SA_SIGINFO = 4;

export interface Launched {
  readonly process: Process;
  /** What the guest said. */
  readonly log: number[];
  /** Settles the oldest call of `env.wait` that waits: it returns the value. */
  readonly answer: (value: number) => void;
  /** How often `env.wait` was begun, and how often it was given up. */
  readonly waits: { begun: number; cancelled: number };
  readonly exports: WebAssembly.Exports;
}

export interface LaunchOptions extends ProcessOptions {
  readonly transform?: TransformOptions;
  /** What `env.call` does. */
  readonly call?: (value: number, launched: Launched) => void;
  /** Whether SA_RESTART restarts `env.wait`. */
  readonly restartable?: boolean;
}

/** A process of a guest: the prelude and the given text. */
export async function launch(text: string, options: LaunchOptions = {}): Promise<Launched> {
  return launchBytes(await assemble(text), options);
}

/** The module of the prelude and the given text, not transformed. */
export function assemble(text: string): Promise<Uint8Array> {
  return parseText(`(module ${PRELUDE} ${text})`);
}

/** What is transformed for a process with the imports of the prelude. */
export const SUSPENDING: readonly string[] = [...suspendingImports, 'env.wait'];

/** What guests are transformed with; null: frames. Where Binaryen refuses a guest that is frames, too. */
export const instrumenter: { binaryen: BinaryenInstrumenter | null; accepted: number; readonly refused: string[] } = {
  binaryen: null,
  accepted: 0,
  refused: [],
};

function instrument(source: Uint8Array, options: TransformOptions | undefined): Uint8Array<ArrayBuffer> {
  const { binaryen, refused } = instrumenter;
  const all: TransformOptions = { linking: 'closed', yields: 'fuel', suspending: SUSPENDING, ...options };
  const { linking, yields, suspending } = all;
  if (binaryen === null || linking !== 'closed' || yields === undefined || suspending === undefined) {
    return transform(source, all).bytes;
  }
  try {
    const { bytes } = binaryen.transform(source, { yields, suspending, optimizeLevel: 0 });
    instrumenter.accepted++;
    return bytes;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    refused.push(error.message);
    return transform(source, all).bytes;
  }
}

export function launchBytes(source: Uint8Array, options: LaunchOptions = {}): Launched {
  return launchModule(new WebAssembly.Module(instrument(source, options.transform)), options);
}

/** The same for a module that is transformed already. */
export function launchModule(module: WebAssembly.Module, options: LaunchOptions = {}): Launched {
  const log: number[] = [];
  const waiting: ((value: number) => void)[] = [];
  const waits = { begun: 0, cancelled: 0 };
  const imports = (process: Process): Imports => ({
    env: {
      log: (value: number) => void log.push(value),
      call: (value: number) => options.call?.(value, launched),
      wait: () =>
        process.block('env.wait', {
          start: (done) => {
            waits.begun++;
            waiting.push(done);
            return () => {
              waits.cancelled++;
              waiting.splice(waiting.indexOf(done), 1);
            };
          },
          interrupted: () => EINTR,
          restartable: options.restartable === true,
        }),
    },
  });
  let exports: WebAssembly.Exports = {};
  class Watched extends Store {
    override instantiate(...args: Parameters<Store['instantiate']>) {
      const linked = super.instantiate(...args);
      exports = linked.instance.exports;
      return linked;
    }
  }
  const process = Process.instantiate(new Watched(), module, imports, options);
  const launched: Launched = { process, log, waits, exports, answer: (value) => waiting.shift()?.(value) };
  return launched;
}

/** Counts to `limit`, mixing the numbers; reports the digest. */
export const DIGEST = `
  (func $digest (param $limit i32) (result i32) (local $i i32) (local $h i32)
    (loop $l
      (local.set $h (i32.add (i32.rotl (local.get $h) (i32.const 5)) (i32.xor (local.get $i) (i32.const 0x9e3779b9))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (local.get $limit))))
    (local.get $h))`;

export function digest(limit: number): number {
  let hash = 0;
  for (let i = 0; i < limit; i++) hash = (((hash << 5) | (hash >>> 27)) + (i ^ 0x9e37_79b9)) | 0;
  return hash;
}

/** Lets the process run until it waits in a call or ends. */
export async function settle({ process }: Launched): Promise<void> {
  for (let turns = 0; turns < 1000; turns++) {
    if (process.state === 'blocked' || process.state === 'ended' || process.state === 'stopped') return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`the process stays ${process.state}`);
}
