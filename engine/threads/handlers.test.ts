import { describe, expect, it } from 'vitest';
import {
  ARG,
  act,
  at,
  E,
  FOREVER,
  give,
  load,
  log,
  loop,
  make,
  play,
  program,
  SCRATCH,
  SIG,
  say,
  set,
  spawn,
  store,
} from './threads.test-data.ts';

describe('pointers into areas', () => {
  it('are to the bytes of the thread that waits', async () => {
    const text = program(
      [
        store(SCRATCH, 1),
        store(SCRATCH + 8, 3),
        act('area', SCRATCH, 16),
        make('a', 'channel_new', 0),
        set('g', spawn('receiver')),
        set('h', spawn('joiner')),
        act('yield'),
        act('channel_send', 'a', 7n, FOREVER),
        log(load(SCRATCH)),
        act('join', 'h', 0),
        log(load(SCRATCH + 8)),
        set('a', spawn('nothing')),
        act('yield'),
      ],
      {
        receiver: [
          store(SCRATCH + 4, 55),
          act('channel_receive', 'a', SCRATCH + 8, FOREVER),
          log(load(SCRATCH + 8)),
          log(load(SCRATCH + 4)),
          give(99),
        ],
        joiner: [act('join', 'g', SCRATCH + 8), log(load(SCRATCH + 8)), log(load(SCRATCH))],
        nothing: [],
      },
    );
    const { log: record, threads } = await play(text);
    expect(record).toEqual([1, 7, 55, 99, 1, 3]);
    expect(threads.get(4).area).toBeNull();
  });
});

describe('handlers of threads that wait', () => {
  it('park without taking the place of what they interrupted', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        set('g', spawn('parker')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('unpark', 'g'),
        act('yield'),
        act('unpark', 'g'),
        say('join', 'g', 0),
      ],
      { parker: [say('park', FOREVER), log(2)] },
      { handlers: { handler: [act('park', FOREVER), log(1)] } },
    );
    expect((await play(text)).log).toEqual([1, 0, 2, 0]);
  });

  it('join without hiding whom their thread waits for', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        set('a', spawn('nothing')),
        set('g', spawn('circle')),
        say('join', 'g', 0),
      ],
      { nothing: [], circle: [act('kill', 1, SIG.USR1), act('yield'), act('yield'), say('join', 1, 0)] },
      { handlers: { handler: [say('join', 'a', 0)] } },
    );
    expect((await play(text)).log).toEqual([0, E.EDEADLK, 0]);
  });

  it('leave a condition without its mutex, where they leave for good', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('waiter')),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
        say('mutex_lock', 'b', 0n),
      ],
      { waiter: [act('mutex_lock', 'b', FOREVER), act('cond_wait', 'a', 'b', FOREVER)] },
      { handlers: { handler: [act('exit', 3)] } },
    );
    expect((await play(text)).log).toEqual([0, 0]);
  });

  it('throw out of a condition, and the mutex can be locked again', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('waiter')),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
      ],
      {
        waiter: [
          act('mutex_lock', 'b', FOREVER),
          `(block $oops (try_table (catch $oops $oops) ${act('cond_wait', 'a', 'b', FOREVER)}))`,
          say('mutex_lock', 'b', FOREVER),
          say('mutex_unlock', 'b'),
        ],
      },
      { handlers: { handler: ['(throw $oops)'] }, extra: '(tag $oops)' },
    );
    expect((await play(text)).log).toEqual([0, 0, 0]);
  });

  it('overrun the stack of their thread, also beyond its guard', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        set('g', spawn('waiter')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        say('join', 'g', 0),
      ],
      { waiter: [act('park', FOREVER), log(99)] },
      {
        handlers: {
          handler: [
            '(global.set $sp (i32.sub (global.get $sp) (i32.const 66000)))',
            act('yield'),
            '(global.set $sp (i32.add (global.get $sp) (i32.const 66000)))',
          ],
        },
      },
    );
    const failures: unknown[] = [];
    const { log: record } = await play(text, { onFailure: (_, error) => failures.push(error) });
    expect(record).toEqual([E.EOWNERDEAD]);
  });

  it('wait on the alternate stack of their thread, which is no overrun', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0x0800_0000),
        set('g', spawn('waiter')),
        act('yield'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('unpark', 'g'),
        say('join', 'g', 0),
      ],
      {
        waiter: [
          store(SCRATCH, SCRATCH + 1024),
          store(SCRATCH + 4, 0),
          store(SCRATCH + 8, 4096),
          `(drop (call $sigaltstack (i32.const ${SCRATCH}) (i32.const 0)))`,
          act('park', FOREVER),
          log(2),
        ],
      },
      {
        handlers: { handler: [act('yield'), log('(i32.lt_u (global.get $sp) (i32.const 46000))')] },
        imports: '(import "bobbin:signal" "sigaltstack" (func $sigaltstack (param i32 i32) (result i32)))',
      },
    );
    expect((await play(text)).log).toEqual([1, 2, 0]);
  });
});

describe('mutexes', () => {
  it('that are recursive are given up as a whole by a wait for a condition', async () => {
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 1),
        loop(3, act('mutex_lock', 'b', FOREVER)),
        set('g', spawn('notifies')),
        say('cond_wait', 'a', 'b', FOREVER),
        loop(4, say('mutex_unlock', 'b')),
      ],
      {
        notifies: [
          act('mutex_lock', 'b', FOREVER),
          say('mutex_unlock', 'b'),
          say('mutex_unlock', 'b'),
          say('cond_signal', 'a'),
          act('park', FOREVER),
        ],
      },
    );
    expect((await play(text)).log).toEqual([0, E.EPERM, 0, 0, 0, 0, 0, E.EPERM]);
  });

  it('that are recursive are unlocked by their owner alone, however often it has locked them', async () => {
    const text = program(
      [
        make('b', 'mutex_new', 1),
        loop(2, act('mutex_lock', 'b', FOREVER)),
        set('g', spawn('other')),
        act('join', 'g', 0),
        loop(3, say('mutex_unlock', 'b')),
      ],
      { other: [say('mutex_unlock', 'b')] },
    );
    expect((await play(text)).log).toEqual([E.EPERM, 0, 0, E.EPERM]);
  });

  it('of a condition that was notified go to the next where a handler leaves the wait', async () => {
    const text = program(
      [
        act('install', SIG.USR1, at('handler'), 0),
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('waiter', 1)),
        act('yield'),
        set('h', spawn('waiter', 2)),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('cond_signal', 'a'),
        act('kill', 'g', SIG.USR1),
        act('yield'),
        act('mutex_unlock', 'b'),
        say('join', 'g', 0),
        say('join', 'h', 0),
      ],
      {
        waiter: [
          act('mutex_lock', 'b', FOREVER),
          act('cond_wait', 'a', 'b', FOREVER),
          log(ARG),
          act('mutex_unlock', 'b'),
        ],
      },
      { handlers: { handler: [act('exit', 3)] } },
    );
    expect((await play(text)).log).toEqual([0, 2, 0]);
  });
});
