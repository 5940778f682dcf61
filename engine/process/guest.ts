import { HOST_EXPORTS, RUNTIME_MODULE } from '../../asyncify/lower/interface.ts';
import { manifestOf, unwrap } from '../../continuations/index.ts';
import { identityOf } from '../../continuations/running.ts';
import { type Budget, EpochBudget, FuelBudget } from './budget.ts';
import { type EpochWord, GlobalWord, SharedWord } from './epoch-word.ts';
import { ProcessError } from './errors.ts';
import { checkHostExports, outcomeOf } from './host-exports.ts';
import { GuestMemory } from './memory.ts';

/** A computation of the guest's, which only the guest's own instance can resume: each time it is suspended, until it returns. */
export type Continuation = object & { readonly __brand: 'Continuation' };
type Callable = (...args: unknown[]) => unknown;
type Resume = (continuation: Continuation) => number;
type Throw = (continuation: Continuation, value: unknown) => number;

/** The export that runs a signal's handler. */
export const DISPATCHER = '__bobbin_signal';
/** The export that a guest goes on with when it leaves its handlers for good. */
export const ENTER = '__bobbin_enter';

const STACK_POINTER = '__stack_pointer';

export interface GuestOptions {
  /**
   * The exported global of the shadow stack, which the guest must then have. Default: `__stack_pointer` if exported, or else the one
   * that the transform has found.
   */
  readonly stackPointer?: string;
}

/** An instance of a transformed module, seen from the host that runs it in continuations (asyncify, HOST_EXPORTS). */
export class Guest {
  readonly memory: GuestMemory | null;
  /** The word that its polls look at; null: they are not `epoch` polls. */
  readonly epoch: EpochWord | null;
  readonly #fuel: WebAssembly.Global;
  #budget: Budget | null = null;
  readonly imports: ReadonlySet<string>;
  /** What it says of itself in calls of its suspending imports; undefined: nothing. */
  readonly identity: object | undefined;
  readonly #exports: WebAssembly.Exports;
  readonly #suspend: () => void;
  readonly #refuel: (polls: number) => number;
  readonly #resume: Resume;
  readonly #throw: Throw | null;
  readonly #canSuspend: () => number;
  /** By import, what sets the results of a suspended call; null: it is imported more than once. */
  readonly #answers = new Map<string, Callable | null>();
  readonly #stackPointer: WebAssembly.Global | null;
  readonly #swapStackPointer: ((to: number) => number) | null;
  readonly #stackLow: number;
  readonly #table: WebAssembly.Table | null;

  /**
   * @throws ProcessError where the instance's module was not transformed for a host, or lacks what the options need
   * @throws ManifestError where it is a module that this version cannot run, or does not have what its manifest says
   */
  constructor(module: WebAssembly.Module, instance: WebAssembly.Instance, options: GuestOptions = {}) {
    const { exports } = instance;
    this.#exports = exports;
    this.identity = identityOf(instance);
    const host = manifestOf(module)?.host ?? null;
    if (host === null || typeof exports[HOST_EXPORTS.resume] !== 'function') {
      throw new ProcessError(
        'not-hosted',
        'the module has no interface for a process: transform it with "yields", or with "suspending" (which may be empty)',
      );
    }
    checkHostExports(exports, host);
    this.#resume = exports[HOST_EXPORTS.resume] as Resume;
    this.#throw = (exports[HOST_EXPORTS.throw] as Throw | undefined) ?? null;
    this.#canSuspend = exports[HOST_EXPORTS.canSuspend] as () => number;
    this.#fuel = exports[HOST_EXPORTS.fuel] as WebAssembly.Global;
    this.#refuel = exports[HOST_EXPORTS.refuel] as (polls: number) => number;
    this.#suspend = exports[HOST_EXPORTS.suspend] as () => void;
    this.epoch = host.poll === 'epoch' ? epochWord(exports) : null;
    this.memory = exports.memory instanceof WebAssembly.Memory ? new GuestMemory(exports.memory) : null;
    const table = exports.__indirect_function_table ?? exports.table;
    this.#table = table instanceof WebAssembly.Table ? table : null;
    const pointer = options.stackPointer ?? (STACK_POINTER in exports ? STACK_POINTER : HOST_EXPORTS.stackPointer);
    this.#stackPointer = stackPointerOf(exports, pointer);
    const swap = exports[HOST_EXPORTS.swap(pointer)];
    this.#swapStackPointer = typeof swap === 'function' ? (swap as (to: number) => number) : null;
    const low = exports.__stack_low;
    this.#stackLow = low instanceof WebAssembly.Global && typeof low.value === 'number' ? low.value >>> 0 : 0;
    this.imports = this.#findImports(module);
  }

  #findImports(module: WebAssembly.Module): ReadonlySet<string> {
    const imports = new Set<string>();
    let index = 0;
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from === RUNTIME_MODULE || kind !== 'function') continue;
      const key = `${from}.${name}`;
      const answer = this.#exports[HOST_EXPORTS.answer(index++)] as Callable | undefined;
      if (answer !== undefined) this.#answers.set(key, imports.has(key) ? null : answer);
      imports.add(key);
    }
    return imports;
  }

  /** What has it yield: one for all its threads, of which one runs at a time. */
  budget(): Budget {
    this.#budget ??= this.epoch === null ? new FuelBudget(this.#fuel, this.#refuel) : new EpochBudget(this.epoch);
    return this.#budget;
  }

  /** Whether a continuation can be made of the export. */
  has(name: string): boolean {
    return typeof this.#exports[HOST_EXPORTS.new(name)] === 'function';
  }

  /** What runs the start function that instantiation has left to the process; null: there is none, or it was asked for before. */
  takeStart(): Continuation | null {
    const start = this.#exports[HOST_EXPORTS.start];
    return typeof start === 'function' ? (start as () => Continuation | null)() : null;
  }

  /** @throws ProcessError where there is no such export */
  start(name: string, args: readonly unknown[]): Continuation {
    const start = this.#exports[HOST_EXPORTS.new(name)];
    if (typeof start !== 'function') throw new ProcessError('no-entry', `the guest exports no function "${name}"`);
    return (start as Callable)(...args.map(unwrap)) as Continuation;
  }

  /** What the export returned that the continuation just resumed was made of; to be asked for at once. */
  results(name: string): readonly unknown[] {
    const ask = this.#exports[HOST_EXPORTS.results(name)] as Callable;
    const values = ask();
    if (values === undefined) return [];
    if (!Array.isArray(values)) return [values];
    // Several results are an array made for this call; a single one that is an array is the same each time.
    const again = ask();
    return Array.isArray(again) && again !== values ? values : [values];
  }

  /** @returns an OUTCOME */
  resume(continuation: Continuation): number {
    return outcomeOf(this.#resume(continuation));
  }

  get canThrow(): boolean {
    return this.#throw !== null;
  }

  /** Resumes a continuation with an exception where it is suspended; only where `canThrow`. */
  throw(continuation: Continuation, value: unknown): number {
    if (this.#throw === null) throw value;
    return outcomeOf(this.#throw(continuation, value));
  }

  /** What the suspended call of the import will return; the continuation is to be resumed at once. */
  answer(name: string, results: readonly unknown[]): void {
    this.#answers.get(name)?.(...results.map(unwrap));
  }

  /** Whether calls of the import may be suspended at all. */
  suspends(name: string): boolean {
    return (this.#answers.get(name) ?? null) !== null;
  }

  /** Whether the running call of the import can be suspended now. */
  canSuspend(name: string): boolean {
    return this.suspends(name) && this.#canSuspend() !== 0;
  }

  /** Has the running call of a suspending import suspend once it returns. */
  suspendCall(): void {
    this.#suspend();
  }

  /** Null: the guest has no shadow stack that the host knows of. */
  get stackPointer(): number | null {
    return this.#stackPointer === null ? null : (this.#stackPointer.value as number) >>> 0;
  }

  set stackPointer(value: number | null) {
    if (this.#stackPointer === null || value === null) return;
    if (this.#swapStackPointer !== null) this.#swapStackPointer(value);
    else this.#stackPointer.value = value | 0;
  }

  /** Sets the stack pointer of a guest that has one. @returns what it was */
  switchStack(to: number): number {
    if (this.#swapStackPointer !== null) return this.#swapStackPointer(to) >>> 0;
    const before = this.stackPointer ?? 0;
    this.stackPointer = to;
    return before;
  }

  /** The lowest address of the shadow stack, 0 where the guest does not export it. */
  get stackLow(): number {
    return this.#stackLow;
  }

  /** What is in the guest's table; null: nothing, or it is shorter; `unknown` where the table is not exported. */
  tableEntry(index: number): unknown {
    if (this.#table === null) return 'unknown';
    return index < this.#table.length ? this.#table.get(index) : null;
  }

  /** What can be known of a function in the guest's table; `unknown` where the table is not exported. */
  handler(index: number): 'unknown' | 'none' | { readonly params: number } {
    if (this.#table === null) return 'unknown';
    if (index >= this.#table.length) return 'none';
    const func: unknown = this.#table.get(index);
    return typeof func === 'function' ? { params: func.length } : 'none';
  }
}

function epochWord(exports: WebAssembly.Exports): EpochWord {
  const memory = exports[HOST_EXPORTS.epochMemory];
  if (memory === undefined) return new GlobalWord(exports[HOST_EXPORTS.epoch] as WebAssembly.Global);
  const { buffer } = memory as WebAssembly.Memory;
  requireSharedMemory();
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new ProcessError('not-shared', "the word of the guest's epoch polls is not in shared memory");
  }
  return new SharedWord(buffer);
}

/** @throws ProcessError `no-shared-memory` where the module's polls need it and the host has none */
export function checkHost(module: WebAssembly.Module): void {
  const exported = WebAssembly.Module.exports(module);
  if (exported.some(({ name }) => name === HOST_EXPORTS.epochMemory)) requireSharedMemory();
}

/** @throws ProcessError `no-shared-memory` */
export function requireSharedMemory(): void {
  if (typeof SharedArrayBuffer === 'function') return;
  throw new ProcessError(
    'no-shared-memory',
    'the host has no shared memory (a web page has to be cross-origin isolated): use fuel polls, or the epoch word "global"',
  );
}

function stackPointerOf(exports: WebAssembly.Exports, wanted: string): WebAssembly.Global | null {
  const global = exports[wanted];
  if (global === undefined && wanted === HOST_EXPORTS.stackPointer) return null;
  if (!(global instanceof WebAssembly.Global) || typeof global.value !== 'number') {
    throw new ProcessError(
      'no-stack-pointer',
      `the guest does not export its stack pointer "${wanted}", a mutable i32`,
    );
  }
  try {
    const { value } = global;
    global.value = value;
  } catch {
    throw new ProcessError('no-stack-pointer', `the guest's stack pointer "${wanted}" is immutable`);
  }
  return global;
}
