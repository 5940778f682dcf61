import { Deque } from '../deque.ts';
import { checkInteger, SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';

/** What is received: a value, or that the channel is closed and empty. */
export type Received<T> = IteratorResult<T, undefined>;

const END: Received<never> = { done: true, value: undefined };

/** Values in the order they were sent, at most so many at a time. Of those who wait to send, and to receive, the first is the first. */
export class Channel<T> {
  readonly name: string;
  /** How many values it holds that nobody has received. 0: a sender waits for its receiver. */
  readonly capacity: number;
  readonly #values = new Deque<T>();
  readonly #senders = new WaitQueue<void, T>();
  readonly #receivers = new WaitQueue<Received<T>>();
  #closed = false;

  /** @throws SchedulerError `bad-argument` where the capacity is no integer of 0 or more */
  constructor(capacity = 0, name = '') {
    checkInteger('capacity', capacity, 0);
    this.capacity = capacity;
    this.name = name;
  }

  /** How many values it holds. */
  get size(): number {
    return this.#values.size;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** How many wait, to send or to receive. */
  get waiting(): number {
    return this.#senders.size + this.#receivers.size;
  }

  /** Waits for room and sends. @throws SchedulerError `closed`, also where it is closed while it waits */
  send(value: T): Operation<void> {
    return new Send(this, this.#senders, value);
  }

  /** Waits for a value. Once the channel is closed it still gives those that were sent before, and then `done`. */
  receive(): Operation<Received<T>> {
    return new Receive(this, this.#receivers);
  }

  /** Sends if there is room. @throws SchedulerError `closed` */
  trySend(value: T): boolean {
    if (this.#closed) throw this.closedError('nothing can be sent');
    const receiver = this.#receivers.shift();
    if (receiver !== null) {
      receiver.waiter.complete({ done: false, value });
      return true;
    }
    if (this.#values.size >= this.capacity) return false;
    this.#values.push(value);
    return true;
  }

  /** Receives if there is something; null: there is not. */
  tryReceive(): Received<T> | null {
    const sender = this.#values.size > 0 || this.#senders.size > 0 ? this.#senders.shift() : null;
    if (this.#values.size > 0) {
      const value = this.#values.shift() as T;
      if (sender !== null) this.#values.push(sender.payload);
      sender?.waiter.complete();
      return { done: false, value };
    }
    if (sender !== null) {
      sender.waiter.complete();
      return { done: false, value: sender.payload };
    }
    return this.#closed ? END : null;
  }

  /** Nothing can be sent any more: who waits to send is thrown an error. @throws SchedulerError `closed` the second time */
  close(): void {
    if (this.#closed) throw this.closedError('it cannot be closed again');
    this.#closed = true;
    for (let entry = this.#receivers.shift(); entry !== null; entry = this.#receivers.shift())
      entry.waiter.complete(END);
    for (let entry = this.#senders.shift(); entry !== null; entry = this.#senders.shift()) {
      entry.waiter.fail(this.closedError('nothing can be sent'));
    }
  }

  closedError(what: string): SchedulerError {
    return new SchedulerError('closed', `${this} is closed: ${what}`);
  }

  toString(): string {
    return this.name === '' ? 'channel' : `channel "${this.name}"`;
  }
}

class Send<T> extends Operation<void> {
  readonly #channel: Channel<T>;
  readonly #senders: WaitQueue<void, T>;
  readonly #value: T;

  constructor(channel: Channel<T>, senders: WaitQueue<void, T>, value: T) {
    super();
    this.#channel = channel;
    this.#senders = senders;
    this.#value = value;
  }

  describe(): string {
    return `sending to ${this.#channel}`;
  }

  poll(): undefined | Pending {
    return this.#channel.trySend(this.#value) ? undefined : PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#senders.push(waiter, this.#value);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#senders.remove(waiter);
    return 'given-up';
  }
}

class Receive<T> extends Operation<Received<T>> {
  readonly #channel: Channel<T>;
  readonly #receivers: WaitQueue<Received<T>>;

  constructor(channel: Channel<T>, receivers: WaitQueue<Received<T>>) {
    super();
    this.#channel = channel;
    this.#receivers = receivers;
  }

  describe(): string {
    return `receiving from ${this.#channel}`;
  }

  poll(): Received<T> | Pending {
    return this.#channel.tryReceive() ?? PENDING;
  }

  enqueue(waiter: Waiter<Received<T>>): void {
    this.#receivers.push(waiter, undefined);
  }

  cancel(waiter: Waiter<Received<T>>): Cancelled {
    this.#receivers.remove(waiter);
    return 'given-up';
  }
}
