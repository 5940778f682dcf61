import type { Construct } from './constructs.ts';
import type { HostName, ModuleText } from './text.ts';

/** Has the host call a function of the guest's. */
function by(module: ModuleText, host: HostName, body: (() => string) | undefined): string {
  const func = module.func(() => body?.() ?? '');
  return `(call ${module.host(host)} (i32.const ${module.slot(func)}))`;
}

const CALLERS = ['back', 'swallow', 'insist', 'sort', 'invoke_v'] as const;

/** Host functions that call the guest, that fail, and that take long. */
export const HOSTS: readonly Construct[] = [
  ...CALLERS.map(
    (host): Construct => ({
      name: `host-${host}`,
      family: 'host frames',
      term: 'endless',
      places: ['endless'],
      hosts: true,
      emit: (module, _numbers, [body]) => by(module, host, body),
    }),
  ),
  {
    name: 'three-host-frames',
    family: 'host frames',
    term: 'endless',
    places: ['endless'],
    hosts: true,
    numbers: (rng) => rng.list(3, () => rng.int(CALLERS.length)),
    emit: (module, numbers, [body]) =>
      numbers.reduce<() => string>((inner, at) => () => by(module, CALLERS[at] ?? 'back', inner), body ?? (() => ''))(),
  },
  {
    // Out of a host's frame again and again.
    name: 'host-frames-in-a-loop',
    family: 'host frames',
    term: 'endless',
    places: ['finite'],
    hosts: true,
    numbers: (rng) => [rng.int(CALLERS.length)],
    emit: (module, [at = 0], [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${by(module, CALLERS[at] ?? 'back', body)} (br ${again}))`;
    },
  },
  {
    name: 'called-by-host',
    family: 'host frames',
    term: 'finite',
    places: ['finite'],
    hosts: true,
    numbers: (rng) => [rng.int(CALLERS.length)],
    emit: (module, [at = 0], [body]) => by(module, CALLERS[at] ?? 'back', body),
  },
  {
    name: 'failing-host',
    family: 'host frames',
    term: 'finite',
    places: [],
    emit: (module) => {
      const caught = module.fresh('h');
      return `(block ${caught} (try_table (catch_all ${caught}) (call ${module.host('fail')})))`;
    },
  },
  {
    name: 'slow-host',
    family: 'slow host functions',
    term: 'finite',
    places: [],
    numbers: (rng) => [
      rng.weighted([
        [3, 50],
        [1, 5],
        [1, 1],
      ] as const),
    ],
    emit: (module, [time]) => `(call ${module.host('slow')} (i32.const ${time}))`,
  },
  {
    name: 'slow-host-in-a-loop',
    family: 'slow host functions',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [10 + rng.int(41)],
    emit: (module, [time], [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()} (call ${module.host('slow')} (i32.const ${time})) (br ${again}))`;
    },
  },
  {
    name: 'slow-host-in-a-row',
    family: 'slow host functions',
    term: 'endless',
    places: [],
    emit: (module) => `(call ${module.host('slow')} (i32.const 50))`.repeat(200),
  },
];
