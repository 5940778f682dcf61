import { E } from './threads.test-data.ts';

/** What a thread of the model does next; times are milliseconds, below 0: no limit. */
export type Step =
  | { readonly kind: 'lock'; readonly mutex: number; readonly time: number }
  | { readonly kind: 'unlock'; readonly mutex: number }
  | { readonly kind: 'acquire'; readonly time: number }
  | { readonly kind: 'release' }
  | { readonly kind: 'send'; readonly channel: number; readonly time: number }
  | { readonly kind: 'receive'; readonly channel: number; readonly time: number }
  | { readonly kind: 'close'; readonly channel: number }
  | { readonly kind: 'wait'; readonly mutex: number; readonly time: number }
  | { readonly kind: 'signal' }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'yield' }
  | { readonly kind: 'sleep'; readonly time: number }
  | { readonly kind: 'park'; readonly time: number }
  | { readonly kind: 'unpark'; readonly thread: number }
  | { readonly kind: 'kill'; readonly thread: number };

interface Wait {
  readonly thread: number;
  /** What it returns once it gets what it waits for. */
  result: number;
  readonly value: number;
  readonly deadline: number;
  readonly order: number;
  readonly expire: () => void;
}

interface Mutex {
  owner: number | null;
  queue: Wait[];
}

interface Channel {
  readonly capacity: number;
  closed: boolean;
  buffer: number[];
  senders: Wait[];
  receivers: Wait[];
}

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'waiting'; readonly wait: Wait; readonly sleeps: boolean }
  | { readonly kind: 'granted'; readonly result: number; readonly value: number };

const granted = (result: number, value = 0): State => ({ kind: 'granted', result, value });
const waiting = (wait: Wait, sleeps = false): State => ({ kind: 'waiting', wait, sleeps });

export const CAPACITIES = [0, 2];

/**
 * What the interface says about mutexes, a condition, a semaphore, channels and parking, without tasks: it is told what threads begin
 * and what they were returned, in whatever order they run, and says what is wrong with that.
 */
export class Model {
  readonly #states = new Map<number, State>();
  readonly #mutexes: Mutex[] = [0, 1].map(() => ({ owner: null, queue: [] }));
  readonly #channels: Channel[] = CAPACITIES.map((capacity) => ({
    capacity,
    closed: false,
    buffer: [],
    senders: [],
    receivers: [],
  }));
  readonly #permits = new Set<number>();
  readonly #parked = new Map<number, Wait>();
  #condition: { wait: Wait; mutex: Mutex }[] = [];
  #semaphore = 1;
  #acquirers: Wait[] = [];
  #order = 0;

  /** Who waits, with and without a time limit; and who does not, but was never told. */
  get left(): { readonly waiting: number[]; readonly forgotten: number[] } {
    const of = (kind: State['kind']): number[] =>
      [...this.#states].filter(([, state]) => state.kind === kind).map(([thread]) => thread);
    return { waiting: of('waiting'), forgotten: of('granted') };
  }

  /** It is this late: whose time is up gives up, before anybody runs. */
  advance(now: number): void {
    for (;;) {
      const due = [...this.#states.values()]
        .flatMap((state) => (state.kind === 'waiting' && state.wait.deadline <= now ? [state.wait] : []))
        .sort((a, b) => a.deadline - b.deadline || a.order - b.order);
      const first = due[0];
      if (first === undefined) return;
      first.expire();
    }
  }

  #grant(thread: number, result: number, value = 0): void {
    this.#states.set(thread, granted(result, value));
  }

  #wait(thread: number, now: number, time: number, expire: () => void, rest: Partial<Wait> = {}): Wait {
    const deadline = time < 0 ? Number.POSITIVE_INFINITY : now + time;
    return { thread, result: 0, value: 0, deadline, order: ++this.#order, expire, ...rest };
  }

  /** @returns what is wrong with a thread having been returned this; null: nothing */
  done(thread: number, result: number, value: number): string | null {
    const state = this.#states.get(thread);
    this.#states.set(thread, { kind: 'running' });
    if (state?.kind === 'waiting' && state.sleeps && result === E.EINTR) return null;
    if (state?.kind !== 'granted') return `${thread} goes on with ${result} and is ${state?.kind}`;
    if (state.result === result && (result !== 1 || state.value === value)) return null;
    return `${thread} was returned ${result} (${value}), and not ${state.result} (${state.value})`;
  }

  /** A thread has called a function. @param value what it sends */
  begin(thread: number, step: Step, now: number, value: number): void {
    this.#states.set(thread, this.#begun(thread, step, now, value));
  }

  #begun(thread: number, step: Step, now: number, value: number): State {
    switch (step.kind) {
      case 'lock':
        return this.#lock(thread, this.#mutexes[step.mutex] as Mutex, now, step.time);
      case 'unlock': {
        const mutex = this.#mutexes[step.mutex] as Mutex;
        if (mutex.owner !== thread) return granted(E.EPERM);
        this.#pass(mutex);
        return granted(0);
      }
      case 'acquire':
        return this.#acquire(thread, now, step.time);
      case 'release': {
        const next = this.#acquirers.shift();
        if (next === undefined) this.#semaphore++;
        else this.#grant(next.thread, 0);
        return granted(0);
      }
      case 'send':
        return this.#send(thread, this.#channels[step.channel] as Channel, now, step.time, value);
      case 'receive':
        return this.#receive(thread, this.#channels[step.channel] as Channel, now, step.time);
      case 'close':
        return this.#close(thread, this.#channels[step.channel] as Channel);
      case 'wait':
        return this.#waitFor(thread, this.#mutexes[step.mutex] as Mutex, now, step.time);
      case 'signal':
        this.#notify();
        return granted(0);
      case 'broadcast':
        while (this.#condition.length > 0) this.#notify();
        return granted(0);
      case 'sleep':
        return waiting(
          this.#wait(thread, now, step.time, () => this.#grant(thread, 0)),
          true,
        );
      case 'park':
        return this.#park(thread, now, step.time);
      case 'unpark':
        if (this.#parked.delete(step.thread)) this.#grant(step.thread, 0);
        else this.#permits.add(step.thread);
        return granted(0);
      case 'yield':
      case 'kill':
        return granted(0);
      default:
        return step satisfies never;
    }
  }

  #lock(thread: number, mutex: Mutex, now: number, time: number): State {
    if (mutex.owner === thread) return granted(E.EDEADLK);
    if (mutex.owner === null) {
      mutex.owner = thread;
      return granted(0);
    }
    if (time === 0) return granted(E.EBUSY);
    const wait = this.#wait(thread, now, time, () => {
      mutex.queue = mutex.queue.filter((each) => each !== wait);
      this.#grant(thread, E.ETIMEDOUT);
    });
    mutex.queue.push(wait);
    return waiting(wait);
  }

  #pass(mutex: Mutex): void {
    const next = mutex.queue.shift();
    mutex.owner = next?.thread ?? null;
    if (next !== undefined) this.#grant(next.thread, next.result);
  }

  #acquire(thread: number, now: number, time: number): State {
    if (this.#semaphore > 0) {
      this.#semaphore--;
      return granted(0);
    }
    if (time === 0) return granted(E.EAGAIN);
    const wait = this.#wait(thread, now, time, () => {
      this.#acquirers = this.#acquirers.filter((each) => each !== wait);
      this.#grant(thread, E.ETIMEDOUT);
    });
    this.#acquirers.push(wait);
    return waiting(wait);
  }

  #send(thread: number, channel: Channel, now: number, time: number, value: number): State {
    if (channel.closed) return granted(E.EPIPE);
    const receiver = channel.receivers.shift();
    if (receiver !== undefined) {
      this.#grant(receiver.thread, 1, value);
      return granted(0);
    }
    if (channel.buffer.length < channel.capacity) {
      channel.buffer.push(value);
      return granted(0);
    }
    if (time === 0) return granted(E.EAGAIN);
    const expire = (): void => {
      channel.senders = channel.senders.filter((each) => each !== wait);
      this.#grant(thread, E.ETIMEDOUT);
    };
    const wait = this.#wait(thread, now, time, expire, { value });
    channel.senders.push(wait);
    return waiting(wait);
  }

  #receive(thread: number, channel: Channel, now: number, time: number): State {
    const sender = channel.senders.shift();
    if (sender !== undefined) {
      channel.buffer.push(sender.value);
      this.#grant(sender.thread, 0);
    }
    const value = channel.buffer.shift();
    if (value !== undefined) return granted(1, value);
    if (channel.closed) return granted(0);
    if (time === 0) return granted(E.EAGAIN);
    const wait = this.#wait(thread, now, time, () => {
      channel.receivers = channel.receivers.filter((each) => each !== wait);
      this.#grant(thread, E.ETIMEDOUT);
    });
    channel.receivers.push(wait);
    return waiting(wait);
  }

  #close(_thread: number, channel: Channel): State {
    if (channel.closed) return granted(E.EPIPE);
    channel.closed = true;
    for (const { thread: sender } of channel.senders.splice(0)) this.#grant(sender, E.EPIPE);
    for (const { thread: receiver } of channel.receivers.splice(0)) this.#grant(receiver, 0);
    return granted(0);
  }

  #waitFor(thread: number, mutex: Mutex, now: number, time: number): State {
    if (mutex.owner !== thread) return granted(E.EPERM);
    const wait = this.#wait(thread, now, time, () => {
      this.#condition = this.#condition.filter((each) => each.wait !== wait);
      this.#relock(wait, mutex, E.ETIMEDOUT);
    });
    this.#condition.push({ wait, mutex });
    this.#pass(mutex);
    return waiting(wait);
  }

  #notify(): void {
    const next = this.#condition.shift();
    if (next !== undefined) this.#relock(next.wait, next.mutex, 0);
  }

  #relock({ thread }: Wait, mutex: Mutex, result: number): void {
    if (mutex.owner === null) {
      mutex.owner = thread;
      this.#grant(thread, result);
      return;
    }
    const wait = this.#wait(thread, 0, -1, () => {}, { result });
    mutex.queue.push(wait);
    this.#states.set(thread, waiting(wait));
  }

  #park(thread: number, now: number, time: number): State {
    if (this.#permits.delete(thread)) return granted(0);
    if (time === 0) return granted(E.ETIMEDOUT);
    const expire = (): void => {
      this.#parked.delete(thread);
      this.#grant(thread, E.ETIMEDOUT);
    };
    const wait = this.#wait(thread, now, time, expire);
    this.#parked.set(thread, wait);
    return waiting(wait);
  }
}
