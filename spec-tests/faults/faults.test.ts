import { describe, expect, it } from 'vitest';
import { HOST_EXPORTS, OUTCOME } from '../../asyncify/lower/interface.ts';
import { InvariantError } from '../../continuations/checks.ts';
import { ExhaustionError, SuspensionError, TrapError } from '../../continuations/index.ts';
import { BUILDS, FAULTS, type Fault, type Guest, SANE, sanity, World } from './guest.test-data.ts';

const kind = (fault: Fault): number => FAULTS.indexOf(fault);

/** What each fault ends in: a class of errors, or nothing; a host that throws is another matter. */
const ENDS: Readonly<Record<Fault, (error: unknown) => boolean>> = {
  host: (error) => error === null,
  unreachable: (error) => error instanceof WebAssembly.RuntimeError,
  'out-of-bounds': (error) => error instanceof WebAssembly.RuntimeError,
  division: (error) => error instanceof WebAssembly.RuntimeError,
  recursion: (error) => error instanceof RangeError,
  consumed: (error) => error instanceof TrapError && error.message === 'continuation already consumed',
  unhandled: (error) => error instanceof SuspensionError,
  'suspended-host': (error) => error === null,
  'null-function': (error) => error instanceof TrapError && error.message === 'null function reference',
  exception: (error) => error instanceof WebAssembly.Exception,
  memory: (error) => error instanceof WebAssembly.RuntimeError,
  'unhandled-reference': (error) => error instanceof SuspensionError,
  'deep-suspension': (error) => error === null,
  switched: (error) => error instanceof TrapError && error.message === 'null continuation reference',
  'caught-host': (error) => error === null,
  'far-suspension': (error) => error === null,
};
/** Pauses that no level above the first handles. */
const PAUSES: ReadonlySet<Fault> = new Set(['suspended-host', 'deep-suspension']);

function failure(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    return error;
  }
}

function expectSane(world: World, guest: Guest, after = ''): void {
  world.host = (argument) => argument;
  expect(sanity(guest), after).toEqual(SANE);
  expect(world.checker?.violation ?? null, after).toBe(null);
}

describe.each(BUILDS)('linking $linking, checks $checks', (build) => {
  const make = async (...options: ConstructorParameters<typeof World> extends [unknown, ...infer Rest] ? Rest : []) => {
    const world = new World(build, ...options);
    return { world, ...(await world.instantiate()) };
  };

  it.each(FAULTS)('%s, at every depth', async (fault) => {
    const { world, guest } = await make();
    for (let depth = 0; depth < 8; depth++) {
      const error = failure(() => guest.fail(depth, kind(fault)));
      if (depth === 0 && PAUSES.has(fault)) expect(error).toBeInstanceOf(SuspensionError);
      else expect(ENDS[fault](error), String(error)).toBe(true);
      expectSane(world, guest, `depth ${depth}`);
    }
    if (world.checker !== null) expect(world.checker.counts.get('resumed')).toBeGreaterThan(100);
  });

  it('no trap is seen by a handler, and every exception is', async () => {
    const { world, guest } = await make();
    for (const fault of FAULTS) {
      if (ENDS[fault](null)) continue;
      for (const depth of [0, 1, 4]) {
        const act = (): number => guest.catching(depth, kind(fault));
        if (fault === 'exception') expect(act()).toBe(1);
        else expect(ENDS[fault](failure(act)), fault).toBe(true);
        expectSane(world, guest, fault);
      }
    }
  });

  it.each(['host', 'suspended-host'] as const)('an import throws, %s', async (fault) => {
    const { world, guest } = await make();
    const thrown = new Error('from the host');
    for (let depth = 1; depth < 8; depth++) {
      world.host = () => {
        throw thrown;
      };
      expect(failure(() => guest.fail(depth, kind(fault)))).toBe(thrown);
      expect(guest.catching(depth, kind(fault))).toBe(1);
      expectSane(world, guest);
    }
  });

  it('an import enters again while stacks are suspended, and fails there', async () => {
    const { world, guest } = await make();
    for (const fault of FAULTS) {
      guest.hold();
      let inner: unknown;
      world.host = (argument) => {
        world.host = (value) => value;
        expect(sanity(guest)).toEqual(SANE);
        inner = failure(() => guest.fail(3, kind(fault)));
        expect(sanity(guest)).toEqual(SANE);
        return argument;
      };
      expect(guest.catching(4, kind('suspended-host'))).toBe(0);
      expect(ENDS[fault](inner), `${fault}: ${String(inner)}`).toBe(true);
      guest['go-on']();
      guest['go-on']();
      expectSane(world, guest, fault);
    }
  });

  it('a continuation that is running, or over, cannot be resumed', async () => {
    const { world, guest } = await make();
    guest.hold();
    let inner: unknown = null;
    world.host = (argument) => {
      inner = failure(() => guest['go-on']());
      return argument;
    };
    guest['go-on']();
    expect(inner).toMatchObject({ kind: 'trap', message: 'continuation already consumed' });
    guest['go-on']();
    expect(failure(() => guest['go-on']())).toMatchObject({ message: 'continuation already consumed' });
    expectSane(world, guest);
  });

  it.skipIf(build.linking === 'closed')('a continuation is resumed by another instance, and throws there', async () => {
    const { world, guest } = await make();
    const { guest: other } = await world.instantiate();
    const thrown = new Error('from the host');
    for (const throws of [false, true]) {
      guest.hold();
      world.host = (argument) => {
        if (throws) throw thrown;
        return argument;
      };
      // Otherwise it goes on until it pauses with a tag of its own instance.
      const error = failure(() => other.run(guest.give()));
      if (throws) expect(error).toBe(thrown);
      else expect(error).toBeInstanceOf(SuspensionError);
      expect(failure(() => other.run(guest.give()))).toBeInstanceOf(TrapError);
      expect(failure(() => guest['go-on']())).toBeInstanceOf(TrapError);
      expectSane(world, guest);
      expectSane(world, other);
    }
  });

  it('the limit of frames', async () => {
    const { world, guest } = await make({ frameLimit: 100 });
    for (let depth = 1; depth < 6; depth++) {
      expect(failure(() => guest.fail(depth, kind('deep-suspension')))).toBeInstanceOf(ExhaustionError);
      expectSane(world, guest);
      expect(failure(() => guest.catching(depth, kind('deep-suspension')))).toBeInstanceOf(ExhaustionError);
      expectSane(world, guest);
    }
  });

  it('an import catches the trap of what it called, which was unwinding, and throws something else', async () => {
    const { world, guest } = await make({ frameLimit: 100 });
    const thrown = new Error('from the host');
    for (let depth = 0; depth < 6; depth++) {
      world.host = () => {
        expect(failure(() => guest.fail(2, kind('deep-suspension')))).toBeInstanceOf(ExhaustionError);
        throw thrown;
      };
      expect(guest.catching(depth, kind('host'))).toBe(1);
      expect(failure(() => guest.fail(depth, kind('caught-host')))).toBe(null);
      expectSane(world, guest);
    }
  });

  it.each(['trap', 'exception'] as const)('a start function that ends in: %s', async (start) => {
    const { world, guest } = await make();
    const error = await world.instantiate(start).catch((reason: unknown) => reason);
    expect(ENDS[start === 'trap' ? 'unreachable' : 'exception'](error)).toBe(true);
    expectSane(world, guest);
    expectSane(world, (await world.instantiate()).guest);
  });

  it('a call that was suspended is answered with an exception, or not at all', async () => {
    const { world, guest } = await make();
    const { guest: suspendable, hidden } = await world.instantiate('none', ['env.host']);
    const begin = hidden[HOST_EXPORTS.new('catching')] as (...args: number[]) => unknown;
    const results = hidden[HOST_EXPORTS.results('catching')] as () => number;
    const resume = hidden[HOST_EXPORTS.resume] as (continuation: unknown) => number;
    const raise = hidden[HOST_EXPORTS.throw] as (continuation: unknown, value: unknown) => number;
    const answer = hidden[HOST_EXPORTS.answer(0)] as (result: number) => void;
    const pending = hidden[HOST_EXPORTS.pending] as WebAssembly.Global;
    for (let depth = 1; depth < 8; depth++) {
      for (const end of ['throw', 'answer', 'abandon'] as const) {
        world.host = (argument) => {
          pending.value = 1;
          return argument;
        };
        const blocked = begin(depth, kind('suspended-host'));
        expect(resume(blocked)).toBe(OUTCOME.blocked);
        expectSane(world, suspendable, end);
        if (end !== 'abandon') {
          if (end === 'answer') answer(4);
          const ended = end === 'throw' ? raise(blocked, new Error('later')) : resume(blocked);
          expect(ended).toBe(OUTCOME.returned);
          expect(results()).toBe(end === 'throw' ? 1 : 0);
          expect(failure(() => resume(blocked))).toBeInstanceOf(TrapError);
        }
        expectSane(world, suspendable, end);
        expectSane(world, guest, end);
      }
    }
  });

  it('faults at random, one after the other and within each other', async () => {
    const seed = Number(process.env.BOBBIN_FAULT_SEED ?? 20_261_121);
    console.log(`faults: BOBBIN_FAULT_SEED=${seed}`);
    const { world, guest } = await make();
    const random = generator(seed);
    const thrown = new Error('at random');
    const act = (nesting: number): void => {
      const fault = FAULTS[random(FAULTS.length)] as Fault;
      const depth = random(6);
      const caught = random(2) === 0;
      world.host = (argument) => {
        if (nesting < 3 && random(2) === 0) failure(() => act(nesting + 1));
        if (random(3) === 0) throw thrown;
        return argument;
      };
      if (caught) guest.catching(depth, kind(fault));
      else guest.fail(depth, kind(fault));
    };
    let failures = 0;
    for (let round = 0; round < 300; round++) {
      const error = failure(() => act(0));
      if (error !== null) failures++;
      expectSane(world, guest, `seed ${seed}, round ${round}, after ${String(error)}`);
    }
    expect(failures).toBeGreaterThan(100);
  });
});

/** Numbers below a bound, by a linear congruential generator (Numerical Recipes). */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
