import type { Rng } from '../rng.ts';
import type { Construct } from './constructs.ts';
import { AREA, type ModuleText } from './text.ts';

const MIB = 1 << 20;
const LARGEST = 1024 * MIB;

/** Mostly some MiB, now and then as large as it gets. */
function bytes(rng: Rng): number {
  const [most, least] = rng.weighted([
    [6, [2, 0]],
    [6, [48, 2]],
    [3, [256, 64]],
    [1, [1024, 512]],
  ] as const);
  return (least + rng.int(most - least) + 1) * MIB - rng.int(4096);
}

const memory = (module: ModuleText, size: number): void => module.memory(AREA.large + Math.min(size, LARGEST));

/** A memory of 64-bit addresses beside the other one. */
function wide(module: ModuleText, size: number): string {
  // The same for all, as large as any needs it.
  module.once(`(memory $wide i64 ${LARGEST / 65_536})`);
  if (size > LARGEST) throw new RangeError('too large');
  return '$wide';
}

const TABLE_SIZE = 2_000_000;
function table(module: ModuleText): string {
  module.once(`(table $large ${TABLE_SIZE} funcref)`);
  return '$large';
}

const ARRAYS = { i8: 1, i32: 4, i64: 8, v128: 16, anyref: 8 } as const;
type Field = keyof typeof ARRAYS;
const FIELDS = Object.keys(ARRAYS) as Field[];
const fieldAt = (at: number | undefined): Field => FIELDS[at ?? 0] ?? 'i8';

const ZERO: Record<Field, string> = {
  i8: '(i32.const 1)',
  i32: '(i32.const 1)',
  i64: '(i64.const 1)',
  v128: '(v128.const i64x2 1 1)',
  anyref: '(ref.i31 (i32.const 1))',
};

/** An array in a global, made when it is first needed. */
function array(module: ModuleText, field: Field, elements: number): { type: string; get: string } {
  const type = arrayType(module, field);
  const global = module.fresh('a');
  module.field(`(global ${global} (mut (ref null ${type})) (ref.null ${type}))`);
  const got = module.func(
    () =>
      `(if (ref.is_null (global.get ${global})) (then (global.set ${global} (array.new_default ${type} (i32.const ${elements})))))`,
  );
  return { type, get: `(block (result (ref ${type})) (call ${got}) (ref.as_non_null (global.get ${global})))` };
}

function arrayType(module: ModuleText, field: Field): string {
  module.once(`(type $array_${field} (array (mut ${field})))`);
  return `$array_${field}`;
}

const arrayNumbers = (rng: Rng): number[] => {
  const field = rng.int(FIELDS.length);
  // It lies on the host's heap, and to make it is one instruction, which takes its time.
  const most = Math.min(bytes(rng), 16 * MIB);
  return [field, Math.floor(most / ARRAYS[fieldAt(field)])];
};

/** Half of an array and of a memory: what is copied, from its start or to it, both ways overlapping. */
const overlap = (size: number, forward: number): string => {
  const third = Math.floor(size / 3);
  const [to, from] = forward === 0 ? [third, 0] : [0, third];
  return `${to},${from},${2 * third}`;
};

const bulk = (name: string, rest: Pick<Construct, 'numbers' | 'emit'>): Construct => ({
  name,
  family: 'bulk instructions',
  term: 'finite',
  places: [],
  ...rest,
});

const allocation = (name: string, rest: Pick<Construct, 'numbers' | 'emit'>): Construct => ({
  name,
  family: 'allocation',
  term: 'finite',
  places: [],
  ...rest,
});

export const BULK: readonly Construct[] = [
  bulk('memory.fill', {
    numbers: (rng) => [bytes(rng)],
    emit: (module, [size = MIB]) => {
      memory(module, size);
      return `(memory.fill $mem (i32.const ${AREA.large}) (i32.const 1) (i32.const ${size}))`;
    },
  }),
  bulk('memory.copy', {
    numbers: (rng) => [bytes(rng), rng.int(2)],
    emit: (module, [size = MIB, forward = 0]) => {
      memory(module, size);
      const [to, from, count] = overlap(size, forward).split(',').map(Number) as [number, number, number];
      return `(memory.copy $mem $mem (i32.const ${AREA.large + to}) (i32.const ${AREA.large + from}) (i32.const ${count}))`;
    },
  }),
  bulk('memory64.fill', {
    numbers: (rng) => [bytes(rng)],
    emit: (module, [size = MIB]) =>
      `(memory.fill ${wide(module, size)} (i64.const 0) (i32.const 1) (i64.const ${size}))`,
  }),
  bulk('memory64.copy', {
    numbers: (rng) => [bytes(rng), rng.int(2)],
    emit: (module, [size = MIB, forward = 0]) => {
      const name = wide(module, size);
      const [to, from, count] = overlap(size, forward).split(',');
      return `(memory.copy ${name} ${name} (i64.const ${to}) (i64.const ${from}) (i64.const ${count}))`;
    },
  }),
  bulk('memory.init', {
    numbers: (rng) => [1 + rng.int(64), 1 + rng.int(200)],
    emit: (module, [kib = 1, times = 1]) => {
      const data = module.fresh('d');
      memory(module, kib * 1024);
      module.field(`(data ${data} "${'x'.repeat(kib * 1024)}")`);
      return `(memory.init $mem ${data} (i32.const ${AREA.large}) (i32.const 0) (i32.const ${kib * 1024}))`.repeat(
        times,
      );
    },
  }),
  bulk('table.fill', {
    numbers: (rng) => [1 + rng.int(TABLE_SIZE)],
    emit: (module, [size = 1]) => `(table.fill ${table(module)} (i32.const 0) (ref.null func) (i32.const ${size}))`,
  }),
  bulk('table.copy', {
    numbers: (rng) => [1 + rng.int(TABLE_SIZE), rng.int(2)],
    emit: (module, [size = 1, forward = 0]) => {
      const name = table(module);
      const operands = overlap(size, forward)
        .split(',')
        .map((value) => `(i32.const ${value})`);
      return `(table.copy ${name} ${name} ${operands.join(' ')})`;
    },
  }),
  bulk('table.init', {
    numbers: (rng) => [1 + rng.int(20_000), 1 + rng.int(100)],
    emit: (module, [size = 1, times = 1]) => {
      const segment = module.fresh('e');
      const func = module.func(() => '');
      module.field(`(elem ${segment} func ${`${func} `.repeat(size)})`);
      return `(table.init ${table(module)} ${segment} (i32.const 0) (i32.const 0) (i32.const ${size}))`.repeat(times);
    },
  }),
  bulk('array.fill', {
    numbers: arrayNumbers,
    emit: (module, [field, size = 1]) => {
      const { type, get } = array(module, fieldAt(field), size);
      return `(array.fill ${type} ${get} (i32.const 0) ${ZERO[fieldAt(field)]} (i32.const ${size}))`;
    },
  }),
  bulk('array.copy', {
    numbers: (rng) => [...arrayNumbers(rng), rng.int(2)],
    emit: (module, [field, size = 1, forward = 0]) => {
      const { type, get } = array(module, fieldAt(field), size);
      const [to, from, count] = overlap(size, forward).split(',');
      return `(array.copy ${type} ${type} ${get} (i32.const ${to}) ${get} (i32.const ${from}) (i32.const ${count}))`;
    },
  }),
  bulk('array.init_data', {
    numbers: (rng) => [1 + rng.int(64), 1 + rng.int(200)],
    emit: (module, [kib = 1, times = 1]) => {
      const data = module.fresh('d');
      module.field(`(data ${data} "${'x'.repeat(kib * 1024)}")`);
      const { type, get } = array(module, 'i8', kib * 1024);
      const one = `(array.init_data ${type} ${data} ${get} (i32.const 0) (i32.const 0) (i32.const ${kib * 1024}))`;
      return one.repeat(times);
    },
  }),
  {
    // Without loops or recursion, and nothing in between.
    name: 'bulk-in-a-row',
    family: 'bulk instructions',
    term: 'endless',
    places: [],
    numbers: (rng) => [96 + rng.int(160), rng.int(3)],
    emit: (module, [mib = 96, kind = 0]) => {
      const size = mib * MIB;
      memory(module, size);
      const [to, from, count] = overlap(size, kind).split(',').map(Number) as [number, number, number];
      const one =
        kind === 2
          ? `(memory.fill $mem (i32.const ${AREA.large}) (i32.const 1) (i32.const ${size}))`
          : `(memory.copy $mem $mem (i32.const ${AREA.large + to}) (i32.const ${AREA.large + from}) (i32.const ${count}))`;
      // Some ten seconds.
      return one.repeat(Math.ceil((kind === 2 ? 128_000 : 64_000) / mib));
    },
  },
  allocation('array.new_default', {
    numbers: (rng) => [rng.int(FIELDS.length), 1 + rng.int(4 * MIB)],
    emit: (module, [field, size]) =>
      `(drop (array.new_default ${arrayType(module, fieldAt(field))} (i32.const ${size})))`,
  }),
  allocation('array.new', {
    numbers: (rng) => [rng.int(FIELDS.length), 1 + rng.int(4 * MIB)],
    emit: (module, [field, size]) =>
      `(drop (array.new ${arrayType(module, fieldAt(field))} ${ZERO[fieldAt(field)]} (i32.const ${size})))`,
  }),
  allocation('array.new_data', {
    numbers: (rng) => [1 + rng.int(256)],
    emit: (module, [kib = 1]) => {
      const data = module.fresh('d');
      module.field(`(data ${data} "${'x'.repeat(kib * 1024)}")`);
      return `(drop (array.new_data ${arrayType(module, 'i8')} ${data} (i32.const 0) (i32.const ${kib * 1024})))`;
    },
  }),
  allocation('structs', {
    numbers: (rng) => [1 + rng.int(100_000)],
    emit: (module, [count = 1]) => {
      module.once('(type $list (struct (field i64) (field (ref null $list))))');
      const [list, at, again] = [module.local('(ref null $list)'), module.local('i32'), module.fresh('l')];
      return `(local.set ${list} (ref.null $list)) (local.set ${at} (i32.const ${count})) (loop ${again}
        (local.set ${list} (struct.new $list (i64.const 1) (local.get ${list})))
        (br_if ${again} (local.tee ${at} (i32.sub (local.get ${at}) (i32.const 1)))))
        (local.set ${list} (ref.null $list))`;
    },
  }),
  allocation('memory.grow', {
    numbers: (rng) => [rng.int(40)],
    emit: (_module, [pages]) => `(drop (memory.grow $mem (i32.const ${pages})))`,
  }),
  allocation('table.grow', {
    // What the engine does in one go: 10,000,000 entries take it a quarter of a second.
    numbers: (rng) => [1 + rng.int(1 << 19)],
    emit: (module, [count]) => {
      module.once('(table $growing 0 8000000 funcref)');
      return `(drop (table.grow $growing (ref.null func) (i32.const ${count})))`;
    },
  }),
];
