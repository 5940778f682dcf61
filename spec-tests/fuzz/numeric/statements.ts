import type { NumType } from '../../../asyncify/binary/types.ts';
import { callStatement, leave } from './calls.ts';
import { loop } from './loops.ts';
import { address, expr, exprs, log, store } from './values.ts';
import { type Gen, LOG, POKE } from './world.ts';

/** So many statements: code that leaves the stack as it was. */
export function statements(g: Gen, count: number): void {
  for (let i = 0; i < count && g.spend(); i++) statement(g);
}

function statement(g: Gen): void {
  const make = g.rng.weighted<() => void>([
    [4, () => logged(g)],
    [5, () => assignment(g)],
    [3, () => store(g)],
    [1, () => bulk(g)],
    [3, () => construct(g)],
    [7, () => loop(g)],
    [5, () => callStatement(g)],
    [3, () => branch(g)],
    [1, () => waiting(g)],
    [2, () => leaving(g)],
    [g.world.tries ? 4 : 0, () => caught(g)],
  ]);
  make();
}

function logged(g: Gen): void {
  const type = g.world.someType();
  expr(g, type);
  log(g, type);
}

function assignment(g: Gen): void {
  const type = g.world.someType();
  expr(g, type);
  const globals = g.world.globals.flatMap((has, at) => (at > 0 && has === type ? [at] : []));
  if (globals.length > 0 && g.rng.chance(0.35)) g.asm.globalSet(g.rng.pick(globals) as never);
  else g.asm.set(g.assignable(type));
}

/** `memory.fill`, `memory.copy`, `memory.grow`. */
function bulk(g: Gen): void {
  const { rng, asm } = g;
  const memory = 0 as never;
  if (rng.chance(0.1)) {
    asm.i32(rng.int(2)).op('memory.grow', { memory }).set(g.assignable('i32'));
    return;
  }
  address(g);
  if (rng.chance(0.5)) {
    expr(g, 'i32');
    asm.i32(rng.int(60)).op('memory.fill', { memory });
  } else {
    address(g);
    asm.i32(rng.int(60)).op('memory.copy', { memory, memory2: memory });
  }
}

/** Calls with something on the operand stack meanwhile. */
function waiting(g: Gen): void {
  const types = g.world.someTypes(1 + g.rng.int(3));
  exprs(g, types);
  callStatement(g);
  if (g.rng.chance(0.3)) leaving(g);
  g.store(types);
}

function construct(g: Gen): void {
  const results = g.world.someTypes(g.rng.int(3));
  valueBlock(g, results);
  g.store(results);
}

/** A block or `if` that leaves values, with parameters now and then. */
export function valueBlock(g: Gen, results: readonly NumType[]): void {
  const { rng } = g;
  const params = rng.chance(0.6) ? [] : g.world.someTypes(1 + rng.int(2));
  const inside = (): void => {
    if (rng.chance(0.3)) statements(g, 1);
    g.store(params);
    statements(g, rng.int(3));
    exprs(g, results);
  };
  exprs(g, params);
  if (rng.chance(0.5)) {
    g.within('block', [params, results], inside);
    return;
  }
  expr(g, 'i32');
  const oneArmed = results.length === params.length && results.every((type, at) => type === params[at]);
  g.within('if', [params, results], inside, oneArmed && rng.chance(0.6) ? undefined : inside);
}

/** What throws in it goes on behind it, and says so. */
function caught(g: Gen): void {
  const { asm, rng } = g;
  g.within('block', [[], []], (done) => {
    g.within('block', [[], []], (handler) => {
      asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all', label: handler }]);
      statements(g, 1 + rng.int(3));
      if (rng.chance(0.6)) leaving(g);
      if (rng.chance(0.3)) asm.i32(3).call(POKE).do('drop');
      asm.close().br(done);
    });
    asm.i32(77).call(LOG);
  });
}

/** `br_if` or `br_table`, to any construct around. */
function branch(g: Gen): void {
  const { rng, asm } = g;
  const { branches } = g;
  if (branches.length === 0) return;
  const { label, types } = rng.pick(branches);
  if (rng.chance(0.6)) {
    exprs(g, types);
    expr(g, 'i32');
    if (rng.chance(0.5)) asm.i32(3).do('i32.and', 'i32.eqz');
    asm.brIf(label);
    g.store(types);
    return;
  }
  // Loops above all: two of them are to be among the labels often.
  const fitting = branches.filter((target) => String(target.types) === String(types));
  const others = [...fitting, ...fitting.filter(({ back }) => back)];
  expr(g, 'i32');
  g.within('if', [[], []], () => {
    exprs(g, types);
    expr(g, 'i32');
    if (rng.chance(0.7)) asm.i32(3).do('i32.and');
    asm.brTable(rng.list(1 + rng.int(4), () => rng.pick(others).label).concat(label));
  });
}

/** Leaves the function or some blocks, under a condition. */
export function leaving(g: Gen): void {
  const { rng, asm } = g;
  expr(g, 'i32');
  asm.i32(rng.pick([1, 3, 7])).do('i32.and');
  if (rng.chance(0.7)) asm.do('i32.eqz');
  g.within('if', [[], []], () => {
    if (rng.chance(0.5)) statements(g, 1);
    const { branches } = g;
    if (branches.length > 0 && rng.chance(0.5)) {
      const { label, types } = rng.pick(branches);
      if (rng.chance(0.5)) callStatement(g);
      exprs(g, types);
      asm.br(label);
    } else if (rng.chance(0.05)) asm.do('unreachable');
    else leave(g);
  });
}
