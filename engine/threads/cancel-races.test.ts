import { describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import { RoundRobinPolicy, Scheduler, TaskGroup, VirtualClock } from '../scheduler/index.ts';
import { Threads } from './index.ts';
import {
  act,
  at,
  compile,
  E,
  FOREVER,
  host,
  log,
  MS,
  make,
  of,
  play,
  program,
  SIG,
  say,
  set,
  spawn,
} from './threads.test-data.ts';

const catching = (...body: readonly string[]): string[] => [
  `(block $failed (result exnref)
     (try_table (catch_all_ref $failed) ${body.join('\n')})
     (return (i32.const 1)))
   drop ${log(51)}`,
];
describe('a cancelled thread', () => {
  it('that was given a mutex while it was stopped has it', async () => {
    const text = program(
      [
        make('a', 'mutex_new', 0),
        act('mutex_lock', 'a', FOREVER),
        set('g', spawn('victim')),
        act('yield'),
        act('mutex_unlock', 'a'),
        act('call', 0),
        act('yield'),
        log(of('wait', 1)),
        say('join', 'g', 0),
        say('mutex_lock', 'a', 0n),
      ],
      { victim: catching(say('mutex_lock', 'a', FOREVER), say('mutex_unlock', 'a'), act('park', FOREVER)) },
    );
    const {
      threads,
      process,
      log: record,
      waits,
      scheduler,
    } = await host(text, {
      call: (_, hosted) => void hosted.process.stop(),
      begin: (hosted) => void hosted.scheduler.hold(),
    });
    scheduler.run();
    expect(process.state).toBe('stopped');
    threads.get(2).task.cancel(new Error('enough'));
    scheduler.run();
    process.continue();
    scheduler.run();
    waits.get(1)?.(5);
    scheduler.run();
    expect(record).toEqual([0, 0, 51, 5, 0, 0]);
  });

  it('that was given a mutex while its handler waited has it', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'mutex_new', 0),
        act('mutex_lock', 'a', FOREVER),
        set('g', spawn('victim')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_unlock', 'a'),
        act('call', 'g'),
        say('join', 'g', 0),
        say('mutex_lock', 'a', 0n),
      ],
      { victim: catching(say('mutex_lock', 'a', FOREVER), say('mutex_unlock', 'a'), act('park', FOREVER)) },
      { handlers: { handler: [act('park', FOREVER), log(9)] } },
    );
    const { log: record } = await play(text, {
      call: (id, { threads }) => void threads.get(id).task.cancel(new Error('enough')),
    });
    expect(record).toEqual([0, 0, 51, 0, 0]);
  });

  it('that was given a mutex while its handler waited, and waits for nothing more, ends at a yield point', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'mutex_new', 0),
        act('mutex_lock', 'a', FOREVER),
        set('g', spawn('victim')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_unlock', 'a'),
        act('call', 'g'),
        say('join', 'g', 0),
      ],
      { victim: catching(say('mutex_lock', 'a', FOREVER), '(loop $spin (br $spin))') },
      { handlers: { handler: [act('park', FOREVER), log(9)] } },
    );
    const { log: record } = await play(text, {
      yields: 'fuel',
      policy: new RoundRobinPolicy({ slice: 10 }),
      call: (id, { threads }) => void threads.get(id).task.cancel(new Error('enough')),
    });
    expect(record).toEqual([0, 51, 0]);
  });

  it('that was notified while its handler waited goes on with the mutex of the condition', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('victim')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('cond_signal', 'a'),
        act('call', 'g'),
        act('yield'),
        log(1),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...catching(say('cond_wait', 'a', 'b', FOREVER), say('mutex_unlock', 'b'), act('park', FOREVER)),
        ],
      },
      { handlers: { handler: [act('park', FOREVER), log(9)] } },
    );
    const { log: record } = await play(text, {
      call: (id, { threads }) => void threads.get(id).task.cancel(new Error('enough')),
    });
    expect(record).toEqual([1, 0, 0, 51, 0]);
  });

  it('leaves no timer behind, nor does one that has got what it waited for', async () => {
    const text = program(
      [
        make('a', 'sem_new', 0),
        set('g', spawn('waits')),
        set('h', spawn('waits')),
        act('yield'),
        act('call', 'h'),
        act('sem_release', 'a', 1),
        say('join', 'g', 0),
        say('join', 'h', 0),
        log(of('now')),
        act('call', 0),
      ],
      { waits: [say('sem_acquire', 'a', 500n * MS)] },
    );
    const timers: number[] = [];
    const { log: record } = await play(text, {
      call: (id, { threads, scheduler }) => {
        if (id === 0) timers.push(scheduler.home.timers.size);
        else threads.get(id).task.cancel(new Error('enough'));
      },
    });
    expect(record).toEqual([0, 0, E.ECANCELED, 0]);
    expect(timers).toEqual([0]);
  });

  it('that waits for the mutex of a condition is not woken by signals', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        act('mutex_lock', 'b', FOREVER),
        set('g', spawn('victim')),
        set('h', spawn('holder')),
        act('yield'),
        act('mutex_unlock', 'b'),
        act('sleep', MS),
        act('kill', 'g', SIG.USR1),
        act('sleep', 2n * MS),
        act('unpark', 'h'),
        say('join', 'g', 0),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...catching(act('call', 'g'), act('cond_wait', 'a', 'b', FOREVER)),
          say('mutex_unlock', 'b'),
        ],
        holder: [act('mutex_lock', 'b', FOREVER), act('park', FOREVER), log(1), act('mutex_unlock', 'b')],
      },
      { handlers: { handler: [log(7)] } },
    );
    const { log: record } = await play(text, {
      call: (id, { threads }) => void threads.get(id).task.cancel(new Error('enough')),
    });
    expect(record).toEqual([1, 7, 51, 0, 0]);
  });

  it('cannot make others where its group is closed', async () => {
    const text = program(
      [
        `(block $end ${catching(act('park', FOREVER)).join('\n').replace('(return (i32.const 1))', 'return')})`,
        log(spawn('other')),
        say('join', 2, 0),
      ],
      { other: [] },
    );
    const module = await compile(text);
    const scheduler = new Scheduler({ clock: new VirtualClock() });
    const group = new TaskGroup();
    const record: number[] = [];
    const none = (): number => 0;
    const threads = Threads.instantiate(scheduler, new Store(), module, {
      env: { log: (value: number) => void record.push(value), now: none, wait: none, call: none, exit: none },
    });
    threads.start({ group });
    const release = scheduler.hold();
    scheduler.run();
    group.cancel(new Error('enough'));
    scheduler.run();
    release();
    expect(record).toEqual([51, E.EAGAIN, E.ESRCH]);
    expect(threads.size).toBe(0);
    expect(threads.process.status).toMatchObject({ kind: 'exited', status: 0 });
  });
});

describe('a signal that is aborted', () => {
  it('before the start ends the process before it begins', async () => {
    const module = await compile(program([log(1)]));
    const scheduler = new Scheduler({ clock: new VirtualClock() });
    const none = (): number => 0;
    const record: number[] = [];
    const threads = Threads.instantiate(scheduler, new Store(), module, {
      env: { log: (value: number) => void record.push(value), now: none, wait: none, call: none, exit: none },
    });
    const task = threads.start({ signal: AbortSignal.abort(new Error('enough')) });
    expect(task.state).toBe('cancelled');
    expect(threads.process.status).toMatchObject({ kind: 'failed' });
    expect(threads.size).toBe(0);
  });

  it('has threads made afterwards end at once', async () => {
    const controller = new AbortController();
    const text = program([act('call', 0), set('g', spawn('other')), say('join', 'g', 0)], { other: [log(99)] });
    const module = await compile(text);
    const scheduler = new Scheduler({ clock: new VirtualClock() });
    const none = (): number => 0;
    const record: number[] = [];
    const threads = Threads.instantiate(scheduler, new Store(), module, {
      env: {
        log: (value: number) => void record.push(value),
        now: none,
        wait: none,
        call: () => controller.abort(new Error('enough')),
        exit: none,
      },
    });
    threads.start({ signal: controller.signal });
    scheduler.run();
    expect(record).toEqual([E.ECANCELED]);
    expect(threads.size).toBe(0);
  });
});
