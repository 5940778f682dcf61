import { describe, expect, it } from 'vitest';
import { sleep, type Task } from '../index.ts';
import { rejection, thrown, virtual } from '../scheduler.test-data.ts';
import { Condition, Mutex, Once } from './index.ts';

describe('a mutex', () => {
  it('goes to those who wait in the order of coming; nobody overtakes them', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    let order = '';
    for (const name of 'abc') {
      scheduler.spawn(function* () {
        for (let round = 0; round < 2; round++) {
          yield* mutex.lock();
          order += name;
          yield;
          mutex.unlock();
          expect(mutex.isLocked).toBe(order.length < 6);
        }
      });
    }
    scheduler.run();
    expect(order).toBe('abcabc');
    expect(mutex.isLocked).toBe(false);
  });

  it('refuses who does not hold it, and who does already', () => {
    const scheduler = virtual();
    const mutex = new Mutex('m');
    const kinds: unknown[] = [thrown(() => mutex.unlock())];
    const holder = scheduler.spawn(function* () {
      yield* mutex.lock();
      kinds.push(thrown(() => mutex.tryLock()));
      try {
        yield* mutex.lock();
      } catch (error) {
        kinds.push((error as { kind: string }).kind);
      }
      yield* sleep(5);
      mutex.unlock();
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      expect(mutex.owner).toBe(holder);
      kinds.push(
        mutex.tryLock(),
        thrown(() => mutex.unlock()),
      );
    });
    scheduler.run();
    expect(kinds).toEqual(['not-owner', 'relock', 'relock', false, 'not-owner']);
    expect(mutex.tryLock()).toBe(true);
    mutex.unlock();
  });

  it('passes by those that were cancelled', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    const order: string[] = [];
    const tasks = ['a', 'b', 'c'].map((name) =>
      scheduler.spawn(function* () {
        yield* mutex.lock();
        order.push(name);
        yield* sleep(2);
        mutex.unlock();
      }),
    );
    scheduler.spawn(function* () {
      yield* sleep(1);
      tasks[1]?.cancel();
    });
    scheduler.run();
    expect(order).toEqual(['a', 'c']);
  });

  it('stays locked where its task ends, and says so', () => {
    const scheduler = virtual();
    const mutex = new Mutex('lost');
    scheduler.spawn(() => mutex.tryLock(), [], { name: 'gone' });
    const waits = scheduler.spawn(function* () {
      yield* mutex.lock();
    });
    expect(thrown(() => scheduler.run())).toBe('deadlock');
    expect(waits.blockedOn).toBe('mutex "lost", which task "gone", done holds');
  });

  it('is held by the host, too', async () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    await scheduler.wait(mutex.lock());
    const task = scheduler.spawn(function* () {
      yield* mutex.lock();
      mutex.unlock();
      return 1;
    });
    expect(await rejection(task.join())).toBe('deadlock');
    expect(task.blockedOn).toBe('mutex, which the host holds');
    mutex.unlock();
    expect(await task.join()).toBe(1);
  });
});

describe('a condition', () => {
  it('wakes the first that waits first, each holding the mutex', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    const condition = new Condition();
    const order: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      scheduler.spawn(function* () {
        yield* mutex.lock();
        expect(yield* condition.wait(mutex)).toBe(true);
        expect(mutex.owner).toBe(scheduler.current);
        order.push(name);
        mutex.unlock();
      });
    }
    scheduler.spawn(function* () {
      yield* sleep(1);
      expect(condition.size).toBe(4);
      expect(condition.notify()).toBe(true);
      yield* sleep(1);
      expect(order).toEqual(['a']);
      yield* mutex.lock();
      condition.notifyAll();
      yield* sleep(1);
      expect(order).toEqual(['a']);
      mutex.unlock();
    });
    scheduler.run();
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    expect(condition.notify()).toBe(false);
  });

  it('gives up after a time, with the mutex', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    const condition = new Condition();
    const task = scheduler.spawn(function* () {
      yield* mutex.lock();
      const notified = yield* condition.wait(mutex, { timeout: 5 });
      return [notified, scheduler.now(), mutex.owner === scheduler.current];
    });
    const early = scheduler.spawn(function* () {
      const other = new Mutex();
      yield* other.lock();
      return yield* condition.wait(other, { timeout: 5 });
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      yield* mutex.lock();
      yield* sleep(10);
      mutex.unlock();
    });
    scheduler.run();
    expect(task.result).toEqual([false, 11, true]);
    expect(early.result).toBe(false);
    expect(scheduler.now()).toBe(11);
  });

  it('takes the mutex before the reason is thrown', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    const condition = new Condition();
    const log: string[] = [];
    const wait = (name: string): Task =>
      scheduler.spawn(function* () {
        yield* mutex.lock();
        try {
          yield* condition.wait(mutex);
        } finally {
          log.push(`${name} ${mutex.owner === scheduler.current} ${scheduler.now()}`);
          mutex.unlock();
        }
      });
    const free = wait('free');
    const held = wait('held');
    scheduler.spawn(function* () {
      yield* sleep(1);
      free.cancel('x');
      yield* sleep(1);
      yield* mutex.lock();
      held.cancel('y');
      held.cancel('z');
      yield* sleep(5);
      mutex.unlock();
    });
    scheduler.run();
    expect(log).toEqual(['free true 1', 'held true 7']);
    expect(free.outcome).toEqual({ kind: 'cancelled', reason: 'x' });
    expect(held.outcome).toEqual({ kind: 'cancelled', reason: 'z' });
  });

  it('loses no notification on a task that is cancelled after it', () => {
    const scheduler = virtual();
    const mutex = new Mutex();
    const condition = new Condition();
    const log: string[] = [];
    const first = scheduler.spawn(function* () {
      yield* mutex.lock();
      yield* condition.wait(mutex);
      log.push('notified');
      mutex.unlock();
      yield* sleep(1);
      log.push('never');
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      yield* mutex.lock();
      condition.notify();
      first.cancel('late');
      mutex.unlock();
    });
    scheduler.run();
    expect(log).toEqual(['notified']);
    expect(first.outcome).toEqual({ kind: 'cancelled', reason: 'late' });
  });

  it('refuses a mutex that is not held, and a timeout that is no number', () => {
    const scheduler = virtual();
    const condition = new Condition();
    expect(thrown(() => condition.wait(new Mutex(), { timeout: Number.NaN }))).toBe('bad-argument');
    const task = scheduler.spawn(function* () {
      yield* condition.wait(new Mutex());
    });
    scheduler.run();
    expect(task.outcome).toMatchObject({ error: { kind: 'not-owner' } });
  });
});

describe('once', () => {
  it('is done once, and others wait for it', () => {
    const scheduler = virtual();
    const once = new Once();
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      scheduler.spawn(function* () {
        yield* once.run(function* () {
          log.push(`${name} begins`);
          yield* sleep(3);
        });
        log.push(`${name} ${once.isDone} ${scheduler.now()}`);
      });
    }
    scheduler.run();
    expect(log).toEqual(['a begins', 'a true 3', 'b true 3', 'c true 3']);
  });

  it('is tried again by the next where it fails or is cancelled', () => {
    const scheduler = virtual();
    const once = new Once();
    const log: string[] = [];
    const attempt = (name: string, error: Error | null): Task =>
      scheduler.spawn(function* () {
        yield* once.run(function* () {
          log.push(name);
          yield* sleep(3);
          if (error !== null) throw error;
        });
      });
    const fails = attempt('a', new Error('a'));
    const cancelled = attempt('b', null);
    const does = attempt('c', null);
    scheduler.spawn(function* () {
      yield* sleep(4);
      cancelled.cancel();
    });
    scheduler.run();
    expect(log).toEqual(['a', 'b', 'c']);
    expect([fails.state, cancelled.state, does.state]).toEqual(['failed', 'cancelled', 'done']);
    expect(once.isDone).toBe(true);
    expect(thrown(() => once.finish())).toBe('state');
    expect(thrown(() => new Once().giveUp())).toBe('state');
  });
});
