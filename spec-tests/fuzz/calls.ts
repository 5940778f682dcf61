import type { LocalIdx, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { sameType } from '../../asyncify/binary/types.ts';
import { contRef, fromLocal, keep, type Resumption, resumeIn, switching } from './conts.ts';
import type { Gen } from './gen.ts';
import { statements } from './statements.ts';
import { atThrow, count, suspending } from './stats.ts';
import { contOf, nonNull, nullable } from './types.ts';
import { expr, exprs } from './values.ts';
import { FUNC_TABLE, IMPORTED_FUNCS, POKE, type Ring, type Tag, WAIT } from './world.ts';

const same = (a: readonly ValType[], b: readonly ValType[]): boolean =>
  a.length === b.length && a.every((type, at) => sameType(type, b[at] as ValType));

/** Leaves values of the types by something that leaves this function: a call, `suspend`, `resume` or `switch`. */
export function callable(g: Gen, types: readonly ValType[]): void {
  const { rng } = g;
  const tags = g.world.controlTags.filter((tag) => same(tag.results, types));
  const rings = g.world.rings.filter((ring) => same(ring.values, types) && mayswitch(g, ring));
  const make = rng.weighted<() => void>([
    [3, () => called(g, types)],
    [tags.length > 0 ? 7 : 0, () => suspended(g, rng.pick(tags))],
    [3, () => resumed(g, types)],
    [1, () => scheduled(g, types, rng.chance(0.4) ? g.world.controlTags : someTags(g))],
    [
      rings.length > 0 ? 7 : 0,
      () => {
        switching(g, rng.pick(rings));
      },
    ],
  ]);
  make();
}

/** One value of the type, the others that come with it stored. */
export function multi(g: Gen, type: ValType): void {
  const { rng, asm } = g;
  const tags = g.world.controlTags.filter((tag) => tag.results.includes(type));
  const rings = g.world.rings.filter((ring) => ring.values.includes(type) && mayswitch(g, ring));
  let types: readonly ValType[];
  if (rings.length > 0 && rng.chance(0.6)) types = switching(g, rng.pick(rings));
  else if (tags.length > 0 && rng.chance(0.8)) {
    const tag = rng.pick(tags);
    suspended(g, tag);
    types = tag.results;
  } else {
    types = [type, g.world.someType(false)];
    callable(g, types);
  }
  const stored = g.store(types);
  asm.get(stored[types.indexOf(type)] as LocalIdx);
}

/** `switch` where somebody has switched here, and seldom elsewhere: it may well be unhandled. */
function mayswitch(g: Gen, ring: Ring): boolean {
  const { params } = g.types.signature(g.plan.type);
  return params.some((type) => contOf(g.types, type) === ring.cont) || g.rng.chance(0.1);
}

export function suspended(g: Gen, tag: Tag): void {
  exprs(g, tag.params);
  suspending(g, 'suspends', () => g.asm.op('suspend', { tag: tag.index }));
}

function parameters(g: Gen, type: TypeIdx): void {
  exprs(g, g.types.signature(type).params);
}

/** A function type with these results: often one that there is a function of. */
function calleeType(g: Gen, types: readonly ValType[]): TypeIdx {
  const known = g.world.plans
    .slice(4)
    .filter(
      ({ type }) =>
        same(g.types.signature(type).results, types) && !g.types.signature(type).params.some((p) => g.world.isRing(p)),
    );
  if (known.length > 0 && (g.world.full || g.rng.chance(0.6))) return g.rng.pick(known).type;
  return g.types.func(g.world.someTypes(g.rng.int(3)), types);
}

/** Instead of a call where there is no function to call. */
function leaves(g: Gen, types: readonly ValType[], tail: boolean): void {
  for (const type of types) g.leaf(type);
  if (tail) g.asm.do('return');
}

export function called(g: Gen, types: readonly ValType[], tail = false): void {
  const { rng, asm, world } = g;
  if (!tail && same(types, ['i32']) && rng.chance(0.15)) {
    expr(g, 'i32');
    asm.call(rng.chance(0.6) ? POKE : WAIT);
    return;
  }
  const type = calleeType(g, types);
  if (!world.affords(type)) {
    leaves(g, types, tail);
    return;
  }
  parameters(g, type);
  switch (rng.int(3)) {
    case 0:
      asm.op(tail ? 'return_call' : 'call', { func: world.func(type).index });
      break;
    case 1:
      if (rng.chance(0.5)) expr(g, rng.chance(0.1) ? nullable(type) : nonNull(type));
      else g.funcRef(type);
      asm.op(tail ? 'return_call_ref' : 'call_ref', { type });
      break;
    default:
      // The table has the module's functions in order; another index is a trap or another function of the type.
      if (rng.chance(0.97)) asm.i32(world.func(type).index - IMPORTED_FUNCS);
      else expr(g, 'i32');
      asm.op(tail ? 'return_call_indirect' : 'call_indirect', { type, table: FUNC_TABLE });
  }
}

function someTags(g: Gen): Tag[] {
  return g.rng.list(g.budget > 0 ? g.rng.int(3) : 0, () => g.rng.pick(g.world.controlTags));
}

/** A continuation type with these results. */
function contType(g: Gen, results: readonly ValType[]): TypeIdx {
  const { rng, types, world } = g;
  const rings = world.rings.filter((ring) => same(ring.tag.results, results));
  if (rings.length > 0 && rng.chance(0.5)) return rng.pick(rings).cont;
  const inScope = g.vars.flatMap(({ type }) => {
    const cont = contOf(types, type);
    return cont !== null && same(types.signature(cont).results, results) ? [cont] : [];
  });
  if (inScope.length > 0 && rng.chance(0.6)) return rng.pick(inScope);
  if (same(results, world.mainResults) && rng.chance(0.15)) return world.openCont;
  if (rng.chance(0.4)) return types.contOf(rng.pick(world.controlTags).results, results);
  const signature = types.func(world.someTypes(rng.int(3)), results);
  return world.affords(signature) ? types.cont(signature) : types.contOf([], world.mainResults);
}

/** A `resume` of any kind that leaves values of the types, in whatever way it ends. */
export function resumed(
  g: Gen,
  types: readonly ValType[],
  from?: TypeIdx | { readonly local: LocalIdx; readonly cont: TypeIdx },
  tags: readonly Tag[] = someTags(g),
): void {
  const { rng, world } = g;
  const results = rng.chance(0.35) ? types : world.mainResults;
  const cont = typeof from === 'object' ? from.cont : (from ?? contType(g, results));
  const given = g.types.signature(cont).results;
  const how = howToResume(g, typeof from === 'object' ? 0.15 : 0.03);
  resumeIn(g, types, {
    cont,
    how,
    tags,
    operands: () => {
      operands(g, cont, how);
      if (typeof from !== 'object') contRef(g, cont);
      else fromLocal(g, from.local, from.cont);
    },
    handle: (_tag, local, type) => {
      handle(g, local, type, types);
    },
    returned: () => {
      if (same(given, types)) return;
      g.scoped(() => {
        g.store(given);
        exprs(g, types);
      });
    },
  });
}

function howToResume(g: Gen, throwing: number): Resumption {
  const { rng, world } = g;
  if (rng.chance(throwing)) return { op: 'resume_throw', tag: rng.pick(world.throwTags) };
  if (world.options.throwRef && rng.chance(throwing)) return { op: 'resume_throw_ref' };
  return { op: 'resume' };
}

function operands(g: Gen, cont: TypeIdx, how: Resumption): void {
  if (how.op === 'resume') parameters(g, cont);
  else if (how.op === 'resume_throw') exprs(g, how.tag.params);
  else g.exception();
}

/** What a handler does with the continuation it received; leaves values of the types or branches off. */
function handle(g: Gen, local: LocalIdx, cont: TypeIdx, types: readonly ValType[]): void {
  const { rng } = g;
  statements(g, rng.int(2));
  const make = rng.weighted<() => void>([
    [6, () => resumed(g, types, { local, cont })],
    [3, () => scheduled(g, types, rng.chance(0.5) ? g.world.controlTags : someTags(g), { local, cont })],
    [
      2,
      () => {
        keep(g, local, cont);
        exprs(g, types);
      },
    ],
    [1, () => exprs(g, types)],
  ]);
  if (rng.chance(0.06)) {
    usedAgain(g, local, cont, make, types);
    return;
  }
  if (g.budget > 0) make();
  else {
    if (rng.chance(0.5)) keep(g, local, cont);
    exprs(g, types);
  }
}

/** Uses the continuation, in the way of `make`, and once more, which traps unless the first use was another one's. */
function usedAgain(g: Gen, local: LocalIdx, cont: TypeIdx, make: () => void, types: readonly ValType[]): void {
  const { asm } = g;
  const copy = g.hidden(nullable(cont));
  asm.get(local).set(copy);
  make();
  g.scoped(() => {
    const stored = g.store(types);
    count(g, 'binds');
    asm.get(copy).op('cont.bind', { type: cont, type2: cont }).do('drop');
    for (const result of stored) asm.get(result);
  });
}

/** A loop that resumes a continuation until it ends, each handler giving what the suspension waits for. */
export function scheduled(
  g: Gen,
  types: readonly ValType[],
  tags: readonly Tag[],
  from?: { local: LocalIdx; cont: TypeIdx },
): void {
  const { asm, rng, world } = g;
  const results =
    from === undefined ? (rng.chance(0.6) ? world.mainResults : types) : g.types.signature(from.cont).results;
  const ready = g.types.contOf([], results);
  const next = g.hidden(nullable(ready));
  if (from === undefined) contRef(g, ready);
  else {
    const { params } = g.types.signature(from.cont);
    exprs(g, params);
    fromLocal(g, from.local, from.cont);
    count(g, 'binds');
    asm.op('cont.bind', { type: from.cont, type2: ready });
  }
  asm.set(next);
  const loop = asm.open('loop', g.blockType([], types));
  g.within(loop, [], () => {
    g.burn();
    resumeIn(g, types, {
      cont: ready,
      how: { op: 'resume' },
      tags,
      operands: () => asm.get(next),
      handle: (tag, local, type) => {
        if (rng.chance(0.4)) statements(g, 1);
        exprs(g, tag.results);
        asm.get(local);
        count(g, 'binds');
        asm.op('cont.bind', { type, type2: ready }).set(next).br(loop);
      },
      returned: () => {
        g.scoped(() => {
          g.store(results);
          if (!same(results, types)) exprs(g, types);
          else for (const { local } of g.vars.slice(g.vars.length - results.length)) asm.get(local);
        });
      },
    });
  });
}

export function thrown(g: Gen): void {
  const { rng, asm, world } = g;
  if (rng.chance(0.25)) {
    g.exception();
    atThrow(g);
    asm.do('throw_ref');
    return;
  }
  const tag = rng.pick(world.throwTags);
  exprs(g, tag.params);
  atThrow(g);
  asm.op('throw', { tag: tag.index });
}
