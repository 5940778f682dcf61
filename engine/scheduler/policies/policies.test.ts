import { describe, expect, it } from 'vitest';
import { Channel, type Policy, Scheduler, sleep, type Task } from '../index.ts';
import { rejection, thrown, virtual } from '../scheduler.test-data.ts';
import {
  DeadlinePolicy,
  FairPolicy,
  FifoPolicy,
  LotteryPolicy,
  PriorityPolicy,
  RoundRobinPolicy,
  type SliceOptions,
} from './index.ts';

/** Each letter is a turn of a task of that name, which gives way after each. */
function turns(policy: Policy, tasks: Readonly<Record<string, object>>, rounds: number): string {
  const scheduler = virtual({ policy });
  let order = '';
  for (const [name, options] of Object.entries(tasks)) {
    scheduler.spawn(
      function* () {
        for (let round = 0; round < rounds; round++) {
          order += name;
          yield;
        }
      },
      [],
      options,
    );
  }
  scheduler.run();
  return order;
}

const count = (text: string, letter: string): number => text.split(letter).length - 1;

describe('policies', () => {
  it('fifo: in the order of coming', () => {
    expect(turns(new FifoPolicy(), { a: {}, b: {}, c: {} }, 3)).toBe('abcabcabc');
  });

  it('fifo: a task runs until it waits', () => {
    const scheduler = virtual({ policy: new FifoPolicy() });
    const channel = new Channel<number>(100);
    let order = '';
    for (const name of 'ab') {
      scheduler.spawn(function* () {
        for (let i = 0; i < 4; i++) {
          yield* channel.send(i);
          order += name;
        }
      });
    }
    scheduler.run();
    expect(order).toBe('aaaabbbb');
  });

  it('round robin: each for its slice', () => {
    const scheduler = virtual({ policy: new RoundRobinPolicy({ slice: 2 }) });
    const channel = new Channel<number>(100);
    let order = '';
    for (const name of 'ab') {
      scheduler.spawn(function* () {
        for (let i = 0; i < 5; i++) {
          order += name;
          yield* channel.send(i);
        }
      });
    }
    scheduler.run();
    expect(order).toBe('aabbaabbab');
  });

  it('priority: the highest first, equals in turns', () => {
    expect(turns(new PriorityPolicy(), { a: { priority: -1 }, b: { priority: 2 }, c: {}, d: { priority: 2 } }, 2)).toBe(
      'bdbdccaa',
    );
  });

  it('priority: one that wakes goes before lower ones', () => {
    const scheduler = virtual({ policy: new PriorityPolicy() });
    let order = '';
    const channel = new Channel<void>();
    scheduler.spawn(
      function* () {
        for (;;) {
          if ((yield* channel.receive()).done) return;
          order += 'H';
        }
      },
      [],
      { priority: 1 },
    );
    scheduler.spawn(function* () {
      for (let i = 0; i < 3; i++) {
        order += 'l';
        yield* channel.send();
        yield;
      }
      channel.close();
    });
    scheduler.run();
    expect(order).toBe('lHlHlH');
  });

  it('deadline: the earliest first, none last', () => {
    expect(turns(new DeadlinePolicy(), { a: {}, b: { deadline: 20 }, c: { deadline: 10 } }, 2)).toBe('ccbbaa');
  });

  it('fair: by weight', () => {
    const order = turns(new FairPolicy(), { a: { weight: 1 }, b: { weight: 3 } }, 120).slice(0, 160);
    expect(count(order, 'a')).toBeGreaterThanOrEqual(39);
    expect(count(order, 'a')).toBeLessThanOrEqual(41);
    expect(order.slice(0, 12)).toMatch(/b{2,3}/);
  });

  it('fair: one that has slept does not make up for it', () => {
    const scheduler = virtual({ policy: new FairPolicy() });
    let order = '';
    scheduler.spawn(function* () {
      for (let i = 0; i < 100; i++) {
        order += 'a';
        yield;
        if (i === 50) yield* sleep(1);
      }
    });
    scheduler.spawn(function* () {
      yield* sleep(1);
      for (let i = 0; i < 20; i++) {
        order += 'b';
        yield;
      }
    });
    scheduler.run();
    expect(order.slice(51, 91)).toMatch(/^(ab|ba)+$/);
  });

  it('lottery: chances by weight, repeated by the seed', () => {
    const draw = (seed: number) =>
      turns(new LotteryPolicy({ seed }), { a: {}, b: { weight: 3 }, c: { weight: 6 } }, 2000);
    const order = draw(5).slice(0, 2000);
    expect(count(order, 'a')).toBeGreaterThan(140);
    expect(count(order, 'a')).toBeLessThan(260);
    expect(count(order, 'b')).toBeGreaterThan(520);
    expect(count(order, 'b')).toBeLessThan(680);
    expect(draw(5)).toBe(draw(5));
    expect(draw(6)).not.toBe(draw(5));
  });

  it('lottery: by the seed of its scheduler', () => {
    const order = (seed: number): string => {
      const scheduler = virtual({ policy: new LotteryPolicy(), seed });
      let text = '';
      for (const name of 'abcdefgh') {
        scheduler.spawn(() => {
          text += name;
        });
      }
      scheduler.run();
      expect([...text].sort().join('')).toBe('abcdefgh');
      return text;
    };
    expect(order(3)).toBe(order(3));
    expect(order(3)).not.toBe(order(4));
  });

  it.each([PriorityPolicy, RoundRobinPolicy, DeadlinePolicy, FairPolicy, LotteryPolicy])(
    '%o refuses a slice that is none',
    (Made: new (options: SliceOptions) => Policy) => {
      for (const slice of [0, -1, 1.5, Number.NaN]) expect(thrown(() => new Made({ slice }))).toBe('bad-argument');
      expect(new Made({ slice: Number.POSITIVE_INFINITY }).slice?.({} as Task)).toBe(Number.POSITIVE_INFINITY);
    },
  );
});

describe("a policy of one's own", () => {
  it('can be a few lines', () => {
    const stack: Task[] = [];
    const lifo: Policy = {
      name: 'lifo',
      ready: (task) => void stack.push(task),
      next: () => stack.pop(),
    };
    expect(turns(lifo, { a: {}, b: {}, c: {} }, 2)).toBe('ccbbaa');
  });

  it('is told why a task is ready, and what it has run', () => {
    const told: unknown[] = [];
    const fifo = new FifoPolicy();
    const scheduler = virtual({
      policy: {
        name: 'told',
        start: (random) => void told.push(typeof random()),
        ready: (task, reason) => {
          told.push(reason);
          fifo.ready(task);
        },
        next: () => fifo.next(),
        slice: () => 2.5,
        ran: (_, polls) => void told.push(polls),
      },
    });
    scheduler.spawn(function* () {
      const channel = new Channel<number>(5);
      yield* channel.send(1);
      yield* channel.send(1);
      yield;
      yield* sleep(1);
    });
    scheduler.run();
    expect(told).toEqual(['number', 'spawned', 2, 'preempted', 1, 'yielded', 1, 'woken', 1]);
  });

  const broken: Record<string, Partial<Policy>> = {
    'returns no task': { next: () => undefined },
    'returns a stranger': { next: () => ({ name: 'x' }) as Task },
    'throws in next': {
      next: () => {
        throw new Error('inside');
      },
    },
    'gives no slice': { slice: () => 0 },
    'throws in ready': {
      ready: () => {
        throw new Error('inside');
      },
    },
    'throws in ran': {
      ran: () => {
        throw new Error('inside');
      },
    },
  };
  it.each(Object.entries(broken))('that %s is an error that names it', async (_, mistakes) => {
    const fifo = new FifoPolicy();
    const policy: Policy = { name: 'mine', ready: (task) => fifo.ready(task), next: () => fifo.next(), ...mistakes };
    const scheduler = new Scheduler({ policy });
    const waits = scheduler.wait(new Channel().receive());
    const tasks = [1, 2].map(() => {
      try {
        return scheduler.spawn(function* () {
          yield;
        });
      } catch {
        return null;
      }
    });
    expect(await rejection(waits)).toBe('bad-policy');
    await expect(waits).rejects.toThrow('policy "mine"');
    for (const task of tasks) if (task !== null) expect(await rejection(task.join())).toBe('bad-policy');
    expect(thrown(() => scheduler.spawn(() => {}))).toBe('bad-policy');
    expect(thrown(() => scheduler.run())).toBe('bad-policy');
    expect(scheduler.size).toBe(0);
  });

  it('that returns a task which waits, runs, has ended, or is of another scheduler', () => {
    const attempt = (choose: (tasks: readonly Task[]) => Task): string => {
      const fifo = new FifoPolicy();
      const tasks: Task[] = [];
      let calls = 0;
      const scheduler = virtual({
        policy: {
          name: 'mine',
          ready: (task) => fifo.ready(task),
          next: () => (++calls < 4 ? fifo.next() : choose(tasks)),
        },
      });
      tasks.push(
        scheduler.spawn(function* waits() {
          yield* sleep(5);
        }),
        scheduler.spawn(function* ended() {}),
        scheduler.spawn(function* goesOn() {
          for (;;) yield;
        }),
      );
      try {
        scheduler.run();
      } catch (error) {
        return (error as Error).message;
      }
      return 'nothing';
    };
    expect(attempt(([task]) => task as Task)).toContain(
      'policy "mine" returned task "waits 1" from next(), which is blocked',
    );
    expect(attempt(([, task]) => task as Task)).toContain('"ended 2" from next(), which is done');
    const stranger = virtual().spawn(() => {});
    expect(attempt(() => stranger)).toContain('policy "mine" returned what is no task of its scheduler');
  });
});
