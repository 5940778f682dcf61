import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import type { Poll } from '../../asyncify/instrument/polls.ts';
import { Store } from '../../continuations/index.ts';
import { handlerAction, SI, SignalError } from '../signals/index.ts';
import { QUEUE_LIMIT } from '../signals/pending.ts';
import { MAILBOX_LIMIT, Mailbox } from './control.ts';
import { assemble, launchModule, SUSPENDING } from './guests.test-data.ts';
import { Process, type ProcessControl, ProcessError, type ProcessOptions, RemoteProcess } from './index.ts';
import type { WorkerJob } from './remote.worker.test-data.ts';

const HANDLER = `
  (func $h (param $n i32) (call $call (i32.const 0)) (call $log (local.get $n)))
  (func $say (param $n i32) (param $info i32) (param $context i32)
    (call $log (i32.add (i32.mul (local.get $n) (i32.const 1000)) (i32.load offset=24 (local.get $info)))))
  (elem (table $handlers) (i32.const 2) func $h $say)`;
const SPIN = `${HANDLER} (func (export "_start")
  (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0)) (call $log (i32.const 0)) (loop $l (br $l)))`;
const PAUSE = `${HANDLER} (func (export "_start") (result i32)
  (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
  (call $install (i32.const 40) (i32.const 3) (i32.const 4) (i64.const -1)) (call $log (i32.const 0))
  (drop (call $pause)) (drop (call $wait (i32.const 0))) (i32.const 77))`;

/** Handlers of SIGUSR1 and 40, and a loop. */
const loop = (body: string) => `${HANDLER} (func (export "_start")
  (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
  (call $install (i32.const 40) (i32.const 3) (i32.const 4) (i64.const -1)) (call $log (i32.const 0))
  (loop $l ${body} (br $l)))`;

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

interface Remote {
  readonly worker: Worker;
  readonly remotes: readonly RemoteProcess[];
  readonly remote: RemoteProcess;
  readonly log: unknown[];
  /** When the handler last ran, in this thread's milliseconds. */
  readonly handled: () => number;
}

async function launch(text: string, yields: Poll, options: ProcessOptions = {}, count = 1): Promise<Remote> {
  const { bytes } = transform(await assemble(text), { linking: 'closed', yields, suspending: SUSPENDING });
  const remotes = Array.from({ length: count }, () => new RemoteProcess());
  const controls = remotes.map(({ control }) => control);
  const times = new SharedArrayBuffer(8);
  const workerData: WorkerJob = { module: new WebAssembly.Module(bytes), controls, options, times };
  const worker = new Worker(new URL('remote.worker.test-data.ts', import.meta.url), {
    workerData,
    transferList: controls.map(({ port }) => port as never),
  });
  workers.push(worker);
  const log: unknown[] = [];
  worker.on('message', (value) => void log.push(value));
  const handled = (): number => (new Float64Array(times)[0] ?? 0) - performance.timeOrigin;
  return { worker, remotes, remote: remotes[0] as RemoteProcess, log, handled };
}

const soon = { interval: 1, timeout: 5000 } as const;

describe.each<Poll>(['epoch', 'fuel'])('a process in a worker, with %s polls', (yields) => {
  it('has its handler run soon after a signal from another thread', async () => {
    const { remote, log, handled } = await launch(SPIN, yields);
    await expect.poll(() => log, soon).toEqual([0]);
    const latencies: number[] = [];
    for (let round = 1; round <= 20; round++) {
      await new Promise((resolve) => setTimeout(resolve, 3));
      const sent = performance.now();
      expect(remote.kill('SIGUSR1')).toBe(true);
      await expect.poll(() => log.length, soon).toBe(round + 1);
      latencies.push(handled() - sent);
    }
    latencies.sort((a, b) => a - b);
    expect(latencies[10]).toBeLessThan(20);
    expect(remote.state).toBe('running');
    expect(remote.kill(0)).toBe(true);
    remote.kill('SIGTERM');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 15 });
    expect(remote.state).toBe('ended');
    expect(remote.kill('SIGTERM')).toBe(false);
    expect(remote.kill(0)).toBe(false);
  });

  it('is stopped, continued and killed', async () => {
    const { remote, log } = await launch(SPIN, yields);
    await expect.poll(() => log, soon).toEqual([0]);
    for (let round = 1; round <= 3; round++) {
      remote.stop();
      await expect.poll(() => remote.state, soon).toBe('stopped');
      remote.kill('SIGUSR1');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(log).toHaveLength(round);
      remote.continue();
      await expect.poll(() => log.length, soon).toBe(round + 1);
    }
    remote.stop();
    await expect.poll(() => remote.state, soon).toBe('stopped');
    remote.kill('SIGKILL');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('is woken where it waits, and returns its results', async () => {
    const { remote, log } = await launch(PAUSE, yields);
    await expect.poll(() => remote.state, soon).toBe('blocked');
    remote.kill('SIGUSR1');
    await expect.poll(() => log, soon).toEqual([0, 10]);
    await expect.poll(() => remote.state, soon).toBe('blocked');
    for (const value of [1n, 2n, 3n]) expect(remote.kill(40, { code: SI.QUEUE, value })).toBe(true);
    await expect.poll(() => log, soon).toEqual([0, 10, 40_001, 40_002, 40_003]);
    expect(await remote.wait()).toEqual({ kind: 'exited', status: 0, results: [77] });
    expect(remote.status).toEqual({ kind: 'exited', status: 0, results: [77] });
  });

  it('gets what was sent before it was there', async () => {
    const launched = launch(SPIN, yields);
    const { remote } = await launched;
    remote.kill('SIGTERM');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });
});

describe.each([
  // Nothing but the word ends a slice.
  { name: 'spins, with epoch polls', body: '', yields: 'epoch', slice: Number.POSITIVE_INFINITY },
  { name: 'spins, with fuel polls', body: '', yields: 'fuel', slice: 2 },
  { name: 'waits', body: '(drop (call $pause))', yields: 'epoch', slice: Number.POSITIVE_INFINITY },
  { name: 'waits now and then', body: '(drop (call $sleep (i32.const 0)))', yields: 'epoch', slice: 2 },
] as const)('a process in a worker that $name', ({ body, yields, slice }) => {
  it('loses no signal, and none of its information', async () => {
    const { remote, log } = await launch(loop(body), yields, { slice });
    await expect.poll(() => log, soon).toEqual([0]);
    // One at a time, each as soon as the handler of the one before has run.
    for (let round = 1; round <= 300; round++) {
      remote.kill('SIGUSR1');
      const until = performance.now() + 5000;
      while (log.length === round && performance.now() < until) await new Promise(setImmediate);
      expect(log.length).toBe(round + 1);
    }
    // As many at a time as there is room for.
    const values = Array.from({ length: 3000 }, (_, value) => value);
    for (const value of values) {
      while (!remote.kill(40, { code: SI.QUEUE, value: BigInt(value) })) await new Promise(setImmediate);
    }
    await expect.poll(() => log.length, soon).toBe(3301);
    expect(log.slice(301)).toEqual(values.map((value) => 40_000 + value));
    remote.kill('SIGKILL');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });
});

describe('processes in one worker', () => {
  it('do not mind that one of them traps', async () => {
    const text = `${HANDLER} (func (export "_start") (result i32)
      (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
      (if (i32.ne (call $pause) (i32.const -4)) (then unreachable))
      (if (i32.eq (call $getpid) (i32.const 2)) (then unreachable)) (i32.const 5))`;
    const { remotes, log } = await launch(text, 'epoch', {}, 3);
    const [first, second, third] = remotes as [RemoteProcess, RemoteProcess, RemoteProcess];
    await expect.poll(() => remotes.map(({ state }) => state), soon).toEqual(Array(3).fill('blocked'));
    first.kill('SIGUSR1');
    const failed = await first.wait();
    expect(failed).toMatchObject({ kind: 'failed', error: { name: 'RuntimeError', message: 'unreachable' } });
    await expect.poll(() => log, soon).toEqual([10]);
    second.kill('SIGUSR1');
    expect(await second.wait()).toEqual({ kind: 'exited', status: 0, results: [5] });
    expect(third.state).toBe('blocked');
    third.kill('SIGKILL');
    expect(await third.wait()).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('share its time where they spin', async () => {
    const { remotes, log } = await launch(SPIN, 'epoch', {}, 2);
    await expect.poll(() => log, soon).toEqual([0, 0]);
    for (const remote of remotes) {
      remote.kill('SIGUSR1');
      remote.kill('SIGHUP');
      expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 1 });
    }
  });

  it('need no thread for slices without an end', async () => {
    const { remote, log } = await launch(SPIN, 'epoch', { slice: Number.POSITIVE_INFINITY });
    await expect.poll(() => log, soon).toEqual([0]);
    remote.kill('SIGTERM');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });
});

describe('a signal that is sent when the process has just looked for signals', () => {
  const late = async (body: string) => {
    const text = `(global $seen (mut i32) (i32.const 0))
      (func $h (param $n i32) (global.set $seen (local.get $n))) (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (result i32) (local $i i32)
        (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0)) ${body} (global.get $seen))`;
    const { bytes } = transform(await assemble(text), { linking: 'closed', yields: 'epoch', suspending: SUSPENDING });
    // Both in this thread, so that the moment can be chosen.
    const remote = new RemoteProcess();
    const options = { control: remote.control, slice: Number.POSITIVE_INFINITY };
    const { process } = launchModule(new WebAssembly.Module(bytes), options);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { signals } = process;
    const take = signals.take.bind(signals);
    let looked = 0;
    signals.take = () => {
      const taken = take();
      if (looked++ === 0) remote.kill('SIGUSR1');
      return taken;
    };
    return { process, remote };
  };

  it('has the guest yield again', async () => {
    // Installed by the host: the guest has not run yet when the signal comes.
    const { process } = await late(
      '(loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))',
    );
    process.signals.sigaction(10 as never, handlerAction(2));
    expect(process.run().pause).toBe('ended');
    expect(process.status).toEqual({ kind: 'exited', status: 0, results: [10] });
  });

  it('wakes a guest that waits', async () => {
    const { process, remote } = await late('(drop (call $pause))');
    process.signals.sigaction(10 as never, handlerAction(2));
    process.start();
    expect(await remote.wait()).toEqual({ kind: 'exited', status: 0, results: [10] });
  });
});

describe('RemoteProcess', () => {
  it('says that the worker is gone', async () => {
    const { remote, worker, log } = await launch(SPIN, 'epoch');
    await expect.poll(() => log, soon).toEqual([0]);
    await worker.terminate();
    expect(await remote.wait()).toMatchObject({ kind: 'failed', error: { kind: 'no-worker' } });
    expect(remote.kill('SIGINT')).toBe(false);
  });

  it('refuses signals that are none', () => {
    const remote = new RemoteProcess();
    for (const signal of [65, -1, 1.5, 'SIGNONE']) expect(() => remote.kill(signal)).toThrow(SignalError);
    expect(remote.state).toBe('new');
    expect(remote.status).toBe(null);
    remote.close();
  });

  it('has a control that one process can have, and only whole', () => {
    const { control } = new RemoteProcess();
    const kindOf = (given: unknown): unknown => {
      try {
        new Process({ control: given as ProcessControl });
        return null;
      } catch (error) {
        return error instanceof ProcessError ? error.kind : error;
      }
    };
    const { buffer, port } = control;
    expect(kindOf({ buffer: new ArrayBuffer(buffer.byteLength), port })).toBe('not-shared');
    expect(kindOf({ buffer: new SharedArrayBuffer(64), port })).toBe('bad-control');
    expect(kindOf({ buffer })).toBe('bad-control');
    expect(kindOf(control)).toBe(null);
    expect(kindOf(control)).toBe('bad-control');
    port.close();
  });

  it('is refused where the polls cannot be reached from other threads', async () => {
    const source = await assemble(SPIN);
    const { bytes } = transform(source, { yields: 'epoch', epochWord: 'global', suspending: SUSPENDING });
    const { control } = new RemoteProcess();
    const imports = { env: { log: () => {}, call: () => {}, wait: () => 0 } };
    const make = () => Process.instantiate(new Store(), new WebAssembly.Module(bytes), imports, { control });
    expect(make).toThrow(expect.objectContaining({ name: 'ProcessError', kind: 'not-shared' }));
    control.port.close();
  });

  it('takes its worker out of a wait that nobody else would end', async () => {
    const { remote, worker } = await launch(PAUSE, 'fuel');
    await expect.poll(() => remote.state, soon).toBe('blocked');
    remote.kill('SIGTERM');
    expect(await remote.wait()).toEqual({ kind: 'signaled', signal: 15 });
    // Nothing of the process keeps its thread.
    if (worker.threadId !== -1) await once(worker, 'exit');
  });
});

describe('Mailbox', () => {
  const info = (signo: number, code = SI.USER as number, value = 0n) => ({
    signo: signo as never,
    code,
    pid: 7,
    value,
  });

  it('keeps standard signals once, and queues real-time ones in order', () => {
    const box = new Mailbox();
    expect(box.isEmpty).toBe(true);
    const sent = [info(10), info(10), info(40, SI.QUEUE, -1n), info(40, SI.QUEUE, 1n << 40n), info(1), info(10)];
    for (const each of sent) expect(box.send(each)).toBe(true);
    expect(box.isEmpty).toBe(false);
    expect(box.collect()).toEqual([info(10), info(40, SI.QUEUE, -1n), info(40, SI.QUEUE, 1n << 40n), info(1)]);
    expect(box.isEmpty).toBe(true);
    box.send(info(10));
    expect(box.collect()).toEqual([info(10)]);
  });

  it('keeps the order of stop signals and SIGCONT', () => {
    const box = new Mailbox();
    for (const signo of [19, 18, 19, 19, 18, 20]) box.send(info(signo));
    expect(box.collect().map(({ signo }) => signo)).toEqual([19, 18, 19, 18, 20]);
  });

  it('is full at its limit, for all but standard signals', () => {
    const box = new Mailbox();
    // More than once around the ring.
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < MAILBOX_LIMIT; count++) {
        expect(box.send(info(64, SI.QUEUE, BigInt(count)))).toBe(true);
      }
      for (const code of [SI.QUEUE, SI.USER]) expect(box.send(info(50, code))).toBe(false);
      for (const signo of [9, 10, 10]) expect(box.send(info(signo))).toBe(true);
      const taken = box.collect();
      expect(taken.map(({ value }) => Number(value)).slice(0, MAILBOX_LIMIT)).toEqual([...Array(MAILBOX_LIMIT).keys()]);
      expect(taken.slice(MAILBOX_LIMIT)).toEqual([9, 10].map((signo) => ({ ...info(signo), pid: 0 })));
      expect(box.collect()).toEqual([]);
      box.giveBack(MAILBOX_LIMIT);
    }
  });

  it('has as many places as a queue, which both sides take', () => {
    const box = new Mailbox();
    const other = new Mailbox(box.buffer);
    for (let count = 0; count < QUEUE_LIMIT - 1; count++) expect(other.take()).toBe(true);
    expect(box.send(info(40))).toBe(true);
    expect(box.send(info(40))).toBe(false);
    expect(other.take()).toBe(false);
    expect(box.send(info(10))).toBe(true);
    expect(other.collect()).toEqual([info(40), info(10)]);
    expect(box.send(info(40))).toBe(false);
    other.giveBack(1);
    expect(box.send(info(40))).toBe(true);
  });

  it.each([
    [18, 19],
    [19, 18],
    [20, 18],
  ])('knows which came last when it is full of %i and %i', (first, last) => {
    const box = new Mailbox();
    for (let round = 0; round < MAILBOX_LIMIT; round++) for (const signo of [first, last]) box.send(info(signo));
    expect(box.collect().at(-1)).toMatchObject({ signo: last });
  });
});
