import { workerData } from 'node:worker_threads';
import { Store } from '../continuations/index.ts';
import { Process, type ProcessControl } from '../engine/process/index.ts';
import { Handled } from './raise.ts';

export interface GuestWorkerJob {
  readonly module: WebAssembly.Module;
  readonly control: ProcessControl;
  readonly buffer: SharedArrayBuffer;
}

// As a thread of its own, where the signals come from the main one.
const { module, control, buffer } = workerData as GuestWorkerJob;
const handled = new Handled(buffer);
Process.instantiate(new Store(), module, { host: { handled: () => handled.now() } }, { control }).start();
