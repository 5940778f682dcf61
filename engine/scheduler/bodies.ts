import type { Coroutine } from './coroutine.ts';
import { SchedulerError } from './errors.ts';
import { runHandedOver } from './guest/handed-over.ts';
import { HostCoroutine, type HostFunction } from './host-coroutine.ts';
import type { Home } from './operation.ts';
import type { SpawnOptions } from './task.ts';

/** Makes the body of a task that calls a certain function. */
export type BodyMaker = (args: readonly unknown[], options: SpawnOptions) => Coroutine;

/** Functions that are not the host's own: those that guests export. */
const makers = new WeakMap<HostFunction, BodyMaker>();

export function registerBody(func: HostFunction, maker: BodyMaker): void {
  makers.set(func, maker);
}

/**
 * @param what a function, or a continuation object of a guest's
 * @throws SchedulerError `bad-argument` for what is neither, and what the maker throws
 */
export function makeBody(what: unknown, args: readonly unknown[], options: SpawnOptions, home: Home): Coroutine {
  if (!Array.isArray(args)) throw new SchedulerError('bad-argument', 'the arguments of a task must be an array');
  if (typeof what === 'function') {
    const maker = makers.get(what as HostFunction);
    return maker === undefined ? new HostCoroutine(what as HostFunction, args) : maker(args, options);
  }
  if (typeof what === 'object' && what !== null) return runHandedOver(what, args, options, home);
  const given = what === null ? 'null' : typeof what;
  throw new SchedulerError('bad-argument', `a function or a continuation can be spawned, and not ${given}`);
}
