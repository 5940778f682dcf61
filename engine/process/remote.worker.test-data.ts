import { parentPort, workerData } from 'node:worker_threads';
import { Store } from '../../continuations/index.ts';
import { Process, type ProcessControl, type ProcessOptions } from './index.ts';

/** What the worker of the tests is to do: run processes, one for each control. */
export interface WorkerJob {
  readonly module: WebAssembly.Module;
  readonly controls: readonly ProcessControl[];
  readonly options: ProcessOptions;
  /** Where `env.call` writes the time, in milliseconds since 1970. */
  readonly times: SharedArrayBuffer;
}

const { module, controls, options, times } = workerData as WorkerJob;
for (const control of controls) {
  const process: Process = Process.instantiate(
    new Store(),
    module,
    (self) => ({
      env: {
        log: (value: number) => parentPort?.postMessage(value),
        call: () => {
          new Float64Array(times)[0] = performance.timeOrigin + performance.now();
        },
        wait: () => self.block('env.wait', { start: () => () => {}, interrupted: () => -4 }),
      },
    }),
    { ...options, control },
  );
  process.start();
}
