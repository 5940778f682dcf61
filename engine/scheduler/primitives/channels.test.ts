import { describe, expect, it } from 'vitest';
import { settled, sleep, type Task } from '../index.ts';
import { thrown, virtual } from '../scheduler.test-data.ts';
import { Broadcast, Channel, Condition, Mutex, type Subscription, select } from './index.ts';

describe('a channel', () => {
  it('keeps the order, and holds no more than its capacity', () => {
    const scheduler = virtual();
    const channel = new Channel<number>(2);
    const log: string[] = [];
    scheduler.spawn(function* () {
      for (let i = 0; i < 4; i++) {
        yield* channel.send(i);
        log.push(`sent ${i}`);
      }
      channel.close();
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      expect(channel.size).toBe(2);
      for (;;) {
        const { done, value } = yield* channel.receive();
        if (done) return;
        log.push(`got ${value}`);
      }
    });
    scheduler.run();
    expect(log).toEqual(['sent 0', 'sent 1', 'got 0', 'got 1', 'got 2', 'sent 2', 'sent 3', 'got 3']);
  });

  it('without capacity hands over from one to the other, first to first', () => {
    const scheduler = virtual();
    const channel = new Channel<string>();
    const got: unknown[] = [];
    for (const name of ['a', 'b']) scheduler.spawn(() => scheduler.wait(channel.send(name)));
    for (const by of [1, 2]) {
      scheduler.spawn(function* () {
        got.push([by, (yield* channel.receive()).value]);
      });
    }
    scheduler.run();
    expect(got).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(channel.trySend('nobody')).toBe(false);
    expect(channel.tryReceive()).toBeNull();
  });

  it('closed, still gives what was sent; who waits to send is thrown an error', () => {
    const scheduler = virtual();
    const channel = new Channel<number>(1, 'c');
    expect(channel.trySend(1)).toBe(true);
    const sender = scheduler.spawn(function* () {
      yield* channel.send(2);
    });
    scheduler.spawn(function* () {
      yield;
      channel.close();
    });
    scheduler.run();
    expect(sender.outcome).toMatchObject({ kind: 'failed', error: { kind: 'closed' } });
    expect(channel.isClosed).toBe(true);
    expect(channel.tryReceive()).toEqual({ done: false, value: 1 });
    expect(channel.tryReceive()).toEqual({ done: true, value: undefined });
    expect(thrown(() => channel.trySend(3))).toBe('closed');
    expect(thrown(() => channel.close())).toBe('closed');
    expect(thrown(() => new Channel(-1))).toBe('bad-argument');
    expect(thrown(() => new Channel(1.5))).toBe('bad-argument');
  });

  it('does not send for a task that was cancelled', () => {
    const scheduler = virtual();
    const channel = new Channel<string>();
    const tasks = ['a', 'b'].map((name) =>
      scheduler.spawn(function* () {
        yield* channel.send(name);
      }),
    );
    const receiver = scheduler.spawn(function* () {
      yield* sleep(1);
      tasks[0]?.cancel();
      return (yield* channel.receive()).value;
    });
    scheduler.run();
    expect(receiver.result).toBe('b');
  });
});

describe('select', () => {
  it('does one, and leaves the others alone', () => {
    const scheduler = virtual();
    const one = new Channel<number>();
    const two = new Channel<string>();
    const task = scheduler.spawn(function* () {
      const got = yield* select({ one: one.receive(), two: two.receive(), late: sleep(50) });
      if (got.key === 'one') return got.value.value;
      if (got.key === 'two') return got.value.value;
      return null;
    });
    const sender = scheduler.spawn(function* () {
      yield* sleep(1);
      yield* two.send('x');
      expect(one.trySend(1)).toBe(false);
      expect(two.trySend('y')).toBe(false);
    });
    scheduler.run();
    expect(task.result).toBe('x');
    expect(sender.state).toBe('done');
    // The timer is gone.
    expect(scheduler.now()).toBe(1);
  });

  it('has a timeout by sleep', () => {
    const scheduler = virtual();
    const task = scheduler.spawn(function* () {
      const never = new Channel<number>();
      return [yield* select({ value: never.receive(), timeout: sleep(7) }), scheduler.now(), never.trySend(1)];
    });
    scheduler.run();
    expect(task.result).toEqual([{ key: 'timeout', value: undefined }, 7, false]);
  });

  it('meets another: exactly one value passes', () => {
    const scheduler = virtual();
    const left = new Channel<string>();
    const right = new Channel<string>();
    const a = scheduler.spawn(function* () {
      return yield* select({ send: left.send('from a'), receive: right.receive() });
    });
    const b = scheduler.spawn(function* () {
      return yield* select({ send: right.send('from b'), receive: left.receive() });
    });
    scheduler.run();
    const keys = [a.result?.key, b.result?.key].sort();
    expect(keys).toEqual(['receive', 'send']);
  });

  it('draws among those that are ready', () => {
    const scheduler = virtual({ seed: 9 });
    const task = scheduler.spawn(function* () {
      const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
      for (let round = 0; round < 300; round++) {
        const { key } = yield* select({
          a: settledNow('a'),
          b: settledNow('b'),
          c: settledNow('c'),
        });
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return counts;
    });
    scheduler.run();
    for (const drawn of Object.values(task.result ?? {})) expect(drawn).toBeGreaterThan(70);
  });

  it('can be nested, changed by map, and cancelled', () => {
    const scheduler = virtual();
    const channel = new Channel<number>();
    const mutex = new Mutex();
    const inner = () => select({ value: channel.receive().map(({ value }) => (value ?? 0) * 2), lock: mutex.lock() });
    const task = scheduler.spawn(function* () {
      return yield* select({ inner: inner(), never: select({}) });
    });
    const throws = scheduler.spawn(function* () {
      yield* channel.receive().map(() => {
        throw new Error('map');
      });
    });
    const cancelled = scheduler.spawn(function* () {
      yield* inner();
    });
    mutex.tryLock();
    scheduler.spawn(function* () {
      yield* sleep(1);
      expect(cancelled.blockedOn).toBe('one of: value (receiving from channel), lock (mutex, which the host holds)');
      cancelled.cancel();
      yield* channel.send(21);
      yield* channel.send(1);
      expect(channel.trySend(1)).toBe(false);
    });
    scheduler.run();
    expect(task.result).toEqual({ key: 'inner', value: { key: 'value', value: 42 } });
    expect(throws.outcome).toMatchObject({ error: { message: 'map' } });
    expect(cancelled.state).toBe('cancelled');
    mutex.unlock();
    expect(mutex.isLocked).toBe(false);
  });

  it('fails with what fails first', async () => {
    const scheduler = virtual();
    const task = scheduler.spawn(function* () {
      yield* select({ bad: settled(Promise.reject(new Error('rejected'))), never: new Channel().receive() });
    });
    await expect(task.join()).rejects.toThrow('rejected');
  });

  it('refuses what is no operation, and what takes time to be given up', () => {
    expect(thrown(() => select({ a: 3 as never }))).toBe('bad-argument');
    const wait = new Condition('c').wait(new Mutex('m'));
    expect(thrown(() => select({ a: wait }))).toBe('not-selectable');
    expect(thrown(() => select({ a: wait.map(() => 1) }))).toBe('not-selectable');
  });
});

/** An operation that is always ready. */
function settledNow(value: string) {
  const channel = new Channel<string>(1);
  channel.trySend(value);
  return channel.receive();
}

describe('a broadcast', () => {
  it('gives everything to everybody, in the same order, and waits for the slowest', () => {
    const scheduler = virtual();
    const broadcast = new Broadcast<number>(2);
    const read = (subscription: Subscription<number>, time: number): Task<number[]> =>
      scheduler.spawn(function* () {
        const got: number[] = [];
        for (;;) {
          const { done, value } = yield* subscription.receive();
          if (done) return got;
          got.push(value);
          yield* sleep(time);
        }
      });
    const fast = read(broadcast.subscribe(), 0);
    const slow = read(broadcast.subscribe(), 10);
    const sender = scheduler.spawn(function* () {
      for (let i = 0; i < 6; i++) yield* broadcast.send(i);
      broadcast.close();
      return scheduler.now();
    });
    scheduler.run();
    expect(fast.result).toEqual([0, 1, 2, 3, 4, 5]);
    expect(slow.result).toEqual([0, 1, 2, 3, 4, 5]);
    expect(sender.result).toBe(30);
  });

  it('is not held up by who has gone, and sends nothing for who was cancelled', () => {
    const scheduler = virtual();
    const broadcast = new Broadcast<number>(1);
    const stays = broadcast.subscribe();
    const leaves = broadcast.subscribe();
    expect(broadcast.trySend(1)).toBe(true);
    expect(broadcast.trySend(2)).toBe(false);
    const senders = [2, 3].map((value) =>
      scheduler.spawn(function* () {
        yield* broadcast.send(value);
      }),
    );
    scheduler.spawn(function* () {
      yield* sleep(1);
      senders[0]?.cancel();
      expect(stays.tryReceive()).toEqual({ done: false, value: 1 });
      expect(senders[1]?.state).toBe('blocked');
      leaves.unsubscribe();
      expect(broadcast.subscribers).toBe(1);
      expect(leaves.tryReceive()).toEqual({ done: true, value: undefined });
    });
    scheduler.run();
    expect(senders.map((task) => task.state)).toEqual(['cancelled', 'done']);
    expect(stays.tryReceive()).toEqual({ done: false, value: 3 });
    expect(stays.tryReceive()).toBeNull();
  });

  it('closed, gives what was sent before', () => {
    const scheduler = virtual();
    const broadcast = new Broadcast<number>(1, 'b');
    const subscription = broadcast.subscribe();
    broadcast.trySend(1);
    const sender = scheduler.spawn(function* () {
      yield* broadcast.send(2);
    });
    scheduler.spawn(() => broadcast.close());
    scheduler.run();
    expect(sender.outcome).toMatchObject({ error: { kind: 'closed' } });
    expect(subscription.tryReceive()).toEqual({ done: false, value: 1 });
    expect(subscription.tryReceive()).toEqual({ done: true, value: undefined });
    expect(broadcast.subscribe().tryReceive()).toEqual({ done: true, value: undefined });
    expect(thrown(() => broadcast.trySend(1))).toBe('closed');
    expect(thrown(() => broadcast.close())).toBe('closed');
    expect(thrown(() => new Broadcast(0))).toBe('bad-argument');
  });
});
