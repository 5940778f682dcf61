import { describe, expect, it } from 'vitest';
import { DeadlockError, RoundRobinPolicy } from '../scheduler/index.ts';
import {
  ARG,
  act,
  at,
  BUILDS,
  E,
  FOREVER,
  give,
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
} from './threads.test-data.ts';

const SA_RESTART = 0x1000_0000;
const [BLOCK, UNBLOCK] = [0, 1];
const PENDING_SET = SCRATCH + 512;
/** Handlers say which thread they run in, and for what. */
const handlers = {
  seen: [log(`(i32.add (i32.mul ${of('self')} (i32.const 1000)) ${ARG})`)],
  waits: [log(`(i32.add (i32.const 500) ${ARG})`), act('sleep', 3n * MS), log(`(i32.add (i32.const 600) ${ARG})`)],
};
const handle = (signo: number, handler: keyof typeof handlers = 'seen', flags = 0): string =>
  act('install', signo, at(handler), flags);
const pending = (signo: number): string => `${act('sigpending', PENDING_SET)}
  ${log(`(i32.and (i32.shr_u ${load(PENDING_SET)} (i32.const ${signo - 1})) (i32.const 1))`)}`;
const idle = [loop(6, act('yield'))];

const run = async (
  main: readonly string[],
  threads: Readonly<Record<string, readonly string[]>>,
  options: HostOptions = {},
): Promise<number[]> => (await play(program(main, threads, { handlers }), options)).log;

describe.each(BUILDS)('signals of threads, %s', (build) => {
  it('that are sent to a thread are handled in it', async () => {
    const main = [
      handle(SIG.USR1),
      set('a', spawn('idle')),
      set('b', spawn('idle')),
      say('kill', 'b', SIG.USR1),
      say('kill', 1, SIG.USR1),
      say('kill', 'a', SIG.USR1),
      act('join', 'b', 0),
    ];
    expect(await run(main, { idle }, { build })).toEqual([0, 1010, 0, 0, 2010, 3010]);
  });

  it('that are sent to the process go to the main thread, if it does not block them, and else to another', async () => {
    const main = [
      handle(SIG.USR1),
      set('a', spawn('idle')),
      set('b', spawn('idle')),
      act('yield'),
      act('kill_process', 0, SIG.USR1),
      act('mask', BLOCK, SIG.USR1),
      log(1),
      act('kill_process', 0, SIG.USR1),
      act('join', 'b', 0),
    ];
    expect(await run(main, { idle }, { build })).toEqual([1010, 1, 2010]);
  });

  it('go to another thread where the one that was to get them blocks them first', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('told'), 0),
        set('g', spawn('waits')),
        act('yield'),
        act('call', 0),
        act('mask', 0, SIG.USR1),
        log(1),
        say('join', 'g', 0),
      ],
      { waits: [act('park', FOREVER), log(2)] },
      { handlers: { told: [say('self'), act('unpark', 'g')] } },
    );
    const { log: record } = await play(text, { build, call: (_, { process }) => void process.kill('SIGUSR1') });
    expect(record).toEqual([1, 2, 2, 0]);
  });

  it('that all block wait for whoever unblocks them first', async () => {
    const main = [
      handle(SIG.USR1),
      act('mask', BLOCK, SIG.USR1),
      set('a', spawn('later', 1)),
      set('b', spawn('later', 2)),
      act('kill_process', 0, SIG.USR1),
      pending(SIG.USR1),
      act('join', 'a', 0),
      pending(SIG.USR1),
      act('mask', UNBLOCK, SIG.USR1),
    ];
    const later = [act('yield'), act('mask', UNBLOCK, SIG.USR1), log(ARG)];
    expect(await run(main, { later }, { build })).toEqual([1, 2010, 1, 2, 0]);
  });

  it('that are sent to a thread that blocks them are pending for it alone', async () => {
    const main = [
      handle(SIG.USR1),
      set('a', spawn('blocks')),
      act('yield'),
      act('kill', 'a', SIG.USR1),
      pending(SIG.USR1),
      act('unpark', 'a'),
      act('join', 'a', 0),
    ];
    const blocks = [
      act('mask', BLOCK, SIG.USR1),
      act('park', FOREVER),
      pending(SIG.USR1),
      act('mask', UNBLOCK, SIG.USR1),
      pending(SIG.USR1),
    ];
    expect(await run(main, { blocks }, { build })).toEqual([0, 1, 2010, 0]);
  });

  it('are blocked by new threads as by their maker, each on its own from then on', async () => {
    const main = [
      handle(SIG.USR1),
      act('mask', BLOCK, SIG.USR1),
      set('a', spawn('inherits')),
      act('mask', UNBLOCK, SIG.USR1),
      act('kill', 'a', SIG.USR1),
      act('raise', SIG.USR1),
      act('join', 'a', 0),
    ];
    const inherits = [log(7), act('raise', SIG.USR1), log(8), act('mask', UNBLOCK, SIG.USR1)];
    expect(await run(main, { inherits }, { build })).toEqual([1010, 7, 8, 2010]);
  });

  it('do not disturb those that wait: their handlers run, and the waiting goes on', async () => {
    const waits: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      ['mutex', [make('a', 'mutex_new', 0), act('mutex_lock', 'a', FOREVER)], [say('mutex_lock', 'a', FOREVER)]],
      ['channel', [make('a', 'channel_new', 0)], [say('channel_receive', 'a', SCRATCH, FOREVER)]],
      ['semaphore', [make('a', 'sem_new', 0)], [say('sem_acquire', 'a', FOREVER)]],
      ['park', [], [say('park', FOREVER)]],
      ['barrier', [make('a', 'barrier_new', 2)], [say('barrier_wait', 'a')]],
      ['group', [make('a', 'group_new'), act('group_add', 'a', 1)], [say('group_wait', 'a', FOREVER)]],
    ];
    const ends: Readonly<Record<string, string>> = {
      mutex: act('mutex_unlock', 'a'),
      channel: act('channel_send', 'a', 1n, FOREVER),
      semaphore: act('sem_release', 'a', 1),
      park: act('unpark', 'g'),
      barrier: act('barrier_wait', 'a'),
      group: act('group_add', 'a', -1),
    };
    for (const flags of [0, SA_RESTART]) {
      for (const [name, setup, body] of waits) {
        const main = [
          handle(SIG.USR1, 'seen', flags),
          ...setup,
          set('g', spawn('waiter')),
          act('yield'),
          act('kill', 'g', SIG.USR1),
          act('kill', 'g', SIG.USR2),
          act('yield'),
          log(1),
          ends[name] ?? '',
          act('join', 'g', 0),
          log(2),
        ];
        const record = await run([handle(SIG.USR2), ...main], { waiter: body }, { build });
        const result = name === 'channel' ? 1 : 0;
        expect({ name, record: record.filter((entry) => entry > 1000).sort() }).toEqual({ name, record: [2010, 2012] });
        expect({ name, record: record.filter((entry) => entry < 1000) }).toEqual({ name, record: [1, result, 2] });
      }
    }
  });

  it('have handlers that wait themselves, while what they interrupted is given what it waits for', async () => {
    const main = [
      handle(SIG.USR1, 'waits'),
      make('a', 'channel_new', 0),
      set('g', spawn('receives')),
      act('yield'),
      act('kill', 'g', SIG.USR1),
      act('yield'),
      say('channel_send', 'a', 77n, FOREVER),
      log(3),
      act('join', 'g', 0),
      log(of('now')),
    ];
    const receives = [say('channel_receive', 'a', SCRATCH, FOREVER), log(load(SCRATCH))];
    expect(await run(main, { receives }, { build })).toEqual([510, 0, 3, 610, 1, 77, 3]);
  });

  it('keep the places of those that wait in a queue', async () => {
    const main = [
      handle(SIG.USR1),
      make('a', 'sem_new', 0),
      set('b', spawn('acquires', 1)),
      set('c', spawn('acquires', 2)),
      act('yield'),
      act('kill', 'b', SIG.USR1),
      act('yield'),
      act('sem_release', 'a', 1),
      act('yield'),
      act('sem_release', 'a', 1),
      act('join', 'c', 0),
    ];
    expect(await run(main, { acquires: [act('sem_acquire', 'a', FOREVER), log(ARG)] }, { build })).toEqual([
      2010, 1, 2,
    ]);
  });

  it('end sleeping and pausing with EINTR, of the thread they are for', async () => {
    const main = [
      handle(SIG.USR1, 'seen', SA_RESTART),
      ...['sleeper', 'sleeper', 'pauses', 'suspends', 'host'].map((name, index) =>
        set('abcde'[index] ?? '', spawn(name)),
      ),
      act('sleep', MS),
      ...['b', 'c', 'd', 'e'].map((thread) => act('kill', thread, SIG.USR1)),
      act('join', 'a', 0),
    ];
    const sleeper = [say('sleep', 10n * MS), log(of('now'))];
    const pauses = [log(of('pause')), log(of('now'))];
    const suspends = [log(of('sigsuspend', PENDING_SET)), log(of('now'))];
    const hostWait = [log(of('wait', 1)), log(of('now'))];
    const record = await run(main, { sleeper, pauses, suspends, host: hostWait }, { build });
    expect(record).toEqual([
      ...[3010, E.EINTR, 1],
      ...[4010, E.EINTR, 1],
      ...[5010, E.EINTR, 1],
      ...[6010, E.EINTR, 1],
      ...[0, 10],
    ]);
  });

  it('by their default action end the whole process, whoever they are sent to', async () => {
    const main = [set('a', spawn('sleeper')), act('yield'), act('kill', 'a', SIG.TERM), log(99)];
    const sleeper = [act('sleep', 10n * MS), log(98)];
    const hosted = await play(program(main, { sleeper }), { build });
    expect(hosted.process.status).toMatchObject({ kind: 'signaled', signal: SIG.TERM });
    expect([hosted.log, hosted.scheduler.size]).toEqual([[], 0]);
  });

  it('that end the process wait while all threads block them', async () => {
    const main = [
      act('mask', BLOCK, SIG.TERM),
      set('a', spawn('unblocks')),
      act('kill_process', 0, SIG.TERM),
      pending(SIG.TERM),
      act('join', 'a', 0),
      log(99),
    ];
    const unblocks = [log(1), act('mask', UNBLOCK, SIG.TERM), log(98)];
    const hosted = await play(program(main, { unblocks }), { build });
    expect(hosted.process.status).toMatchObject({ kind: 'signaled', signal: SIG.TERM });
    expect(hosted.log).toEqual([1, 1]);
  });

  it('reach threads that only compute', async () => {
    const main = [handle(SIG.USR1), set('a', spawn('spins')), act('yield'), act('kill', 'a', SIG.USR1), act('yield')];
    const record = await run(
      main,
      { spins: ['(loop $l (br $l))'] },
      {
        build,
        yields: 'fuel',
        policy: new RoundRobinPolicy({ slice: 100 }),
      },
    );
    expect(record).toEqual([2010]);
  });
});

describe('signals from the host', () => {
  const main = [
    handle(SIG.USR1),
    make('a', 'channel_new', 0),
    set('b', spawn('waiter')),
    act('mask', BLOCK, SIG.USR1),
    log(of('wait', 1)),
    act('channel_send', 'a', 5n, FOREVER),
    act('join', 'b', 0),
  ];
  const threads = { waiter: [say('channel_receive', 'a', SCRATCH, FOREVER), log(load(SCRATCH))] };
  const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

  it('wake the thread that they go to, and leave it waiting', async () => {
    const hosted = await host(program(main, threads, { handlers }));
    await soon();
    hosted.process.kill('SIGUSR1');
    await soon();
    expect(hosted.log).toEqual([2010]);
    hosted.waits.get(1)?.(8);
    expect(await hosted.process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(hosted.log).toEqual([2010, 8, 1, 5]);
    expect(hosted.trace.filter(({ kind }) => kind === 'signal')).toEqual([
      expect.objectContaining({ name: 'thread 2', signo: SIG.USR1 }),
    ]);
  });

  it.each(['none', 'fuel'] as const)('stop all threads, and let them go on (polls: %s)', async (yields) => {
    const stops: number[] = [];
    const text = program(
      [act('detach', spawn('ticks', 1)), act('detach', spawn('ticks', 2)), ...idle, log(of('wait', 1))],
      { ticks: ['(loop $l', log(ARG), act('sleep', 1000n * MS), '(br $l))'] },
      { handlers },
    );
    const {
      process,
      log: record,
      waits,
    } = await host(text, {
      yields,
      threads: { onStop: (signal) => void stops.push(signal) },
      policy: new RoundRobinPolicy({ slice: 3 }),
    });
    await soon();
    process.kill('SIGSTOP');
    await soon();
    expect(process.state).toBe('stopped');
    expect(stops).toEqual([SIG.STOP]);
    const before = record.length;
    expect(before).toBeGreaterThan(2);
    await soon();
    process.kill('SIGUSR2', {});
    await soon();
    expect(record.length).toBe(before);
    process.kill('SIGCONT');
    expect(await process.wait()).toMatchObject({ kind: 'signaled', signal: SIG.USR2 });
    expect(waits.size).toBe(0);
  });

  it('that kill end a stopped process', async () => {
    const text = program([act('detach', spawn('sleeper')), log(of('wait', 1))], { sleeper: [act('wait', 2)] });
    const { process, scheduler } = await host(text);
    await soon();
    process.kill('SIGSTOP');
    await soon();
    expect(process.state).toBe('stopped');
    process.kill('SIGKILL');
    expect(await process.wait()).toMatchObject({ kind: 'signaled', signal: SIG.KILL });
    await soon();
    expect(scheduler.size).toBe(0);
  });

  it('that come while the process is stopped are handled when it goes on', async () => {
    const text = program(
      [handle(SIG.USR1), set('a', spawn('waiter')), log(of('wait', 1)), act('join', 'a', 0)],
      { waiter: [act('mask', BLOCK, SIG.USR2), log(of('wait', 2))] },
      { handlers },
    );
    const { process, log: record, waits, threads: all } = await host(text);
    await soon();
    process.kill('SIGSTOP');
    await soon();
    process.killThread(all.get(2).runner.signals, SIG.USR1);
    waits.get(1)?.(5);
    await soon();
    expect(record).toEqual([]);
    process.kill('SIGCONT');
    await soon();
    expect(record.toSorted((a, b) => a - b)).toEqual([E.EINTR, 5, 2010]);
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
  });

  it('leave a thread that has ended and was not joined alone, whatever they do', async () => {
    const text = program([set('g', spawn('ends')), act('yield'), say('kill', 'g', SIG.TERM), say('join', 'g', 0)], {
      ends: [],
    });
    const { log: record, process } = await play(text);
    expect(record).toEqual([0, 0]);
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
  });

  it('that stop a process whose threads wait for each other are no deadlock', async () => {
    const text = program([set('g', spawn('waits')), say('join', 'g', 0)], { waits: [act('park', FOREVER)] });
    const deadlocks: unknown[] = [];
    const release: (() => void)[] = [];
    const { process, scheduler } = await host(text, {
      onDeadlock: (error) => deadlocks.push(error),
      begin: (hosted) => void release.push(hosted.scheduler.hold()),
    });
    scheduler.run();
    process.stop();
    scheduler.run();
    for (const each of release) each();
    scheduler.run();
    expect(process.state).toBe('stopped');
    process.continue();
    expect(() => scheduler.run()).toThrow(DeadlockError);
    process.kill('SIGKILL');
    scheduler.run();
    expect(process.status).toMatchObject({ kind: 'signaled', signal: SIG.KILL });
    expect(deadlocks).toEqual([]);
  });

  it('reach no thread that has ended', async () => {
    const text = program(
      [
        handle(SIG.USR1),
        set('a', spawn('ends')),
        act('yield'),
        say('kill', 'a', SIG.USR1),
        say('join', 'a', SCRATCH),
        log(load(SCRATCH)),
      ],
      { ends: [give(4)] },
      { handlers },
    );
    expect((await play(text)).log).toEqual([0, 0, 4]);
  });
});
