import type { Process } from './process.ts';

export interface SuspendingOptions {
  /** What the import returns where a handler interrupts it; it is the import's own EINTR. */
  readonly interrupted: unknown;
  /** Whether SA_RESTART calls the function again instead. */
  readonly restartable?: boolean;
  /** What a result of another type than i32 needs: 0n for i64. */
  readonly placeholder?: unknown;
}

/**
 * Makes an import of a function that returns a promise: the guest waits for it. The function gets an AbortSignal, which
 * says that a signal has interrupted the call or the process has ended, and the import's arguments.
 *
 * @param name the import, `module.name`; it has to be among `suspending` of the transform's options
 */
export function suspendingImport(
  process: Process,
  name: string,
  func: (signal: AbortSignal, ...args: never[]) => Promise<unknown>,
  options: SuspendingOptions,
): (...args: never[]) => unknown {
  return (...args) =>
    process.block(name, {
      start: (done, fail) => {
        const controller = new AbortController();
        func(controller.signal, ...args).then(done, fail);
        return () => controller.abort();
      },
      interrupted: () => options.interrupted,
      restartable: options.restartable === true,
      placeholder: options.placeholder ?? 0,
    });
}
