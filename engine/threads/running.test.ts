import { describe, expect, it } from 'vitest';
import { FifoPolicy, hostClock, RoundRobinPolicy, type TraceEvent } from '../scheduler/index.ts';
import { POLICIES } from '../scheduler/scheduler.test-data.ts';
import {
  ARG,
  act,
  at,
  BUILDS,
  E,
  FOREVER,
  give,
  type Hosted,
  type HostOptions,
  host,
  load,
  log,
  loop,
  MS,
  make,
  of,
  play,
  program,
  SCRATCH,
  SIG,
  say,
  set,
  spawn,
  store,
} from './threads.test-data.ts';

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe.each(BUILDS)('yield points, %s', (build) => {
  const spin = '(loop $l (br_if $l (i32.eqz (global.get $a))))';

  it('keep threads that spin from stopping others', async () => {
    const text = program(
      [
        ...[1, 2, 3].map((id) => act('detach', spawn('spins', id))),
        act('detach', spawn('frees')),
        spin,
        ...yields(3),
        log(9),
      ],
      { spins: [spin, log(ARG)], frees: [loop(50, '(nop)'), set('a', 1), log(0)] },
    );
    const hosted = await play(text, { build, yields: 'fuel', policy: new RoundRobinPolicy({ slice: 5 }) });
    expect(hosted.log[0]).toBe(0);
    expect(hosted.log.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 9]);
  });

  it('leave to the host its turns', async () => {
    const text = program([act('detach', spawn('spins')), act('detach', spawn('other')), spin, log(9)], {
      spins: [spin, log(1)],
      other: [log(2), spin, log(3)],
    });
    const begin = ({ threads }: Hosted): void => {
      setTimeout(() => threads.get(2).task.cancel(new Error('enough')), 30);
      setTimeout(() => threads.process.kill('SIGTERM'), 60);
    };
    const policy = new RoundRobinPolicy({ slice: 1000 });
    const hosted = await host(text, { build, yields: 'fuel', turn: 5, policy, begin });
    expect(await hosted.process.wait()).toMatchObject({ kind: 'signaled', signal: SIG.TERM });
    expect(hosted.log).toEqual([2]);
    expect(hosted.trace.some(({ kind, name }) => kind === 'cancel' && name === 'thread 2')).toBe(true);
  });

  it.each(Object.keys(POLICIES))(
    'lose no count under a mutex, and make the same schedule each time: %s',
    async (name) => {
      const text = program(
        [
          make('a', 'mutex_new', 0),
          make('c', 'group_new'),
          loop(8, act('group_add', 'c', 1), act('detach', spawn('counts', '(local.get $i)'))),
          act('group_wait', 'c', FOREVER),
          log(load(SCRATCH)),
        ],
        {
          counts: [
            loop(
              20,
              act('mutex_lock', 'a', FOREVER),
              set('b', load(SCRATCH)),
              '(call $spin (i32.const 7))',
              store(SCRATCH, '(i32.add (global.get $b) (i32.const 1))'),
              act('mutex_unlock', 'a'),
            ),
            act('group_add', 'c', -1),
          ],
        },
      );
      const run = async (): Promise<TraceEvent[]> => {
        const policy = POLICIES[name]?.() ?? new FifoPolicy();
        const hosted = await play(text, { build, yields: 'fuel', policy, seed: 5 });
        expect(hosted.log).toEqual([160]);
        return hosted.trace;
      };
      const first = await run();
      expect(first.length).toBeGreaterThan(30);
      expect(await run()).toEqual(first);
    },
  );
});

function yields(times: number): string[] {
  return Array.from({ length: times }, () => act('yield'));
}

it('threads with epoch polls take turns by time', async () => {
  const spin = '(loop $l (br_if $l (i32.eqz (global.get $a))))';
  const text = program([act('detach', spawn('frees')), spin, log(1)], {
    frees: ['(call $spin (i32.const 1000))', set('a', 1)],
  });
  const policy = new RoundRobinPolicy({ slice: 100 });
  const hosted = await host(text, { yields: 'epoch', clock: hostClock, policy });
  expect(await hosted.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
  expect(hosted.log).toEqual([1]);
});

it('a thread that has slept has its turn soon, beside others that compute in slices of time', async () => {
  const spin = '(loop $l (br_if $l (i32.eqz (global.get $a))))';
  const sleeps = loop(6, act('sleep', '(i64.const 5000000)'));
  const text = program([act('detach', spawn('spins')), act('detach', spawn('spins')), sleeps, set('a', 1)], {
    spins: [spin],
  });
  const hosted = await host(text, { yields: 'epoch', clock: hostClock, policy: new RoundRobinPolicy() });
  expect(await hosted.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
  const runs = hosted.trace.filter(({ kind }) => kind === 'run');
  expect(runs.filter(({ name }) => name === 'main').length).toBeGreaterThan(5);
  expect(runs.length).toBeLessThan(100);
});

describe.each(BUILDS)('calls of the host that wait, %s', (build) => {
  it('end in any order, each with its own result, while others run', async () => {
    const COUNT = 100;
    const text = program(
      [
        make('a', 'mutex_new', 0),
        make('c', 'group_new'),
        loop(COUNT, act('group_add', 'c', 1), act('detach', spawn('calls', '(local.get $i)'))),
        act('group_wait', 'c', FOREVER),
        log(-1),
      ],
      {
        calls: [
          `(local.set $i ${of('wait', ARG)})`,
          act('mutex_lock', 'a', FOREVER),
          log(ARG),
          log('(local.get $i)'),
          act('yield'),
          act('mutex_unlock', 'a'),
          act('group_add', 'c', -1),
        ],
      },
    );
    const hosted = await host(text, { build });
    await soon();
    expect(hosted.waits.size).toBe(COUNT);
    // A permutation: 37 and 101 have no common divisor.
    const order = Array.from({ length: COUNT }, (_, index) => (37 * (index + 1)) % (COUNT + 1)).filter((id) => id > 0);
    for (const id of order) {
      hosted.waits.get(id)?.(id * 3);
      if (id % 10 === 0) await soon();
    }
    expect(await hosted.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.log).toEqual([...order.flatMap((id) => [id, id * 3]), -1]);
  });

  it('are suspended in each other: a handler waits in one while its thread waits in another', async () => {
    const text = program(
      [act('install', SIG.USR1, at('handler'), 0), set('b', spawn('calls')), act('join', 'b', 0), log(9)],
      { calls: [log(of('wait', 1)), log(of('wait', 2))] },
      { handlers: { handler: [log(of('wait', 3))] } },
    );
    const hosted = await host(text, { build });
    await soon();
    hosted.process.killThread(hosted.threads.get(2).runner.signals, SIG.USR1);
    await soon();
    expect([...hosted.waits.keys()]).toEqual([3]);
    hosted.waits.get(3)?.(30);
    await soon();
    hosted.waits.get(2)?.(20);
    expect(await hosted.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.log).toEqual([30, E.EINTR, 20, 9]);
  });

  it('cannot be made where a host function stands between: the thread fails alone', async () => {
    const text = program(
      [
        make('a', 'mutex_new', 0),
        act('mutex_lock', 'a', FOREVER),
        set('b', spawn('between')),
        say('join', 'b', 0),
        act('mutex_unlock', 'a'),
        log(5),
      ],
      { between: ['(call $back)', log(99)] },
      {
        imports: '(import "env" "back" (func $back))',
        extra: `(func $lock (export "lock") ${act('mutex_lock', 'a', FOREVER)})
          (func $free (export "free") ${log(of('local_get'))} ${log(of('self'))})`,
      },
    );
    const failed: unknown[] = [];
    const options: HostOptions = {
      build,
      env: (hosted) => ({
        back: () => {
          const { exports } = hosted();
          (exports.free as () => void)();
          (exports.lock as () => void)();
        },
      }),
    };
    const hosted = await play(text, options);
    expect(hosted.log).toEqual([0, 2, E.EOWNERDEAD, 5]);
    await play(text.replace(say('join', 'b', 0), `${act('detach', 'b')} ${act('yield')}`), {
      ...options,
      onFailure: (_, error) => void failed.push(error),
    });
    expect(failed).toEqual([expect.objectContaining({ kind: 'cannot-suspend' })]);
  });
});

describe('handlers on the stacks of threads', () => {
  const handlers = { handler: [log('(global.get $sp)')] };

  it('lie below what they interrupt, and have to have room', async () => {
    const text = (stack: number): string =>
      program(
        [act('install', SIG.USR1, at('handler'), 0), set('a', spawn('raises', 0, stack)), act('join', 'a', 0), log(9)],
        { raises: [log('(global.get $sp)'), act('raise', SIG.USR1), log('(global.get $sp)')] },
        { handlers },
      );
    const [top = 0, inside = 0, after = 0, end] = (await play(text(4096))).log;
    expect(inside).toBeLessThanOrEqual(top - 128);
    expect(inside).toBeGreaterThan(top - 4096);
    expect([after, end]).toEqual([top, 9]);
    // No room for a handler's frame is a segmentation fault.
    expect((await play(text(64))).process.status).toMatchObject({ kind: 'signaled', signal: 11 });
  });

  it('or on the alternate stack of the thread that has one, and no other', async () => {
    const ALT = SCRATCH + 1024;
    const SA_ONSTACK = 0x0800_0000;
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), SA_ONSTACK),
        store(SCRATCH, ALT),
        store(SCRATCH + 4, 0),
        store(SCRATCH + 8, 4096),
        log(of('sigaltstack', SCRATCH, 0)),
        act('raise', SIG.USR1),
        set('a', spawn('raises')),
        act('join', 'a', 0),
      ],
      { raises: [log('(global.get $sp)'), act('raise', SIG.USR1)] },
      { handlers, imports: '(import "bobbin:signal" "sigaltstack" (func $sigaltstack (param i32 i32) (result i32)))' },
    );
    const [result, main, top = 0, inside] = (await play(text)).log;
    expect([result, main]).toEqual([0, ALT + 4096]);
    expect(inside).toBeLessThan(top);
    expect(inside).toBeGreaterThan(65_536);
  });
});

it('a guest without stack pointer and without memory has threads, too', async () => {
  const text = `
    (import "bobbin:threads" "spawn" (func $spawn (param i32 i32 i32) (result i32)))
    (import "bobbin:threads" "join" (func $join (param i32 i32) (result i32)))
    (import "bobbin:threads" "sleep" (func $sleep (param i64) (result i32)))
    (import "env" "log" (func $log (param i32)))
    (type $thread (func (param i32) (result i32)))
    (table $table (export "table") funcref (elem $work))
    (func $work (param i32) (result i32) (drop (call $sleep (i64.const ${MS}))) (call $log (local.get 0)) (i32.const 7))
    (func (export "__bobbin_thread") (param i32 i32) (result i32)
      (call_indirect $table (type $thread) (local.get 1) (local.get 0)))
    (func (export "_start")
      (call $log (call $spawn (i32.const 0) (i32.const 5) (i32.const 0)))
      (call $log (call $join (i32.const 2) (i32.const 0))))`;
  expect((await play(text)).log).toEqual([2, 5, 0]);
});

it('a guest without the export that threads begin with gets EINVAL', async () => {
  const text = program([log(spawn('idle')), log(of('spawn', 0, 0, 0))], { idle: [give(1)] });
  const without = text.replace('(export "__bobbin_thread")', '(export "another")');
  expect((await play(without)).log).toEqual([E.EINVAL, E.EINVAL]);
});
