import { describe, expect, it } from 'vitest';
import { Channel, Scheduler, sleep, type Task, TaskGroup, type Yielded } from './index.ts';
import { thrown, virtual } from './scheduler.test-data.ts';

/** A task that notes its end. */
function* worker(log: string[], name: string, time: number, error?: Error): Generator<Yielded, string, unknown> {
  try {
    yield* sleep(time);
    if (error !== undefined) throw error;
    log.push(`${name} done`);
    return name;
  } catch (caught) {
    if (caught !== error) log.push(`${name} cancelled`);
    throw caught;
  }
}

describe('a group', () => {
  it('is joined once all its tasks have ended', () => {
    const scheduler = virtual();
    const log: string[] = [];
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup('mine');
      expect(group.parent).toBe(scheduler.current);
      for (const time of [3, 1, 2]) scheduler.spawn(worker, [log, `${time}`, time], { group });
      expect(group.tasks).toHaveLength(3);
      yield* group.joined;
      log.push('joined');
    });
    scheduler.run();
    expect(log).toEqual(['1 done', '2 done', '3 done', 'joined']);
    expect(parent.state).toBe('done');
  });

  it('has the rest cancelled by the first that fails, the youngest first', () => {
    const scheduler = virtual();
    const log: string[] = [];
    const error = new Error('second');
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup();
      scheduler.spawn(worker, [log, 'a', 10], { group });
      scheduler.spawn(worker, [log, 'b', 5, error], { group });
      scheduler.spawn(worker, [log, 'c', 10], { group });
      scheduler.spawn(worker, [log, 'd', 1], { group });
      scheduler.spawn(worker, [log, 'e', 10], { group });
      yield* group.joined;
    });
    scheduler.run();
    expect(log).toEqual(['d done', 'e cancelled', 'c cancelled', 'a cancelled']);
    expect(parent.outcome?.kind).toBe('failed');
    const failed = parent.outcome?.kind === 'failed' ? (parent.outcome.error as AggregateError) : null;
    expect(failed).toBeInstanceOf(AggregateError);
    expect(failed?.errors).toEqual([error]);
  });

  it('puts together what goes wrong while it is cancelled', async () => {
    const scheduler = new Scheduler();
    const group = new TaskGroup('host');
    const fails = (name: string, time: number) =>
      scheduler.spawn(
        function* () {
          try {
            yield* sleep(time);
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: clean-up that fails is the point.
            throw new Error(name);
          }
        },
        [],
        { group },
      );
    fails('one', 1);
    fails('two', 100_000);
    fails('three', 100_000);
    await expect(group.join(scheduler)).rejects.toMatchObject({
      errors: [new Error('one'), new Error('three'), new Error('two')],
    });
    expect(group.errors).toHaveLength(3);
  });

  it('ends before its parent: that waits for it', () => {
    const scheduler = virtual();
    const log: string[] = [];
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup();
      scheduler.spawn(worker, [log, 'child', 10], { group });
      yield;
      return 'result';
    });
    const watcher = scheduler.spawn(function* () {
      yield* sleep(5);
      const { state, blockedOn } = parent;
      const result = yield* parent.joined;
      return [state, blockedOn, result, scheduler.now()];
    });
    scheduler.run();
    expect(watcher.result).toEqual(['closing', 'end of its group', 'result', 10]);
  });

  it('is cancelled where its parent fails, and where that is cancelled', () => {
    const scheduler = virtual();
    const log: string[] = [];
    const error = new Error('parent');
    const open = (name: string): void => {
      const group = new TaskGroup();
      scheduler.spawn(worker, [log, `${name} 1`, 10], { group });
      scheduler.spawn(worker, [log, `${name} 2`, 10], { group });
    };
    const fails = scheduler.spawn(function* () {
      open('x');
      yield* sleep(1);
      throw error;
    });
    const waits = scheduler.spawn(function* () {
      open('y');
      yield* sleep(100);
    });
    const closing = scheduler.spawn(() => open('z'));
    scheduler.spawn(function* () {
      yield* sleep(2);
      waits.cancel('y');
      yield* sleep(1);
      expect(closing.state).toBe('closing');
      closing.cancel('z');
    });
    scheduler.run();
    expect(log).toEqual(['x 2', 'x 1', 'y 2', 'y 1', 'z 2', 'z 1'].map((name) => `${name} cancelled`));
    expect(fails.outcome).toEqual({ kind: 'failed', error });
    expect(waits.outcome).toEqual({ kind: 'cancelled', reason: 'y' });
    expect(closing.outcome).toEqual({ kind: 'cancelled', reason: 'z' });
    expect(scheduler.now()).toBe(3);
  });

  it('that nobody joins has its parent fail with its errors', () => {
    const scheduler = virtual();
    const parent = scheduler.spawn(function* () {
      const first = new TaskGroup();
      const second = new TaskGroup();
      scheduler.spawn(worker, [[], 'a', 1, new Error('a')], { group: first });
      scheduler.spawn(worker, [[], 'b', 2, new Error('b')], { group: second });
      yield;
    });
    scheduler.run();
    const error = parent.outcome?.kind === 'failed' ? (parent.outcome.error as AggregateError) : null;
    expect(error?.errors).toEqual([new Error('a'), new Error('b')]);
  });

  it('does not fail by a task that was cancelled alone', () => {
    const scheduler = virtual();
    const log: string[] = [];
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup();
      const one = scheduler.spawn(worker, [log, 'one', 10], { group });
      scheduler.spawn(worker, [log, 'two', 10], { group });
      yield* sleep(1);
      one.cancel();
      yield* group.joined;
    });
    scheduler.run();
    expect(parent.state).toBe('done');
    expect(log).toEqual(['one cancelled', 'two done']);
  });

  it('can be cancelled as a whole, and takes no task then', () => {
    const scheduler = virtual();
    const log: string[] = [];
    let closed: string | null = null;
    const parent = scheduler.spawn(function* () {
      const group = new TaskGroup();
      scheduler.spawn(worker, [log, 'one', 10], { group });
      scheduler.spawn(worker, [log, 'two', 10], { group });
      yield* sleep(1);
      group.cancel('over');
      group.cancel('again');
      closed = thrown(() => scheduler.spawn(() => {}, [], { group }));
      yield* group.joined;
      return group.isCancelled;
    });
    scheduler.run();
    expect(log).toEqual(['two cancelled', 'one cancelled']);
    expect(parent.result).toBe(true);
    expect(closed).toBe('group-closed');
  });

  it('takes no task once its parent has ended', () => {
    const scheduler = virtual();
    let group = new TaskGroup();
    scheduler.spawn(() => {
      group = new TaskGroup('late');
    });
    scheduler.run();
    expect(thrown(() => scheduler.spawn(() => {}, [], { group }))).toBe('group-closed');
  });

  it('cannot be joined by its own task', () => {
    const scheduler = virtual();
    const group = new TaskGroup();
    const task: Task = scheduler.spawn(
      function* () {
        yield* group.joined;
      },
      [],
      { group },
    );
    scheduler.run();
    expect(task.outcome).toMatchObject({ kind: 'failed', error: { kind: 'self-join' } });
  });

  it('can be given up waiting for', () => {
    const scheduler = virtual();
    const group = new TaskGroup();
    const channel = new Channel<number>();
    scheduler.spawn(() => scheduler.wait(channel.receive()), [], { group });
    const task = scheduler.spawn(function* () {
      yield* group.joined;
    });
    scheduler.spawn(function* () {
      yield;
      task.cancel('tired');
      yield* channel.send(1);
    });
    scheduler.run();
    expect(task.outcome).toEqual({ kind: 'cancelled', reason: 'tired' });
  });
});
