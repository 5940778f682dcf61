import { describe, expect, it } from 'vitest';
import { POLICIES } from '../scheduler/scheduler.test-data.ts';
import {
  act,
  E,
  FOREVER,
  host,
  log,
  MS,
  make,
  of,
  program,
  SCRATCH,
  say,
  set,
  spawn,
  store,
} from './threads.test-data.ts';

const CASE = SCRATCH + 64;
const HANDLES = ['a', 'b', 'c', 'd'] as const;

/**
 * The victim locks (a), waits for a condition (b), a semaphore (c), a channel (d) in both directions and by `select`, sleeps, yields
 * and computes, and releases in its clean-up what it has. A partner has it wait for each of these. Afterwards nothing may be left
 * locked, taken or waited for.
 */
const text = program(
  [
    make('a', 'mutex_new', 0),
    make('b', 'cond_new'),
    make('c', 'sem_new', 0),
    make('d', 'channel_new', 0),
    store(CASE, 'd'),
    store(CASE + 4, 0),
    set('e', spawn('partner')),
    set('g', spawn('victim')),
    act('local_set', of('place')),
    act('sleep', `(i64.mul (i64.extend_i32_u (i32.and ${of('local_get')} (i32.const 0xff))) (i64.const ${MS / 4n}))`),
    `(call $spin (i32.shr_u ${of('local_get')} (i32.const 8)))`,
    act('call', 'g'),
    say('join', 'g', 0),
    say('join', 'e', 0),
    say('mutex_lock', 'a', 0n),
    act('mutex_unlock', 'a'),
    say('sem_acquire', 'c', 0n),
    ...HANDLES.map((handle) => say('destroy', handle)),
  ],
  {
    victim: [
      `(block $failed (result exnref)
         (try_table (catch_all_ref $failed)
           ${log(1)}
           ${act('mutex_lock', 'a', FOREVER)}
           (call $spin (i32.const 3))
           ${act('cond_wait', 'b', 'a', 2n * MS)}
           ${act('yield')}
           ${act('mutex_unlock', 'a')}
           ${act('sem_acquire', 'c', FOREVER)}
           ${act('channel_send', 'd', 4n, FOREVER)}
           ${act('channel_receive', 'd', SCRATCH, FOREVER)}
           ${act('select', CASE, 1, FOREVER)}
           ${act('mutex_lock', 'a', MS)}
           ${act('sleep', MS)}
           ${act('mutex_unlock', 'a')}
           ${log(2)})
         (return (i32.const 0)))
       ${log(50)} ${act('mutex_unlock', 'a')} throw_ref`,
    ],
    partner: [
      act('mutex_lock', 'a', FOREVER),
      act('sleep', MS / 2n),
      act('mutex_unlock', 'a'),
      act('sleep', 3n * MS),
      act('sem_release', 'c', 1),
      act('sleep', MS / 2n),
      act('channel_receive', 'd', SCRATCH + 8, MS),
      act('sleep', MS / 2n),
      act('channel_send', 'd', 5n, MS),
      act('channel_send', 'd', 6n, MS),
    ],
  },
  { imports: '(import "env" "place" (func $place (result i32)))' },
);

describe.each(['closed', 'linked'] as const)('a thread that is cancelled anywhere, %s', (build) => {
  it.each(Object.entries(POLICIES))(
    'cleans up once, leaves nothing, and never runs again, under %s',
    async (_, policy) => {
      const seen = { cancelled: 0, done: 0, taken: 0 };
      for (let time = 0; time < 36; time++) {
        for (let polls = 0; polls < 6; polls++) {
          let cancelledAt = -1;
          const {
            log: record,
            process,
            scheduler,
          } = await host(text, {
            build,
            yields: 'fuel',
            policy: policy(),
            env: () => ({ place: () => time | (polls << 8) }),
            call: (id, hosted) => {
              cancelledAt = hosted.log.length;
              hosted.threads.get(id).task.cancel(new Error('enough'));
            },
          });
          expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
          const victim = record.slice(0, -8);
          const [cleanUp, joined, partner, locked, permits, ...destroyed] = [
            victim.filter((entry) => entry === 50).length,
            ...record.slice(record.length - 8),
          ];
          const began = victim.includes(1);
          const where = { time, polls, record };
          expect({ ...where, joined: joined === 0 || joined === E.ECANCELED }).toEqual({ ...where, joined: true });
          expect({ ...where, cleanUp, finished: victim.includes(2) }).toEqual({
            ...where,
            cleanUp: joined === E.ECANCELED && began ? 1 : 0,
            finished: joined === 0,
          });
          // What it says after it was cancelled is its clean-up, or that it had finished.
          expect(victim.slice(cancelledAt).filter((entry) => entry === 1)).toEqual([]);
          expect({ ...where, rest: [partner, locked, ...destroyed] }).toEqual({ ...where, rest: [0, 0, 0, 0, 0, 0] });
          expect([0, E.EAGAIN]).toContain(permits);
          expect(scheduler.size).toBe(0);
          if (joined === 0) seen.done++;
          else if (began) seen.cancelled++;
          if (permits === E.EAGAIN) seen.taken++;
        }
      }
      expect(seen.cancelled).toBeGreaterThan(100);
      expect(seen.done).toBeGreaterThan(10);
      expect(seen.taken).toBeGreaterThan(10);
      expect(seen.taken).toBeLessThan(36 * 6);
    },
  );
});
