import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Handled, raise } from './raise.ts';

export interface RaiseJob {
  readonly count: number;
  readonly buffer: SharedArrayBuffer;
}
/** What the thread sends: `null` for a signal, and at last the latencies. */
export type Raised = readonly number[] | null;

// As a thread of its own, where the guest runs on the main one.
if (parentPort === null) throw new TypeError('bench/raise-worker.ts is started by bench/measure-latency.ts');
const port = parentPort;
const { count, buffer } = workerData as RaiseJob;
const send = (): void => port.postMessage(null);
try {
  port.postMessage((await raise(count, new Handled(buffer), send)) satisfies Raised);
} catch (error) {
  // The main thread, which the guest does not leave, cannot do it.
  writeSync(2, `${error}\n`);
  process.kill(process.pid, 'SIGKILL');
}
