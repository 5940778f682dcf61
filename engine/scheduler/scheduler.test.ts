import { describe, expect, it } from 'vitest';
import { Channel, currentTask, Mutex, Scheduler, settled, sleep, type TraceEvent } from './index.ts';
import { POLICIES, virtual } from './scheduler.test-data.ts';

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('a scheduler', () => {
  it('runs generator functions, async functions and plain ones', async () => {
    const scheduler = new Scheduler();
    const generator = scheduler.spawn(
      function* (a: number, b: string) {
        yield;
        yield* sleep(1);
        return `${a}${b}`;
      },
      [1, 'x'],
    );
    const async = scheduler.spawn(
      async (n: number) => {
        await tick();
        return n + 1;
      },
      [41],
    );
    const plain = scheduler.spawn(() => 7);
    expect(generator.state).toBe('new');
    const results: [string, number, number] = await Promise.all([generator.join(), async.join(), plain.join()]);
    expect(results).toEqual(['1x', 42, 7]);
    expect(generator.state).toBe('done');
    expect(generator.result).toBe('1x');
    expect(scheduler.size).toBe(0);
  });

  it('begins nothing before spawn has returned', () => {
    const scheduler = virtual();
    let begun = false;
    scheduler.spawn(() => {
      begun = true;
    });
    expect(begun).toBe(false);
    scheduler.run();
    expect(begun).toBe(true);
  });

  it('names tasks, and says which runs', () => {
    const scheduler = virtual();
    const seen: unknown[] = [];
    const named = scheduler.spawn(function* worker() {
      seen.push(scheduler.current, currentTask());
      yield;
    });
    const given = scheduler.spawn(() => {}, [], { name: 'given' });
    scheduler.run();
    expect(seen).toEqual([named, named]);
    expect([named.name, named.id, given.name, given.id]).toEqual(['worker 1', 1, 'given', 2]);
    expect(scheduler.current).toBeNull();
    expect(currentTask()).toBeNull();
  });

  it('gives tasks what they join, and what that threw', () => {
    const scheduler = virtual();
    const error = new Error('no');
    const good = scheduler.spawn(function* () {
      yield* sleep(5);
      return 3;
    });
    const bad = scheduler.spawn(function* () {
      yield* sleep(1);
      throw error;
    });
    const joiner = scheduler.spawn(function* () {
      const value = yield* good.joined;
      let caught: unknown;
      try {
        yield* bad.joined;
      } catch (thrownByIt) {
        caught = thrownByIt;
      }
      return [value, caught, yield* good.joined];
    });
    scheduler.run();
    expect(joiner.result).toEqual([3, error, 3]);
    expect(bad.outcome).toEqual({ kind: 'failed', error });
  });

  it('lets a task end alone that throws', async () => {
    const failures: unknown[] = [];
    const scheduler = virtual({ onFailure: (task, error) => failures.push([task.name, error]) });
    const other = scheduler.spawn(function* () {
      yield* sleep(3);
      return 'fine';
    });
    const bad = scheduler.spawn(
      () => {
        throw new RangeError('mine');
      },
      [],
      { name: 'bad' },
    );
    scheduler.run();
    expect(other.result).toBe('fine');
    expect(failures).toEqual([['bad', new RangeError('mine')]]);
    await expect(bad.join()).rejects.toThrow('mine');
  });

  it('tells no one of failures that somebody waits for', async () => {
    const failures: unknown[] = [];
    const scheduler = new Scheduler({ onFailure: (_, error) => failures.push(error) });
    const bad = scheduler.spawn(function* () {
      yield;
      throw new Error('x');
    });
    await expect(bad.join()).rejects.toThrow('x');
    expect(failures).toEqual([]);
  });

  it('sleeps by its clock, without polling', async () => {
    let asked = 0;
    let alarms = 0;
    const clock = {
      now: () => {
        asked++;
        return performance.now();
      },
      at: (time: number, run: () => void) => {
        alarms++;
        const timer = setTimeout(run, Math.max(time - performance.now(), 0) + 1);
        return () => clearTimeout(timer);
      },
    };
    const scheduler = new Scheduler({ clock });
    const begun = performance.now();
    const tasks = [30, 10, 20].map((time) =>
      scheduler.spawn(function* () {
        yield* sleep(time);
        return performance.now() - begun;
      }),
    );
    const times = await Promise.all(tasks.map((task) => task.join()));
    expect(times[0]).toBeGreaterThanOrEqual(30);
    expect(times[1]).toBeGreaterThanOrEqual(10);
    expect(times[2]).toBeLessThan(times[0] as number);
    expect(alarms).toBeLessThan(8);
    expect(asked).toBeLessThan(60);
  });

  it('lets the event loop have its turn while tasks always can run', async () => {
    const scheduler = new Scheduler({ turn: 2 });
    let turns = 0;
    const interval = setInterval(() => turns++, 1);
    const spinner = scheduler.spawn(function* () {
      while (turns < 5) yield;
    });
    const resolving = scheduler.spawn(function* () {
      while (turns < 5) yield* settled(Promise.resolve());
    });
    await Promise.all([spinner.join(), resolving.join()]);
    clearInterval(interval);
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('waits for operations on behalf of the host', async () => {
    const scheduler = new Scheduler();
    const channel = new Channel<number>();
    scheduler.spawn(function* () {
      yield* sleep(1);
      yield* channel.send(5);
    });
    expect(await scheduler.wait(channel.receive())).toEqual({ done: false, value: 5 });
    const controller = new AbortController();
    const waiting = scheduler.wait(channel.receive(), { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(scheduler.wait(sleep(1), { signal: controller.signal })).rejects.toThrow('enough');
    // Nobody receives any more: the wait that was given up takes nothing.
    expect(channel.trySend(1)).toBe(false);
  });

  it('gives the same trace for the same seed, and another for another', () => {
    const trace = (seed: number): TraceEvent[] => {
      const events: TraceEvent[] = [];
      const scheduler = virtual({
        seed,
        policy: POLICIES.lottery?.() as never,
        onTrace: (event) => events.push(event),
      });
      const channel = new Channel<number>(1, 'c');
      for (let n = 0; n < 5; n++) {
        scheduler.spawn(function* sender() {
          for (let i = 0; i < 5; i++) {
            yield* channel.send(i);
            yield* sleep(i);
          }
        });
        scheduler.spawn(function* receiver() {
          for (let i = 0; i < 5; i++) yield* channel.receive();
        });
      }
      scheduler.run();
      return events;
    };
    const first = trace(1);
    expect(first.length).toBeGreaterThan(100);
    expect(trace(1)).toEqual(first);
    expect(trace(2)).not.toEqual(first);
    expect(new Set(first.map((event) => event.kind))).toEqual(new Set(['ready', 'run', 'stop', 'block', 'end']));
    expect(first.at(-1)).toMatchObject({ kind: 'end', outcome: 'done' });
  });

  it('has what is settled outside go before virtual time', async () => {
    const scheduler = virtual();
    const order: string[] = [];
    const a = scheduler.spawn(function* () {
      yield* sleep(10);
      order.push('slept');
    });
    const b = scheduler.spawn(function* () {
      yield* settled((async () => void (await Promise.resolve()))());
      order.push('settled');
    });
    await Promise.all([a.join(), b.join()]);
    expect(order).toEqual(['settled', 'slept']);
    expect(scheduler.now()).toBe(10);
  });

  it('makes the same schedule however often the host has its turn', async () => {
    const order = async (turn: number): Promise<string> => {
      const scheduler = virtual({ turn });
      let text = '';
      const tasks = [...'abc'].map((name) =>
        scheduler.spawn(function* () {
          for (let round = 0; round < 100; round++) {
            text += name;
            if (name === 'a') yield* sleep(0);
            else if (round % 10 === 0) yield* sleep(1);
            else yield;
          }
        }),
      );
      await Promise.all(tasks.map((task) => task.join()));
      return text;
    };
    expect(await order(Number.MIN_VALUE)).toBe(await order(Number.POSITIVE_INFINITY));
  });

  it.each(Object.entries(POLICIES))('runs a crowd to its end: %s', (_, policy) => {
    const scheduler = virtual({ policy: policy() });
    const mutex = new Mutex();
    let count = 0;
    const tasks = Array.from({ length: 50 }, (_item, index) =>
      scheduler.spawn(
        function* () {
          for (let round = 0; round < 10; round++) {
            yield* mutex.lock();
            const before = count;
            yield;
            count = before + 1;
            mutex.unlock();
            yield* sleep(index % 3);
          }
        },
        [],
        { priority: index % 4, weight: 1 + (index % 5), deadline: index * 10 },
      ),
    );
    scheduler.run();
    expect(count).toBe(500);
    expect(tasks.every((task) => task.state === 'done')).toBe(true);
  });
});
