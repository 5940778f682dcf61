import type { Construct } from './constructs.ts';
import type { ModuleText } from './text.ts';

const family = 'continuations';

/** Continuations that hand over i32 values: what they suspend with, its tag, and their type. */
function values(module: ModuleText): { tag: string; cont: string } {
  module.once('(tag $give (param i32))');
  return { tag: '$give', cont: module.continuation() };
}

/** Resumes what is in a local until it has returned; then goes on after it. */
function drive(module: ModuleText, cont: string, tag: string, local: string, between: string): string {
  const [again, on, done] = [module.fresh('l'), module.fresh('h'), module.fresh('b')];
  return `(block ${done} (loop ${again}
    (block ${on} (result (ref ${cont})) (resume ${cont} (on ${tag} ${on}) (local.get ${local})) (br ${done}))
    (local.set ${local}) ${between} (br ${again})))`;
}

/** The type of continuations that switch to each other, and the tag of it. */
function switching(module: ModuleText): { func: string; cont: string; tag: string } {
  module.once('(rec (type $sf (func (param (ref null $sk)))) (type $sk (cont $sf)))');
  module.once('(tag $sw)');
  return { func: '$sf', cont: '$sk', tag: '$sw' };
}

export const CONTINUATIONS: readonly Construct[] = [
  {
    name: 'resumed-once',
    family,
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const cont = module.continuation();
      const func = module.func(() => body?.() ?? '');
      return `(resume ${cont} (cont.new ${cont} ${module.ref(func)}))`;
    },
  },
  {
    name: 'suspended-some-times',
    family,
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [1 + rng.int(20)],
    emit: (module, [times = 1], [body]) => {
      const [tag, cont, local] = [module.tag(), module.continuation(), module.local('(ref null $k)')];
      const func = module.func(() => `${body?.()} ${`(suspend ${tag})`.repeat(times)}`);
      return `(local.set ${local} (cont.new ${cont} ${module.ref(func)})) ${drive(module, cont, tag, local, '')}`;
    },
  },
  {
    name: 'abandoned',
    family,
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, cont, on] = [module.tag(), module.continuation(), module.fresh('h')];
      const func = module.func(() => `${body?.()} (suspend ${tag}) (unreachable)`);
      return `(drop (block ${on} (result (ref ${cont}))
        (resume ${cont} (on ${tag} ${on}) (cont.new ${cont} ${module.ref(func)})) (unreachable)))`;
    },
  },
  {
    name: 'thrown-into',
    family,
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, cont, on, caught] = [module.tag(), module.continuation(), module.fresh('h'), module.fresh('h')];
      const func = module.func(() => `${body?.()} (suspend ${tag}) (unreachable)`);
      return `(block ${caught} (try_table (catch_all ${caught}) (resume_throw ${cont} ${tag}
        (block ${on} (result (ref ${cont}))
          (resume ${cont} (on ${tag} ${on}) (cont.new ${cont} ${module.ref(func)})) (unreachable)))))`;
    },
  },
  {
    name: 'in-continuations',
    family,
    term: 'endless',
    places: ['endless'],
    numbers: (rng) => [1 + rng.int(4), rng.int(2)],
    emit: (module, [depth = 1, handles], [body]) => {
      const [tag, cont] = [module.tag(), module.continuation()];
      let func = module.func(() => body?.() ?? '');
      for (let level = 0; level < depth; level++) {
        const below = func;
        const made = `(cont.new ${cont} ${module.ref(below)})`;
        func = module.func(() => {
          if (handles === 0) return `(resume ${cont} ${made})`;
          const local = module.local('(ref null $k)');
          return `(local.set ${local} ${made}) ${drive(module, cont, tag, local, '')}`;
        });
      }
      return `(call ${func})`;
    },
  },
  {
    name: 'generator',
    family,
    term: 'endless',
    places: ['finite', 'finite'],
    emit: (module, _numbers, [produce, consume]) => {
      const { tag, cont } = values(module);
      const [at, again, round, on] = [
        module.local('(ref null $k)'),
        module.fresh('l'),
        module.fresh('l'),
        module.fresh('h'),
      ];
      const func = module.func(() => `(loop ${again} ${produce?.()} (suspend ${tag} (i32.const 1)) (br ${again}))`);
      return `(local.set ${at} (cont.new ${cont} ${module.ref(func)})) (loop ${round}
        (block ${on} (result i32 (ref ${cont})) (resume ${cont} (on ${tag} ${on}) (local.get ${at})) (return))
        (local.set ${at}) (drop) ${consume?.()} (br ${round}))`;
    },
  },
  {
    // Each takes from the next one and hands on.
    name: 'chain-of-generators',
    family,
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [2 + rng.int(6)],
    emit: (module, [depth = 2], [produce]) => {
      const { tag, cont } = values(module);
      const source = module.fresh('l');
      let func = module.func(() => `(loop ${source} ${produce?.()} (suspend ${tag} (i32.const 1)) (br ${source}))`);
      for (let level = 0; level <= depth; level++) {
        const below = func;
        func = module.func(() => {
          const [at, round, on] = [module.local('(ref null $k)'), module.fresh('l'), module.fresh('h')];
          const given = level === depth ? '(drop)' : `(suspend ${tag})`;
          return `(local.set ${at} (cont.new ${cont} ${module.ref(below)})) (loop ${round}
            (block ${on} (result i32 (ref ${cont})) (resume ${cont} (on ${tag} ${on}) (local.get ${at})) (return))
            (local.set ${at}) ${given} (br ${round}))`;
        });
      }
      return `(call ${func})`;
    },
  },
  {
    name: 'ring-of-switches',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const { func, cont, tag } = switching(module);
      const name = module.fresh('r');
      const self = module.ref(name);
      module.define(name, `(type ${func}) (param $other (ref null ${cont}))`, () => {
        const again = module.fresh('l');
        return `(if (ref.is_null (local.get $other)) (then (local.set $other (cont.new ${cont} ${self}))))
          (loop ${again} ${body?.()} (local.set $other (switch ${cont} ${tag} (local.get $other))) (br ${again}))`;
      });
      return `(resume ${cont} (on ${tag} switch) (ref.null ${cont}) (cont.new ${cont} ${self}))`;
    },
  },
  {
    name: 'resume_throw-loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, cont, at] = [module.tag(), module.continuation(), module.local('(ref null $k)')];
      const [again, caught, round, on] = [module.fresh('l'), module.fresh('h'), module.fresh('l'), module.fresh('h')];
      const func = module.func(
        () => `(loop ${again} ${body?.()}
          (block ${caught} (try_table (catch_all ${caught}) (suspend ${tag}) (unreachable))) (br ${again}))`,
      );
      return `(local.set ${at} (block ${on} (result (ref ${cont}))
          (resume ${cont} (on ${tag} ${on}) (cont.new ${cont} ${module.ref(func)})) (return)))
        (loop ${round} (local.set ${at} (block ${on} (result (ref ${cont}))
          (resume_throw ${cont} ${tag} (on ${tag} ${on}) (local.get ${at})) (return))) (br ${round}))`;
    },
  },
  {
    name: 'round-robin',
    family,
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [1 + rng.int(20)],
    emit: (module, [count = 1], [body]) => {
      const [tag, cont, table] = [module.tag(), module.continuation(), module.fresh('q')];
      module.field(`(table ${table} ${count} (ref null ${cont}))`);
      const [again, round, on, at] = [module.fresh('l'), module.fresh('l'), module.fresh('h'), module.local('i32')];
      const func = module.func(() => `(loop ${again} ${body?.()} (suspend ${tag}) (br ${again}))`);
      const made = Array.from(
        { length: count },
        (_, slot) => `(table.set ${table} (i32.const ${slot}) (cont.new ${cont} ${module.ref(func)}))`,
      );
      return `${made.join(' ')} (loop ${round} (local.get ${at})
        (block ${on} (result (ref ${cont})) (resume ${cont} (on ${tag} ${on}) (table.get ${table} (local.get ${at}))) (unreachable))
        (table.set ${table}) (local.set ${at} (i32.rem_u (i32.add (local.get ${at}) (i32.const 1)) (i32.const ${count})))
        (br ${round}))`;
    },
  },
  {
    // Each resumes a new one, and none returns.
    name: 'ever-deeper-continuations',
    family,
    term: 'endless',
    places: ['finite'],
    mayEnd: true,
    emit: (module, _numbers, [body]) => {
      const [cont, name] = [module.continuation(), module.fresh('r')];
      const resume = `(resume ${cont} (cont.new ${cont} ${module.ref(name)}))`;
      module.define(name, '(type $v)', () => `${body?.()} ${resume}`);
      return resume;
    },
  },
  {
    name: 'bound',
    family,
    term: 'endless',
    places: ['endless'],
    emit: (module, _numbers, [body]) => {
      module.once('(type $vi (func (param i32)))');
      module.once('(type $ki (cont $vi))');
      const cont = module.continuation();
      const [inner, name] = [module.func(() => body?.() ?? ''), module.fresh('r')];
      module.define(name, '(type $vi)', () => `(call ${inner})`);
      return `(resume ${cont} (cont.bind $ki ${cont} (i32.const 1) (cont.new $ki ${module.ref(name)})))`;
    },
  },
];
