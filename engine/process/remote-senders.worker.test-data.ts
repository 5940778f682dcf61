import { parentPort, workerData } from 'node:worker_threads';
import { Store } from '../../continuations/index.ts';
import { seeded } from '../scheduler/random.ts';
import { SI } from '../signals/index.ts';
import { Process, type ProcessControl } from './index.ts';

/** Who sends: the thread of the RemoteProcess, the host in the process's own thread, and the guest to itself. */
export const SENDERS = { remote: 0, host: 1, guest: 2 } as const;
/** How many signals each may send. */
export const MOST = 1 << 16;
/** Words of what the threads share. */
export const SHARED = { over: 0, handled: 1, accepted: 4, count: 4 + 3 * MOST } as const;

export interface SendersJob {
  readonly module: WebAssembly.Module;
  readonly control: ProcessControl;
  readonly seed: number;
  readonly slice: number;
  readonly shared: SharedArrayBuffer;
}

/**
 * What became of the signals of all senders. The value of a signal is its sender's part and its number there.
 */
export class Account {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  static buffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * SHARED.count);
  }

  /** How often it was handled, times 65,536, and 1 where it was accepted. */
  state(value: number): number {
    return Atomics.load(this.#words, SHARED.accepted + value);
  }
  accepted(value: number): void {
    Atomics.add(this.#words, SHARED.accepted + value, 1);
  }
  handled(value: number): void {
    Atomics.add(this.#words, SHARED.accepted + value, 1 << 16);
    Atomics.add(this.#words, SHARED.handled, 1);
  }
  get count(): number {
    return Atomics.load(this.#words, SHARED.handled);
  }
  /** Nobody is to send any more. */
  get isOver(): boolean {
    return Atomics.load(this.#words, SHARED.over) === 1;
  }
  finish(): void {
    Atomics.store(this.#words, SHARED.over, 1);
  }
}

function main({ module, control, seed, slice, shared }: SendersJob): void {
  const account = new Account(shared);
  const random = seeded(seed);
  const sent = [0, 0, 0];
  /** The value of a sender's next signal; null: it has sent all that it may. */
  const next = (sender: number): number | null => {
    const number = sent[sender] ?? 0;
    if (account.isOver || number >= MOST) return null;
    sent[sender] = number + 1;
    return sender * MOST + number;
  };
  const last = new Map<number, number>();
  let isReady = false;
  const process: Process = Process.instantiate(
    new Store(),
    module,
    {
      env: {
        // What the guest says: above 0 a value that a handler got, below it one that it has sent to itself.
        log: (said: number) => {
          if (said < 0) return account.accepted(-said);
          const value = said & 0x3ffff;
          const key = (said >> 18) * 4 + Math.floor(value / MOST);
          if ((last.get(key) ?? -1) >= value) parentPort?.postMessage(`${value} came after ${last.get(key)}`);
          last.set(key, value);
          account.handled(value);
        },
        call: () => {},
        wait: () => {
          // It has its handlers by now.
          if (!isReady) setTimeout(send);
          isReady = true;
          return random() < 0.9 ? 0 : (next(SENDERS.guest) ?? 0);
        },
      },
    },
    { control, slice },
  );
  const send = (): void => {
    const burst = random() < 0.1 ? 3000 : 30;
    for (let count = random() * burst; count > 0; count--) {
      const value = next(SENDERS.host);
      if (value === null) return;
      if (process.kill(34 + (value & 3), { code: SI.QUEUE, value })) account.accepted(value);
    }
    setTimeout(send, random() * 3);
  };
  process.start();
}

if (parentPort !== null) main(workerData as SendersJob);
