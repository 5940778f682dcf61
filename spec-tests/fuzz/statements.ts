import type { RefType, ValType } from '../../asyncify/binary/types.ts';
import { callable, called, resumed, suspended, thrown } from './calls.ts';
import { blockOf, conditional, consume, tryOf } from './control.ts';
import { keep, switching } from './conts.ts';
import type { Gen } from './gen.ts';
import { contOf, nonNull, nullable } from './types.ts';
import { address, expr, exprs, log } from './values.ts';

/** So many statements: code that leaves the stack as it was. */
export function statements(g: Gen, count: number): void {
  for (let i = 0; i < count && g.spend(); i++) statement(g);
}

function statement(g: Gen): void {
  const { rng } = g;
  const make = rng.weighted<() => void>([
    [6, () => logged(g)],
    [3, () => assignment(g)],
    [3, () => declaration(g)],
    [3, () => placed(g)],
    [2, () => construct(g, blockOf)],
    [2, () => construct(g, conditional)],
    [2, () => construct(g, tryOf)],
    [3, () => construct(g, callable)],
    [3, () => nested(g)],
    [6, () => yielding(g)],
    [3, () => branch(g)],
    [2, () => g.scoped(() => onNull(g))],
    [2, () => leaving(g)],
    [g.varsFor(nullable('exn')).length > 0 ? 1 : 0, () => keepException(g)],
  ]);
  make();
}

function logged(g: Gen): void {
  const type = g.world.someType(false);
  expr(g, type);
  log(g, type);
}

function assignment(g: Gen): void {
  const { local, type } = g.rng.pick(g.vars.length > 0 ? g.vars : [{ local: g.local('i32'), type: 'i32' as const }]);
  expr(g, type);
  g.asm.set(local);
}

function declaration(g: Gen): void {
  const type = g.world.someType(true);
  expr(g, type);
  g.asm.set(g.local(type));
}

/** Into a global, the memory, a field or a table. */
function placed(g: Gen): void {
  const { rng, asm, world } = g;
  const conts = g.vars.filter(({ type }) => contOf(g.types, type) !== null);
  const make = rng.weighted<() => void>([
    [
      2,
      () => {
        const type = rng.pick<ValType>(['i32', 'i64', nullable('any'), nullable('func'), nullable(world.struct)]);
        expr(g, type);
        asm.globalSet(rng.pick(world.globalsOf(type)));
      },
    ],
    [
      2,
      () => {
        address(g);
        const type = rng.pick(['i32', 'i64'] as const);
        expr(g, type);
        asm.op(`${type}.store`, { memarg: { align: 0, memory: 0 as never, offset: BigInt(rng.int(8)) } });
      },
    ],
    [
      1,
      () => {
        expr(g, nonNull(world.struct));
        expr(g, 'i32');
        asm.structSet(world.struct, 0);
      },
    ],
    [
      1,
      () => {
        expr(g, nonNull(world.array));
        asm.i32(0);
        expr(g, 'i32');
        asm.op('array.set', { type: world.array });
      },
    ],
    [
      conts.length > 0 ? 2 : 0,
      () => {
        const found = rng.pick(conts);
        keep(g, found.local, contOf(g.types, found.type) as never);
      },
    ],
  ]);
  make();
}

/** A construct that leaves values, which are consumed. */
export function construct(g: Gen, make: (g: Gen, types: readonly ValType[]) => void): void {
  const types = g.world.someTypes(
    g.rng.weighted([
      [3, 0],
      [3, 1],
      [1, 2],
    ]),
  );
  g.scoped(() => make(g, types));
  consume(g, types);
}

/** A `resume`, often of something that switches. */
export function nested(g: Gen): void {
  const { rng, world } = g;
  const types = rng.chance(0.6) ? world.mainResults : [];
  const ring = world.rings.length > 0 && rng.chance(0.65) ? rng.pick(world.rings).cont : undefined;
  g.scoped(() => resumed(g, types, ring, rng.chance(0.6) ? [rng.pick(world.controlTags)] : undefined));
  consume(g, types);
}

/** `suspend` or `switch`, with something on the stack meanwhile. */
export function yielding(g: Gen): void {
  const { rng, world, plan, types } = g;
  const below = world.someTypes(rng.int(2));
  exprs(g, below);
  const { params } = types.signature(plan.type);
  const ring = world.rings.find(({ cont }) => params.some((type) => contOf(types, type) === cont));
  if (ring !== undefined && rng.chance(0.8)) consume(g, switching(g, ring));
  else {
    const tag = rng.pick(world.controlTags);
    suspended(g, tag);
    consume(g, tag.results);
  }
  if (rng.chance(0.15)) leaving(g);
  consume(g, below);
}

/** Suspends with several tags, one after the other: where a handler further out takes one, those in between lie in frames. */
export function several(g: Gen): void {
  const tags = [...g.world.controlTags];
  for (let count = 2 + g.rng.int(2); count > 0; count--) {
    const [tag] = tags.splice(g.rng.int(tags.length), 1);
    if (tag === undefined) return;
    suspended(g, tag);
    consume(g, tag.results);
  }
}

/** A conditional branch, or one of several. */
function branch(g: Gen): void {
  const { rng, asm } = g;
  if (g.targets.length === 0) return;
  const { label, types } = rng.pick(g.targets);
  const carried = types.some((type) => contOf(g.types, type) !== null && g.budget <= 0) ? null : types;
  if (carried === null) return;
  if (rng.chance(0.7)) {
    exprs(g, carried);
    expr(g, 'i32');
    if (rng.chance(0.5)) asm.i32(7).do('i32.and', 'i32.eqz');
    asm.brIf(label);
    consume(g, carried);
    return;
  }
  const others = g.targets.filter(
    (target) => target.types.length === types.length && target.types.every((type, at) => type === types[at]),
  );
  expr(g, 'i32');
  g.if([], () => {
    exprs(g, carried);
    expr(g, 'i32');
    asm.brTable(rng.list(1 + rng.int(3), () => rng.pick(others).label).concat(label));
  });
}

/** `br_on_null` and the casts that branch. */
function onNull(g: Gen): void {
  const { rng, asm, world } = g;
  const type = rng.pick([nullable('any'), nullable('func'), nullable(world.struct), nullable('exn')]);
  if (rng.chance(0.5)) {
    g.block([], (label) => {
      expr(g, type);
      asm.brOnNull(label);
      if (typeof type === 'object') consume(g, [nonNull(type.heap)]);
      statements(g, 1);
    });
    return;
  }
  const to = nonNull(rng.pick(['i31' as const, world.struct, world.array]));
  if (typeof to !== 'object') return;
  const from = nullable('any') as RefType;
  if (rng.chance(0.5)) {
    g.block([from], (label) => {
      expr(g, from);
      asm.op('br_on_cast_fail', { cast: { label: asm.depthOf(label), from, to } });
      log(g, to);
      statements(g, 1);
      g.leaf(from);
    });
    consume(g, [from]);
    return;
  }
  g.block([to], (label) => {
    expr(g, from);
    asm.op('br_on_cast', { cast: { label: asm.depthOf(label), from, to } });
    asm.do('drop');
    statements(g, 1);
    g.leaf(to);
  });
  consume(g, [to]);
}

/** Something that ends the function or leaves blocks, under a condition. */
export function leaving(g: Gen): void {
  const { rng, asm } = g;
  expr(g, 'i32');
  asm.i32(rng.pick([1, 3, 3])).do('i32.and');
  if (rng.chance(0.6)) asm.do('i32.eqz');
  g.if([], () => {
    const make = rng.weighted<() => void>([
      [6, () => thrown(g)],
      [2, () => returned(g)],
      [2, () => called(g, g.results, true)],
      [
        2,
        () => {
          const { label, types } = rng.pick(g.targets);
          exprs(g, types);
          asm.br(label);
        },
      ],
      [0, () => asm.do('unreachable')],
    ]);
    make();
  });
}

function returned(g: Gen): void {
  exprs(g, g.results);
  g.asm.do('return');
}

/** An exception, caught and put in a local. */
function keepException(g: Gen): void {
  g.exception();
  g.asm.set(g.local(nonNull('exn')));
}
