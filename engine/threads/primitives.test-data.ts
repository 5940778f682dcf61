import { expect } from 'vitest';
import { ARG, act, FOREVER, load, log, MS, of, play, program, SCRATCH, say } from './threads.test-data.ts';

export const VALUE = SCRATCH + 8;
export const value = log(load(VALUE));
/** Threads that the tables use; the handle lies in $a, what it is used with in $b. */
const THREADS = {
  locker: [
    say('mutex_lock', 'a', `(i64.mul (i64.extend_i32_s ${ARG}) (i64.const ${MS}))`),
    act('sleep', 5n * MS),
    act('mutex_unlock', 'a'),
  ],
  locks_once: [say('mutex_lock', 'a', FOREVER), act('mutex_unlock', 'a')],
  unlocks: [say('mutex_unlock', 'a')],
  waits: [act('mutex_lock', 'b', FOREVER), say('cond_wait', 'a', 'b', FOREVER), act('mutex_unlock', 'b')],
  acquires: [say('sem_acquire', 'a', FOREVER), log(of('now'))],
  comes: [say('barrier_wait', 'a')],
  groups: [say('group_wait', 'a', FOREVER), log(of('now'))],
  enters: [say('once_enter', 'a')],
  enters_and_sleeps: [say('once_enter', 'a'), act('sleep', 3n * MS), say('once_finish', 'a')],
  finishes: [say('once_finish', 'a')],
  sends: [say('channel_send', 'a', 11n, FOREVER), log(of('now'))],
  sends_to_b: [act('channel_send', 'b', 22n, FOREVER)],
  receives: [say('channel_receive', 'a', VALUE, FOREVER), value],
  closes: [act('sleep', 2n * MS), act('channel_close', 'a')],
  tells: [say('broadcast_send', 'a', 33n, FOREVER), log(of('now'))],
  hears: [say('broadcast_receive', 'b', VALUE, FOREVER), value],
};

/** A case of `select` at its place in memory. */
export const choice = (index: number, channel: string, kind: number, sent = 0n): string => {
  const at = SCRATCH + 256 + index * 24;
  return `(i32.store (i32.const ${at}) (global.get $${channel})) (i32.store (i32.const ${at + 4}) (i32.const ${kind}))
    (i64.store (i32.const ${at + 8}) (i64.const ${sent})) (i64.store (i32.const ${at + 16}) (i64.const -1))`;
};
export const CASES = SCRATCH + 256;
export const chosen = (index: number): string[] => [
  log(load(CASES + index * 24 + 8)),
  log(load(CASES + index * 24 + 16)),
];

export type Case = readonly [string, readonly string[], readonly number[]];

/** Runs a main thread, and compares what it and the threads above have logged. */
export const check = async (main: readonly string[], expected: readonly number[]): Promise<void> => {
  for (const build of ['closed', 'binaryen'] as const) {
    const { log: record, process } = await play(program(main, THREADS), { build });
    expect({ build, record }).toEqual({ build, record: expected });
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
  }
};
