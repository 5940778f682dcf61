import { describe, expect, it } from 'vitest';
import { sleep } from '../index.ts';
import { thrown, virtual } from '../scheduler.test-data.ts';
import { Barrier, Channel, Semaphore, select, WaitGroup } from './index.ts';

describe('a semaphore', () => {
  it('serves in the order of coming; who needs many is not overtaken', () => {
    const scheduler = virtual();
    const semaphore = new Semaphore(2);
    const order: string[] = [];
    const take = (name: string, count: number, time: number): void => {
      scheduler.spawn(function* () {
        yield* semaphore.acquire(count);
        order.push(`${name} ${scheduler.now()}`);
        yield* sleep(time);
        semaphore.release(count);
      });
    };
    take('a', 1, 5);
    take('many', 2, 1);
    take('b', 1, 1);
    scheduler.run();
    expect(order).toEqual(['a 0', 'many 5', 'b 6']);
    expect(semaphore.permits).toBe(2);
  });

  it('serves those behind one that is cancelled', () => {
    const scheduler = virtual();
    const semaphore = new Semaphore(1);
    const many = scheduler.spawn(function* () {
      yield* semaphore.acquire(2);
    });
    const one = scheduler.spawn(function* () {
      yield* semaphore.acquire();
      return scheduler.now();
    });
    scheduler.spawn(function* () {
      yield* sleep(3);
      many.cancel();
    });
    scheduler.run();
    expect(one.result).toBe(3);
    expect(semaphore.permits).toBe(0);
  });

  it('gives nothing to a select that something else was done for', () => {
    const scheduler = virtual();
    const semaphore = new Semaphore(1);
    const channel = new Channel<number>();
    const task = scheduler.spawn(function* () {
      return yield* select({
        many: semaphore.acquire(2),
        value: channel.receive(),
        one: semaphore.acquire(1).map(() => 1),
      });
    });
    // `one` is polled first for some seeds: keep the permit away until all wait.
    expect(semaphore.tryAcquire()).toBe(true);
    scheduler.spawn(function* () {
      yield* sleep(1);
      yield* channel.send(7);
      expect(semaphore.permits).toBe(0);
      semaphore.release();
    });
    scheduler.run();
    expect(task.result).toEqual({ key: 'value', value: { done: false, value: 7 } });
    expect(semaphore.permits).toBe(1);
  });

  it('gives nothing to a task whose select is given up', () => {
    const scheduler = virtual();
    const semaphore = new Semaphore(1);
    const task = scheduler.spawn(function* () {
      yield* select({ many: semaphore.acquire(3), fewer: semaphore.acquire(2) });
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      semaphore.release();
      expect(task.state).toBe('blocked');
      task.cancel();
    });
    scheduler.run();
    expect(task.state).toBe('cancelled');
    expect(semaphore.permits).toBe(2);
  });

  it('refuses counts that cannot be', () => {
    const semaphore = new Semaphore(1, { limit: 2, name: 's' });
    expect(thrown(() => new Semaphore(-1))).toBe('bad-argument');
    expect(thrown(() => new Semaphore(3, { limit: 2 }))).toBe('bad-argument');
    for (const count of [0, -1, 0.5, 3]) {
      expect(thrown(() => semaphore.acquire(count))).toBe('bad-argument');
      expect(thrown(() => semaphore.tryAcquire(count))).toBe('bad-argument');
    }
    expect(thrown(() => semaphore.release(2))).toBe('count');
    expect(thrown(() => semaphore.release(0))).toBe('bad-argument');
    expect(semaphore.permits).toBe(1);
  });
});

describe('a barrier', () => {
  it('lets all go at once, again and again, and one of them knows', () => {
    const scheduler = virtual();
    const barrier = new Barrier(3);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      scheduler.spawn(function* () {
        for (let round = 0; round < 2; round++) {
          yield* sleep(name.charCodeAt(0) - 96);
          const last = yield* barrier.wait();
          log.push(`${name}${last ? '!' : ''} ${scheduler.now()}`);
        }
      });
    }
    scheduler.run();
    expect(log.slice(0, 3).sort()).toEqual(['a 3', 'b 3', 'c! 3']);
    expect(log.slice(3).sort()).toEqual(['a 6', 'b 6', 'c! 6']);
  });

  it('does not count one that was cancelled', () => {
    const scheduler = virtual();
    const barrier = new Barrier(2, 'b');
    const gone = scheduler.spawn(function* () {
      yield* barrier.wait();
    });
    const stays = scheduler.spawn(function* () {
      yield* sleep(2);
      yield* barrier.wait();
      return scheduler.now();
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      expect(gone.blockedOn).toBe('barrier "b", where 1 of 2 are');
      gone.cancel();
      expect(barrier.size).toBe(0);
      yield* sleep(5);
      yield* barrier.wait();
    });
    scheduler.run();
    expect(stays.result).toBe(6);
    expect(thrown(() => new Barrier(0))).toBe('bad-argument');
  });
});

describe('a wait group', () => {
  it('lets all go at 0, and no one below', () => {
    const scheduler = virtual();
    const group = new WaitGroup('g');
    group.add(2);
    const waits = [1, 2].map(() =>
      scheduler.spawn(function* () {
        yield* group.wait();
        return scheduler.now();
      }),
    );
    for (const time of [3, 4]) {
      scheduler.spawn(function* () {
        yield* sleep(time);
        group.done();
      });
    }
    scheduler.run();
    expect(waits.map((task) => task.result)).toEqual([4, 4]);
    expect(thrown(() => group.done())).toBe('count');
    expect(thrown(() => group.add(0.5))).toBe('bad-argument');
    expect(group.count).toBe(0);
  });
});
