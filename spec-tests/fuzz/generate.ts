import type { Elem, Func, Global, Import, Module } from '../../asyncify/binary/module.ts';
import type { Instr } from '../../asyncify/binary/opcodes.ts';
import type { FuncIdx, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { isRef, refType } from '../../asyncify/binary/types.ts';
import { Asm, made } from '../../asyncify/lower/asm.ts';
import { zero } from '../../asyncify/lower/dummies.ts';
import { scheduled } from './calls.ts';
import { tryOf } from './control.ts';
import { Gen } from './gen.ts';
import { Rng } from './rng.ts';
import { construct, leaving, nested, several, statements, yielding } from './statements.ts';
import { type Call, REENTERED, SUSPENDING } from './trace.ts';
import { exprs, log } from './values.ts';
import { CONT_SLOTS, type GenerateOptions, IMPORTED_FUNCS, type Plan, STATS, World } from './world.ts';

export interface Program {
  readonly seed: number;
  readonly module: Module;
  /** What to call, in this order. */
  readonly calls: readonly Call[];
}

const FUEL = 160;
const RUNS = 3;

/** A well-typed module that always ends, the same for the same seed and options. */
export function generate(seed: number, options: GenerateOptions): Program {
  const rng = new Rng(seed);
  const world = new World(rng, options);
  const logs = [world.types.func(['i32'], []), world.types.func(['i64'], [])];
  const runType = world.types.func(['i32'], ['i32']);
  const runs = rng.list(RUNS, () => world.entry(runType));
  const reentered = world.entry(runType);
  const hostCalled = world.plans.length;
  const funcs: Func[] = [];
  for (let at = 0; at < world.plans.length; at++) {
    const plan = world.plans[at] as Plan;
    funcs.push(at < hostCalled ? entry(world, plan, plan === reentered) : body(world, plan));
  }
  const checksumType = world.types.func([], ['i64']);
  funcs.push(checksum(checksumType));
  const checksumIndex = (IMPORTED_FUNCS + funcs.length - 1) as FuncIdx;
  const exports: Module['exports'] = [
    ...runs.map(({ index }, at) => ({ name: `run${at}`, kind: 'func' as const, index, at: -1 })),
    { name: REENTERED, kind: 'func', index: reentered.index, at: -1 },
    { name: 'checksum', kind: 'func', index: checksumIndex, at: -1 },
    ...world.throwTags.map(({ index }) => ({ name: `tag${index}`, kind: 'tag' as const, index, at: -1 })),
    ...numericGlobals(world),
  ];
  return {
    seed,
    module: {
      recGroups: world.types.groups,
      imports: [
        ...['log', 'log64', 'poke', SUSPENDING].map((name, at): Import => {
          return { module: 'host', name, desc: { kind: 'func', type: logs[at] ?? runType }, at: -1 };
        }),
        { module: 'host', name: 'boom', desc: { kind: 'tag', type: world.types.func([], []) }, at: -1 },
      ],
      funcs,
      tables: world.tables.map((type, at) => {
        const size = BigInt(at === 0 ? world.plans.length : CONT_SLOTS);
        return { type: { type, limits: { address: 'i32', min: size, max: null, shared: false } }, init: null, at: -1 };
      }),
      memories: [{ type: { address: 'i32', min: 1n, max: null, shared: false }, at: -1 }],
      tags: world.tags.slice(1).map(({ params, results }) => ({ type: world.types.func(params, results), at: -1 })),
      globals: world.globals.map((type): Global => ({ type: { type, mutable: true }, init: [zeroOf(type)], at: -1 })),
      exports,
      start: null,
      startAt: -1,
      elems: [functionTable(world)],
      datas: [],
      dataCount: false,
      customs: [],
    },
    calls: [
      ...[0, 1, 2, 0, 1, 2].map((run, at): Call => ({ name: `run${run}`, args: [at * 3 + run] })),
      { name: 'checksum', args: [] },
    ],
  };
}

function zeroOf(type: ValType): Instr {
  return isRef(type) ? made('ref.null', { heap: type.heap }) : zero(type);
}

function numericGlobals(world: World): Module['exports'] {
  const names = new Map([...world.stats].map(([name, index]) => [index, `stat:${name}`] as const));
  return world.globals.flatMap((type, index) => {
    const name = names.get(index as never);
    if (name !== undefined && !(world.options.stats && STATS.some((stat) => name === `stat:${stat}`))) return [];
    return type === 'i32' || type === 'i64'
      ? [{ name: name ?? `global${index}`, kind: 'global' as const, index, at: -1 }]
      : [];
  });
}

function functionTable(world: World): Elem {
  return {
    type: refType('func', true),
    init: world.plans.map(({ index }, at) => [
      at <= RUNS ? made('ref.null', { heap: 'func' }) : made('ref.func', { func: index }),
    ]),
    mode: { kind: 'active', target: 0 as never, offset: [made('i32.const', { i32: 0 })] },
    at: -1,
  };
}

/** What the host calls: runs something under a loop that handles every tag. */
function entry(world: World, plan: Plan, again: boolean): Func {
  const g = new Gen(world, plan, world.rng.chance(0.1) ? 12 : 0);
  const { asm } = g;
  if (again) g.burn();
  else asm.i32(FUEL).globalSet(world.fuel);
  if (world.options.stats && !again) {
    asm.i32(0).globalSet(world.stats.get('depth') as never);
  }
  statements(g, 1);
  // What is left over meets the host: it is unhandled, whatever handlers there are further out.
  const tags = again && world.rng.chance(0.3) ? world.controlTags.slice(2) : world.controlTags;
  const run = (): void => {
    scheduled(g, world.mainResults, tags);
    for (const type of world.mainResults.toReversed()) log(g, type);
  };
  if (world.rng.chance(0.3)) run();
  else {
    g.block([], (label) => {
      const guarded = asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all', label }]);
      g.within(guarded, [], run);
    });
  }
  asm.globalGet(world.fuel);
  return finished(g, plan);
}

function body(world: World, plan: Plan): Func {
  const { rng } = world;
  const size = world.full ? 14 : 24;
  const g = new Gen(world, plan, rng.int(size) + 10);
  g.burn();
  for (const type of world.someTypes(rng.int(3))) {
    g.leaf(type);
    g.asm.set(g.local(type));
  }
  statements(g, rng.int(2));
  if (rng.chance(0.3)) construct(g, tryOf);
  const switches = g.types.signature(plan.type).params.some((type) => world.isRing(type));
  if (rng.chance(switches ? 0.25 : 0.65)) several(g);
  else if (rng.chance(0.8)) yielding(g);
  if (rng.chance(0.85)) nested(g);
  if (rng.chance(0.5)) yielding(g);
  statements(g, 1 + rng.int(3));
  if (rng.chance(0.15)) leaving(g);
  exprs(g, g.results);
  return finished(g, plan);
}

function finished(g: Gen, plan: Plan): Func {
  g.world.size += g.asm.out.length;
  return { type: plan.type, locals: g.locals, body: g.asm.out, at: -1, endAt: -1 };
}

/** The sum of the memory that programs store to. */
export function checksum(type: TypeIdx): Func {
  const asm = new Asm();
  const at = 0 as never;
  const sum = 1 as never;
  const loop = asm.open('loop');
  asm.get(sum).op('i64.const', { i64: 31n }).do('i64.mul').get(at);
  asm
    .op('i64.load', { memarg: { align: 0, memory: 0 as never, offset: 0n } })
    .do('i64.add')
    .set(sum);
  asm.get(at).i32(8).do('i32.add').tee(at).i32(272).do('i32.lt_u').brIf(loop).close();
  asm.get(sum);
  return { type, locals: ['i32', 'i64'], body: asm.out, at: -1, endAt: -1 };
}
