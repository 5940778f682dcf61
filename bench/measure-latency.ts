import { setTimeout as delay } from 'node:timers/promises';
import { type MessagePort, Worker } from 'node:worker_threads';
import { transform } from '../asyncify/index.ts';
import type { Poll } from '../asyncify/instrument/polls.ts';
import { Store } from '../continuations/index.ts';
import { Process, RemoteProcess, suspendingImports } from '../engine/process/index.ts';
import { job, report } from './child.ts';
import type { GuestWorkerJob } from './guest-worker.ts';
import { assemble } from './load.ts';
import { Handled, raise } from './raise.ts';
import type { Raised, RaiseJob } from './raise-worker.ts';

/** Where the guest runs. The signals come from another thread: by a message to the main one, or through a RemoteProcess. */
export type Place = 'main thread' | 'worker';

export interface LatencyJob {
  readonly place: Place;
  readonly poll: Poll;
  readonly signals: number;
}

export interface Latencies {
  /** Milliseconds from raising each signal to the first instruction of its handler. */
  readonly ms: readonly number[];
}

const { place, poll, signals } = job<LatencyJob>();
const { bytes } = transform(await assemble('spin'), {
  linking: 'closed',
  yields: poll,
  suspending: suspendingImports,
});
const module = new WebAssembly.Module(bytes);
report<Latencies>({ ms: await (place === 'worker' ? inWorker() : onMainThread()) });

async function onMainThread(): Promise<readonly number[]> {
  const handled = new Handled();
  const guest = Process.instantiate(new Store(), module, { host: { handled: () => handled.now() } });
  const workerData: RaiseJob = { count: signals, buffer: handled.buffer };
  const raiser = new Worker(new URL('raise-worker.ts', import.meta.url), { workerData });
  const result = new Promise<readonly number[]>((resolve, reject) => {
    raiser.on('error', reject);
    raiser.on('message', (raised: Raised) => {
      if (raised === null) guest.kill('SIGUSR1');
      else resolve(raised);
    });
  });
  await new Promise((resolve) => raiser.once('online', resolve));
  guest.start();
  const ms = await result;
  guest.kill('SIGKILL');
  await guest.wait();
  return ms;
}

async function inWorker(): Promise<readonly number[]> {
  const handled = new Handled();
  const guest = new RemoteProcess();
  const { control } = guest;
  const workerData: GuestWorkerJob = { module, control, buffer: handled.buffer };
  const worker = new Worker(new URL('guest-worker.ts', import.meta.url), {
    workerData,
    // Node's types and the web's for the same object.
    transferList: [control.port as unknown as MessagePort],
  });
  const failed = new Promise<never>((_, reject) => {
    worker.on('error', reject);
  });
  // A guest that has not begun has no handler yet: the signal would end it.
  while (guest.state !== 'running') await Promise.race([delay(1), failed]);
  await delay(50);
  const ms = await Promise.race([raise(signals, handled, () => guest.kill('SIGUSR1')), failed]);
  guest.kill('SIGKILL');
  await guest.wait();
  return ms;
}
