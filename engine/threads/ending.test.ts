import { describe, expect, it } from 'vitest';
import { DeadlockError, RoundRobinPolicy, Scheduler, SchedulerError } from '../scheduler/index.ts';
import { Threads } from './index.ts';
import {
  ARG,
  act,
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
  say,
  set,
  spawn,
  store,
} from './threads.test-data.ts';

const NAMES = SCRATCH + 1024;
/** Gives a thread a name. */
const named = (thread: string, name: string): string =>
  [...name]
    .map((char, index) => `(i32.store8 (i32.const ${NAMES + index}) (i32.const ${char.charCodeAt(0)}))`)
    .join('') + act('name', thread, NAMES, name.length);

/** Runs it; what has failed with nobody waiting is told by name. */
async function failing(text: string, options: HostOptions = {}): Promise<Hosted & { failed: [string, unknown][] }> {
  const failed: [string, unknown][] = [];
  const hosted = await play(text, { ...options, onFailure: (task, error) => void failed.push([task.name, error]) });
  return { ...hosted, failed };
}

describe.each(BUILDS)('a thread that fails ends alone, %s', (build) => {
  const worker = [loop(5, act('yield')), give(7)];
  const main = [
    set('a', spawn('bad')),
    set('b', spawn('good')),
    named('a', 'bad one'),
    say('join', 'a', SCRATCH),
    say('join', 'a', 0),
    say('join', 'b', SCRATCH),
    log(load(SCRATCH)),
  ];
  const rest = [E.EOWNERDEAD, E.ESRCH, 0, 7];

  it.each([
    ['traps', ['unreachable'], WebAssembly.RuntimeError],
    ['throws', [act('yield'), '(throw $oops)'], WebAssembly.Exception],
    [
      'traps after it has waited',
      [act('yield'), '(drop (i32.div_s (i32.const 1) (local.get $i)))'],
      WebAssembly.RuntimeError,
    ],
    ['recurs without end', [act('yield'), act('forever', 0)], RangeError],
    ['calls an import that throws', [of('call', 1)], TypeError],
  ])('where it %s', async (_, bad, type) => {
    const extra =
      '(tag $oops) (func $forever (param i32) (result i32) (i32.add (i32.const 1) (call $forever (local.get 0))))';
    const text = program(main, { bad, good: worker }, { extra });
    const call = (): never => {
      throw new TypeError('no');
    };
    const hosted = await failing(text, { build, call });
    expect(hosted.log).toEqual(rest);
    expect(hosted.process.status).toMatchObject({ kind: 'exited', status: 0 });
    const alone = await failing(program([act('detach', spawn('bad')), ...loopYield], { bad }, { extra }), {
      build,
      call,
    });
    expect(alone.failed).toEqual([[expect.any(String), expect.any(type)]]);
    expect(alone.process.status).toMatchObject({ kind: 'exited', status: 0 });
  });

  it.each([
    [
      'its pointer is below when it waits',
      [set('sp', '(i32.sub (global.get $sp) (i32.const 5000))'), act('yield'), log(1)],
    ],
    [
      'it has written below',
      ['(i32.store (i32.sub (global.get $sp) (i32.const 1028)) (i32.const 1))', act('yield'), log(1)],
    ],
    ['it has written below and ends', ['(i32.store (i32.sub (global.get $sp) (i32.const 1040)) (i32.const 1))']],
    [
      'it has written below and traps',
      ['(i32.store (i32.sub (global.get $sp) (i32.const 1084)) (i32.const 1))', 'unreachable'],
    ],
    ['its pointer is above', [set('sp', '(i32.add (global.get $sp) (i32.const 16))'), act('yield'), log(1)]],
  ])('where it has left its shadow stack: %s', async (_, bad) => {
    const small = main.map((line) => line.replace(spawn('bad'), spawn('bad', 0, 1024)));
    expect((await failing(program(small, { bad, good: worker }), { build })).log).toEqual(rest);
    const { failed } = await failing(
      program([set('a', spawn('bad', 0, 1024)), named('a', 'deep'), act('detach', 'a'), ...loopYield], { bad }),
      { build },
    );
    expect(failed).toEqual([['deep', expect.objectContaining({ kind: 'stack-overflow' })]]);
    expect(String(failed[0]?.[1])).toContain('thread "deep" has left its shadow stack of 1024 bytes');
  });
});

const loopYield = [loop(4, act('yield'))];

describe('the end of a process', () => {
  const waiting = {
    channel: [act('channel_receive', 'a', SCRATCH, FOREVER), log(99)],
    sleeper: [act('sleep', 1000n * MS), log(99)],
    spinner: ['(loop $l (br $l))'],
    host: [act('wait', 1), log(99)],
  };
  const spawned = Object.keys(waiting).map((name) => act('detach', spawn(name)));

  it.each(BUILDS)('by the return of the main thread ends all others, %s', async (build) => {
    const text = program([make('a', 'channel_new', 0), ...spawned, loop(3, act('yield'))], waiting);
    const hosted = await play(text, { build, yields: 'fuel', policy: new RoundRobinPolicy({ slice: 10 }) });
    expect(hosted.process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.task.result).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.log).toEqual([]);
    expect([hosted.scheduler.size, hosted.threads.size, hosted.waits.size]).toEqual([0, 0, 0]);
  });

  it.each(BUILDS)('by proc_exit of any thread ends all others, %s', async (build) => {
    const text = program(
      [
        make('a', 'channel_new', 0),
        ...spawned,
        act('detach', spawn('exits')),
        act('join', spawn('sleeper'), 0),
        log(98),
      ],
      { ...waiting, exits: [loop(3, act('yield')), of('exit_process', 3), log(97)] },
    );
    const hosted = await play(text, { build, yields: 'fuel', policy: new RoundRobinPolicy({ slice: 10 }) });
    expect(hosted.process.status).toMatchObject({ kind: 'exited', status: 3 });
    expect(hosted.log).toEqual([]);
    expect([hosted.scheduler.size, hosted.threads.size, hosted.waits.size]).toEqual([0, 0, 0]);
  });

  it('by a failure of the main thread ends all others', async () => {
    const text = program([make('a', 'channel_new', 0), ...spawned, act('yield'), 'unreachable'], waiting);
    const hosted = await play(text, { yields: 'fuel', policy: new RoundRobinPolicy({ slice: 10 }) });
    expect(hosted.process.status).toMatchObject({ kind: 'failed', error: expect.any(WebAssembly.RuntimeError) });
    expect([hosted.log, hosted.scheduler.size]).toEqual([[], 0]);
  });

  it('comes after the last thread where the main thread has called exit', async () => {
    const text = program([act('detach', spawn('slow')), set('a', spawn('joins')), act('exit', 5), log(99)], {
      slow: [act('sleep', 5n * MS), log(of('now'))],
      joins: [say('join', 1, SCRATCH), log(load(SCRATCH)), act('sleep', 2n * MS), log(of('now'))],
    });
    const hosted = await host(text);
    hosted.scheduler.run();
    expect(hosted.log).toEqual([0, 5, 2, 5]);
    expect(hosted.process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.threads.size).toBe(0);
  });

  it('comes with the exit of the only thread', async () => {
    const { process, task, log: record } = await play(program([act('exit', 7), log(99)]));
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect([task.state, record]).toEqual(['done', []]);
  });

  it('takes a thread that has ended and was not joined with it', async () => {
    const hosted = await play(
      program([act('spawn', '(global.get $at_idle)', 0, 0), act('yield')], { idle: [give(1)] }),
    );
    expect([hosted.scheduler.size, hosted.threads.size]).toEqual([0, 0]);
  });
});

describe('a deadlock', () => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const main = [
    make('a', 'mutex_new', 0),
    make('b', 'mutex_new', 0),
    make('c', 'channel_new', 0),
    ...names.map((name) => `${set('d', spawn(name))} ${named('d', name)}`),
    ...names.map(() => act('yield')),
    act('join', 'd', 0),
  ];
  const lock = (first: string, second: string): string[] => [
    act('mutex_lock', first, FOREVER),
    act('yield'),
    act('mutex_lock', second, FOREVER),
    log(99),
  ];
  const threads = {
    one: lock('a', 'b'),
    two: lock('b', 'a'),
    three: [act('channel_receive', 'c', SCRATCH, FOREVER)],
    four: [act('park', FOREVER)],
    five: [make('e', 'sem_new', 0), act('sem_acquire', 'e', FOREVER)],
    six: [make('f', 'group_new'), act('group_add', 'f', 1), act('group_wait', 'f', FOREVER)],
  };

  it.each(BUILDS)('is reported with names, what each waits for, and where, %s', async (build) => {
    const hosted = await host(program(main, threads), { build });
    let caught: unknown;
    try {
      hosted.scheduler.run();
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof DeadlockError)) throw caught;
    const report = Object.fromEntries(caught.tasks.map(({ name, blockedOn }) => [name, blockedOn]));
    expect(report).toEqual({
      main: 'end of task "six"',
      one: 'mutex "2", which task "two" holds',
      two: 'mutex "1", which task "one" holds',
      three: expect.stringMatching(/channel "3"/),
      four: 'being unparked',
      five: expect.stringMatching(/semaphore "4"/),
      six: expect.stringMatching(/wait group "5"/),
    });
    const one = caught.tasks.find(({ name }) => name === 'one');
    expect(one?.backtrace.join('\n')).toMatch(/bobbin:threads\.mutex_lock \(import\)\n.*thread 2/);
    expect(hosted.process.status).toBeNull();
  });

  it('is told to the host that runs it in the background, and can be resolved by it', async () => {
    let told: DeadlockError | null = null;
    const hosted = await host(program(main, threads), {
      onDeadlock: (error) => {
        told = error;
      },
    });
    await expect(hosted.task.join()).rejects.toBeInstanceOf(DeadlockError);
    expect(told).toBeInstanceOf(DeadlockError);
    hosted.process.kill('SIGTERM');
    expect(await hosted.process.wait()).toMatchObject({ kind: 'signaled', signal: 15 });
    await hosted.task.join();
    expect(hosted.scheduler.size).toBe(0);
  });
});

describe('what a host does with threads', () => {
  it('is refused where it makes no sense', async () => {
    const hosted = await play(program([]));
    const { process, scheduler } = hosted;
    const refused =
      (limit: number): (() => unknown) =>
      () =>
        new Threads(scheduler, process, { limit });
    expect(refused(0)).toThrow(SchedulerError);
    expect(refused(Number.NaN)).toThrow(SchedulerError);
    expect(() => hosted.threads.start()).toThrow(expect.objectContaining({ kind: 'state' }));
    const other = new Scheduler();
    expect(other.size).toBe(0);
  });

  it('names, and finds, its threads', async () => {
    const text = program(
      [set('a', spawn('idle')), named('a', 'w\u00f6rker'.replace('\u00f6', 'o')), act('join', 'a', 0)],
      {
        idle: [store(SCRATCH, ARG)],
      },
    );
    const hosted = await play(text);
    expect(new Set(hosted.trace.map(({ name }) => name))).toEqual(new Set(['main', 'thread 2', 'worker']));
  });
});
