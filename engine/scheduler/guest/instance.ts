import { HOST_EXPORTS, RUNTIME_MODULE } from '../../../asyncify/lower/interface.ts';
import { type Exports, type Imports, manifestOf, type Store } from '../../../continuations/index.ts';
import { checkHost } from '../../process/guest.ts';
import { registerBody } from '../bodies.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SpawnOptions } from '../task.ts';
import { GuestCoroutine } from './guest-coroutine.ts';
import { registerRunner } from './handed-over.ts';
import { SuspendingImport } from './import.ts';
import { GuestPort, type PortOptions } from './port.ts';
import type { StackAllocator } from './stacks.ts';
import { Suspending } from './suspending.ts';

/**
 * How a guest's functions become tasks.
 *
 * A guest that exports its stack pointer (`__stack_pointer`, or as the option `stackPointer` says) and its memory has a shadow stack
 * for each task.
 */
export type InstantiateOptions = PortOptions;

/** An instance whose exported functions can be spawned, any number of times at once. */
export interface GuestInstance<E extends object = Exports> {
  /** The program's own exports. Calling one is an ordinary call, also while tasks are suspended in the instance. */
  readonly exports: E;
  readonly instance: WebAssembly.Instance;
}

type Exported = (...args: never[]) => unknown;
/** By exported function: the scheduler that `promising` runs it in. */
const schedulers = new WeakMap<Exported, Scheduler>();

/**
 * Instantiates a transformed module (`yields`, or `suspending`, which may be empty) whose functions run as tasks.
 *
 * @param imports as WebAssembly.Instance takes them, and Suspending ones
 * @throws SchedulerError `not-suspending`, `placeholder`; `bad-argument` for a stack size
 * @throws ProcessError where the module was not transformed for a host, or lacks what the options need
 * @throws what Store.instantiate throws
 */
export function instantiate<E extends object = Exports>(
  scheduler: Scheduler,
  store: Store,
  module: WebAssembly.Module,
  imports: Imports = {},
  options: InstantiateOptions = {},
): GuestInstance<E> {
  checkHost(module);
  const suspending = new Map<string, SuspendingImport>();
  const given: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [from, space] of Object.entries(imports)) {
    const own: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(space)) {
      if (!(value instanceof Suspending)) continue;
      const made = new SuspendingImport(`${from}.${name}`, value);
      suspending.set(key(from, name), made);
      own[name] = made.func;
    }
    given[from] = Object.keys(own).length === 0 ? space : Object.assign(Object.create(space), own);
  }
  const { instance, exports } = store.instantiate(module, given);
  const port = new GuestPort(module, instance, scheduler.home, options);
  attach(module, instance, port, suspending);
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function' || !port.guest.has(name)) continue;
    const func = value as Exported;
    const entry = port.entry(name);
    registerBody(func, (args, { stackSize }) => new GuestCoroutine(port, entry, args, stackSize));
    schedulers.set(func, scheduler);
  }
  const guest: GuestInstance<E> = { exports: exports as E, instance };
  // Linked instances of a store run each other's continuations.
  registerRunner(scheduler.home, guest, port, manifestOf(module)?.linking === 'linked' ? store : port);
  return guest;
}

const key = (from: string, name: string): string => JSON.stringify([from, name]);

function attach(
  module: WebAssembly.Module,
  instance: WebAssembly.Instance,
  port: GuestPort,
  suspending: ReadonlyMap<string, SuspendingImport>,
): void {
  const answers = new Map<SuspendingImport, ((...args: unknown[]) => unknown) | undefined>();
  let index = 0;
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (from === RUNTIME_MODULE || kind !== 'function') continue;
    const answer = instance.exports[HOST_EXPORTS.answer(index++)] as ((...args: unknown[]) => unknown) | undefined;
    const made = suspending.get(key(from, name));
    // Imported twice, the call does not tell which of them it is.
    if (made !== undefined) answers.set(made, answers.has(made) ? undefined : answer);
  }
  for (const [made, answer] of answers) made.attach(port, answer);
}

/**
 * A function that calls a guest's exported one as a task (JavaScript Promise Integration, WebAssembly.promising), in the scheduler of
 * its instance. Any number of calls can be under way.
 *
 * @param options of the tasks; aborting `signal` cancels them all
 * @returns a function whose promise settles with what the exported one returns or throws
 * @throws TypeError for what is no exported function of an instance made by `instantiate`
 */
export function promising<A extends readonly unknown[], R>(
  exported: (...args: A) => R,
  options: SpawnOptions = {},
): (...args: A) => Promise<Awaited<R>> {
  const scheduler = typeof exported === 'function' ? schedulers.get(exported as Exported) : undefined;
  if (scheduler === undefined) throw new TypeError('promising takes a function that a guest of a scheduler exports');
  return (...args) => scheduler.spawn(exported, args, options).join() as Promise<unknown> as Promise<Awaited<R>>;
}

/** Stacks by the guest's own allocator: its exports `malloc` and `free`, of C. */
export function mallocStacks(exports: WebAssembly.Exports): StackAllocator {
  const { malloc, free } = exports;
  if (typeof malloc !== 'function' || typeof free !== 'function') {
    throw new TypeError('the guest does not export "malloc" and "free"');
  }
  return {
    allocate: (bytes) => (malloc as (bytes: number) => number)(bytes) >>> 0 || null,
    free: (address) => (free as (address: number) => void)(address),
  };
}
