import { CONT_STATE, CONT_STATES, HOST_EXPORTS } from '../../../asyncify/lower/interface.ts';
import { unwrap } from '../../../continuations/index.ts';
import type { Continuation } from '../../process/guest.ts';
import { SchedulerError } from '../errors.ts';
import type { Home } from '../operation.ts';
import type { SpawnOptions } from '../task.ts';
import { GuestCoroutine } from './guest-coroutine.ts';
import type { GuestPort } from './port.ts';

type Callable = (...args: unknown[]) => unknown;
type State = (typeof CONT_STATE)[keyof typeof CONT_STATE];

/** An instance that can run continuation objects. */
interface Runner {
  readonly port: GuestPort;
  readonly exports: WebAssembly.Exports;
  /** What shares its stack chain: its store where it is linked, otherwise itself. */
  readonly universe: object;
}

interface Claim {
  readonly runner: Runner;
  readonly type: number;
  readonly state: State;
}

/** By scheduler. An instance that is garbage has left no continuations. */
const runners = new WeakMap<Home, Set<WeakRef<Runner>>>();
const byGuest = new WeakMap<object, Runner>();
/** An instance's continuations keep its functions alive, and those keep its runner. */
const byResume = new WeakMap<object, Runner>();

/** The continuation objects of this guest's can be spawned, if it can hand over any. @param universe see Runner */
export function registerRunner(
  home: Home,
  guest: { readonly instance: WebAssembly.Instance },
  port: GuestPort,
  universe: object,
): void {
  const { exports } = guest.instance;
  if (typeof exports[HOST_EXPORTS.contType] !== 'function') return;
  const runner: Runner = { port, exports, universe };
  byGuest.set(guest, runner);
  byResume.set(exports[HOST_EXPORTS.resume] as Callable, runner);
  const known = runners.get(home) ?? new Set();
  known.add(new WeakRef(runner));
  runners.set(home, known);
}

/** @throws SchedulerError `bad-argument` where no guest can run it, or several could */
export function runHandedOver(
  handed: object,
  args: readonly unknown[],
  options: SpawnOptions,
  home: Home,
): GuestCoroutine {
  const value = unwrap(handed) as object;
  const { runner, type, state } = claimOf(value, options.guest, home);
  const { port, exports } = runner;
  const body = {
    name: 'continuation',
    kind: 'handed over',
    begin: (given: readonly unknown[]) =>
      // Resuming it as it is traps as it should.
      (state === CONT_STATE.consumed
        ? value
        : (exports[HOST_EXPORTS.cont(type)] as Callable)(value, ...given)) as Continuation,
    results: exports[HOST_EXPORTS.contResults(type)] as () => unknown,
  };
  return new GuestCoroutine(port, body, args, options.stackSize);
}

function claimOf(value: object, guest: object | undefined, home: Home): Claim {
  const candidates = guest === undefined ? registered(home) : given(guest);
  const all = candidates.flatMap((runner) => claim(value, runner));
  const claims = all.filter(({ state }) => state !== CONT_STATE.foreign);
  const best = claims.find(({ state }) => state === CONT_STATE.own) ?? claims[0];
  if (best === undefined) {
    const whose = guest === undefined ? "any of this scheduler's guests" : 'the guest that was named';
    const what =
      all.length > 0 ? `a continuation, but not of ${whose}` : `no function, and no continuation of ${whose}`;
    throw new SchedulerError('bad-argument', `what was to be spawned is ${what}`);
  }
  if (best.state === CONT_STATE.begun && claims.some(({ runner }) => runner.universe !== best.runner.universe)) {
    throw new SchedulerError(
      'bad-argument',
      'the continuation has begun, and several guests have its type: name the one it comes from by the option "guest"',
    );
  }
  return best;
}

function claim(value: object, runner: Runner): Claim[] {
  const found = (runner.exports[HOST_EXPORTS.contType] as (value: object) => number)(value);
  if (found < 0) return [];
  return [{ runner, type: Math.floor(found / CONT_STATES), state: (found % CONT_STATES) as State }];
}

function given(guest: object): Runner[] {
  const runner = byGuest.get(guest);
  return runner === undefined ? [] : [runner];
}

function registered(home: Home): Runner[] {
  const known = runners.get(home);
  if (known === undefined) return [];
  return [...known].flatMap((reference) => {
    const runner = reference.deref();
    if (runner !== undefined) return [runner];
    known.delete(reference);
    return [];
  });
}
