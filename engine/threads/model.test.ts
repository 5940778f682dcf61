import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlockError, type Policy } from '../scheduler/index.ts';
import { POLICIES } from '../scheduler/scheduler.test-data.ts';
import { CAPACITIES, Model, type Step } from './model.test-data.ts';
import {
  act,
  at,
  BUILDS,
  type Build,
  FOREVER,
  give,
  type Hosted,
  host,
  log,
  loop,
  make,
  of,
  program,
  SCRATCH,
  SIG,
  spawn,
} from './threads.test-data.ts';

const THREADS = 5;
const FIRST = 2;
const KINDS = [
  'lock',
  'unlock',
  'acquire',
  'release',
  'send',
  'receive',
  'close',
  'wait',
  'signal',
  'broadcast',
  'yield',
  'sleep',
  'park',
  'unpark',
  'kill',
] as const satisfies readonly Step['kind'][];

const VALUE = `(i32.add (i32.const ${SCRATCH}) (i32.mul (local.get $arg) (i32.const 8)))`;
const handle = '(i32.wrap_i64 (call $arg_ (i32.const 0)))';
const time = '(call $arg_ (i32.const 2))';
const value = '(call $arg_ (i32.const 1))';
const CALLS: Readonly<Record<Step['kind'], string>> = {
  lock: of('mutex_lock', handle, time),
  unlock: of('mutex_unlock', handle),
  acquire: of('sem_acquire', handle, time),
  release: of('sem_release', handle, 1),
  send: of('channel_send', handle, value, time),
  receive: of('channel_receive', handle, VALUE, time),
  close: of('channel_close', handle),
  wait: of('cond_wait', handle, `(i32.wrap_i64 ${value})`, time),
  signal: of('cond_signal', handle),
  broadcast: of('cond_broadcast', handle),
  yield: of('yield'),
  sleep: of('sleep', time),
  park: of('park', time),
  unpark: of('unpark', handle),
  kill: of('kill', handle, SIG.USR1),
};

/** Each thread asks the host for what to do next, and tells it what that has returned. */
const text = program(
  [
    act('install', SIG.USR1, at('handler'), 0),
    ...[0, 1].map(() => log(of('mutex_new', 0))),
    ...CAPACITIES.map((capacity) => log(of('channel_new', capacity))),
    log(of('sem_new', 1)),
    log(of('cond_new')),
    make('g', 'group_new'),
    act('group_add', 'g', 1),
    loop(THREADS, log(spawn('worker', '(local.get $i)'))),
    act('group_add', 'g', -1),
    act('exit', 0),
  ],
  {
    worker: [
      act('group_wait', 'g', FOREVER),
      `(loop $next
         (call $turn)
         (local.set $i (call $next_))
         ${KINDS.map(
           (kind, index) => `
             (if (i32.eq (local.get $i) (i32.const ${index + 1}))
               (then (call $done (i32.const ${index + 1}) ${CALLS[kind]} (i32.load ${VALUE})) (br $next)))`,
         ).join('')})`,
      give(0),
    ],
  },
  {
    handlers: { handler: [make('h', 'self'), '(call $turn)'] },
    imports: `
      (import "env" "next" (func $next_ (result i32)))
      (import "env" "arg" (func $arg_ (param i32) (result i64)))
      (import "env" "done" (func $done (param i32 i32 i32)))
      (import "env" "turn" (func $turn))`,
  },
);

/** Runs a program, and says what the model has against it. */
async function check(
  programs: readonly (readonly Step[])[],
  build: Build,
  policy: Policy,
  seed: number,
): Promise<void> {
  const model = new Model();
  const wrong: string[] = [];
  const at_ = new Map<number, number>();
  const ended = new Set<number>();
  let handled = 0;
  let sent = 0;
  let current: Step | null = null;
  let value = 0;

  const env = (hosted: () => Hosted) => {
    const self = (): number => hosted().threads.current.id;
    return {
      turn: () => void handled++,
      next: () => {
        const { scheduler } = hosted();
        const thread = self();
        const index = at_.get(thread) ?? 0;
        at_.set(thread, index + 1);
        const step = programs[thread - FIRST]?.[index] ?? null;
        current = step;
        model.advance(scheduler.now());
        if (step === null) {
          ended.add(thread);
          return 0;
        }
        value = ++sent;
        model.begin(thread, step, scheduler.now(), value);
        return KINDS.indexOf(step.kind) + 1;
      },
      arg: (which: number): bigint => BigInt(argument(current as unknown as Step, which, hosted().log, value)),
      done: (_kind: number, result: number, received: number) => {
        model.advance(hosted().scheduler.now());
        const complaint = model.done(self(), result, received);
        if (complaint !== null) wrong.push(complaint);
      },
    };
  };
  const begin = ({ scheduler }: Hosted): void => {
    try {
      scheduler.run();
    } catch (error) {
      if (!(error instanceof DeadlockError)) throw error;
      const { waiting } = model.left;
      expect(error.tasks.map(({ name }) => name)).toEqual(
        waiting.toSorted((a, b) => a - b).map((id) => `thread ${id}`),
      );
    }
  };
  const hosted = await host(text, { build, policy, seed, yields: 'fuel', env, begin });
  const { waiting, forgotten } = model.left;
  expect({ wrong, forgotten, ended: ended.size }).toEqual({
    wrong: [],
    forgotten: [],
    ended: THREADS - waiting.length,
  });
  expect(hosted.process.status === null).toBe(waiting.length > 0);
  expect(handled).toBeGreaterThanOrEqual(THREADS);
}

/** The parameters of a step's function: 0 a handle or thread, 1 a value or mutex, 2 a time in nanoseconds. */
function argument(step: Step, which: number, handles: readonly number[], value: number): number {
  const [first = 0, second = 0, narrow = 0, wide = 0, semaphore = 0, condition = 0] = handles;
  const mutex = 'mutex' in step && step.mutex === 1 ? second : first;
  if (which === 2) return 'time' in step ? (step.time < 0 ? -1 : step.time * 1_000_000) : 0;
  if (which === 1) return step.kind === 'wait' ? mutex : value;
  if ('channel' in step) return step.channel === 0 ? narrow : wide;
  if ('thread' in step) return step.thread;
  if (step.kind === 'acquire' || step.kind === 'release') return semaphore;
  if (step.kind === 'wait' || step.kind === 'signal' || step.kind === 'broadcast') return condition;
  return mutex;
}

const limit = fc.constantFrom(-1, -1, 0, 1, 2, 3);
const which = fc.nat(1);
const thread = fc.integer({ min: FIRST, max: FIRST + THREADS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('lock' as const), mutex: which, time: limit }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unlock' as const), mutex: which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('acquire' as const), time: limit }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), channel: which, time: limit }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('receive' as const), channel: which, time: limit }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), channel: which }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), mutex: which, time: fc.constantFrom(-1, -1, 1, 2, 3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('signal' as const, 'broadcast' as const, 'yield' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sleep' as const), time: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('park' as const), time: limit }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unpark' as const), thread }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), thread }) },
);
const programs = fc.array(fc.array(step, { maxLength: 20 }), { minLength: THREADS, maxLength: THREADS });

describe.each(BUILDS)('random programs of threads, %s', (build) => {
  it.each(Object.entries(POLICIES))(
    'do what a model of the primitives does, and lose no wake-ups, under %s',
    async (_, policy) => {
      await fc.assert(
        fc.asyncProperty(programs, fc.integer(), (steps, seed) => check(steps, build, policy(), seed)),
        { numRuns: build === 'closed' ? 200 : 50 },
      );
    },
  );
});
