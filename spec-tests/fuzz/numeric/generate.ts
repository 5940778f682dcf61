import type { Elem, Export, Func, Global, Import, Module } from '../../../asyncify/binary/module.ts';
import type { FuncIdx, LocalIdx, NumType } from '../../../asyncify/binary/types.ts';
import { refType } from '../../../asyncify/binary/types.ts';
import { Asm, made } from '../../../asyncify/lower/asm.ts';
import { zero } from '../../../asyncify/lower/dummies.ts';
import { checksum, type Program } from '../generate.ts';
import { Rng } from '../rng.ts';
import { type Call, HANDLER, REENTERED, SUSPENDING } from '../trace.ts';
import { statements } from './statements.ts';
import { exprs, log } from './values.ts';
import { Gen, type Plan, World } from './world.ts';

const FUEL = 120;
const RUNS = 3;
const EMPTY_SLOTS = 2;

/** A well-typed module without references, which always ends, the same for the same seed. Its imports may suspend or re-enter it. */
export function generateNumeric(seed: number): Program {
  const rng = new Rng(seed ^ 0x5eed);
  const world = new World(rng);
  const { types } = world;
  const logs = [types.func(['i32'], []), types.func(['i64'], [])];
  const unary = types.func(['i32'], ['i32']);
  const imports = (['log', 'log64', 'poke', SUSPENDING] as const).map((name, at): Import => {
    return { module: 'host', name, desc: { kind: 'func', type: logs[at] ?? unary }, at: -1 };
  });
  const funcs: Func[] = world.plans.map((plan) => body(world, plan));
  const exports: Export[] = [{ name: 'memory', kind: 'memory', index: 0, at: -1 }];
  const add = (name: string, func: Func): void => {
    exports.push({ name, kind: 'func', index: imports.length + funcs.length, at: -1 });
    funcs.push(func);
  };
  for (let at = 0; at < RUNS; at++) add(`run${at}`, entry(world, imports.length + funcs.length));
  exports.push({ name: REENTERED, kind: 'func', index: world.plans[0]?.index as FuncIdx, at: -1 });
  add('checksum', checksum(types.func([], ['i64'])));
  add(HANDLER, handler(world));
  for (const [index, type] of world.globals.entries())
    exports.push({ name: `global${index}-${type}`, kind: 'global', index, at: -1 });
  const module: Module = {
    recGroups: types.groups,
    imports,
    funcs,
    tables: [
      {
        type: {
          type: refType('func', true),
          limits: { address: 'i32', min: BigInt(world.plans.length + EMPTY_SLOTS), max: null, shared: false },
        },
        init: null,
        at: -1,
      },
    ],
    memories: [{ type: { address: 'i32', min: 1n, max: 3n, shared: false }, at: -1 }],
    tags: [],
    globals: world.globals.map((type): Global => ({ type: { type, mutable: true }, init: [zero(type)], at: -1 })),
    exports,
    start: null,
    startAt: -1,
    elems: [functions(world)],
    datas: [],
    dataCount: false,
    customs: [],
  };
  const calls = [0, 1, 2, 0, 1].map((run, at): Call => ({ name: `run${run}`, args: [at * 5 + run] }));
  return { seed, module, calls: [...calls, { name: 'checksum', args: [] }] };
}

function functions(world: World): Elem {
  return {
    type: refType('func', true),
    init: world.plans.map(({ index }) => [made('ref.func', { func: index })]),
    mode: { kind: 'active', target: 0 as never, offset: [made('i32.const', { i32: 0 })] },
    at: -1,
  };
}

function finished(g: Gen): Func {
  g.world.size += g.asm.out.length;
  return { type: g.typeOf(g.plan.params, g.plan.results), locals: g.locals, body: g.asm.out, at: -1, endAt: -1 };
}

function body(world: World, plan: Plan): Func {
  const { rng } = world;
  const g = new Gen(world, plan, 25 + rng.int(40));
  g.burn();
  for (const type of world.someTypes(rng.int(3))) g.local(type);
  statements(g, 2 + rng.int(4));
  exprs(g, plan.results);
  return finished(g);
}

/** What the host calls. */
function entry(world: World, index: number): Func {
  const { rng } = world;
  const result: NumType = rng.pick(['i32', 'i64']);
  const g = new Gen(world, { index: index as FuncIdx, params: ['i32'], results: [result] }, 30);
  g.asm.i32(FUEL).globalSet(world.fuel);
  statements(g, 4);
  exprs(g, [result]);
  const local = g.local(result);
  g.asm.tee(local);
  log(g, result);
  g.asm.get(local);
  return finished(g);
}

/** Sums up the squares of the numbers up to its argument, and touches nothing else: see `handled`. */
function handler(world: World): Func {
  const asm = new Asm();
  const [limit, at, sum] = [0, 1, 2] as LocalIdx[] as [LocalIdx, LocalIdx, LocalIdx];
  const loop = asm.open('loop');
  asm.get(at).i32(1).do('i32.add').set(at);
  asm.get(sum).i32(31).do('i32.mul').get(at).get(at).do('i32.mul', 'i32.add').set(sum);
  asm.get(at).get(limit).do('i32.lt_s').brIf(loop).close();
  asm.get(sum);
  return { type: world.types.func(['i32'], ['i32']), locals: ['i32', 'i32'], body: asm.out, at: -1, endAt: -1 };
}
