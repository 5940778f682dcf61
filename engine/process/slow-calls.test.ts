import { describe, expect, it } from 'vitest';
import type { Poll } from '../../asyncify/instrument/polls.ts';
import { type Launched, launch } from './guests.test-data.ts';
import { type ProcessOptions, RemoteProcess } from './index.ts';

const CALLS = 60;
const TIME = 10;

/** Nothing but calls that take long, and no yield point between them; whatever handler the guest has. */
const IN_A_ROW = `(func $row ${'(call $call (i32.const 0))'.repeat(CALLS)})
  (func (export "_start") (block $caught (try_table (catch_all $caught) (call $row))) (call $log (i32.const 1)))`;

const spend = (time: number): void => {
  for (const end = performance.now() + time; performance.now() < end; );
};

async function run(
  yields: Poll,
  options: ProcessOptions,
  called: (count: number, launched: Launched) => void = () => {},
) {
  let count = 0;
  const launched = await launch(IN_A_ROW, {
    ...options,
    transform: { linking: 'closed', yields },
    call: (_, running) => {
      called(++count, running);
      spend(TIME);
    },
  });
  launched.process.start();
  const status = await launched.process.wait();
  return { status, log: launched.log, count };
}

describe.each<Poll>(['fuel', 'epoch'])(
  'host functions that take long, one after the other, with %s polls',
  (yields) => {
    it('do not keep a process from its end by a time limit', async () => {
      const { status, log, count } = await run(yields, { limits: { wall: 50 } });
      expect(status).toEqual({ kind: 'timed-out', limit: 'wall' });
      expect(log).toEqual([]);
      expect(count).toBeLessThan(CALLS / 2);
    });

    it('do not keep it from its end by a signal of another thread', async () => {
      const remote = new RemoteProcess();
      const { status, log, count } = await run(yields, { control: remote.control }, (at) => {
        if (at === 5) remote.kill('SIGKILL');
      });
      expect(status).toEqual({ kind: 'signaled', signal: 9 });
      expect(log).toEqual([]);
      expect(count).toBeLessThan(CALLS / 2);
    });

    it('do not keep it from being dropped', async () => {
      let after = 0;
      const state = await new Promise<string>((resolve) => {
        void run(yields, {}, (at, { process }) => {
          if (at > 5) after++;
          if (at !== 5) return;
          process.drop();
          setTimeout(() => resolve(process.state), 0);
        });
      });
      expect(state).toBe('suspended');
      expect(after).toBeLessThan(CALLS / 2);
    });
  },
);
