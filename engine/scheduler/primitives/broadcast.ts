import { Deque } from '../deque.ts';
import { checkInteger, SchedulerError } from '../errors.ts';
import { type Cancelled, Operation, PENDING, type Pending, type Waiter } from '../operation.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { Received } from './channel.ts';

/**
 * Every subscriber gets every value that is sent while it is one, in the same order. A sender waits until all of them have room:
 * either all get its value, or where it is cancelled none. Without subscribers values go nowhere.
 */
export class Broadcast<T> {
  readonly name: string;
  /** How many values wait for each subscriber at most. */
  readonly capacity: number;
  readonly #subscriptions = new Set<Subscription<T>>();
  readonly #senders = new WaitQueue<void, T>();
  #closed = false;

  /** @throws SchedulerError `bad-argument` where the capacity is no integer above 0 */
  constructor(capacity: number, name = '') {
    checkInteger('capacity', capacity, 1);
    this.capacity = capacity;
    this.name = name;
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** How many wait to send. */
  get waiting(): number {
    return this.#senders.size;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** What is sent from now on; of a closed one, nothing. */
  subscribe(): Subscription<T> {
    const subscription = new Subscription<T>(this);
    if (this.#closed) subscription.end();
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Waits until every subscriber has room, and sends. @throws SchedulerError `closed`, also where it is closed meanwhile */
  send(value: T): Operation<void> {
    return new BroadcastSend(this, this.#senders, value);
  }

  /** Sends if every subscriber has room and nobody waits to send. @throws SchedulerError `closed` */
  trySend(value: T): boolean {
    if (this.#closed) throw this.#closedError();
    if (this.#senders.size > 0 || !this.#hasRoom()) return false;
    this.#deliver(value);
    return true;
  }

  /** Subscribers get what was sent before, and then `done`; who waits to send is thrown an error. @throws SchedulerError `closed` */
  close(): void {
    if (this.#closed) throw this.#closedError();
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
    for (let entry = this.#senders.shift(); entry !== null; entry = this.#senders.shift()) {
      entry.waiter.fail(this.#closedError());
    }
  }

  #closedError(): SchedulerError {
    return new SchedulerError('closed', `${this} is closed`);
  }

  #hasRoom(): boolean {
    for (const subscription of this.#subscriptions) if (subscription.size >= this.capacity) return false;
    return true;
  }

  #deliver(value: T): void {
    for (const subscription of [...this.#subscriptions]) subscription.put(value);
  }

  /** Used by subscriptions: one has room, or has gone. */
  serve(): void {
    while (this.#senders.size > 0 && this.#hasRoom()) {
      const entry = this.#senders.shift();
      if (entry === null) return;
      this.#deliver(entry.payload);
      entry.waiter.complete();
    }
  }

  remove(subscription: Subscription<T>): void {
    if (this.#subscriptions.delete(subscription)) this.serve();
  }

  toString(): string {
    return this.name === '' ? 'broadcast' : `broadcast "${this.name}"`;
  }
}

/** What one subscriber has not received. */
export class Subscription<T> {
  readonly #broadcast: Broadcast<T>;
  readonly #values = new Deque<T>();
  readonly #receivers = new WaitQueue<Received<T>>();
  #ended = false;

  constructor(broadcast: Broadcast<T>) {
    this.#broadcast = broadcast;
  }

  /** How many wait to receive. */
  get waiting(): number {
    return this.#receivers.size;
  }

  /** How many values wait. */
  get size(): number {
    return this.#values.size;
  }

  /** Waits for the next value, or the end. */
  receive(): Operation<Received<T>> {
    return new SubscriptionReceive(this, this.#receivers);
  }

  /** The next value, if there is one; null: there is not. */
  tryReceive(): Received<T> | null {
    if (this.#values.size === 0) return this.#ended ? { done: true, value: undefined } : null;
    const value = this.#values.shift() as T;
    this.#broadcast.serve();
    return { done: false, value };
  }

  /** Gets no more values, and drops those that wait. Who receives from it gets `done`. */
  unsubscribe(): void {
    while (this.#values.size > 0) this.#values.shift();
    this.end();
    this.#broadcast.remove(this);
  }

  /** Used by Broadcast. */
  put(value: T): void {
    const receiver = this.#receivers.shift();
    if (receiver === null) this.#values.push(value);
    else receiver.waiter.complete({ done: false, value });
  }

  end(): void {
    this.#ended = true;
    for (let entry = this.#receivers.shift(); entry !== null; entry = this.#receivers.shift()) {
      entry.waiter.complete({ done: true, value: undefined });
    }
  }

  toString(): string {
    return `a subscription of ${this.#broadcast}`;
  }
}

class BroadcastSend<T> extends Operation<void> {
  readonly #broadcast: Broadcast<T>;
  readonly #senders: WaitQueue<void, T>;
  readonly #value: T;

  constructor(broadcast: Broadcast<T>, senders: WaitQueue<void, T>, value: T) {
    super();
    this.#broadcast = broadcast;
    this.#senders = senders;
    this.#value = value;
  }

  describe(): string {
    return `sending to ${this.#broadcast}`;
  }

  poll(): undefined | Pending {
    return this.#broadcast.trySend(this.#value) ? undefined : PENDING;
  }

  enqueue(waiter: Waiter<void>): void {
    this.#senders.push(waiter, this.#value);
  }

  cancel(waiter: Waiter<void>): Cancelled {
    this.#senders.remove(waiter);
    return 'given-up';
  }
}

class SubscriptionReceive<T> extends Operation<Received<T>> {
  readonly #subscription: Subscription<T>;
  readonly #receivers: WaitQueue<Received<T>>;

  constructor(subscription: Subscription<T>, receivers: WaitQueue<Received<T>>) {
    super();
    this.#subscription = subscription;
    this.#receivers = receivers;
  }

  describe(): string {
    return `receiving from ${this.#subscription}`;
  }

  poll(): Received<T> | Pending {
    return this.#subscription.tryReceive() ?? PENDING;
  }

  enqueue(waiter: Waiter<Received<T>>): void {
    this.#receivers.push(waiter, undefined);
  }

  cancel(waiter: Waiter<Received<T>>): Cancelled {
    this.#receivers.remove(waiter);
    return 'given-up';
  }
}
