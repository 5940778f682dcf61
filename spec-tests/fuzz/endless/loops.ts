import type { Construct } from './constructs.ts';

const family = 'loops';

/** Loops of all forms, and work for them to do. */
export const LOOPS: readonly Construct[] = [
  {
    name: 'nothing',
    family,
    term: 'finite',
    places: [],
    emit: () => '(nop)',
  },
  {
    name: 'count',
    family,
    term: 'finite',
    places: [],
    numbers: (rng) => [1 + rng.int(5)],
    emit: (module, [times = 1]) => {
      const global = module.fresh('g');
      module.field(`(global ${global} (mut i64) (i64.const 0))`);
      return `(global.set ${global} (i64.add (global.get ${global}) (i64.const 1)))`.repeat(times);
    },
  },
  {
    name: 'short-loop',
    family,
    term: 'finite',
    places: [],
    numbers: (rng) => [1 + rng.int(100_000)],
    emit: (module, [times = 1]) => {
      const [at, again] = [module.local('i32'), module.fresh('l')];
      return `(local.set ${at} (i32.const ${times})) (loop ${again}
        (br_if ${again} (local.tee ${at} (i32.sub (local.get ${at}) (i32.const 1)))))`;
    },
  },
  {
    name: 'in-sequence',
    family,
    term: 'finite',
    places: ['finite', 'finite'],
    emit: (_module, _numbers, [first, second]) => `${first?.()} ${second?.()}`,
  },
  {
    name: 'after',
    family,
    term: 'endless',
    places: ['finite', 'endless'],
    emit: (_module, _numbers, [first, second]) => `${first?.()} ${second?.()}`,
  },
  {
    name: 'over-operands',
    family,
    term: 'endless',
    places: ['endless'],
    emit: (_module, _numbers, [body]) => `(i32.const 1) (f64.const 2) (ref.null func) ${body?.()} (drop) (drop) (drop)`,
  },
  {
    name: 'if-else',
    family,
    term: 'endless',
    places: ['endless', 'finite'],
    numbers: (rng) => [rng.int(2)],
    emit: (_module, [where], [body, other]) =>
      where === 0
        ? `(if (i32.const 1) (then ${body?.()}) (else ${other?.()}))`
        : `(if (i32.const 0) (then ${other?.()}) (else ${body?.()}))`,
  },
  {
    name: 'loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()} (br ${again}))`;
    },
  },
  {
    // It ends when the sun has become a white dwarf.
    name: 'counted-loop',
    family,
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [57 + rng.int(6)],
    emit: (module, [power = 60], [body]) => {
      const [at, again] = [module.local('i64'), module.fresh('l')];
      return `(loop ${again} ${body?.()}
        (local.set ${at} (i64.add (local.get ${at}) (i64.const 1)))
        (br_if ${again} (i64.lt_u (local.get ${at}) (i64.const ${2n ** BigInt(power)}))))`;
    },
  },
  {
    name: 'never-equal',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [at, again] = [module.local('i32'), module.fresh('l')];
      return `(loop ${again} ${body?.()}
        (br_if ${again} (i32.ne (local.tee ${at} (i32.add (local.get ${at}) (i32.const 2))) (i32.const 7))))`;
    },
  },
  {
    name: 'nested-loops',
    family,
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [3 + rng.int(4), 1 << (18 + rng.int(4))],
    emit: (module, [levels = 3, times = 1 << 20], [body]) => {
      let text = body?.() ?? '';
      for (let level = 0; level < levels; level++) {
        const [at, again] = [module.local('i32'), module.fresh('l')];
        text = `(local.set ${at} (i32.const ${times})) (loop ${again} ${text}
          (br_if ${again} (local.tee ${at} (i32.sub (local.get ${at}) (i32.const 1)))))`;
      }
      return text;
    },
  },
  {
    name: 'br_table-loop',
    family,
    term: 'endless',
    places: ['finite', 'finite'],
    emit: (module, _numbers, [body, other]) => {
      const at = module.local('i32');
      const [again, first, second] = [module.fresh('l'), module.fresh('l'), module.fresh('l')];
      return `(loop ${again}
        (block ${first}
          (block ${second}
            (br_table ${second} ${first} ${again} ${again}
              (i32.and (local.tee ${at} (i32.add (local.get ${at}) (i32.const 1))) (i32.const 3))))
          ${body?.()} (br ${again}))
        ${other?.()} (br ${again}))`;
    },
  },
  {
    name: 'loop-with-parameters',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const again = module.fresh('l');
      return `(i32.const 0) (i64.const 0) (loop ${again} (param i32 i64) (result f32)
        (i64.const 1) (i64.add) ${body?.()} (br ${again})) (drop)`;
    },
  },
  {
    name: 'br_on_null-loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()} (br_on_null ${again} (ref.null func)) (drop))`;
    },
  },
  {
    name: 'br_on_cast-loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [again, small] = [module.fresh('l'), module.fresh('l')];
      return `(loop ${again} (drop (block ${small} (result (ref i31))
        (br_on_cast ${small} anyref (ref i31) (ref.i31 (i32.const 1))) (unreachable)))
        ${body?.()} (br ${again}))`;
    },
  },
  {
    name: 'loop-over-memory',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()}
        (br_if ${again} (i32.ge_u (i32.load (i32.const 8)) (i32.const 0))))`;
    },
  },
  {
    name: 'unrolled-loop',
    family,
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [2 + rng.int(200)],
    emit: (module, [times = 2], [body]) => {
      const again = module.fresh('l');
      const func = module.func(() => body?.() ?? '');
      return `(loop ${again} ${`(call ${func})`.repeat(times)} (br ${again}))`;
    },
  },
];
