import { describe, expect, it } from 'vitest';
import { Channel, requested, Scheduler, sleep } from './index.ts';
import { virtual } from './scheduler.test-data.ts';

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('cancelling', () => {
  it('throws the reason where the task is suspended, and clean-up runs', async () => {
    const scheduler = new Scheduler();
    const reason = new Error('stop');
    const log: string[] = [];
    const task = scheduler.spawn(function* () {
      try {
        yield* sleep(100_000);
      } finally {
        log.push('first');
        yield* sleep(1);
        log.push('second');
      }
    });
    await tick();
    expect(task.state).toBe('blocked');
    expect(task.blockedOn).toBe('sleep of 100000 ms');
    expect(task.cancel(reason)).toBe(true);
    await expect(task.join()).rejects.toBe(reason);
    expect(log).toEqual(['first', 'second']);
    expect(task.state).toBe('cancelled');
    expect(task.outcome).toEqual({ kind: 'cancelled', reason });
    expect(task.cancel()).toBe(false);
  });

  it('throws a SchedulerError where no reason is given', () => {
    const scheduler = virtual();
    let caught: unknown;
    const task = scheduler.spawn(function* () {
      try {
        yield* sleep(10);
      } catch (error) {
        caught = error;
        return 'goes on';
      }
      return 'was not cancelled';
    });
    scheduler.spawn(() => task.cancel());
    scheduler.run();
    expect(caught).toMatchObject({ kind: 'cancelled', message: expect.stringContaining(task.name) });
    expect(task.result).toBe('goes on');
    expect(task.signal.aborted).toBe(true);
    expect(task.signal.reason).toBe(caught);
  });

  it('ends a task at once that has not begun', () => {
    const scheduler = virtual();
    let begun = false;
    const task = scheduler.spawn(() => {
      begun = true;
    });
    task.cancel();
    expect(task.state).toBe('cancelled');
    scheduler.run();
    expect(begun).toBe(false);
  });

  it('reaches a task that gave way, and one that runs at its next wait', () => {
    const scheduler = virtual();
    const gave = scheduler.spawn(function* () {
      for (;;) yield;
    });
    const log: string[] = [];
    const self = scheduler.spawn(function* () {
      self.cancel('by itself');
      log.push('still runs');
      const channel = new Channel<number>(1);
      yield* channel.send(1);
      log.push('does what need not wait');
      yield* channel.send(2);
      log.push('never');
    });
    scheduler.spawn(() => gave.cancel('enough'));
    scheduler.run();
    expect(gave.outcome).toEqual({ kind: 'cancelled', reason: 'enough' });
    expect(self.outcome).toEqual({ kind: 'cancelled', reason: 'by itself' });
    expect(log).toEqual(['still runs', 'does what need not wait']);
  });

  it('loses nothing that was done already', () => {
    const scheduler = virtual();
    const channel = new Channel<number>();
    const got: unknown[] = [];
    const receiver = scheduler.spawn(function* () {
      got.push((yield* channel.receive()).value);
      yield* channel.receive();
    });
    scheduler.spawn(function* () {
      yield* channel.send(1);
      // It has its value, and has not run since.
      expect(receiver.state).toBe('runnable');
      receiver.cancel('late');
    });
    scheduler.run();
    expect(got).toEqual([1]);
    expect(receiver.outcome).toEqual({ kind: 'cancelled', reason: 'late' });
  });

  it('can be done again, to cut the clean-up short', () => {
    const scheduler = virtual();
    const task = scheduler.spawn(function* () {
      try {
        yield* sleep(1000);
      } finally {
        yield* sleep(1000);
      }
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      task.cancel('one');
      yield* sleep(1);
      task.cancel('two');
    });
    scheduler.run();
    expect(task.outcome).toEqual({ kind: 'cancelled', reason: 'two' });
    expect(scheduler.now()).toBe(2);
  });

  it('follows a signal given, and leaves it alone afterwards', async () => {
    const scheduler = new Scheduler();
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: [never, never]) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: [never, never]) => {
      listeners--;
      remove(...args);
    };
    const short = scheduler.spawn(() => 1, [], { signal });
    const long = scheduler.spawn(() => new Promise(() => {}), [], { signal });
    await short.join();
    expect(listeners).toBe(1);
    controller.abort('over');
    await expect(long.join()).rejects.toBe('over');
    expect(scheduler.spawn(() => 1, [], { signal }).state).toBe('cancelled');
  });

  it('calls off what was requested', async () => {
    const scheduler = new Scheduler();
    let aborted = false;
    const task = scheduler.spawn(function* () {
      yield* requested((signal) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      }, 'the answer');
    });
    await tick();
    expect(task.blockedOn).toBe('the answer');
    task.cancel('no need');
    await expect(task.join()).rejects.toBe('no need');
    expect(aborted).toBe(true);
  });
});
