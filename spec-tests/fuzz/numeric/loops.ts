import type { OpName } from '../../../asyncify/binary/opcodes.ts';
import type { LocalIdx } from '../../../asyncify/binary/types.ts';
import type { Label } from '../../../asyncify/lower/asm.ts';
import { callStatement } from './calls.ts';
import { leaving, statements } from './statements.ts';
import { expr, exprs } from './values.ts';
import type { Gen } from './world.ts';

/** A loop of any kind. */
export function loop(g: Gen): void {
  const make = g.rng.weighted<() => void>([
    [6, () => counted(g)],
    [3, () => whileLoop(g)],
    [3, () => branchy(g)],
    [2, () => withParams(g)],
    [3, () => inEachOther(g)],
  ]);
  make();
}

/** Two of these in each other may run without fuel. */
const MAX_UNFUELED = 2;
const MAX_TRIPS = 12;

interface Count {
  readonly start: number;
  readonly step: number;
  readonly compare: OpName;
  readonly limit: number;
}

const HOLDS: { readonly [op: string]: (a: number, b: number) => boolean } = {
  'i32.lt_s': (a, b) => a < b,
  'i32.le_s': (a, b) => a <= b,
  'i32.gt_s': (a, b) => a > b,
  'i32.ge_s': (a, b) => a >= b,
  'i32.ne': (a, b) => a !== b,
  'i32.lt_u': (a, b) => a >>> 0 < b >>> 0,
  'i32.gt_u': (a, b) => a >>> 0 > b >>> 0,
};

/** How often a loop runs that counts so, or null: too often. */
function trips({ start, step, compare, limit }: Count): number | null {
  const holds = HOLDS[compare];
  if (holds === undefined) throw new RangeError(compare);
  for (let value = start, n = 1; n <= MAX_TRIPS; n++) {
    value = (value + step) | 0;
    if (!holds(value, limit)) return n;
  }
  return null;
}

function someCount(g: Gen): Count {
  const { rng } = g;
  const step = rng.pick([1, 1, 1, 2, 3, -1, -1, -2]);
  const start = rng.chance(0.9) ? rng.int(8) : rng.pick([0x7fff_fffe, -0x8000_0000, -1]);
  const up = rng.pick(['i32.lt_s', 'i32.le_s', 'i32.ne', 'i32.lt_u'] as const);
  const down = rng.pick(['i32.gt_s', 'i32.ge_s', 'i32.ne', 'i32.gt_u'] as const);
  return { start, step, compare: step > 0 ? up : down, limit: (start + step * rng.int(10)) | 0 };
}

/** Counts in a local from a constant on: the transform need not poll in such a loop, if nothing else is amiss. */
function counted(g: Gen): void {
  const { rng } = g;
  const count = someCount(g);
  const counter = g.local('i32');
  // What would make the number of times another one than it looks like.
  const spoiled = rng.chance(0.35);
  const certain = begin(g, counter, count.start);
  const fueled = !certain || spoiled || trips(count) === null || g.unfueled >= MAX_UNFUELED || rng.chance(0.15);
  if (!spoiled) g.counters.add(counter);
  const results = rng.chance(0.8) ? [] : g.world.someTypes(1);
  g.within('loop', [[], results], (label) => {
    if (fueled) g.burn();
    else g.unfueled++;
    statements(g, rng.int(3));
    if (spoiled) spoil(g, counter, label);
    if (rng.chance(0.3)) leaving(g);
    step(g, counter, count, label);
    if (!fueled) g.unfueled--;
    if (rng.chance(0.4)) statements(g, 1);
    exprs(g, results);
  });
  g.counters.delete(counter);
  g.store(results);
}

/** Sets the counter: right before the loop, or with something in between that may change it, which is then not certain. */
function begin(g: Gen, counter: LocalIdx, start: number): boolean {
  const { rng, asm } = g;
  asm.i32(start);
  if (rng.chance(0.2)) asm.tee(counter).do('drop');
  else asm.set(counter);
  if (rng.chance(0.75)) return true;
  if (rng.chance(0.5)) {
    statements(g, 1);
    return false;
  }
  expr(g, 'i32');
  g.within('if', [[], []], () => {
    if (rng.chance(0.5)) asm.i32(start + 1).set(counter);
    else statements(g, 1);
  });
  return false;
}

function spoil(g: Gen, counter: LocalIdx, label: Label): void {
  const { rng, asm } = g;
  expr(g, 'i32');
  asm.i32(1).do('i32.and');
  g.within('if', [[], []], () => {
    const make = rng.pick<() => void>([
      () => asm.get(counter).i32(1).do('i32.sub').set(counter),
      () => asm.br(label),
      () => {
        asm.get(counter).i32(2).do('i32.add').set(counter);
        callStatement(g);
        asm.br(label);
      },
      () => {
        expr(g, 'i32');
        asm.set(counter);
      },
    ]);
    make();
  });
}

function step(g: Gen, counter: LocalIdx, { step: by, compare, limit }: Count, label: Label): void {
  const { rng, asm } = g;
  asm.get(counter).i32(by).do('i32.add');
  if (rng.chance(0.5)) asm.tee(counter);
  else asm.set(counter).get(counter);
  asm.i32(limit).do(compare);
  if (rng.chance(0.85)) {
    asm.brIf(label);
    return;
  }
  g.within('if', [[], []], () => {
    asm.br(label);
  });
}

/** Leaves by a branch out of it at the start, and goes back at the end. */
function whileLoop(g: Gen): void {
  const { rng, asm } = g;
  g.within('block', [[], []], (out) => {
    g.within('loop', [[], []], (label) => {
      g.burn();
      expr(g, 'i32');
      if (rng.chance(0.7)) asm.i32(rng.pick([1, 3])).do('i32.and', 'i32.eqz');
      asm.brIf(out);
      statements(g, 1 + rng.int(3));
      if (rng.chance(0.3)) leaving(g);
      asm.br(label);
    });
  });
}

/** Has several branches back, by `br_if`, `br` in arms, and `br_table`; its exits call functions and return. */
function branchy(g: Gen): void {
  const { rng, asm } = g;
  const results = rng.chance(0.6) ? [] : g.world.someTypes(1 + rng.int(2));
  g.within('loop', [[], results], (label) => {
    g.burn();
    for (let at = rng.int(3); at >= 0; at--) {
      statements(g, rng.int(2));
      const make = rng.pick<() => void>([
        () => {
          expr(g, 'i32');
          asm.i32(3).do('i32.and').brIf(label);
        },
        () => {
          expr(g, 'i32');
          g.within('if', [[], []], () => {
            if (rng.chance(0.5)) statements(g, 1);
            asm.br(label);
          });
        },
        () => {
          g.within('block', [[], []], (past) => {
            expr(g, 'i32');
            asm.i32(7).do('i32.and');
            const around = g.branches.filter(({ types }) => types.length === 0);
            asm.brTable([label, past, rng.pick(around).label, rng.pick(around).label, past]);
          });
        },
        () => leaving(g),
      ]);
      make();
    }
    exprs(g, results);
  });
  g.store(results);
}

/** Two loops, either of which the same `br_table` goes back to. */
function inEachOther(g: Gen): void {
  const { rng, asm } = g;
  g.within('loop', [[], []], (outer) => {
    g.burn();
    statements(g, rng.int(2));
    g.within('block', [[], []], (past) => {
      g.within('loop', [[], []], (inner) => {
        g.burn();
        statements(g, 1 + rng.int(2));
        expr(g, 'i32');
        asm
          .i32(7)
          .do('i32.and')
          .brTable(rng.list(6, () => rng.pick([inner, outer, past])).concat(past));
      });
    });
    statements(g, rng.int(2));
  });
}

/** Hands values on from round to round. */
function withParams(g: Gen): void {
  const { rng, asm } = g;
  const params = g.world.someTypes(1 + rng.int(2));
  const results = g.world.someTypes(rng.int(2));
  exprs(g, params);
  g.within('loop', [params, results], (label) => {
    g.burn();
    if (rng.chance(0.4)) statements(g, 1);
    g.store(params);
    statements(g, rng.int(2));
    exprs(g, params);
    expr(g, 'i32');
    asm.i32(3).do('i32.and').brIf(label);
    g.store(params);
    exprs(g, results);
  });
  g.store(results);
}
