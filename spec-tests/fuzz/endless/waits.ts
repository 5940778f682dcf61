import type { Construct } from './constructs.ts';
import { AREA, type HostName, type ModuleText } from './text.ts';

const dropped = (module: ModuleText, name: HostName, ...operands: readonly string[]): string =>
  `(drop (call ${module.host(name)} ${operands.join(' ')}))`;
const i32 = (value: number): string => `(i32.const ${value})`;

function sleep(module: ModuleText, milliseconds: number): string {
  return `(i64.store ${i32(AREA.time)} (i64.const ${Math.floor(milliseconds / 1000)}))
    (i64.store ${i32(AREA.time + 8)} (i64.const ${(milliseconds % 1000) * 1_000_000}))
    ${dropped(module, 'nanosleep', i32(AREA.time), i32(0))}`;
}

/** WASI's sleep: a subscription to a clock. */
function poll(module: ModuleText, milliseconds: number): string {
  const [at, time] = [AREA.subscription, BigInt(milliseconds) * 1_000_000n];
  return `(i64.store ${i32(at)} (i64.const 1)) (i64.store ${i32(at + 8)} (i64.const 0)) (i32.store ${i32(at + 16)} (i32.const 1))
    (i64.store ${i32(at + 24)} (i64.const ${time})) (i64.store ${i32(at + 32)} (i64.const 0))
    (i32.store16 ${i32(at + 40)} (i32.const 0))
    ${dropped(module, 'poll_oneoff', i32(at), i32(AREA.event), i32(1), i32(AREA.events))}`;
}

/** Makes a function a signal's handler. */
function install(module: ModuleText, signal: number, body: (() => string) | undefined): string {
  const [inner, name] = [module.func(() => body?.() ?? ''), module.fresh('r')];
  module.define(name, '(type $h)', () => `(call ${inner})`);
  return `(i32.store ${i32(AREA.sigaction)} ${i32(module.slot(name))})
    (i32.store ${i32(AREA.sigaction + 4)} (i32.const 0)) (i64.store ${i32(AREA.sigaction + 8)} (i64.const 0))
    ${dropped(module, 'sigaction', i32(signal), i32(AREA.sigaction), i32(0))}`;
}

/** A thread's function, as its place in the table. */
function thread(module: ModuleText, body: (() => string) | undefined): number {
  const [inner, name] = [module.func(() => body?.() ?? ''), module.fresh('r')];
  module.define(name, '(type $th)', () => `(call ${inner}) (i32.const 0)`);
  return module.slot(name);
}

type Waiting = Omit<Construct, 'family' | 'waits' | 'mainOnly'>;
const waiting = (family: Construct['family'], rest: Waiting): Construct => ({
  ...rest,
  family,
  waits: true,
  mainOnly: true,
});
const threaded = (rest: Waiting): Construct => waiting('threads', { ...rest, threads: true });

const SIGUSR1 = 10;
const FOREVER = '(i64.const -1)';

/** Waiting for the host, for signals and for other threads. */
export const WAITS: readonly Construct[] = [
  waiting('waits', {
    name: 'short-wait',
    term: 'finite',
    places: [],
    numbers: (rng) => [rng.int(3)],
    emit: (module, [time = 0]) => dropped(module, 'wait', i32(time)),
  }),
  waiting('waits', {
    name: 'short-sleep',
    term: 'finite',
    places: [],
    numbers: (rng) => [rng.int(3)],
    emit: (module, [time = 0]) => sleep(module, time),
  }),
  waiting('waits', {
    name: 'short-poll',
    term: 'finite',
    places: [],
    numbers: (rng) => [rng.int(3)],
    emit: (module, [time = 0]) => poll(module, time),
  }),
  waiting('waits', {
    name: 'long-poll',
    term: 'endless',
    places: [],
    numbers: (rng) => [10_000 + rng.int(100_000_000)],
    emit: (module, [time = 10_000]) => poll(module, time),
  }),
  waiting('waits', {
    name: 'wait-for-ever',
    term: 'endless',
    places: [],
    emit: (module) => dropped(module, 'forever'),
  }),
  waiting('waits', {
    name: 'long-wait',
    term: 'endless',
    places: [],
    emit: (module) => dropped(module, 'wait', i32(1_000_000)),
  }),
  waiting('waits', {
    name: 'long-sleep',
    term: 'endless',
    places: [],
    numbers: (rng) => [10_000 + rng.int(100_000_000)],
    emit: (module, [time = 10_000]) => sleep(module, time),
  }),
  waiting('waits', {
    name: 'pause',
    term: 'endless',
    places: [],
    emit: (module) => {
      const again = module.fresh('l');
      return `(loop ${again} ${dropped(module, 'pause')} (br ${again}))`;
    },
  }),
  waiting('waits', {
    name: 'loop-of-waits',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [rng.int(30)],
    emit: (module, [time = 0], [body]) => {
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()} ${dropped(module, 'wait', i32(time))} (br ${again}))`;
    },
  }),
  {
    ...waiting('waits', {
      name: 'endless-call-before-a-wait',
      term: 'endless',
      places: ['endless'],
      // The host's promise may be rejected.
      mayEnd: true,
      emit: (module, _numbers, [body]) => {
        const func = module.func(() => body?.() ?? '');
        return dropped(module, 'callThenWait', i32(module.slot(func)));
      },
    }),
    hosts: true,
  },
  // After the wait the process does not run: a call that has no end is the host's own (docs/signals.md).
  ...(['callThenWait', 'waitThenCall'] as const).map(
    (name): Construct => ({
      ...waiting('waits', {
        name: `short-${name}`,
        term: 'finite',
        places: ['finite'],
        emit: (module, _numbers, [body]) => {
          const func = module.func(() => body?.() ?? '');
          return dropped(module, name, i32(module.slot(func)));
        },
      }),
      hosts: true,
    }),
  ),
  waiting('signals', {
    name: 'in-a-handler',
    term: 'endless',
    places: ['endless'],
    masks: true,
    emit: (module, _numbers, [body]) => `${install(module, SIGUSR1, body)} ${dropped(module, 'raise', i32(SIGUSR1))}`,
  }),
  waiting('signals', {
    name: 'handled',
    term: 'finite',
    places: ['finite'],
    numbers: (rng) => [34 + rng.int(30)],
    emit: (module, [signal = 40], [body]) =>
      `${install(module, signal, body)} ${dropped(module, 'raise', i32(signal))}`,
  }),
  waiting('signals', {
    name: 'all-blocked',
    term: 'endless',
    places: ['endless'],
    masks: true,
    emit: (module, _numbers, [body]) =>
      `(i64.store ${i32(AREA.sigset)} (i64.const -1)) ${dropped(module, 'sigprocmask', i32(2), i32(AREA.sigset), i32(0))} ${body?.()}`,
  }),
  threaded({
    name: 'in-a-thread',
    term: 'endless',
    places: ['endless'],
    emit: (module, _numbers, [body]) => {
      const entry = thread(module, body);
      return `(drop (call ${module.host('join')} (call ${module.host('spawn')} ${i32(entry)} ${i32(0)} ${i32(0)}) ${i32(0)}))`;
    },
  }),
  threaded({
    name: 'beside-a-thread',
    term: 'endless',
    places: ['endless', 'endless'],
    emit: (module, _numbers, [other, body]) => {
      const entry = thread(module, other);
      return `${dropped(module, 'spawn', i32(entry), i32(0), i32(0))} ${body?.()}`;
    },
  }),
  threaded({
    name: 'short-thread',
    term: 'finite',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      const entry = thread(module, body);
      return `(drop (call ${module.host('join')} (call ${module.host('spawn')} ${i32(entry)} ${i32(0)} ${i32(0)}) ${i32(0)}))`;
    },
  }),
  threaded({
    name: 'yield',
    term: 'finite',
    places: [],
    emit: (module) => dropped(module, 'yield'),
  }),
  threaded({
    name: 'atomic-wait',
    term: 'endless',
    places: [],
    emit: (module) => {
      module.once('(memory $shared 1 1 shared)');
      return '(drop (memory.atomic.wait32 $shared (i32.const 0) (i32.const 0) (i64.const -1)))';
    },
  }),
  threaded({
    name: 'loop-of-atomic-waits',
    term: 'endless',
    places: ['finite'],
    numbers: (rng) => [rng.int(3_000_000)],
    emit: (module, [time], [body]) => {
      module.once('(memory $shared 1 1 shared)');
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()}
        (drop (memory.atomic.wait32 $shared (i32.const 0) (i32.const 0) (i64.const ${time}))) (br ${again}))`;
    },
  }),
  threaded({
    name: 'spinning-on-an-atomic',
    term: 'endless',
    places: ['finite'],
    emit: (module, _numbers, [body]) => {
      module.once('(memory $shared 1 1 shared)');
      const again = module.fresh('l');
      return `(loop ${again} ${body?.()}
        (br_if ${again} (i32.ne (i32.atomic.rmw.cmpxchg $shared (i32.const 4) (i32.const 1) (i32.const 1)) (i32.const 1))))`;
    },
  }),
  threaded({
    name: 'deadlock',
    term: 'endless',
    places: [],
    emit: (module) => {
      const mutex = module.local('i32');
      const lock = dropped(module, 'mutex_lock', `(local.get ${mutex})`, FOREVER);
      const entry = thread(module, () => dropped(module, 'park', FOREVER));
      return `(local.set ${mutex} (call ${module.host('mutex_new')} ${i32(0)})) ${lock}
        (drop (call ${module.host('join')} (call ${module.host('spawn')} ${i32(entry)} ${i32(0)} ${i32(0)}) ${i32(0)}))`;
    },
  }),
];
