import { ATOMICS_MODULE } from '../../asyncify/lower/interface.ts';
import type { MemoryManifest } from '../../asyncify/manifest.ts';
import { type Imports, type Linked, manifestOf, type Store } from '../../continuations/index.ts';
import { Guest, type GuestOptions, requireSharedMemory } from '../process/guest.ts';
import { ProcessError } from '../process/index.ts';
import { ERRNO, ThreadError } from './errno.ts';
import type { Threads } from './threads.ts';
import { AtomicWaits } from './wasi-threads-waits.ts';

export { ATOMICS_MODULE };

/** The import module of wasi-threads, its one function, and the export that its threads begin with. */
export const WASI_THREADS_MODULE = 'wasi';
const SPAWN = 'thread-spawn';
export const WASI_THREAD_START = 'wasi_thread_start';

/**
 * The instances of a module that is built for wasi-threads (https://github.com/WebAssembly/wasi-threads): one for each thread,
 * over the same memories. Makes the memories that it imports and is not given. Its atomic waits have to be lowered
 * (`atomicWaits: 'suspending'`); they suspend one thread. What fails in one of them ends the process.
 */
export class WasiThreads {
  readonly #threads: Threads;
  readonly #store: Store;
  readonly #module: WebAssembly.Module;
  readonly #imports: Imports;
  readonly #options: GuestOptions;
  readonly #memories: readonly MemoryManifest[];
  readonly #waits: AtomicWaits;

  /**
   * @param module any transformed module: one that imports nothing of this is instantiated as usual
   * @throws ProcessError for one that spawns threads: `no-entry` where it exports no function "wasi_thread_start", `no-memory` where
   * it imports none, `not-suspending` where its waits are native; `no-shared-memory` where the host cannot make a memory
   * that it imports
   */
  constructor(
    threads: Threads,
    store: Store,
    module: WebAssembly.Module,
    imports: Imports,
    options: GuestOptions = {},
  ) {
    const host = manifestOf(module)?.host ?? null;
    this.#threads = threads;
    this.#store = store;
    this.#module = module;
    this.#options = options;
    this.#memories = host?.memories ?? [];
    this.#waits = new AtomicWaits(threads);
    const spawns = WebAssembly.Module.imports(module).some(
      (entry) => entry.module === WASI_THREADS_MODULE && entry.name === SPAWN,
    );
    if (spawns && host?.entries.includes(WASI_THREAD_START) !== true) {
      throw new ProcessError('no-entry', `the guest imports "${SPAWN}" and exports no function "${WASI_THREAD_START}"`);
    }
    if (spawns && host?.nativeWaits === true) {
      const message = `the guest imports "${SPAWN}" and has atomic waits, which would block all its threads`;
      throw new ProcessError('not-suspending', `${message}: transform it with atomicWaits "suspending"`);
    }
    if (spawns && !this.#memories.some((memory) => memory.import !== null)) {
      throw new ProcessError('no-memory', `the guest imports "${SPAWN}" and no memory that its threads could share`);
    }
    this.#imports = withMemories(imports, this.#memories);
  }

  /** The instance of a thread, which has to run its start function first. @throws what Store.instantiate throws */
  instantiate(): Linked {
    const given = this.#imports;
    const memories = new InstanceMemories(this.#memories, given);
    const imports: Record<string, Record<string, unknown>> = {};
    for (const [module, names] of Object.entries(given)) imports[module] = { ...names };
    imports[WASI_THREADS_MODULE] = {
      [SPAWN]: (argument: number) => this.#spawn(argument),
      ...given[WASI_THREADS_MODULE],
    };
    imports[ATOMICS_MODULE] = { ...this.#waits.imports((index) => memories.get(index)), ...given[ATOMICS_MODULE] };
    const linked = this.#store.instantiate(this.#module, imports, { start: 'deferred' });
    memories.instance = linked.instance;
    return linked;
  }

  /** @returns the new thread's number, or minus the number of an error */
  #spawn(argument: number): number {
    const threads = this.#threads;
    // One instance's start function may be run by others than its thread.
    void threads.current;
    try {
      const guest = new Guest(this.#module, this.instantiate().instance, this.#options);
      const id = threads.nextId;
      return threads.spawn({ entry: WASI_THREAD_START, args: [id, argument], guest, isDetached: true, isVital: true })
        .id;
    } catch (error) {
      // What engines throw where they have no room for an instance, and Threads where it has none for a thread.
      if (error instanceof RangeError || (error instanceof ThreadError && error.errno === 'EAGAIN'))
        return -ERRNO.EAGAIN;
      throw error;
    }
  }
}

/** The memories of one instance by their indices, for those who tell addresses in them apart. */
class InstanceMemories {
  /** Null while its start function runs. */
  instance: WebAssembly.Instance | null = null;
  readonly #memories: readonly MemoryManifest[];
  readonly #imports: Imports;
  /** What stands for a memory that no other instance has. */
  readonly #own = new Map<number, object>();

  constructor(memories: readonly MemoryManifest[], imports: Imports) {
    this.#memories = memories;
    this.#imports = imports;
  }

  get(index: number): object {
    const { import: from = null, export: name = null } = this.#memories[index] ?? {};
    if (from !== null) return this.#imports[from.module]?.[from.name] as WebAssembly.Memory;
    const exported = name === null ? undefined : this.instance?.exports[name];
    if (exported instanceof WebAssembly.Memory) return exported;
    let own = this.#own.get(index);
    if (own === undefined) {
      own = {};
      this.#own.set(index, own);
    }
    return own;
  }
}

/** The imports with the memories that are missing. */
function withMemories(imports: Imports, memories: readonly MemoryManifest[]): Imports {
  const result: Record<string, Readonly<Record<string, unknown>>> = { ...imports };
  for (const memory of memories) {
    const { import: from } = memory;
    if (from === null || result[from.module]?.[from.name] !== undefined) continue;
    result[from.module] = { ...result[from.module], [from.name]: newMemory(memory) };
  }
  return result;
}

function newMemory({ address, min, max, shared }: MemoryManifest): WebAssembly.Memory {
  if (shared) requireSharedMemory();
  const limit = (pages: number): number => (address === 'i64' ? BigInt(pages) : pages) as number;
  const limits = { initial: limit(min), ...(max === null ? {} : { maximum: limit(max) }), shared };
  // The types know no memories of 64 bits.
  try {
    return new WebAssembly.Memory(
      (address === 'i64' ? { ...limits, address } : limits) as WebAssembly.MemoryDescriptor,
    );
  } catch (error) {
    const size = `${min} to ${max ?? 'any number of'} pages`;
    throw new ProcessError('no-memory', `the host cannot make a memory of ${size}`, { cause: error });
  }
}
