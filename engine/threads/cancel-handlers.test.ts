import { describe, expect, it } from 'vitest';
import {
  ARG,
  act,
  at,
  E,
  FOREVER,
  type HostOptions,
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

/** What a thread does, with a clean-up that has the reason go on. */
const cleaning = (body: readonly string[], cleanUp: readonly string[] = []): string[] => [
  `(block $failed (result exnref)
     (try_table (catch_all_ref $failed) ${body.join('\n')})
     (return (i32.const 1)))
   ${log(50)} ${cleanUp.join('\n')} throw_ref`,
];

/** `env.call` cancels the thread of the number. */
const cancelling: HostOptions = {
  call: (id, { threads }) => void threads.get(id).task.cancel(new Error('enough')),
};
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const both = describe.each(['closed', 'linked'] as const);

both('a cancelled thread, %s', (build) => {
  it('whose handler waits has the clean-ups run of both', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'mutex_new', 0),
        act('mutex_lock', 'a', FOREVER),
        set('g', spawn('victim')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('call', 'g'),
        say('join', 'g', 0),
        say('mutex_unlock', 'a'),
        say('mutex_lock', 'a', 0n),
      ],
      { victim: cleaning([say('mutex_lock', 'a', FOREVER)]) },
      {
        handlers: {
          handler: [
            `(block $failed (result exnref)
               (try_table (catch_all_ref $failed) ${act('park', FOREVER)})
               (return))
             ${log(40)} throw_ref`,
          ],
        },
      },
    );
    expect((await play(text, { build, ...cancelling })).log).toEqual([40, 50, E.ECANCELED, 0, 0]);
  });

  it('that was stopped by a signal has its clean-up run when it goes on', async () => {
    const text = program([set('g', spawn('victim')), say('join', 'g', 0), log(of('wait', 1))], {
      victim: cleaning([act('park', FOREVER)]),
    });
    const {
      process,
      threads,
      log: record,
      waits,
    } = await host(text, { build, begin: ({ scheduler }) => void scheduler.hold() });
    await soon();
    process.kill('SIGSTOP');
    await soon();
    threads.get(2).task.cancel(new Error('enough'));
    await soon();
    expect(record).toEqual([]);
    process.kill('SIGCONT');
    await soon();
    expect(record).toEqual([50, E.ECANCELED]);
    waits.get(1)?.(0);
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
  });

  it('has a recursive mutex as often as before it waited for a condition', async () => {
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 1),
        set('g', spawn('victim')),
        act('yield'),
        act('call', 'g'),
        say('join', 'g', 0),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          act('mutex_lock', 'b', FOREVER),
          ...cleaning(
            [act('cond_wait', 'a', 'b', FOREVER)],
            [say('mutex_unlock', 'b'), say('mutex_unlock', 'b'), say('mutex_unlock', 'b')],
          ),
        ],
      },
    );
    expect((await play(text, { build, ...cancelling })).log).toEqual([50, 0, 0, E.EPERM, E.ECANCELED]);
  });

  it('that has cancelled itself is thrown the reason where it waits next, with the mutex of a condition', async () => {
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        act('mutex_lock', 'b', FOREVER),
        set('g', spawn('victim')),
        set('d', spawn('locks')),
        act('yield'),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
        act('join', 'd', 0),
        say('mutex_lock', 'b', 0n),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...cleaning([act('call', 'g'), log(1), act('cond_wait', 'a', 'b', FOREVER)], [say('mutex_unlock', 'b')]),
        ],
        locks: [act('mutex_lock', 'b', FOREVER), log(2), act('mutex_unlock', 'b')],
      },
    );
    const { log: record } = await play(text, { build, ...cancelling });
    expect(record).toEqual([1, 2, 50, 0, E.ECANCELED, 0]);
  });

  it.each([
    ['channel_receive', make('a', 'channel_new', 0), say('channel_receive', 'a', 64, FOREVER)],
    ['sem_acquire', make('a', 'sem_new', 0), say('sem_acquire', 'a', FOREVER)],
    ['park', '', say('park', FOREVER)],
    ['sleep', '', say('sleep', MS)],
    ['yield', '', say('yield')],
  ])('that has cancelled itself is thrown the reason in %s', async (_, setup, wait) => {
    const text = program([setup, set('g', spawn('victim')), say('join', 'g', 0)], {
      victim: cleaning([act('call', 'g'), wait, log(99), act('sleep', MS)]),
    });
    const { log: record } = await play(text, { build, ...cancelling });
    expect(record).toEqual([50, E.ECANCELED]);
  });

  it('that has cancelled itself and waits for a condition goes on where nobody else has the mutex', async () => {
    const text = program(
      [make('a', 'cond_new'), make('b', 'mutex_new', 0), set('g', spawn('victim')), say('join', 'g', 0)],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...cleaning([act('call', 'g'), act('cond_wait', 'a', 'b', FOREVER)], [say('mutex_unlock', 'b')]),
        ],
      },
    );
    expect((await play(text, { build, ...cancelling })).log).toEqual([50, 0, E.ECANCELED]);
  });

  it('whose handler waits, while it waits for a condition itself, has the mutex in its clean-up', async () => {
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
        act('call', 'g'),
        act('yield'),
        log(42),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
      ],
      {
        victim: [
          act('mutex_lock', 'b', FOREVER),
          ...cleaning([act('cond_wait', 'a', 'b', FOREVER)], [say('mutex_unlock', 'b')]),
        ],
      },
      { handlers: { handler: [act('park', FOREVER), log(99)] } },
    );
    expect((await play(text, { build, ...cancelling })).log).toEqual([42, 50, 0, E.ECANCELED]);
  });
});

both('a handler, %s', (build) => {
  const main = [
    act('install', SIG.USR1, at('handler'), 0),
    make('a', 'mutex_new', 0),
    act('mutex_lock', 'a', FOREVER),
    set('g', spawn('waiter', 1)),
    set('b', spawn('waiter', 2)),
    act('yield'),
    act('kill', 'g', SIG.USR1),
    say('join', 'g', 64),
    log('(i32.load (i32.const 64))'),
    act('mutex_unlock', 'a'),
    say('join', 'b', 0),
  ];
  const waiter = [act('mutex_lock', 'a', FOREVER), log(ARG), act('mutex_unlock', 'a')];

  it('that ends its thread gives up what the thread waits for', async () => {
    const text = program(main, { waiter }, { handlers: { handler: [act('exit', 33)] } });
    expect((await play(text, { build })).log).toEqual([0, 33, 2, 0]);
  });

  it('that traps does so, too', async () => {
    const text = program(main, { waiter }, { handlers: { handler: ['unreachable'] } });
    expect((await play(text, { build })).log).toEqual([E.EOWNERDEAD, 0, 2, 0]);
  });

  it('that throws has the exception go on where the thread waits', async () => {
    const caught = [
      `(block $oops (try_table (catch $oops $oops) ${act('mutex_lock', 'a', FOREVER)} ${act('mutex_unlock', 'a')} ${log(ARG)} (return (i32.const 5))))`,
      log(44),
    ];
    const text = program(main, { waiter: caught }, { handlers: { handler: ['(throw $oops)'] }, extra: '(tag $oops)' });
    expect((await play(text, { build })).log).toEqual([44, 0, 0, 2, 0]);
  });
});
