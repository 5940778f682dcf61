import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import type { Poll } from '../../asyncify/instrument/polls.ts';
import { seeded } from '../scheduler/random.ts';
import { handlerAction, SI, SIGCONT, SignalError } from '../signals/index.ts';
import { QUEUE_LIMIT } from '../signals/pending.ts';
import { assemble, launchModule, SUSPENDING } from './guests.test-data.ts';
import { Process, type ProcessError, RemoteProcess } from './index.ts';
import { Account, MOST, SENDERS, type SendersJob } from './remote-senders.worker.test-data.ts';

const soon = { interval: 5, timeout: 10_000 } as const;
const pause = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));

async function compile(text: string, yields: Poll): Promise<WebAssembly.Module> {
  const { bytes } = transform(await assemble(text), { linking: 'closed', yields, suspending: SUSPENDING });
  return new WebAssembly.Module(bytes);
}

/** Says what the handlers of 34 to 37 get, sends itself what the host has it send, and computes. */
const SENDER = `
  (func $h (param $n i32) (param $info i32) (param $context i32)
    (call $log (i32.or (i32.shl (i32.sub (local.get $n) (i32.const 32)) (i32.const 18)) (i32.load offset=24 (local.get $info)))))
  (elem (table $handlers) (i32.const 2) func $h)
  (func (export "_start") (local $value i32) (local $i i32)
    (local.set $i (i32.const 34))
    (loop $each (call $install (local.get $i) (i32.const 2) (i32.const 4) (i64.const -1))
      (br_if $each (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 38))))
    (loop $l
      (if (local.tee $value (call $wait (i32.const 0))) (then
        (if (i32.eqz (call $sigqueue (call $getpid)
            (i32.add (i32.const 34) (i32.and (local.get $value) (i32.const 3))) (local.get $value)))
          (then (call $log (i32.sub (i32.const 0) (local.get $value)))))))
      (local.set $i (i32.const 2000))
      (loop $spin (br_if $spin (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br $l)))`;

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

describe.each<Poll>(['fuel', 'epoch'])('signals of three senders in two threads, %s', (yields) => {
  it.each([1, 2])('are handled once each where they were accepted, in their order: seed %i', async (seed) => {
    const remote = new RemoteProcess();
    const shared = Account.buffer();
    const account = new Account(shared);
    const module = await compile(SENDER, yields);
    const workerData: SendersJob = { module, control: remote.control, seed, slice: 2, shared };
    const worker = new Worker(new URL('remote-senders.worker.test-data.ts', import.meta.url), {
      workerData,
      transferList: [remote.control.port as never],
    });
    workers.push(worker);
    const wrong: unknown[] = [];
    worker.on('message', (what) => void wrong.push(what));
    await expect.poll(() => account.count, soon).toBeGreaterThan(0);
    const random = seeded(seed + 100);
    let sent = 0;
    let refused = 0;
    for (const end = performance.now() + 700; performance.now() < end; ) {
      for (let count = random() * (random() < 0.2 ? 2000 : 40); count > 0 && sent < MOST; count--) {
        const value = SENDERS.remote * MOST + sent++;
        const code = [SI.QUEUE, SI.USER, -3][Math.floor(random() * 3)];
        if (remote.kill(34 + (value & 3), { code, value })) account.accepted(value);
        else refused++;
      }
      if (random() < 0.1) remote.stop();
      if (random() < 0.2) remote.continue();
      await (random() < 0.5 ? pause(random() * 4) : new Promise(setImmediate));
    }
    account.finish();
    remote.continue();
    const lost = (): number[] => {
      const values = Array.from({ length: 3 * MOST }, (_, value) => value);
      return values.filter((value) => ![0, 1 + (1 << 16)].includes(account.state(value)));
    };
    await expect.poll(lost, { ...soon, interval: 50 }).toEqual([]);
    expect(refused).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
    remote.kill('SIGKILL');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });
});

describe('a stopped process', () => {
  it.each([SI.QUEUE, SI.USER, SI.TIMER])('is sent no more than can wait for it, with code %i', async (code) => {
    const text = `(func $h (param $n i32) (call $log (local.get $n))) (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (call $install (i32.const 40) (i32.const 2) (i32.const 0) (i64.const 0))
        (loop $l (drop (call $pause)) (br $l)))`;
    const remote = new RemoteProcess();
    const { process, log } = launchModule(await compile(text, 'fuel'), { control: remote.control });
    process.start();
    await expect.poll(() => remote.state, soon).toBe('blocked');
    remote.stop();
    await expect.poll(() => remote.state, soon).toBe('stopped');
    let accepted = 0;
    for (let batch = 0; batch < 10; batch++) {
      for (let count = 0; count < 1000; count++) if (remote.kill(40, { code, value: count })) accepted++;
      await pause(1);
    }
    expect(accepted).toBe(QUEUE_LIMIT);
    // Those of its own thread have the same places; kill(2) gets through once, where none of them waits yet.
    expect(process.kill(40, { code })).toBe(false);
    expect(process.kill(41, { code: SI.QUEUE })).toBe(false);
    expect(remote.kill('SIGUSR2')).toBe(true);
    process.signals.sigaction(12 as never, handlerAction(2));
    remote.continue();
    await expect.poll(() => log.length, soon).toBe(accepted + 1);
    await pause(20);
    expect(log.filter((signal) => signal === 40)).toHaveLength(accepted);
    // All places are free again.
    remote.stop();
    await expect.poll(() => remote.state, soon).toBe('stopped');
    for (let count = 0; count < QUEUE_LIMIT; count++) {
      if (count % 1000 === 0) await pause(1);
      expect(process.kill(40, { code })).toBe(true);
    }
    expect(remote.kill(40)).toBe(false);
    remote.kill('SIGKILL');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('gives back the places of what is ignored', async () => {
    const remote = new RemoteProcess();
    const text = '(func (export "_start") (loop $l (drop (call $pause)) (br $l)))';
    const { process } = launchModule(await compile(text, 'fuel'), { control: remote.control });
    process.signals.sigaction(40 as never, { ...handlerAction(2), disposition: { kind: 'ignore' } });
    process.start();
    for (let batch = 0; batch < 12; batch++) {
      for (let count = 0; count < 500; count++) expect(remote.kill(40)).toBe(true);
      await pause(5);
    }
    remote.kill('SIGKILL');
    await remote.wait();
  });
});

/** What goes with a signal, right or wrong. */
const anything = fc.oneof(
  fc.constantFrom(undefined, null, Number.NaN, Infinity, 1.5, -0, '5', true, {}, [], 2 ** 31, 2 ** 53, -(2 ** 63)),
  fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.anything({ withBigInt: true }),
);
const outcome = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error instanceof SignalError ? error.message : error;
  }
};

describe('what is sent with a signal', () => {
  const LISTENER = `(func $h (param $n i32) (param $info i32) (param $c i32)
      (call $log (i32.load offset=8 (local.get $info))) (call $log (i32.load offset=12 (local.get $info)))
      (call $log (i32.load offset=24 (local.get $info))) (call $log (i32.load offset=28 (local.get $info))))
    (elem (table $handlers) (i32.const 2) func $h)
    (func (export "_start") (call $install (i32.const 10) (i32.const 2) (i32.const 4) (i64.const 0))
      (loop $l (drop (call $pause)) (br $l)))`;

  it('is taken or refused alike by both ends, and nothing is left of what was refused', async () => {
    const module = await compile(LISTENER, 'fuel');
    const remote = new RemoteProcess();
    const there = launchModule(module, { control: remote.control });
    const here = launchModule(module);
    for (const { process } of [there, here]) process.start();
    await expect.poll(() => remote.state, soon).toBe('blocked');
    await fc.assert(
      fc.asyncProperty(
        fc.record({ code: anything, pid: anything, value: anything }, { requiredKeys: [] }),
        async (init) => {
          for (const { log } of [there, here]) log.length = 0;
          const mine = outcome(() => here.process.kill('SIGUSR1', init as never));
          expect(outcome(() => remote.kill('SIGUSR1', init as never))).toEqual(mine);
          if (mine !== true) {
            expect(mine).toMatch(/^EINVAL: /);
            expect(remote.kill('SIGUSR1')).toBe(here.process.kill('SIGUSR1'));
          }
          await expect.poll(() => [there.log.length, here.log.length], soon).toEqual([4, 4]);
          expect(there.log).toEqual(here.log);
          const { value } = init;
          if (mine === true && typeof value === 'bigint') {
            expect(here.log.slice(2).map((half) => half >>> 0)).toEqual([
              Number(BigInt.asUintN(32, value)),
              Number(BigInt.asUintN(32, value >> 32n)),
            ]);
          }
        },
      ),
      { numRuns: 200 },
    );
    for (const { process } of [there, here]) process.kill('SIGKILL');
  });

  it('is one of the signals there are', () => {
    const remote = new RemoteProcess();
    const process = new Process();
    fc.assert(
      fc.property(fc.oneof(anything, fc.constant(9n)), (signal) => {
        const mine = outcome(() => process.kill(signal as never));
        expect(outcome(() => remote.kill(signal as never))).toEqual(mine);
        expect(typeof mine === 'boolean' || `${mine}`.startsWith('EINVAL: ')).toBe(true);
      }),
    );
    for (const init of [null, 5, 'x']) {
      expect(() => remote.kill(10, init as never)).toThrow(SignalError);
      expect(() => process.kill(10, init as never)).toThrow(SignalError);
    }
    remote.close();
  });
});

describe('stop signals and SIGCONT', () => {
  it.each([
    ['stop', 'stopped'],
    ['continue', 'running'],
  ] as const)('the last of thousands that were sent at once holds: %s', async (last, state) => {
    const remote = new RemoteProcess();
    const text = '(func (export "_start") (loop $l (br $l)))';
    const { process } = launchModule(await compile(text, 'fuel'), { control: remote.control, slice: 2 });
    process.start();
    for (let round = 0; round < 1500; round++) {
      remote.stop();
      remote.continue();
    }
    expect(remote.kill(SIGCONT)).toBe(true);
    expect(remote[last]()).toBe(true);
    await pause(30);
    expect(remote.state).toBe(state === 'running' ? 'ready' : state);
    remote.kill('SIGKILL');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });
});

describe('how a process ended', () => {
  const spoiled = (): Error => {
    const error = new Error('spoiled');
    Object.defineProperties(error, { name: { value: () => 1 }, stack: { get: () => Symbol('s') } });
    return error;
  };
  it.each<[string, () => unknown, object]>([
    ['an error that cannot be sent', spoiled, { name: '() => 1', message: 'spoiled' }],
    ['what has no text', () => Object.create(null), { message: 'an error that cannot be described' }],
    ['a symbol', () => Symbol('thrown'), { message: 'Symbol(thrown)' }],
    [
      'a proxy',
      () =>
        new Proxy(
          {},
          {
            getPrototypeOf: () => {
              throw new Error('no');
            },
          },
        ),
      { message: 'an error that cannot be described' },
    ],
  ])('is told of %s', async (_, thrown, error) => {
    const remote = new RemoteProcess();
    const call = (): never => {
      throw thrown();
    };
    const { process } = launchModule(await compile('(func (export "_start") (call $call (i32.const 0)))', 'fuel'), {
      control: remote.control,
      call,
    });
    process.start();
    expect(await remote.wait()).toMatchObject({ kind: 'failed', error });
  });

  it('is told where its results cannot be sent', async () => {
    const remote = new RemoteProcess();
    const text = '(func (export "same") (param externref) (result externref) (local.get 0)) (func (export "_start"))';
    const module = await compile(text, 'fuel');
    const { process } = launchModule(module, { control: remote.control, entry: 'same', args: [() => {}] });
    process.start();
    expect(await remote.wait()).toEqual({ kind: 'exited', status: 0, results: [] });
  });

  it('is known where the report was lost with the thread', async () => {
    const { Mailbox } = await import('./control.ts');
    const ended = async (status: Parameters<InstanceType<typeof Mailbox>['end']>[0]) => {
      const remote = new RemoteProcess();
      new Mailbox(remote.control.buffer).end(status);
      remote.control.port.close();
      return await remote.wait();
    };
    expect(await ended({ kind: 'exited', status: 0xffff_ffff, results: [1] })).toEqual({
      kind: 'exited',
      status: 0xffff_ffff,
      results: [],
    });
    expect(await ended({ kind: 'signaled', signal: 15 as never })).toEqual({ kind: 'signaled', signal: 15 });
    const failed = await ended({ kind: 'failed', error: new Error('why') });
    expect(failed).toMatchObject({ kind: 'failed', error: { kind: 'no-worker' satisfies ProcessError['kind'] } });
  });
});
