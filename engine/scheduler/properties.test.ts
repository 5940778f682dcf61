import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Barrier,
  Broadcast,
  Channel,
  Condition,
  Mutex,
  type Scheduler,
  Semaphore,
  select,
  sleep,
  type Task,
  TaskGroup,
  type TraceEvent,
  type Yielded,
} from './index.ts';
import { POLICIES, virtual } from './scheduler.test-data.ts';

type Steps = Generator<Yielded, void, unknown>;

const policy = fc.constantFrom(...Object.values(POLICIES));
const world = fc.record({ policy, seed: fc.integer() });
const STEPS = ['lock', 'acquire', 'send', 'receive', 'select', 'sleep', 'yield', 'wait', 'notify', 'publish'] as const;
const programs = fc.array(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), { minLength: 1, maxLength: 8 });
const cancellations = fc.array(fc.record({ task: fc.nat(7), time: fc.nat(20) }), { maxLength: 8 });

const PERMITS = 2;
const FILLER = 'filler';

/** Tasks that use everything, and check what they see. */
class World {
  readonly scheduler: Scheduler;
  readonly mutex = new Mutex();
  readonly condition = new Condition();
  readonly semaphore = new Semaphore(PERMITS);
  readonly channel: Channel<string>;
  readonly broadcast = new Broadcast<string>(2);
  readonly subscription = this.broadcast.subscribe();
  readonly sent: string[] = [];
  readonly received: string[] = [];
  readonly published: string[] = [];
  readonly seen: string[] = [];
  #inside = 0;
  #using = 0;

  constructor(scheduler: Scheduler, capacity: number) {
    this.scheduler = scheduler;
    this.channel = new Channel(capacity);
  }

  *run(name: number, steps: readonly (typeof STEPS)[number][]): Steps {
    for (const [index, step] of steps.entries()) yield* this.#step(step, `${name}.${index}`);
  }

  *#step(step: (typeof STEPS)[number], value: string): Steps {
    switch (step) {
      case 'lock':
        yield* this.#locked(function* () {
          yield;
        });
        break;
      case 'wait':
        yield* this.#locked(() => this.#wait());
        break;
      case 'notify':
        this.condition.notify();
        break;
      case 'acquire':
        yield* this.semaphore.acquire(1);
        try {
          expect(++this.#using).toBeLessThanOrEqual(PERMITS);
          yield* sleep(1);
        } finally {
          this.#using--;
          this.semaphore.release(1);
        }
        break;
      case 'send':
        yield* this.channel.send(value);
        this.sent.push(value);
        break;
      case 'receive':
        this.#got(yield* this.channel.receive());
        break;
      case 'select':
        yield* this.#select(value);
        break;
      case 'sleep':
        yield* sleep(2);
        break;
      case 'yield':
        yield;
        break;
      case 'publish':
        yield* this.broadcast.send(value);
        this.published.push(value);
        break;
      default:
        step satisfies never;
    }
  }

  *#locked(inside: () => Steps): Steps {
    yield* this.mutex.lock();
    try {
      expect(++this.#inside).toBe(1);
      yield* inside();
      expect(this.#inside).toBe(1);
    } finally {
      expect(this.mutex.owner).toBe(this.scheduler.current);
      this.#inside--;
      this.mutex.unlock();
    }
  }

  *#wait(): Steps {
    this.#inside--;
    try {
      yield* this.condition.wait(this.mutex, { timeout: 5 });
    } finally {
      // However it ends, the mutex is held again.
      expect(++this.#inside).toBe(1);
    }
  }

  *#select(value: string): Steps {
    const { channel, semaphore } = this;
    const got = yield* select({
      send: channel.send(value),
      receive: channel.receive(),
      many: semaphore.acquire(2),
      one: semaphore.acquire(1),
      timeout: sleep(3),
    });
    if (got.key === 'send') this.sent.push(value);
    else if (got.key === 'receive') this.#got(got.value);
    else if (got.key !== 'timeout') semaphore.release(got.key === 'many' ? 2 : 1);
  }

  #got(received: IteratorResult<string, undefined>): void {
    if (!received.done && received.value !== FILLER) this.received.push(received.value);
  }

  /** Lets all end that wait for others. */
  *finish(tasks: readonly Task[]): Steps {
    const { scheduler, channel, broadcast } = this;
    const subscriber = scheduler.spawn(() => this.#subscriber());
    do {
      yield* sleep(10);
      if (tasks.some((task) => task.blockedOn === 'receiving from channel')) channel.trySend(FILLER);
      for (let left = channel.tryReceive(); left !== null; left = channel.tryReceive()) this.#got(left);
    } while (tasks.some((task) => task.outcome === null));
    broadcast.close();
    yield* subscriber.joined;
  }

  *#subscriber(): Steps {
    for (;;) {
      const { done, value } = yield* this.subscription.receive();
      if (done) return;
      this.seen.push(value);
    }
  }
}

/** Whether values of the same task are in the order they were sent in. */
function inOrder(values: readonly string[]): boolean {
  const last = new Map<string, number>();
  return values.every((value) => {
    const [task = '', step = ''] = value.split('.');
    const before = last.get(task) ?? -1;
    last.set(task, Number(step));
    return before < Number(step);
  });
}

describe('every schedule', () => {
  it('keeps the primitives right, and loses no wake-up, also where tasks are cancelled', () => {
    fc.assert(
      fc.property(world, programs, cancellations, fc.nat(2), (options, steps, cancels, capacity) => {
        const scheduler = virtual({ policy: options.policy(), seed: options.seed });
        const all = new World(scheduler, capacity);
        const tasks = steps.map((program, name) =>
          scheduler.spawn(() => all.run(name, program), [], { priority: name % 3, weight: 1 + name, deadline: name }),
        );
        for (const { task, time } of cancels) {
          scheduler.spawn(function* () {
            yield* sleep(time);
            tasks[task]?.cancel();
          });
        }
        const finish = scheduler.spawn(() => all.finish(tasks));
        // Nothing is left: a lost wake-up would be a deadlock.
        scheduler.run();
        expect(finish.outcome).toEqual({ kind: 'done', value: undefined });
        const cancelled = new Set(cancels.map(({ task }) => tasks[task]));
        for (const task of tasks) {
          if (task.outcome?.kind === 'failed') throw task.outcome.error;
          if (!cancelled.has(task)) expect(task.state).toBe('done');
        }
        expect(all.mutex.isLocked).toBe(false);
        expect(all.condition.size).toBe(0);
        expect(all.semaphore.permits).toBe(PERMITS);
        // Every value arrives once, and those of one task in their order.
        expect(new Set(all.received).size).toBe(all.received.length);
        expect([...all.received].sort()).toEqual([...all.sent].sort());
        expect([...all.seen].sort()).toEqual([...all.published].sort());
        expect(inOrder(all.seen)).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  it('is repeated by its seed', () => {
    fc.assert(
      fc.property(world, programs, cancellations, (options, steps, cancels) => {
        const trace = (): TraceEvent[] => {
          const events: TraceEvent[] = [];
          const scheduler = virtual({
            policy: options.policy(),
            seed: options.seed,
            onTrace: (event) => events.push(event),
          });
          const all = new World(scheduler, 1);
          const tasks = steps.map((program, name) => scheduler.spawn(() => all.run(name, program)));
          for (const { task, time } of cancels) {
            scheduler.spawn(function* () {
              yield* sleep(time);
              tasks[task]?.cancel();
            });
          }
          scheduler.spawn(() => all.finish(tasks));
          scheduler.run();
          return events;
        };
        expect(trace()).toEqual(trace());
      }),
      { numRuns: 60 },
    );
  });

  it('passes values through a channel in the order they were sent, whoever waits', () => {
    fc.assert(
      fc.property(world, fc.nat(4), fc.integer({ min: 1, max: 5 }), (options, capacity, senders) => {
        const scheduler = virtual({ policy: options.policy(), seed: options.seed });
        const channel = new Channel<string>(capacity);
        const got: string[] = [];
        for (let name = 0; name < senders; name++) {
          scheduler.spawn(function* () {
            for (let i = 0; i < 10; i++) yield* channel.send(`${name}.${i}`);
          });
        }
        scheduler.spawn(function* () {
          while (got.length < senders * 10) got.push((yield* channel.receive()).value ?? '');
        });
        scheduler.run();
        expect(inOrder(got)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('lets a barrier go only when all are there', () => {
    fc.assert(
      fc.property(
        world,
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(5), { minLength: 6 }),
        (options, parties, times) => {
          const scheduler = virtual({ policy: options.policy(), seed: options.seed });
          const barrier = new Barrier(parties);
          const rounds = new Array<number>(parties).fill(0);
          for (let name = 0; name < parties; name++) {
            scheduler.spawn(function* () {
              for (let round = 0; round < 5; round++) {
                yield* sleep(times[name] ?? 0);
                rounds[name] = round + 1;
                yield* barrier.wait();
                expect(Math.min(...rounds)).toBeGreaterThanOrEqual(round + 1);
              }
            });
          }
          scheduler.run();
          expect(rounds.every((round) => round === 5)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** A tree of tasks: how long each works, whether it fails then, and the groups it opens. */
interface Tree {
  readonly time: number;
  readonly fails: boolean;
  readonly joins: boolean;
  readonly children: readonly Tree[];
}
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    time: fc.nat(6),
    fails: fc.boolean(),
    joins: fc.boolean(),
    children: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
  }),
}));

describe('groups', () => {
  it('are structured: children end before their parents, and nothing outlives a failure', () => {
    fc.assert(
      fc.property(world, tree, fc.option(fc.nat(8)), (options, root, cancelAt) => {
        const ended: number[] = [];
        const scheduler = virtual({
          policy: options.policy(),
          seed: options.seed,
          onTrace: (event) => {
            if (event.kind === 'end') ended.push(event.task);
          },
        });
        const parents = new Map<Task, Task>();
        function* run({ time, fails, joins, children }: Tree): Steps {
          const group = new TaskGroup();
          for (const child of children)
            parents.set(scheduler.spawn(run, [child], { group }), scheduler.current as Task);
          yield* sleep(time);
          if (fails) throw new Error('fails');
          if (joins) yield* group.joined;
        }
        const top = scheduler.spawn(run, [root]);
        if (cancelAt !== null) {
          scheduler.spawn(function* () {
            yield* sleep(cancelAt);
            top.cancel();
          });
        }
        scheduler.run();
        for (const [child, parent] of parents) {
          expect(ended.indexOf(child.id)).toBeGreaterThanOrEqual(0);
          expect(ended.indexOf(child.id)).toBeLessThan(ended.indexOf(parent.id));
          // What a child fails with ends its parent, too: it fails, unless it was cancelled for another's failure before.
          if (child.state === 'failed') expect(['failed', 'cancelled']).toContain(parent.state);
        }
        expect(scheduler.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
