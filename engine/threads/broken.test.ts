import { afterEach, describe, expect, it, vi } from 'vitest';
import { FifoPolicy } from '../scheduler/index.ts';
import { signo } from '../signals/index.ts';
import {
  ARG,
  act,
  E,
  FOREVER,
  host,
  log,
  loop,
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

const lost = (...body: readonly string[]): string =>
  `(func (export "__bobbin_thread_lost") (param $arg i32) (result i32) ${body.join('\n')} (i32.const 0))`;

describe('a scheduler that is broken', () => {
  const three = program(
    [loop(3, act('detach', spawn('waiter'))), act('yield'), act('call', 0), log(of('wait', 1))],
    { waiter: [act('park', FOREVER)] },
    { extra: lost(log(ARG)) },
  );

  it('by a callback ends all threads, and the process', async () => {
    const text = program(
      [loop(3, act('detach', spawn('waiter'))), set('a', spawn('caller')), act('exit', 0)],
      { waiter: [act('park', FOREVER)], caller: [act('call', 0), act('yield')] },
      { extra: lost(log(ARG)) },
    );
    let fail = false;
    const hosted = await host(text, {
      call: () => {
        fail = true;
      },
      onTrace: () => {
        if (fail) throw new Error('boom');
      },
    });
    expect(() => hosted.scheduler.run()).toThrow('boom');
    expect(hosted.scheduler.size).toBe(0);
    expect(hosted.threads.size).toBe(0);
    expect(await hosted.process.wait()).toMatchObject({
      kind: 'failed',
      error: { message: expect.stringContaining('boom') },
    });
  });

  it('by a policy that refuses a new thread does so, too', async () => {
    class Refusing extends FifoPolicy {
      override ready(...args: Parameters<FifoPolicy['ready']>): void {
        if (args[0].id === 3) throw new Error('no');
        super.ready(...args);
      }
    }
    const hosted = await host(three, { policy: new Refusing() });
    expect(() => hosted.scheduler.run()).toThrow('policy');
    expect(hosted.scheduler.size).toBe(0);
    expect(hosted.threads.size).toBe(0);
    expect(await hosted.process.wait()).toMatchObject({
      kind: 'failed',
      error: { message: expect.stringContaining('policy') },
    });
  });

  it('while threads are stopped in a condition leaves no timer behind', async () => {
    const set_ = vi.spyOn(globalThis, 'setInterval');
    const clear = vi.spyOn(globalThis, 'clearInterval');
    let fail = false;
    const text = program(
      [
        make('a', 'cond_new'),
        make('b', 'mutex_new', 0),
        set('g', spawn('waiter')),
        act('yield'),
        act('mutex_lock', 'b', FOREVER),
        act('call', 0),
        act('yield'),
        log(of('wait', 1)),
      ],
      { waiter: [act('mutex_lock', 'b', FOREVER), act('cond_wait', 'a', 'b', 5n * MS)] },
    );
    const hosted = await host(text, {
      call: (_, { process }) => void process.stop(),
      onTrace: () => {
        if (fail) throw new Error('boom');
      },
      begin: ({ scheduler }) => void scheduler.hold(),
    });
    hosted.scheduler.run();
    hosted.threads.get(2).wake();
    hosted.scheduler.run();
    fail = true;
    hosted.threads.get(2).task.cancel(new Error('enough'));
    expect(() => hosted.scheduler.run()).toThrow('boom');
    expect(clear.mock.calls.length).toBeGreaterThanOrEqual(set_.mock.calls.length);
    expect(set_).toHaveBeenCalled();
  });
  afterEach(() => void vi.restoreAllMocks());
});

describe('what is told of a failed thread', () => {
  it('is its number, in a thread of its own', async () => {
    const text = program(
      [set('g', spawn('trap')), say('join', 'g', 0), act('yield'), act('yield')],
      { trap: ['unreachable'] },
      { extra: lost(log(ARG), say('self')) },
    );
    expect((await play(text)).log).toEqual([2, 3, E.EOWNERDEAD]);
  });

  it('is told also where there is no memory for another stack', async () => {
    const text = program(
      [set('g', spawn('trap')), log(spawn('trap')), say('join', 'g', 0)],
      { trap: ['unreachable'] },
      { extra: lost(log(ARG)), memory: '(memory (export "memory") 1 2)' },
    );
    expect((await play(text, { threads: { stackSize: 60_000 } })).log).toEqual([E.EAGAIN, 2, E.EOWNERDEAD]);
  });

  it('goes nowhere where the export has another type, and the failure is the thread’s own', async () => {
    const text = program(
      [act('detach', spawn('trap')), act('yield'), act('mask', 0, SIG.USR1), act('call', 0), log(1)],
      { trap: ['unreachable'] },
      { extra: '(func (export "__bobbin_thread_lost") (param i64))' },
    );
    const failures: unknown[] = [];
    const recipients: unknown[] = [];
    const hosted = await play(text, {
      onFailure: (_, error) => failures.push(error),
      call: (_, { process }) => recipients.push(process.signals.recipient(signo(SIG.USR1))),
    });
    expect(recipients).toEqual([null]);
    expect(hosted.log).toEqual([1]);
    expect(failures).toEqual([expect.any(WebAssembly.RuntimeError)]);
    expect(hosted.threads.size).toBe(0);
  });
});
