import { describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import { Scheduler, VirtualClock } from '../scheduler/index.ts';
import { Threads } from './index.ts';
import {
  act,
  at,
  compile,
  E,
  FOREVER,
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

describe('a process with threads', () => {
  it('is started with them, and not without', async () => {
    const hosted = await compile(program([act('yield'), log(1)]));
    const scheduler = new Scheduler({ clock: new VirtualClock() });
    const none = (): number => 0;
    const env = { log: none, now: none, wait: none, call: none, exit: none };
    const { process } = Threads.instantiate(scheduler, new Store(), hosted, { env });
    process.start();
    expect(await process.wait()).toMatchObject({
      kind: 'failed',
      error: { message: expect.stringContaining('no thread of the guest is running') },
    });
  });

  it('takes no other computation', async () => {
    const hosted = await play(program([set('g', spawn('other')), act('exit', 0)], { other: [log(of('wait', 1))] }));
    expect(() => (hosted.process.fresh('_start') as unknown as { resume(): void }).resume()).toThrow('threads');
  });

  it('ends by a signal that a thread was running under and has ended since', async () => {
    const text = program([set('g', spawn('told')), act('park', FOREVER)], { told: [act('call', 0)] });
    const { process, threads } = await play(text, {
      call: (_, hosted) => void hosted.process.killThread(hosted.threads.get(2).runner.signals, 'SIGTERM'),
    });
    expect(process.status).toMatchObject({ kind: 'signaled', signal: SIG.TERM });
    expect(threads.size).toBe(0);
  });

  it('shares its scheduler with others, each with threads of its own', async () => {
    const text = program(
      [
        set('g', spawn('other')),
        act('kill_process', `(i32.const 77)`, SIG.TERM),
        act('sleep', 5n * MS),
        say('join', 'g', 0),
      ],
      {
        other: [act('sleep', MS), say('self')],
      },
    );
    const module = await compile(text);
    const scheduler = new Scheduler({ clock: new VirtualClock() });
    const none = (): number => 0;
    const start = (record: number[], pid: number, find: () => Threads | undefined): Threads => {
      const threads = Threads.instantiate(
        scheduler,
        new Store(),
        module,
        { env: { log: (value: number) => void record.push(value), now: none, wait: none, call: none, exit: none } },
        { pid, findProcess: () => find()?.process },
      );
      threads.start();
      return threads;
    };
    const record: number[] = [];
    const victim: Threads = start([], 77, () => undefined);
    const killer = start(record, 78, () => victim);
    scheduler.run();
    expect(victim.process.status).toMatchObject({ kind: 'signaled', signal: SIG.TERM });
    expect(killer.process.status).toMatchObject({ kind: 'exited', status: 0 });
    expect(record).toEqual([2, 0]);
    expect(scheduler.size).toBe(0);
  });

  it('waits for a condition only where it can wait', async () => {
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 1),
        act('mutex_lock', 'b', FOREVER),
        act('mutex_lock', 'b', FOREVER),
        act('call', 0),
        say('mutex_unlock', 'b'),
        say('mutex_unlock', 'b'),
        say('mutex_unlock', 'b'),
      ],
      {},
      { extra: `(func (export "inner") (drop ${of('cond_wait', 'a', 'b', FOREVER)}))` },
    );
    const hosted = await play(text, {
      call: (_, { exports }) => expect(() => (exports.inner as () => void)()).toThrow('cannot wait'),
    });
    expect(hosted.log).toEqual([0, 0, E.EPERM]);
  });
});

describe('hostile guests', () => {
  it('have no more threads that nobody joins than there may be', async () => {
    const text = program([loop(6, set('a', spawn('nothing')), log('a'), act('yield'))], { nothing: [] });
    expect((await play(text, { threads: { limit: 4 } })).log).toEqual([2, 3, 4, E.EAGAIN, E.EAGAIN, E.EAGAIN]);
  });

  it('have no more primitives than there may be', async () => {
    const text = program([
      loop(6, make('a', 'mutex_new', 0), log('a')),
      say('destroy', 2),
      say('cond_new'),
      say('sem_new', 0),
    ]);
    expect((await play(text, { threads: { limit: 4 } })).log).toEqual([1, 2, 3, 4, E.EAGAIN, E.EAGAIN, 0, 5, E.EAGAIN]);
  });

  it('get errors for what is out of bounds', async () => {
    const text = program([
      make('a', 'channel_new', 1),
      say('select', SCRATCH, -1, 0n),
      say('select', SCRATCH, 0x0aaa_aaab, 0n),
      say('select', -8, 1, 0n),
      say('select', SCRATCH, 0, 0n),
      say('name', 1, 0, -1),
      say('name', 1, -1, 1),
      say('area', 65_532, 4),
      say('area', 65_533, 8),
      say('area', -4, 8),
      say('area', 0, -1),
      say('mutex_unlock', -1),
      say('destroy', -2_147_483_648),
      say('channel_receive', 'a', -4, 0n),
      say('channel_receive', 'a', 0, 0n),
      say('join', -1, 0),
      say('spawn', -1, 0, 0),
      say('spawn', 0, 0, 0),
      act('yield'),
    ]);
    const { EFAULT, EINVAL, EAGAIN, ESRCH } = E;
    expect((await play(text)).log).toEqual([
      EFAULT,
      EFAULT,
      EFAULT,
      EAGAIN,
      EFAULT,
      EFAULT,
      0,
      EINVAL,
      EFAULT,
      EINVAL,
      EINVAL,
      EINVAL,
      EFAULT,
      EFAULT,
      ESRCH,
      EINVAL,
      EINVAL,
    ]);
  });
});

describe('the guard of shadow stacks', () => {
  it('is found in a shared memory that has grown', async () => {
    const text = program(
      [
        loop(40, set('g', spawn('nothing')), say('join', 'g', 0)),
        loop(40, act('spawn', at('parks'), 0, 0)),
        act('yield'),
        log(1),
      ],
      { nothing: [], parks: [act('park', FOREVER)] },
      { memory: '(memory (export "memory") 1 200 shared)' },
    );
    const failures: unknown[] = [];
    const hosted = await play(text, { onFailure: (_, error) => failures.push(error) });
    expect(failures).toEqual([]);
    expect(hosted.log.at(-1)).toEqual(1);
  });
});
