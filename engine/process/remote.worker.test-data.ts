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
/** Remembers what its instance exports. */
class Watched extends Store {
  enter: ((value: number) => void) | undefined;
  override instantiate(...args: Parameters<Store['instantiate']>) {
    const linked = super.instantiate(...args);
    this.enter = linked.exports.enter as typeof this.enter;
    return linked;
  }
}
for (const control of controls) {
  const store = new Watched();
  const process: Process = Process.instantiate(
    store,
    module,
    (self) => ({
      env: {
        log: (value: number) => parentPort?.postMessage(value),
        // With an export "enter" it calls the guest itself, and swallows what comes of that.
        call: (value: number) => {
          try {
            store.enter?.(value);
          } catch {}
          new Float64Array(times)[0] = performance.timeOrigin + performance.now();
        },
        wait: () => self.block('env.wait', { start: () => () => {}, interrupted: () => -4 }),
      },
    }),
    { ...options, control },
  );
  process.start();
}
