import type { Coroutine } from './coroutine.ts';
import { SchedulerError } from './errors.ts';
import { HostCoroutine, type HostFunction } from './host-coroutine.ts';
import type { SpawnOptions } from './task.ts';

/** Makes the body of a task that calls a certain function. */
export type BodyMaker = (args: readonly unknown[], options: SpawnOptions) => Coroutine;

/** Functions that are not the host's own: those that guests export. */
const makers = new WeakMap<HostFunction, BodyMaker>();

export function registerBody(func: HostFunction, maker: BodyMaker): void {
  makers.set(func, maker);
}

/** @throws SchedulerError `bad-argument` for what is no function, and what the maker throws */
export function makeBody(func: HostFunction, args: readonly unknown[], options: SpawnOptions): Coroutine {
  if (typeof func !== 'function') {
    throw new SchedulerError(
      'bad-argument',
      `a function can be spawned, and not ${func === null ? 'null' : typeof func}`,
    );
  }
  if (!Array.isArray(args)) throw new SchedulerError('bad-argument', 'the arguments of a task must be an array');
  const maker = makers.get(func);
  return maker === undefined ? new HostCoroutine(func, args) : maker(args, options);
}
