import { describe, expect, it } from 'vitest';
import { FifoPolicy, LotteryPolicy, type Policy, Scheduler, settled, type Task, type TraceEvent } from './index.ts';

/** One task that waits for promises, and no other: what is done in short then is to be the same. */
describe('a task that is alone', () => {
  function* waits(turns: number) {
    let sum = 0;
    for (let turn = 0; turn < turns; turn++) sum += yield* settled(Promise.resolve(turn));
    return sum;
  }

  class Counting implements Policy {
    readonly name = 'counting';
    readonly orderOnly: boolean;
    readonly inner = new FifoPolicy();
    calls = 0;

    constructor(orderOnly: boolean) {
      this.orderOnly = orderOnly;
    }

    ready(task: Task): void {
      this.calls++;
      this.inner.ready(task);
    }

    next(): Task | undefined {
      return this.inner.next();
    }
  }

  it('goes through the hands of a policy unless that keeps only an order', async () => {
    const calls = [];
    for (const orderOnly of [false, true]) {
      const policy = new Counting(orderOnly);
      expect(await new Scheduler({ policy }).spawn(waits, [10]).join()).toBe(45);
      calls.push(policy.calls);
    }
    expect(calls).toEqual([11, 1]);
  });

  it('leaves the same trace either way', async () => {
    const traces = [];
    for (const policy of [new Counting(false), new Counting(true), new LotteryPolicy()]) {
      const events: Omit<TraceEvent, 'time'>[] = [];
      const scheduler = new Scheduler({ policy, onTrace: ({ time: _, ...event }) => void events.push(event) });
      await scheduler.spawn(waits, [3]).join();
      traces.push(events.filter(({ kind }) => kind !== 'stop'));
    }
    expect(traces[0]?.map(({ kind }) => kind).join(' ')).toBe(
      'ready run block ready run block ready run block ready run end',
    );
    expect(traces[1]).toEqual(traces[0]);
    expect(traces[2]).toEqual(traces[0]);
  });

  it('lets the event loop have its turns', async () => {
    const scheduler = new Scheduler({ turn: 2 });
    let over = false;
    const task = scheduler.spawn(function* () {
      while (!over) yield* settled(Promise.resolve());
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    over = true;
    await task.join();
  });

  it('shares the slice that begins with others it wakes', async () => {
    const scheduler = new Scheduler();
    const order: string[] = [];
    const task = scheduler.spawn(function* () {
      for (let turn = 0; turn < 2; turn++) {
        yield* settled(Promise.resolve());
        order.push('alone');
        scheduler.spawn(() => void order.push('other'));
        yield;
      }
    });
    await task.join();
    expect(order).toEqual(['alone', 'other', 'alone', 'other']);
  });

  it('ends with the scheduler where a callback throws while it wakes', async () => {
    const error = new Error('callback');
    let ready = 0;
    const scheduler = new Scheduler({
      onTrace: ({ kind }) => {
        if (kind === 'ready' && ++ready === 2) throw error;
      },
    });
    const task = scheduler.spawn(waits, [5]);
    await expect(task.join()).rejects.toBe(error);
    expect(task.state).toBe('failed');
    expect(() => scheduler.spawn(waits, [1])).toThrow(error);
  });

  it('is given what comes in after a wait that was given up', async () => {
    const scheduler = new Scheduler();
    const late = Promise.withResolvers<string>();
    const task = scheduler.spawn(function* () {
      try {
        yield* settled(late.promise);
      } catch (reason) {
        late.resolve('late');
        const value = yield* settled(Promise.resolve('next'));
        return [reason, value];
      }
      return [];
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(task.state).toBe('blocked');
    task.cancel('enough');
    expect(await task.join()).toEqual(['enough', 'next']);
  });
});
