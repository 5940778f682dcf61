import { ATOMICS_MODULE, type AtomicsName } from '../../asyncify/lower/interface.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../scheduler/index.ts';
import { WaitQueue } from '../scheduler/wait-queue.ts';
import { timeout } from './calls.ts';
import { ERRNO } from './errno.ts';
import type { Threads } from './threads.ts';
import { OperationCall } from './waits.ts';

/** What a wait returns (threads proposal, `memory.atomic.wait32`). That the word is another is found out by the guest's own code. */
const WOKEN = 0;
const TIMED_OUT = 2;

/** The module `bobbin:atomics` for the guests of a process: who waits, by memory and address, in the order of coming. */
export class AtomicWaits {
  readonly #threads: Threads;
  readonly #places = new WeakMap<object, Map<number, WaitQueue<void>>>();

  constructor(threads: Threads) {
    this.#threads = threads;
  }

  /**
   * For one instance.
   *
   * @param memory the memory that has an index in it, or what stands for one that no other instance has
   */
  imports(memory: (index: number) => object): Readonly<Record<AtomicsName, (...args: never[]) => unknown>> {
    const wait = (name: 'wait32' | 'wait64') => {
      return (index: number, address: bigint, _expected: number | bigint, time: bigint) =>
        this.#wait(name, memory(index), Number(address), time);
    };
    return {
      wait32: wait('wait32'),
      wait64: wait('wait64'),
      notify: (index: number, address: bigint, count: number) =>
        this.#notify(memory(index), Number(address), count >>> 0),
    };
  }

  /** Others have their turn whatever the time is: a loop around waits of no time must not keep them from it. */
  #wait(name: 'wait32' | 'wait64', memory: object, address: number, time: bigint): unknown {
    const { current, process, scheduler } = this.#threads;
    const call = new AtomicWait(new Woken(this.#placesIn(memory), address), current.task, scheduler.home, {
      result: () => WOKEN,
      timeout: timeout(time),
    });
    return process.block(`${ATOMICS_MODULE}.${name}`, call);
  }

  #notify(memory: object, address: number, count: number): number {
    const places = this.#placesIn(memory);
    const queue = places.get(address);
    let woken = 0;
    while (woken < count) {
      const waiter = queue?.shift()?.waiter;
      if (waiter === undefined) break;
      if (waiter.isOver) continue;
      woken++;
      waiter.complete();
    }
    if (queue?.size === 0) places.delete(address);
    return woken;
  }

  #placesIn(memory: object): Map<number, WaitQueue<void>> {
    let places = this.#places.get(memory);
    if (places === undefined) {
      places = new Map();
      this.#places.set(memory, places);
    }
    return places;
  }
}

/** A thread waits to be notified at an address. */
class Woken extends Operation<void> {
  readonly #places: Map<number, WaitQueue<void>>;
  readonly #address: number;

  constructor(places: Map<number, WaitQueue<void>>, address: number) {
    super();
    this.#places = places;
    this.#address = address;
  }

  describe(): string {
    return `memory.atomic.notify at 0x${this.#address.toString(16)}`;
  }

  poll(): Pending {
    return PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    let queue = this.#places.get(this.#address);
    if (queue === undefined) {
      queue = new WaitQueue();
      this.#places.set(this.#address, queue);
    }
    queue.push(waiter, undefined);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    const queue = this.#places.get(this.#address);
    queue?.remove(waiter);
    if (queue?.size === 0) this.#places.delete(this.#address);
    return 'given-up';
  }
}

/** The same as a call of the guest's, with the results of the instruction. */
class AtomicWait extends OperationCall<void> {
  override start(done: (result: number) => void, fail: (error: unknown) => void): () => void {
    return super.start((result) => done(result === -ERRNO.ETIMEDOUT ? TIMED_OUT : result), fail);
  }
}
