import { describe, expect, it } from 'vitest';
import { RoundRobinPolicy } from '../scheduler/index.ts';
import {
  act,
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
  program,
  SCRATCH,
  say,
  set,
  spawn,
} from './threads.test-data.ts';

/** What a thread does, with a clean-up that logs 50 and has the reason go on. */
const cleaning = (...body: readonly string[]): string[] => [
  `(block $failed (result exnref)
     (try_table (catch_all_ref $failed) ${body.join('\n')})
     (return (i32.const 1)))
   ${log(50)} throw_ref`,
];
/** The same, but the reason goes no further. */
const catching = (...body: readonly string[]): string[] => [
  `(block $failed (result exnref)
     (try_table (catch_all_ref $failed) ${body.join('\n')})
     (return (i32.const 1)))
   drop ${log(51)}`,
];

/** Ways to wait, each for ever: $a is what is waited for, made as the main thread has it locked or empty. */
const places: readonly (readonly [string, string, readonly string[]])[] = [
  ['a yield point', '', ['(loop $spin (br $spin))']],
  ['yield', '', ['(loop $spin (drop (call $yield)) (br $spin))']],
  ['mutex_lock', `${make('a', 'mutex_new', 0)} ${act('mutex_lock', 'a', FOREVER)}`, [say('mutex_lock', 'a', FOREVER)]],
  [
    'mutex_lock with a time limit',
    `${make('a', 'mutex_new', 0)} ${act('mutex_lock', 'a', FOREVER)}`,
    [say('mutex_lock', 'a', 500n * MS)],
  ],
  ['sem_acquire', make('a', 'sem_new', 0), [say('sem_acquire', 'a', FOREVER)]],
  ['barrier_wait', make('a', 'barrier_new', 2), [say('barrier_wait', 'a')]],
  ['group_wait', `${make('a', 'group_new')} ${act('group_add', 'a', 1)}`, [say('group_wait', 'a', FOREVER)]],
  ['once_enter', `${make('a', 'once_new')} ${act('once_enter', 'a')}`, [say('once_enter', 'a')]],
  ['channel_receive', make('a', 'channel_new', 0), [say('channel_receive', 'a', SCRATCH, FOREVER)]],
  ['channel_send', make('a', 'channel_new', 0), [say('channel_send', 'a', 5n, FOREVER)]],
  [
    'broadcast_receive',
    `${make('b', 'broadcast_new', 1)} ${make('a', 'broadcast_subscribe', 'b')}`,
    [say('broadcast_receive', 'a', SCRATCH, FOREVER)],
  ],
  ['park', '', [say('park', FOREVER)]],
  ['sleep', '', [say('sleep', 500n * MS)]],
  ['a call of the host', '', [say('wait', 1)]],
  ['a signal', '', [log(of('pause'))]],
  ['join', set('a', spawn('sleeper')), [say('join', 'a', 0)]],
  [
    'select',
    `${make('a', 'channel_new', 0)} (i32.store (i32.const ${SCRATCH}) (global.get $a)) (i32.store (i32.const ${SCRATCH + 4}) (i32.const 0))`,
    [say('select', SCRATCH, 1, FOREVER)],
  ],
  [
    'cond_wait',
    `${make('a', 'cond_new')} ${make('b', 'mutex_new', 0)}`,
    [act('mutex_lock', 'b', FOREVER), say('cond_wait', 'a', 'b', FOREVER)],
  ],
];

const FUEL = { yields: 'fuel' } as const;
const sliced = (): HostOptions => ({ ...FUEL, policy: new RoundRobinPolicy({ slice: 10 }) });

/** Cancels the thread in the global $g from the guest's `env.call`. */
function canceller(reason: unknown): Pick<HostOptions, 'call'> {
  return {
    call: (id, { threads }) => {
      threads.get(id).task.cancel(reason);
    },
  };
}

describe.each(['closed', 'linked'] as const)('a thread that the host cancels, %s', (build) => {
  const main = (setup: string): string[] => [
    setup,
    set('g', spawn('victim')),
    ...[1, 2, 3].map(() => act('yield')),
    log(40),
    act('call', 'g'),
    log(41),
    say('join', 'g', 0),
    say('join', 'g', 0),
  ];
  const sleeper = [act('sleep', 20n * MS), give(0)];

  it.each(places)('has its clean-up run in %s', async (_, setup, body) => {
    const hosted = await host(program(main(setup), { victim: cleaning(...body), sleeper }), {
      build,
      ...sliced(),
      ...canceller(new Error('enough')),
    });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([40, 41, 50, E.ECANCELED, E.ESRCH]);
    expect(hosted.waits.size).toBe(0);
    expect(hosted.process.status).toMatchObject({ kind: 'exited', status: 0 });
  });

  it.each(places)('goes on where it catches the reason, in %s', async (_, setup, body) => {
    const hosted = await host(program(main(setup), { victim: catching(...body), sleeper }), {
      build,
      ...sliced(),
      ...canceller(new Error('enough')),
    });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([40, 41, 51, 0, E.ESRCH]);
  });

  it('before it has begun never runs', async () => {
    const text = program([set('g', spawn('victim')), act('call', 'g'), say('join', 'g', 0), say('unpark', 'g')], {
      victim: [log(99)],
    });
    const hosted = await host(text, { build, ...canceller('no') });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([E.ECANCELED, E.ESRCH]);
    expect(hosted.threads.size).toBe(0);
  });

  it('has the mutex again before its clean-up where it waited for a condition', async () => {
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('victim')),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('call', 'g'),
        act('yield'),
        log(42),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
        say('mutex_lock', 'b', 0n),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...cleaning(act('cond_wait', 'a', 'b', FOREVER)).map((line) =>
            line.replace('throw_ref', `${say('mutex_unlock', 'b')} throw_ref`),
          ),
        ],
      },
    );
    const hosted = await host(text, { build, ...canceller('no') });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([42, 50, 0, E.ECANCELED, 0]);
  });

  it('leaves nothing behind in what it waited for', async () => {
    const text = program(
      [
        make('a', 'channel_new', 0),
        make('b', 'sem_new', 0),
        set('g', spawn('victim')),
        act('yield'),
        act('call', 'g'),
        act('join', 'g', 0),
        say('channel_receive', 'a', SCRATCH, 0n),
        say('destroy', 'a'),
        set('g', spawn('acquires')),
        act('yield'),
        act('call', 'g'),
        act('sem_release', 'b', 1),
        act('join', 'g', 0),
        say('sem_acquire', 'b', 0n),
        set('c', spawn('sleeper')),
        set('g', spawn('joins')),
        act('yield'),
        say('join', 'c', 0),
        act('call', 'g'),
        act('join', 'g', 0),
        say('join', 'c', SCRATCH),
        log(load(SCRATCH)),
      ],
      {
        sleeper: [act('sleep', MS), give(6)],
        joins: [act('join', 'c', 0)],
        victim: [act('channel_send', 'a', 5n, FOREVER)],
        acquires: [act('sem_acquire', 'b', FOREVER)],
      },
    );
    const hosted = await host(text, { build, ...canceller('no') });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([E.EAGAIN, 0, 0, E.EINVAL, 0, 6]);
  });

  it('has been given its value already gets it, and is thrown the reason where it waits next', async () => {
    const text = program(
      [
        make('a', 'channel_new', 0),
        set('g', spawn('victim')),
        act('yield'),
        act('channel_send', 'a', 7n, FOREVER),
        act('call', 'g'),
        say('join', 'g', 0),
      ],
      {
        victim: [
          say('channel_receive', 'a', SCRATCH, FOREVER),
          log(load(SCRATCH)),
          ...cleaning(loop(1, say('channel_receive', 'a', SCRATCH, FOREVER))),
        ],
      },
    );
    const hosted = await host(text, { build, ...canceller('no') });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([1, 7, 50, E.ECANCELED]);
  });

  it('a second time has its clean-up cut short', async () => {
    const text = program(
      [
        set('g', spawn('victim')),
        ...[1, 2].flatMap(() => [act('yield'), act('call', 'g')]),
        say('join', 'g', 0),
        log(of('now')),
      ],
      { victim: [...catching(act('park', FOREVER)), act('sleep', 1000n * MS), log(99)] },
    );
    const hosted = await host(text, { build, ...canceller('no') });
    hosted.scheduler.run();
    expect(hosted.log).toEqual([51, E.ECANCELED, 0]);
  });
});

describe('cancelling the main thread', () => {
  const reason = new Error('enough');
  const text = (main: readonly string[]): string =>
    program([act('detach', spawn('other')), ...main], { other: [act('wait', 2), log(99)] });

  it('ends the process with the reason', async () => {
    const { log: record, task, scheduler, process } = await host(text([act('wait', 1)]));
    const ended = task.join();
    await new Promise((resolve) => setTimeout(resolve, 0));
    task.cancel(reason);
    await expect(ended).rejects.toBe(reason);
    expect(task.state).toBe('cancelled');
    expect(process.status).toEqual({ kind: 'failed', error: reason });
    scheduler.run();
    expect([record, scheduler.size]).toEqual([[], 0]);
  });

  it('before it has begun ends the process, too', async () => {
    const begin = ({ task }: Hosted): void => void task.cancel(reason);
    const { log: record, process, scheduler } = await host(text([log(98)]), { begin });
    expect(await process.wait()).toMatchObject({
      kind: 'failed',
      error: expect.objectContaining({ kind: 'cancelled' }),
    });
    expect([record, scheduler.size]).toEqual([[], 0]);
  });
});
