import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim';
import { Store } from '../../../continuations/index.ts';
import { type ExitStatus, Process, signalImports } from '../../../engine/process/index.ts';
import {
  FairPolicy,
  FifoPolicy,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type TraceEvent,
} from '../../../engine/scheduler/index.ts';
import { signalName, signo } from '../../../engine/signals/index.ts';
import { Threads } from '../../../engine/threads/index.ts';
import { suspendingWasi } from '../../../engine/wasi/index.ts';

/** Polls: some tenths of a millisecond. */
const SLICE = 5_000;
/** How long threads run until the page has its turn, in milliseconds. */
const TURN = 5;

export const POLICIES: Readonly<Record<string, () => Policy>> = {
  'Round robin': () => new RoundRobinPolicy({ slice: SLICE }),
  Fair: () => new FairPolicy({ slice: SLICE }),
  Lottery: () => new LotteryPolicy({ slice: SLICE }),
  FIFO: () => new FifoPolicy(),
};

export interface GuestOptions {
  readonly policy: Policy;
  readonly onTrace: (event: TraceEvent) => void;
  readonly onOutput: (text: string) => void;
  readonly onEnd: (how: string) => void;
}

/** A program that runs in the page: a process with threads. */
export class Guest {
  readonly scheduler: Scheduler;
  readonly #process = new Process({ entry: '_start' });
  hasEnded = false;

  /** @param module transformed, with fuel polls: it needs no shared memory, and so no cross-origin isolation */
  constructor(module: WebAssembly.Module, { policy, onTrace, onOutput, onEnd }: GuestOptions) {
    this.scheduler = new Scheduler({ policy, onTrace, turn: TURN });
    const process = this.#process;
    const threads = new Threads(this.scheduler, process);
    const decoder = new TextDecoder();
    const output = new ConsoleStdout((bytes) => onOutput(decoder.decode(bytes, { stream: true })));
    const shim = new WASI(['workshop'], [], [new OpenFile(new File([])), output, output], { debug: false });
    const wasi = suspendingWasi(process, shim.wasiImport);
    const { instance, exports } = new Store().instantiate(module, {
      ...signalImports(process),
      ...threads.imports,
      wasi_snapshot_preview1: wasi,
    });
    shim.inst = { exports: { memory: exports.memory as WebAssembly.Memory } };
    process.attach(module, instance);
    threads.attach(instance);
    threads.start();
    void process.wait().then((status) => {
      this.hasEnded = true;
      onEnd(describe(status));
    });
  }

  now(): number {
    return this.scheduler.now();
  }

  /** Sends a signal to the process, by its name. @returns its number; null where the process has ended */
  kill(signal: string): number | null {
    if (this.hasEnded) return null;
    this.#process.kill(signal);
    return signo(signal);
  }
}

function describe(status: ExitStatus): string {
  switch (status.kind) {
    case 'exited':
      return `exited with status ${status.status}`;
    case 'signaled':
      return `ended by ${signalName(status.signal)}`;
    case 'failed':
      return `failed: ${status.error}`;
    case 'timed-out':
      return `timed out (${status.limit})`;
    default:
      return status satisfies never;
  }
}
