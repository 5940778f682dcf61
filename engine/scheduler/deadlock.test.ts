import { describe, expect, it } from 'vitest';
import {
  Channel,
  currentTask,
  DeadlockError,
  Mutex,
  Scheduler,
  SchedulerError,
  sleep,
  sleepUntil,
  type Task,
  TaskGroup,
  VirtualClock,
  type Yielded,
} from './index.ts';
import { rejection, thrown, virtual } from './scheduler.test-data.ts';

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('a deadlock', () => {
  it('is reported with what each task waits for', async () => {
    const reports: DeadlockError[] = [];
    const scheduler = new Scheduler({ onDeadlock: (error) => reports.push(error) });
    const left = new Mutex('left');
    const right = new Mutex('right');
    const philosopher = (name: string, first: Mutex, second: Mutex) =>
      scheduler.spawn(
        function* philosopher() {
          yield* first.lock();
          yield;
          yield* second.lock();
        },
        [],
        { name },
      );
    const a = philosopher('a', left, right);
    const b = philosopher('b', right, left);
    const main = scheduler.spawn(
      function* () {
        yield* a.joined;
      },
      [],
      { name: 'main' },
    );
    await expect(main.join()).rejects.toBeInstanceOf(DeadlockError);
    expect(reports[0]?.tasks).toEqual([
      {
        id: 1,
        name: 'a',
        blockedOn: 'mutex "right", which task "b" holds',
        backtrace: ['philosopher (host function)'],
      },
      { id: 2, name: 'b', blockedOn: 'mutex "left", which task "a" holds', backtrace: ['philosopher (host function)'] },
      { id: 3, name: 'main', blockedOn: 'end of task "a"', backtrace: ['anonymous function (host function)'] },
    ]);
    expect(reports[0]?.message).toContain('task "b" waits: mutex "left", which task "a" holds');
    // They stay as they are.
    expect(b.state).toBe('blocked');
    b.cancel('make way');
    right.isHeldBy(b);
    expect(b.state).toBe('runnable');
  });

  it('is thrown by run, and none where something is waited for', () => {
    const scheduler = virtual();
    const channel = new Channel<number>();
    const task = scheduler.spawn(function* () {
      return (yield* channel.receive()).value;
    });
    const release = scheduler.hold();
    scheduler.run();
    expect(task.state).toBe('blocked');
    release();
    release();
    expect(thrown(() => scheduler.run())).toBe('deadlock');
    channel.trySend(4);
    scheduler.run();
    expect(task.result).toBe(4);
  });

  it('is found when the last hold is released', async () => {
    const scheduler = new Scheduler();
    const task = scheduler.spawn(function* () {
      yield* new Channel<number>().receive();
    });
    const release = scheduler.hold();
    const joined = rejection(task.join());
    await tick();
    release();
    expect(await joined).toBe('deadlock');
  });

  it('is none for host code that waits for itself', async () => {
    const scheduler = new Scheduler();
    const channel = new Channel<number>();
    const waiting = scheduler.wait(channel.receive());
    await tick();
    channel.trySend(1);
    expect(await waiting).toEqual({ done: false, value: 1 });
  });

  it('is seen among tasks that sleep for ever', () => {
    const scheduler = virtual();
    scheduler.spawn(() => {});
    scheduler.spawn(function* () {
      yield* sleep(Number.POSITIVE_INFINITY);
    });
    expect(thrown(() => scheduler.run())).toBe('deadlock');
  });
});

describe('bad input', () => {
  it('is refused with a kind', () => {
    const scheduler = virtual();
    const fn = (): void => {};
    expect(thrown(() => new Scheduler({ seed: Number.NaN }))).toBe('bad-argument');
    expect(thrown(() => new Scheduler({ turn: 0 }))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(null as never))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(3 as never))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(fn, 'ab' as never))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(fn, [], { weight: 0 }))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(fn, [], { weight: Number.POSITIVE_INFINITY }))).toBe('bad-argument');
    expect(thrown(() => scheduler.spawn(fn, [], { priority: Number.NaN }))).toBe('bad-argument');
    expect(thrown(() => sleep(Number.NaN))).toBe('bad-argument');
    expect(thrown(() => sleepUntil(Number.NaN))).toBe('bad-argument');
    expect(thrown(() => new VirtualClock(5).skipTo(4))).toBe('bad-argument');
    expect(scheduler.size).toBe(0);
  });

  it('is thrown where it is yielded', () => {
    const scheduler = virtual();
    const task = scheduler.spawn(function* () {
      const kinds: unknown[] = [];
      for (const value of [3, Promise.resolve(), null, {}]) {
        try {
          yield value;
        } catch (error) {
          kinds.push((error as SchedulerError).kind);
        }
      }
      return kinds;
    });
    scheduler.run();
    expect(task.result).toEqual(['bad-yield', 'bad-yield', 'bad-yield', 'bad-yield']);
  });

  it('is a task that joins itself', () => {
    const scheduler = virtual();
    const task: Task = scheduler.spawn(function* (): Generator<Yielded, unknown, unknown> {
      return yield* task.joined;
    });
    scheduler.run();
    expect(task.outcome).toMatchObject({ kind: 'failed', error: { kind: 'self-join' } });
  });

  it('is a scheduler that one of its tasks runs, but not that of another', () => {
    const scheduler = virtual();
    const outer: Task = scheduler.spawn((): unknown => {
      const inner = virtual();
      const task: Task = inner.spawn(function* (): Generator<Yielded, unknown, unknown> {
        yield;
        return [inner.current === task, scheduler.current, currentTask() === task];
      });
      inner.run();
      return [task.result, scheduler.current === outer];
    });
    const nested = scheduler.spawn(() => scheduler.run());
    scheduler.run();
    expect(outer.result).toEqual([[true, null, true], true]);
    expect(nested.outcome).toMatchObject({ kind: 'failed', error: { kind: 'state' } });
  });

  it.each(['ready', 'run', 'end'] as const)(
    'is an onTrace that throws at %s: all tasks end with its error',
    async (at) => {
      let armed = false;
      const scheduler = new Scheduler({
        onTrace: (event) => {
          if (armed && event.kind === at) throw new SchedulerError('state', 'mine');
        },
      });
      const parent = scheduler.spawn(function* () {
        const group = new TaskGroup();
        for (let child = 0; child < 3; child++) {
          scheduler.spawn(
            function* () {
              yield* sleep(1);
            },
            [],
            { group },
          );
        }
        yield* sleep(0);
        armed = true;
        yield* group.joined;
      });
      const never = scheduler.spawn(function* () {
        yield* new Channel<number>().receive();
      });
      const joins = [parent.join(), never.join()];
      for (const join of joins) await expect(join).rejects.toThrow('mine');
      expect(() => scheduler.spawn(() => 1)).toThrow('mine');
      expect(scheduler.size).toBe(0);
    },
  );

  it('is an onFailure that throws', async () => {
    const scheduler = new Scheduler({
      onFailure: () => {
        throw new Error('mine');
      },
    });
    const never = scheduler.spawn(() => new Promise(() => {}));
    scheduler.spawn(() => {
      throw new Error('theirs');
    });
    await expect(never.join()).rejects.toThrow('mine');
  });
});
