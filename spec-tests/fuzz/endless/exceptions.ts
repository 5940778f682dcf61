import type { Construct } from './constructs.ts';

const family = 'exceptions';

/** Throwing and catching, by the instructions of today and by those of yesterday. */
export const EXCEPTIONS: readonly Construct[] = [
  {
    name: 'throw-and-catch',
    family,
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [rng.int(2)],
    emit: (module, [how], [body]) => {
      const [tag, caught] = [module.tag(), module.fresh('h')];
      const thrower = module.func(() => `${body?.()} (throw ${tag})`);
      const clause = how === 0 ? `(catch ${tag} ${caught})` : `(catch_all ${caught})`;
      return `(block ${caught} (try_table ${clause} (call ${thrower})))`;
    },
  },
  {
    name: 'throw_ref',
    family,
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, outer, inner] = [module.tag(), module.fresh('h'), module.fresh('h')];
      const thrower = module.func(() => `${body?.()} (throw ${tag})`);
      return `(block ${outer} (try_table (catch ${tag} ${outer})
        (block ${inner} (result exnref) (try_table (catch_all_ref ${inner}) (call ${thrower})) (unreachable))
        (throw_ref)))`;
    },
  },
  {
    name: 'payload',
    family,
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      module.once('(tag $payload (param i32 i64))');
      const caught = module.fresh('h');
      const thrower = module.func(() => `${body?.()} (throw $payload (i32.const 1) (i64.const 2))`);
      return `(block ${caught} (result i32 i64)
        (try_table (catch $payload ${caught}) (call ${thrower})) (unreachable)) (drop) (drop)`;
    },
  },
  {
    name: 'deep-throw',
    family,
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [1 + rng.int(500)],
    emit: (module, [depth = 1], [body]) => {
      const [tag, caught, self] = [module.tag(), module.fresh('h'), module.fresh('r')];
      module.define(
        self,
        '(param i32)',
        () => `(if (i32.eqz (local.get 0)) (then ${body?.()} (throw ${tag})))
        (call ${self} (i32.sub (local.get 0) (i32.const 1)))`,
      );
      return `(block ${caught} (try_table (catch_all ${caught}) (call ${self} (i32.const ${depth}))))`;
    },
  },
  {
    name: 'legacy-throw-and-catch',
    family,
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [rng.int(4)],
    emit: (module, [how], [body]) => {
      const tag = module.tag();
      const thrower = module.func(() => `${body?.()} (throw ${tag})`);
      const call = `(call ${thrower})`;
      switch (how) {
        case 0:
          return `try ${call} catch_all end`;
        case 1:
          return `try ${call} catch ${tag} end`;
        case 2:
          return `try try ${call} catch ${tag} rethrow 0 end catch_all end`;
        default:
          return `try try ${call} delegate 0 catch ${tag} end`;
      }
    },
  },
  {
    // What is thrown out of it, by the host too, begins it anew.
    name: 'restarting',
    family,
    term: 'endless',
    places: ['endless'],
    numbers: (rng) => [rng.int(3)],
    emit: (module, [how], [body]) => {
      const [again, caught] = [module.fresh('l'), module.fresh('h')];
      switch (how) {
        case 0:
          return `(loop ${again} (block ${caught} (try_table (catch_all ${caught}) ${body?.()})) (br ${again}))`;
        case 1:
          return `(loop ${again} (drop (block ${caught} (result exnref)
            (try_table (catch_all_ref ${caught}) ${body?.()}) (br ${again}))) (br ${again}))`;
        default:
          return `(loop ${again} try ${body?.()} catch_all end (br ${again}))`;
      }
    },
  },
  {
    // The handlers branch to the loop themselves.
    name: 'catching-into-a-loop',
    family,
    term: 'endless',
    places: ['finite', 'endless'],
    emit: (module, _numbers, [first, body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${first?.()} (try_table (catch ${module.tag()} ${again}) (catch_all ${again}) ${body?.()}))`;
    },
  },
  {
    // Cleans up and throws on, as languages do in `finally`.
    name: 'finally',
    family,
    term: 'endless',
    places: ['endless', 'finite'],
    numbers: (rng) => [rng.int(2)],
    emit: (module, [how], [body, cleanup]) => {
      const caught = module.fresh('h');
      if (how === 1) return `try ${body?.()} catch_all ${cleanup?.()} rethrow 0 end`;
      return `(block ${caught} (result exnref) (try_table (catch_all_ref ${caught}) ${body?.()}) (unreachable))
        ${cleanup?.()} (throw_ref)`;
    },
  },
  {
    name: 'throwing-loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, again] = [module.tag(), module.fresh('l')];
      const thrower = module.func(() => `${body?.()} (throw ${tag})`);
      return `(loop ${again} (try_table (catch ${tag} ${again}) (call ${thrower})))`;
    },
  },
  {
    name: 'catch-all-loop',
    family,
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const [tag, again] = [module.tag(), module.fresh('l')];
      const thrower = module.func(() => `${body?.()} (throw ${tag})`);
      // The clean-up of twenty callers.
      let next = thrower;
      for (let level = 0; level < 20; level++) {
        const below = next;
        next = module.func(() => `try (call ${below}) catch_all rethrow 0 end`);
      }
      return `(loop ${again} try (call ${next}) catch_all end (br ${again}))`;
    },
  },
];
