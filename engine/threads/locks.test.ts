import { describe, expect, it } from 'vitest';
import { type Case, check, VALUE } from './primitives.test-data.ts';
import {
  act,
  E,
  FOREVER,
  give,
  LONGEST,
  log,
  MS,
  make,
  of,
  play,
  program,
  say,
  set,
  spawn,
} from './threads.test-data.ts';

const mutexes: readonly Case[] = [
  [
    'is locked and unlocked',
    [make('a', 'mutex_new', 0), say('mutex_lock', 'a', FOREVER), say('mutex_unlock', 'a'), say('mutex_lock', 'a', 0n)],
    [0, 0, 0],
  ],
  [
    'cannot be locked twice by its owner, however long',
    [make('a', 'mutex_new', 0), ...[FOREVER, FOREVER, 0n, MS].map((time) => say('mutex_lock', 'a', time))],
    [0, E.EDEADLK, E.EDEADLK, E.EDEADLK],
  ],
  [
    'that is recursive is unlocked as often as it was locked',
    [
      make('a', 'mutex_new', 1),
      ...[FOREVER, 0n, MS].map((time) => say('mutex_lock', 'a', time)),
      act('detach', spawn('locks_once')),
      ...[1, 2].map(() => say('mutex_unlock', 'a')),
      act('yield'),
      log(5),
      say('mutex_unlock', 'a'),
      act('yield'),
      say('mutex_unlock', 'a'),
    ],
    [0, 0, 0, 0, 0, 5, 0, 0, E.EPERM],
  ],
  [
    'is unlocked by its owner alone',
    [
      make('a', 'mutex_new', 0),
      say('mutex_unlock', 'a'),
      act('mutex_lock', 'a', FOREVER),
      act('join', spawn('unlocks'), 0),
      say('mutex_unlock', 'a'),
    ],
    [E.EPERM, E.EPERM, 0],
  ],
  [
    'is waited for as long as it says',
    [
      make('a', 'mutex_new', 0),
      act('detach', spawn('locker', -1)),
      act('yield'),
      say('mutex_lock', 'a', 0n),
      say('mutex_lock', 'a', 2n * MS),
      log(of('now')),
      say('mutex_lock', 'a', 4n * MS),
      log(of('now')),
    ],
    [0, E.EBUSY, E.ETIMEDOUT, 2, 0, 5],
  ],
  [
    'that somebody waited for in vain goes to the next',
    [
      make('a', 'mutex_new', 0),
      act('mutex_lock', 'a', FOREVER),
      act('detach', spawn('locker', 1)),
      set('c', spawn('locks_once')),
      act('sleep', 2n * MS),
      say('mutex_unlock', 'a'),
      act('join', 'c', 0),
    ],
    [E.ETIMEDOUT, 0, 0],
  ],
  [
    'is destroyed unless somebody has it or waits for it',
    [
      make('a', 'mutex_new', 0),
      act('mutex_lock', 'a', LONGEST),
      say('destroy', 'a'),
      act('mutex_unlock', 'a'),
      say('destroy', 'a'),
      say('destroy', 'a'),
      say('mutex_lock', 'a', FOREVER),
      say('mutex_unlock', 'a'),
    ],
    [E.EBUSY, 0, E.EINVAL, E.EINVAL, E.EINVAL],
  ],
];

const conditions: readonly Case[] = [
  [
    'wakes one by signal and all by broadcast, in the order of coming',
    [
      make('a', 'cond_new'),
      make('b', 'mutex_new', 0),
      ...[1, 2, 3].map(() => act('detach', spawn('waits'))),
      act('yield'),
      say('cond_signal', 'a'),
      act('yield'),
      act('yield'),
      log(9),
      say('cond_broadcast', 'a'),
      act('yield'),
      act('yield'),
      say('cond_signal', 'a'),
    ],
    [0, 0, 9, 0, 0, 0, 0],
  ],
  [
    'has its mutex again after a timeout',
    [
      make('a', 'cond_new'),
      make('b', 'mutex_new', 0),
      act('mutex_lock', 'b', FOREVER),
      say('cond_wait', 'a', 'b', 3n * MS),
      log(of('now')),
      say('cond_wait', 'a', 'b', 0n),
      say('mutex_lock', 'b', 0n),
      say('mutex_unlock', 'b'),
    ],
    [E.ETIMEDOUT, 3, E.ETIMEDOUT, E.EDEADLK, 0],
  ],
  [
    'is waited for only with a mutex that the caller has',
    [
      make('a', 'cond_new'),
      make('b', 'mutex_new', 0),
      say('cond_wait', 'a', 'b', FOREVER),
      say('cond_wait', 'b', 'a', FOREVER),
      say('cond_wait', 'a', 99, FOREVER),
    ],
    [E.EPERM, E.EINVAL, E.EINVAL],
  ],
  [
    'gives up a recursive mutex wholly and takes it back as often',
    [
      make('a', 'cond_new'),
      make('b', 'mutex_new', 1),
      act('mutex_lock', 'b', FOREVER),
      act('mutex_lock', 'b', FOREVER),
      act('detach', spawn('waits')),
      say('cond_wait', 'a', 'b', MS),
      say('mutex_unlock', 'b'),
      say('mutex_unlock', 'b'),
      say('mutex_unlock', 'b'),
      act('cond_signal', 'a'),
      act('yield'),
    ],
    [E.ETIMEDOUT, 0, 0, E.EPERM, 0],
  ],
  [
    'is not destroyed while somebody waits',
    [
      make('a', 'cond_new'),
      make('b', 'mutex_new', 0),
      act('detach', spawn('waits')),
      act('yield'),
      say('destroy', 'a'),
      act('cond_signal', 'a'),
      act('yield'),
      say('destroy', 'a'),
      say('cond_signal', 'a'),
      say('cond_broadcast', 'a'),
    ],
    [E.EBUSY, 0, 0, E.EINVAL, E.EINVAL],
  ],
];

const counts: readonly Case[] = [
  [
    'semaphores count',
    [
      make('a', 'sem_new', 2),
      ...[FOREVER, 0n, 0n, MS].map((time) => say('sem_acquire', 'a', time)),
      log(of('now')),
      act('detach', spawn('acquires')),
      act('sleep', MS),
      say('sem_release', 'a', 3),
      act('yield'),
      ...[0n, 0n, 0n].map((time) => say('sem_acquire', 'a', time)),
    ],
    [0, 0, E.EAGAIN, E.ETIMEDOUT, 1, 0, 0, 2, 0, 0, E.EAGAIN],
  ],
  [
    'semaphores refuse other counts',
    [
      say('sem_new', -1),
      make('a', 'sem_new', 0),
      say('sem_release', 'a', 0),
      say('sem_release', 'a', -1),
      say('sem_release', 'a', 1),
    ],
    [E.EINVAL, E.EINVAL, E.EINVAL, 0],
  ],
  [
    'semaphores that are waited for are not destroyed',
    [
      make('a', 'sem_new', 0),
      act('detach', spawn('acquires')),
      act('yield'),
      say('destroy', 'a'),
      act('sem_release', 'a', 1),
      act('yield'),
      say('destroy', 'a'),
    ],
    [E.EBUSY, 0, 0, 0],
  ],
  [
    'barriers open for the last, again and again',
    [
      make('a', 'barrier_new', 2),
      act('detach', spawn('comes')),
      act('yield'),
      say('destroy', 'a'),
      say('barrier_wait', 'a'),
      act('yield'),
      act('detach', spawn('comes')),
      say('barrier_wait', 'a'),
      act('yield'),
      say('destroy', 'a'),
    ],
    [E.EBUSY, 1, 0, 1, 0, 0],
  ],
  [
    'barriers are for one at least',
    [say('barrier_new', 0), say('barrier_new', -5), make('a', 'barrier_new', 1), say('barrier_wait', 'a')],
    [E.EINVAL, E.EINVAL, 1],
  ],
  [
    'wait groups wait for 0',
    [
      make('a', 'group_new'),
      say('group_wait', 'a', FOREVER),
      say('group_add', 'a', 2),
      act('detach', spawn('groups')),
      say('group_wait', 'a', MS),
      say('group_add', 'a', -1),
      say('group_add', 'a', -2),
      say('destroy', 'a'),
      say('group_add', 'a', -1),
      act('yield'),
      say('group_add', 'a', -1),
      say('destroy', 'a'),
    ],
    [0, 0, E.ETIMEDOUT, 0, E.EINVAL, E.EBUSY, 0, 0, 1, E.EINVAL, 0],
  ],
  [
    'what is done once is waited for by all others',
    [
      make('a', 'once_new'),
      act('detach', spawn('enters_and_sleeps')),
      act('yield'),
      say('destroy', 'a'),
      say('once_finish', 'a'),
      say('once_enter', 'a'),
      log(of('now')),
      say('once_finish', 'a'),
      say('once_enter', 'a'),
      say('destroy', 'a'),
    ],
    [1, E.EBUSY, E.EPERM, 0, 0, 3, E.EPERM, 0, 0],
  ],
  [
    'what is done once is finished by who does it',
    [make('a', 'once_new'), say('once_finish', 'a'), say('once_enter', 'a'), act('join', spawn('finishes'), 0)],
    [E.EPERM, 1, E.EPERM],
  ],
];

describe('a mutex', () => {
  it.each(mutexes)('%s', (_, main, expected) => check(main, expected));
});
describe('a condition', () => {
  it.each(conditions)('%s', (_, main, expected) => check(main, expected));
});
describe('what counts:', () => {
  it.each(counts)('%s', (_, main, expected) => check(main, expected));
});
it('a timeout of centuries is one that never comes', async () => {
  const main = [
    make('a', 'mutex_new', 0),
    act('mutex_lock', 'a', FOREVER),
    make('b', 'channel_new', 0),
    set('c', spawn('patient')),
    act('sleep', 10n * MS),
    act('channel_send', 'b', 1n, LONGEST),
    act('mutex_unlock', 'a'),
    act('join', 'c', 0),
    log(of('now')),
  ];
  const patient = [
    say('channel_receive', 'b', VALUE, LONGEST),
    say('mutex_lock', 'a', LONGEST),
    act('mutex_unlock', 'a'),
    give(0),
  ];
  expect((await play(program(main, { patient }))).log).toEqual([1, 0, 10]);
});
