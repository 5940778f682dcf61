import { describe, expect, it } from 'vitest';
import { CASES, type Case, check, choice, chosen, VALUE, value } from './primitives.test-data.ts';
import { act, E, FOREVER, log, loop, MS, make, of, play, program, say, set, spawn } from './threads.test-data.ts';

const channels: readonly Case[] = [
  [
    'hold as many values as they say',
    [
      make('a', 'channel_new', 2),
      ...[1n, 2n].map((sent) => say('channel_send', 'a', sent, FOREVER)),
      say('channel_send', 'a', 3n, 0n),
      say('channel_send', 'a', 3n, MS),
      act('detach', spawn('sends')),
      act('sleep', MS),
      ...[1, 2, 3].flatMap(() => [say('channel_receive', 'a', VALUE, FOREVER), value]),
      say('channel_receive', 'a', VALUE, 0n),
      say('channel_receive', 'a', VALUE, MS),
      log(of('now')),
    ],
    [0, 0, E.EAGAIN, E.ETIMEDOUT, 1, 1, 1, 2, 1, 11, E.EAGAIN, 0, 2, E.ETIMEDOUT, 3],
  ],
  [
    'of no capacity hand over',
    [
      make('a', 'channel_new', 0),
      say('channel_send', 'a', 1n, 0n),
      act('detach', spawn('receives')),
      act('yield'),
      say('channel_send', 'a', 77n, 0n),
      act('yield'),
    ],
    [E.EAGAIN, 0, 1, 77],
  ],
  [
    'that are closed give what they have, and then 0',
    [
      make('a', 'channel_new', 2),
      act('channel_send', 'a', 5n, FOREVER),
      say('channel_close', 'a'),
      say('channel_close', 'a'),
      say('channel_send', 'a', 6n, FOREVER),
      say('channel_send', 'a', 6n, 0n),
      ...[1, 2].flatMap(() => [say('channel_receive', 'a', VALUE, FOREVER), value]),
      say('channel_receive', 'a', VALUE, 0n),
    ],
    [0, E.EPIPE, E.EPIPE, E.EPIPE, 1, 5, 0, 5, 0],
  ],
  [
    'that are closed let those go who wait',
    [
      make('a', 'channel_new', 0),
      act('detach', spawn('closes')),
      say('channel_receive', 'a', VALUE, FOREVER),
      make('a', 'channel_new', 0),
      act('detach', spawn('closes')),
      say('channel_send', 'a', 5n, FOREVER),
      log(of('now')),
    ],
    [0, E.EPIPE, 4],
  ],
  [
    'carry 64 bits',
    [
      make('a', 'channel_new', 1),
      act('channel_send', 'a', -(2n ** 63n), FOREVER),
      act('channel_receive', 'a', VALUE, FOREVER),
      log(`(i64.eq (i64.load (i32.const ${VALUE})) (i64.const 0x8000000000000000))`),
    ],
    [1],
  ],
  [
    'refuse capacities below 0 and values that are not in memory, and lose none by that',
    [
      say('channel_new', -1),
      make('a', 'channel_new', 1),
      act('channel_send', 'a', 8n, FOREVER),
      ...[0, -4, 0x7fff_fff0].map((address) => say('channel_receive', 'a', address, FOREVER)),
      say('channel_receive', 'a', VALUE, FOREVER),
      value,
    ],
    [E.EINVAL, E.EFAULT, E.EFAULT, E.EFAULT, 1, 8],
  ],
  [
    'that are waited for are not destroyed',
    [
      make('a', 'channel_new', 0),
      act('detach', spawn('sends')),
      act('yield'),
      say('destroy', 'a'),
      act('channel_receive', 'a', VALUE, FOREVER),
      act('yield'),
      say('destroy', 'a'),
      say('channel_send', 'a', 1n, 0n),
      say('channel_receive', 'a', VALUE, 0n),
      say('channel_close', 'a'),
    ],
    [E.EBUSY, 0, 0, 0, E.EINVAL, E.EINVAL, E.EINVAL],
  ],
];

const selections: readonly Case[] = [
  [
    'takes what is there',
    [
      make('a', 'channel_new', 1),
      make('b', 'channel_new', 1),
      act('channel_send', 'b', 5n, FOREVER),
      choice(0, 'a', 0),
      choice(1, 'b', 0),
      say('select', CASES, 2, FOREVER),
      ...chosen(1),
      ...chosen(0),
      say('select', CASES, 2, 0n),
      say('select', CASES, 2, MS),
      log(of('now')),
    ],
    [1, 5, 1, 0, -1, E.EAGAIN, E.ETIMEDOUT, 1],
  ],
  [
    'sends what can be sent',
    [
      make('a', 'channel_new', 0),
      make('b', 'channel_new', 1),
      choice(0, 'a', 1, 1n),
      choice(1, 'b', 1, 2n),
      say('select', CASES, 2, FOREVER),
      say('select', CASES, 2, 0n),
      act('channel_receive', 'b', VALUE, FOREVER),
      value,
    ],
    [1, E.EAGAIN, 2],
  ],
  [
    'waits, does one, and leaves the others alone',
    [
      make('a', 'channel_new', 0),
      make('b', 'channel_new', 0),
      choice(0, 'a', 0),
      choice(1, 'b', 0),
      act('detach', spawn('sends_to_b')),
      say('select', CASES, 2, FOREVER),
      ...chosen(1),
      say('channel_send', 'a', 1n, 0n),
      say('channel_send', 'b', 1n, 0n),
      say('destroy', 'a'),
    ],
    [1, 22, 1, E.EAGAIN, E.EAGAIN, 0],
  ],
  [
    'says that a channel is closed',
    [
      make('a', 'channel_new', 0),
      act('channel_close', 'a'),
      choice(0, 'a', 0),
      say('select', CASES, 1, FOREVER),
      ...chosen(0),
      choice(0, 'a', 1),
      say('select', CASES, 1, FOREVER),
      say('select', CASES, 1, 0n),
    ],
    [0, 0, 0, E.EPIPE, E.EPIPE],
  ],
  [
    'refuses what are no cases',
    [
      make('a', 'channel_new', 1),
      make('b', 'mutex_new', 0),
      choice(0, 'a', 2),
      say('select', CASES, 1, FOREVER),
      choice(0, 'b', 0),
      say('select', CASES, 1, FOREVER),
      choice(0, 'c', 0),
      say('select', CASES, 1, FOREVER),
      say('select', -8, 1, FOREVER),
      say('select', 65_530, 1, FOREVER),
      say('select', CASES, -1, FOREVER),
      say('select', CASES, 0, 0n),
      say('select', CASES, 0, MS),
    ],
    [E.EINVAL, E.EINVAL, E.EINVAL, E.EFAULT, E.EFAULT, E.EFAULT, E.EAGAIN, E.ETIMEDOUT],
  ],
];

const broadcasts: readonly Case[] = [
  [
    'reach each subscriber, from when it has subscribed',
    [
      make('a', 'broadcast_new', 4),
      say('broadcast_send', 'a', 1n, FOREVER),
      make('b', 'broadcast_subscribe', 'a'),
      act('broadcast_send', 'a', 2n, FOREVER),
      make('c', 'broadcast_subscribe', 'a'),
      act('broadcast_send', 'a', 3n, FOREVER),
      ...['b', 'b', 'c'].flatMap((from) => [say('broadcast_receive', from, VALUE, FOREVER), value]),
      say('broadcast_receive', 'b', VALUE, 0n),
      say('broadcast_receive', 'c', VALUE, MS),
    ],
    [0, 1, 2, 1, 3, 1, 3, E.EAGAIN, E.ETIMEDOUT],
  ],
  [
    'have senders wait for who is behind, until it is gone',
    [
      make('a', 'broadcast_new', 1),
      make('b', 'broadcast_subscribe', 'a'),
      act('broadcast_send', 'a', 1n, FOREVER),
      say('broadcast_send', 'a', 2n, 0n),
      say('broadcast_send', 'a', 2n, MS),
      act('detach', spawn('tells')),
      act('yield'),
      say('destroy', 'a'),
      say('destroy', 'b'),
      act('yield'),
      say('destroy', 'a'),
    ],
    [E.EAGAIN, E.ETIMEDOUT, E.EBUSY, 0, 0, 1, 0],
  ],
  [
    'that are closed give what is left, and then 0',
    [
      make('a', 'broadcast_new', 2),
      make('b', 'broadcast_subscribe', 'a'),
      act('broadcast_send', 'a', 1n, FOREVER),
      say('broadcast_close', 'a'),
      say('broadcast_close', 'a'),
      say('broadcast_send', 'a', 1n, FOREVER),
      ...[1, 2].map(() => say('broadcast_receive', 'b', VALUE, FOREVER)),
    ],
    [0, E.EPIPE, E.EPIPE, 1, 0],
  ],
  [
    'wake who waits; a subscription that is waited for is not destroyed',
    [
      make('a', 'broadcast_new', 1),
      make('b', 'broadcast_subscribe', 'a'),
      act('detach', spawn('hears')),
      act('yield'),
      say('destroy', 'b'),
      act('broadcast_send', 'a', 44n, FOREVER),
      act('yield'),
      say('destroy', 'b'),
      say('broadcast_receive', 'b', VALUE, 0n),
    ],
    [E.EBUSY, 1, 44, 0, E.EINVAL],
  ],
  [
    'refuse what they cannot be, and values that are not in memory',
    [
      say('broadcast_new', 0),
      say('broadcast_new', -1),
      make('a', 'broadcast_new', 1),
      say('broadcast_receive', 'a', VALUE, FOREVER),
      make('b', 'broadcast_subscribe', 'a'),
      say('broadcast_subscribe', 'b'),
      say('broadcast_send', 'b', 1n, FOREVER),
      act('broadcast_send', 'a', 6n, FOREVER),
      say('broadcast_receive', 'b', -4, FOREVER),
      say('broadcast_receive', 'b', VALUE, FOREVER),
      value,
    ],
    [E.EINVAL, E.EINVAL, E.EINVAL, E.EINVAL, E.EINVAL, E.EFAULT, 1, 6],
  ],
];

describe('channels', () => {
  it.each(channels)('%s', (_, main, expected) => check(main, expected));
});
describe('select', () => {
  it.each(selections)('%s', (_, main, expected) => check(main, expected));

  it('chooses by chance among those that are ready, the same for the same seed', async () => {
    const main = [
      make('a', 'channel_new', 1),
      make('b', 'channel_new', 1),
      loop(
        40,
        act('channel_send', 'a', 1n, 0n),
        act('channel_send', 'b', 1n, 0n),
        choice(0, 'a', 0),
        choice(1, 'b', 0),
        say('select', CASES, 2, FOREVER),
      ),
    ];
    const record = async (seed: number): Promise<string> => (await play(program(main), { seed })).log.join('');
    const first = await record(1);
    expect(first).toMatch(/^(?=.*0)(?=.*1)[01]{40}$/);
    expect(await record(1)).toBe(first);
    expect(await record(2)).not.toBe(first);
  });
});
describe('broadcasts', () => {
  it.each(broadcasts)('%s', (_, main, expected) => check(main, expected));
});

describe('handles of other kinds', () => {
  const makers: Readonly<Record<string, string>> = {
    mutex: of('mutex_new', 0),
    cond: of('cond_new'),
    sem: of('sem_new', 1),
    barrier: of('barrier_new', 1),
    group: of('group_new'),
    once: of('once_new'),
    channel: of('channel_new', 1),
    broadcast: of('broadcast_new', 1),
  };
  const uses: Readonly<Record<string, (handle: string) => string[]>> = {
    mutex: (h) => [say('mutex_lock', h, 0n), say('mutex_unlock', h)],
    cond: (h) => [say('cond_signal', h), say('cond_broadcast', h), say('cond_wait', h, 'g', 0n)],
    sem: (h) => [say('sem_acquire', h, 0n), say('sem_release', h, 1)],
    barrier: (h) => [say('barrier_wait', h)],
    group: (h) => [say('group_add', h, 1), say('group_wait', h, 0n)],
    once: (h) => [say('once_enter', h), say('once_finish', h)],
    channel: (h) => [say('channel_send', h, 1n, 0n), say('channel_receive', h, VALUE, 0n), say('channel_close', h)],
    broadcast: (h) => [say('broadcast_send', h, 1n, 0n), say('broadcast_subscribe', h), say('broadcast_close', h)],
  };
  it.each(Object.keys(makers))('%s', async (kind) => {
    const wrong = Object.entries(uses).flatMap(([other, use]) => (other === kind ? [] : use('a')));
    const none = Object.values(uses).flatMap((use) => [...use('b'), ...use('(i32.const -1)')]);
    const destroyed = [say('destroy', 'a'), ...Object.values(uses).flatMap((use) => use('a'))];
    const main = [set('a', makers[kind] ?? ''), make('g', 'mutex_new', 0), act('mutex_lock', 'g', FOREVER)];
    const { log: record } = await play(program([...main, ...wrong, ...none, ...destroyed]));
    const refusals = Array<number>(wrong.length + none.length).fill(E.EINVAL);
    expect(record).toEqual([...refusals, 0, ...Array<number>(destroyed.length - 1).fill(E.EINVAL)]);
  });
});
