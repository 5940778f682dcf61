import type { Construct } from './constructs.ts';
import type { ModuleText } from './text.ts';

const MODES = ['direct', 'table', 'reference', 'mixed'] as const;

/** A call of a function of a type with parameters, which lie on the stack. */
function call(module: ModuleText, mode: number, func: string, type: string, tail = false): string {
  const prefix = tail ? 'return_' : '';
  switch (MODES[mode]) {
    case 'table':
      return `(${prefix}call_indirect $fs (type ${type}) (i32.const ${module.slot(func)}))`;
    case 'reference':
      return `${module.ref(func)} (${prefix}call_ref ${type})`;
    default:
      return `(${prefix}call ${func})`;
  }
}

const modeAt = (mode: number, at: number): number => (MODES[mode] === 'mixed' ? at % 3 : mode);

/** Functions that call each other and need each other's names first. */
function names(module: ModuleText, count: number): string[] {
  return Array.from({ length: count }, () => module.fresh('r'));
}

export const CALLS: readonly Construct[] = [
  {
    name: 'tail-ring',
    family: 'tail calls',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [1 + rng.int(5), rng.int(MODES.length)],
    emit: (module, [count = 1, mode = 0], [body]) => {
      const ring = names(module, count);
      for (const [at, name] of ring.entries()) {
        const next = ring[(at + 1) % count] ?? name;
        module.define(
          name,
          '(type $v)',
          () => `${at === 0 ? body?.() : ''} ${call(module, modeAt(mode, at), next, '$v', true)}`,
        );
      }
      return `(call ${ring[0]})`;
    },
  },
  {
    name: 'tail-calls-with-parameters',
    family: 'tail calls',
    term: 'endless',
    places: ['finite', 'finite'],
    numbers: (rng) => [rng.int(MODES.length)],
    emit: (module, [mode = 0], [body, other]) => {
      module.once('(type $ij (func (param i32 i64) (result i64)))');
      const [even = '', odd = ''] = names(module, 2);
      const step = '(i32.add (local.get 0) (i32.const 1)) (i64.sub (local.get 1) (i64.const 1))';
      module.define(
        even,
        '(type $ij)',
        () => `${body?.()}
        (if (i32.and (local.get 0) (i32.const 3)) (then ${step} ${call(module, modeAt(mode, 0), odd, '$ij', true)}))
        ${step} ${call(module, modeAt(mode, 1), even, '$ij', true)}`,
      );
      module.define(
        odd,
        '(type $ij)',
        () => `${other?.()} ${step} ${call(module, modeAt(mode, 2), even, '$ij', true)}`,
      );
      return `(drop (call ${even} (i32.const 0) (i64.const 0)))`;
    },
  },
  {
    name: 'deep-recursion',
    family: 'recursion',
    term: 'endless',
    places: ['finite'],
    mayEnd: true,
    numbers: (rng) => [1 + rng.int(3), rng.int(MODES.length)],
    emit: (module, [count = 1, mode = 0], [body]) => {
      const ring = names(module, count);
      for (const [at, name] of ring.entries()) {
        const next = ring[(at + 1) % count] ?? name;
        module.define(
          name,
          '(type $v)',
          () => `${at === 0 ? body?.() : ''} ${call(module, modeAt(mode, at), next, '$v')} (nop)`,
        );
      }
      return `(call ${ring[0]})`;
    },
  },
  {
    name: 'deep-recursion-with-locals',
    family: 'recursion',
    term: 'endless',
    places: ['finite'],
    mayEnd: true,
    numbers: (rng) => [1 + rng.int(60)],
    emit: (module, [count = 1], [body]) => {
      module.once('(type $i_i (func (param i32) (result i32)))');
      const [self = ''] = names(module, 1);
      module.define(self, '(type $i_i)', () => {
        const locals = Array.from({ length: count }, () => module.local('i64'));
        const fill = locals.map(
          (local, at) => `(local.set ${local} (i64.extend_i32_u (i32.add (local.get 0) (i32.const ${at}))))`,
        );
        const use = locals.reduce((sum, local) => `(i64.add ${sum} (local.get ${local}))`, '(i64.const 0)');
        return `${fill.join(' ')} ${body?.()}
          (i32.add (call ${self} (i32.add (local.get 0) (i32.const 1))) (i32.wrap_i64 ${use}))`;
      });
      return `(drop (call ${self} (i32.const 0)))`;
    },
  },
  {
    // As Fibonacci's numbers: not deep, and without an end that anyone will see.
    name: 'tree-recursion',
    family: 'recursion',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [45 + rng.int(40), rng.int(MODES.length)],
    emit: (module, [depth = 50, mode = 0], [body]) => {
      module.once('(type $i_i (func (param i32) (result i32)))');
      const [self = ''] = names(module, 1);
      const less = '(i32.sub (local.get 0) (i32.const 1))';
      module.define(
        self,
        '(type $i_i)',
        () => `
        (if (i32.eqz (local.get 0)) (then ${body?.()} (return (i32.const 1))))
        ${less} ${call(module, modeAt(mode, 0), self, '$i_i')} ${less} ${call(module, modeAt(mode, 1), self, '$i_i')} (i32.add)`,
      );
      return `(drop (call ${self} (i32.const ${depth})))`;
    },
  },
  {
    name: 'ackermann',
    family: 'recursion',
    term: 'endless',
    places: [],
    mayEnd: true,
    emit: (module) => {
      const [self = ''] = names(module, 1);
      module.define(
        self,
        '(param i64 i64) (result i64)',
        () => `
        (if (result i64) (i64.eqz (local.get 0)) (then (i64.add (local.get 1) (i64.const 1)))
          (else (if (result i64) (i64.eqz (local.get 1))
            (then (call ${self} (i64.sub (local.get 0) (i64.const 1)) (i64.const 1)))
            (else (call ${self} (i64.sub (local.get 0) (i64.const 1))
              (call ${self} (local.get 0) (i64.sub (local.get 1) (i64.const 1))))))))`,
      );
      return `(drop (call ${self} (i64.const 4) (i64.const 4)))`;
    },
  },
  {
    name: 'bounded-recursion',
    family: 'recursion',
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [1 + rng.int(400)],
    emit: (module, [depth = 1], [body]) => {
      module.once('(type $i_i (func (param i32) (result i32)))');
      const [self = ''] = names(module, 1);
      module.define(
        self,
        '(type $i_i)',
        () => `
        (if (i32.eqz (local.get 0)) (then ${body?.()} (return (i32.const 1))))
        (i32.add (call ${self} (i32.sub (local.get 0) (i32.const 1))) (local.get 0))`,
      );
      return `(drop (call ${self} (i32.const ${depth})))`;
    },
  },
  {
    // Neither loops nor recursion: each function calls the next one several times.
    name: 'call-tree',
    family: 'call trees',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [45 + rng.int(30), 2 + rng.int(3), rng.int(MODES.length)],
    emit: (module, [levels = 50, fan = 2, mode = 0], [body]) => {
      let next = module.func(() => body?.() ?? '');
      for (let level = 0; level < levels; level++) {
        const below = next;
        next = module.func(() =>
          Array.from({ length: fan }, (_, at) => call(module, modeAt(mode, at), below, '$v')).join(' '),
        );
      }
      return `(call ${next})`;
    },
  },
  {
    name: 'call-tree-of-short-loops',
    family: 'call trees',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [12 + rng.int(12), 20 + rng.int(100), rng.int(MODES.length)],
    emit: (module, [levels = 12, times = 20, mode = 0], [body]) => {
      let next = module.func(() => body?.() ?? '');
      for (let level = 0; level < levels; level++) {
        const below = next;
        next = module.func(() => {
          const [at, again] = [module.local('i32'), module.fresh('l')];
          return `(loop ${again} ${call(module, modeAt(mode, level), below, '$v')}
            (br_if ${again} (i32.lt_u (local.tee ${at} (i32.add (local.get ${at}) (i32.const 1))) (i32.const ${times}))))`;
        });
      }
      return `(call ${next})`;
    },
  },
  {
    // Calls of functions some levels down, and not of the next one only.
    name: 'call-graph',
    family: 'call trees',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [200 + rng.int(100), rng.int(MODES.length), rng.int(1 << 30)],
    emit: (module, [levels = 200, mode = 0, seed = 0], [body]) => {
      const made = [module.func(() => body?.() ?? '')];
      for (let level = 1; level <= levels; level++) {
        const before = made.at(-1) ?? '';
        const other = made.at(-1 - ((Math.imul(seed, level) >>> 29) % made.length)) ?? before;
        made.push(
          module.func(
            () =>
              `${call(module, modeAt(mode, level), before, '$v')} ${call(module, modeAt(mode, level + 1), other, '$v')}`,
          ),
        );
      }
      return `(call ${made.at(-1)})`;
    },
  },
  {
    name: 'other-module',
    family: 'linked modules',
    term: 'endless',
    places: ['endless'],
    emit: () => {
      throw new RangeError('it is a module of its own');
    },
  },
];
