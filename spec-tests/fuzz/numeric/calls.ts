import type { NumType } from '../../../asyncify/binary/types.ts';
import { expr, exprs } from './values.ts';
import { type Gen, IMPORTED, type Plan, POKE, WAIT } from './world.ts';

const same = (a: readonly NumType[], b: readonly NumType[]): boolean =>
  a.length === b.length && a.every((type, at) => type === b[at]);

/** Leaves values of the types by a call; constants where there is no such function. */
export function called(g: Gen, types: readonly NumType[]): void {
  const { rng, asm, world } = g;
  if (same(types, ['i32']) && rng.chance(0.35)) {
    expr(g, 'i32');
    asm.call(rng.chance(0.6) ? WAIT : POKE);
    return;
  }
  const plans = world.plans.filter(({ results }) => same(results, types));
  if (plans.length === 0) g.zeros(types);
  else call(g, rng.pick(plans), false);
}

/** A call of a function, directly or through the table. */
export function call(g: Gen, plan: Plan, tail: boolean): void {
  const { rng, asm } = g;
  exprs(g, plan.params);
  if (rng.chance(0.65)) {
    asm.op(tail ? 'return_call' : 'call', { func: plan.index });
    return;
  }
  // The table has the module's functions in order; another index is a trap or another function of the type.
  if (rng.chance(0.9)) asm.i32(plan.index - IMPORTED);
  else {
    expr(g, 'i32');
    asm.i32(7).do('i32.and');
  }
  const type = g.typeOf(plan.params, plan.results);
  asm.op(tail ? 'return_call_indirect' : 'call_indirect', { type, table: 0 as never });
}

/** A call of anything, its results stored. */
export function callStatement(g: Gen): void {
  const { rng, world } = g;
  if (rng.chance(0.3)) {
    called(g, ['i32']);
    g.store(['i32']);
    return;
  }
  const plan = rng.pick(world.plans);
  call(g, plan, false);
  g.store(plan.results);
}

/** Ends the function by a call of another one that returns the same, or by a plain `return`. */
export function leave(g: Gen): void {
  const { rng, asm, world, plan } = g;
  // Throws.
  if (world.tries && rng.chance(0.3)) asm.i32(3).call(POKE).do('drop');
  const others = world.plans.filter(({ results }) => same(results, plan.results));
  if (world.tails && others.length > 0 && rng.chance(0.4)) {
    call(g, rng.pick(others), true);
    return;
  }
  if (rng.chance(0.5)) callStatement(g);
  if (others.length > 0 && rng.chance(0.5)) call(g, rng.pick(others), false);
  else exprs(g, plan.results);
  asm.do('return');
}
