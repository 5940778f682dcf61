import type { Core } from './core.ts';
import {
  Barrier,
  Broadcast,
  Channel,
  Condition,
  currentTask,
  giveWay,
  Mutex,
  Once,
  type Operation,
  requested,
  type Scheduler,
  Semaphore,
  select,
  sleep,
  TaskGroup,
  WaitGroup,
} from './index.ts';

/** Steps of a script: each begins an operation that has to wait for its partner, or for time. */
export const STEPS = [
  'sleep',
  'give way',
  'mutex',
  'receive',
  'send',
  'select',
  'join',
  'condition',
  'semaphore',
  'barrier',
  'wait group',
  'once',
  'broadcast',
  'promise',
  'group',
] as const;
export type Step = (typeof STEPS)[number];

/** What one step does, and what is left of it. */
interface Made {
  /** Waits; called by the task. */
  wait(): Operation<unknown>;
  /** What it waits for; a task of its own does it. */
  partner(): Generator<unknown, void, unknown>;
  /** Gives back what it has got. */
  after(result: unknown): void;
  /** Gives back what it may hold where it was thrown out. */
  undo(): void;
  /** What is still there of its waits. */
  left(): number;
}

function* nothing(): Generator<unknown, void, unknown> {}
const none = (): void => {};

/** The partners and primitives of one run of a script. */
export class World {
  readonly scheduler: Scheduler;
  /** The promises that were asked for: they settle, or their signal is aborted. */
  readonly requests: { readonly signal: AbortSignal; settled: boolean }[] = [];
  /** How many children of groups, and of them how many clean-ups, have run. */
  readonly children = { begun: 0, over: 0 };
  readonly #made: Made[];
  readonly #going: Channel<void>[];
  readonly #partners = new TaskGroup('partners');

  constructor(scheduler: Scheduler, script: readonly Step[]) {
    this.scheduler = scheduler;
    this.#made = script.map((step) => this.#make(step));
    this.#going = script.map(() => new Channel<void>(1, 'go'));
    this.#made.forEach((made, index) => {
      const go = this.#going[index];
      const partner = function* (): Generator<unknown, void, unknown> {
        const steps = made.partner();
        steps.next();
        try {
          if (go !== undefined) yield* go.receive();
          yield* sleep(2);
          yield* steps;
        } finally {
          steps.return();
        }
      };
      scheduler.spawn(partner, [], { group: this.#partners, name: `partner ${index}` });
    });
    // What they hold they hold from now on.
    const release = scheduler.hold();
    scheduler.run();
    release();
  }

  begin(index: number): Operation<unknown> {
    this.#going[index]?.trySend(undefined);
    return (this.#made[index] as Made).wait();
  }

  after(index: number, result: unknown): void {
    (this.#made[index] as Made).after(result);
  }

  undo(index: number): void {
    (this.#made[index] as Made).undo();
  }

  /** Ends the partners; then what is left of waits, timers, holds and tasks, which should be nothing. */
  async close(): Promise<number> {
    this.#partners.cancel();
    await this.#partners.join(this.scheduler);
    for (const made of this.#made) made.undo();
    const core = this.scheduler.home as Core;
    const waits = this.#made.reduce((sum, made) => sum + made.left(), 0);
    return waits + core.timers.size + core.holds + this.scheduler.size;
  }

  #make(step: Step): Made {
    const plain = { partner: nothing, after: none, undo: none, left: () => 0 };
    switch (step) {
      case 'sleep':
        return { ...plain, wait: () => sleep(3) };
      case 'give way':
        return { ...plain, wait: () => giveWay() };
      case 'mutex': {
        const mutex = new Mutex();
        return {
          wait: () => mutex.lock(),
          *partner() {
            if (!mutex.tryLock()) throw new Error('the mutex is taken');
            try {
              yield;
            } finally {
              mutex.unlock();
            }
          },
          after: () => mutex.unlock(),
          undo: none,
          left: () => Number(mutex.isLocked),
        };
      }
      case 'receive': {
        const channel = new Channel<number>();
        return {
          ...plain,
          wait: () => channel.receive(),
          *partner() {
            yield;
            channel.trySend(1);
          },
          left: () => channel.waiting,
        };
      }
      case 'send': {
        const channel = new Channel<number>();
        return {
          ...plain,
          wait: () => channel.send(1),
          *partner() {
            yield;
            yield* channel.receive();
          },
          left: () => channel.waiting + channel.size,
        };
      }
      case 'select': {
        const channel = new Channel<number>();
        const semaphore = new Semaphore(0);
        const condition = { permits: 0 };
        return {
          ...plain,
          wait: () =>
            select({ value: channel.receive(), send: channel.send(2), permit: semaphore.acquire(), time: sleep(40) }),
          *partner() {
            yield;
            semaphore.release();
            condition.permits++;
          },
          after: (result) => {
            if ((result as { key: string }).key === 'permit') semaphore.release();
          },
          left: () => channel.waiting + semaphore.waiting + Math.abs(semaphore.permits - condition.permits),
        };
      }
      case 'join':
        return {
          ...plain,
          wait: () =>
            this.scheduler.spawn(
              function* () {
                yield* sleep(3);
              },
              [],
              { group: this.#partners },
            ).joined,
        };
      case 'condition': {
        const mutex = new Mutex();
        const condition = new Condition();
        const unlock = (): void => {
          if (mutex.owner !== null && mutex.owner === currentTask()) mutex.unlock();
        };
        return {
          wait: () => {
            if (!mutex.tryLock()) throw new Error('the mutex is taken');
            return condition.wait(mutex);
          },
          *partner() {
            yield;
            yield* mutex.lock();
            condition.notify();
            // Who is woken, or cancelled, has to wait for the mutex.
            try {
              yield* sleep(2);
            } finally {
              mutex.unlock();
            }
          },
          after: unlock,
          undo: unlock,
          left: () => condition.size + Number(mutex.isLocked),
        };
      }
      case 'semaphore': {
        const semaphore = new Semaphore(1);
        return {
          ...plain,
          wait: () => semaphore.acquire(2),
          *partner() {
            yield;
            semaphore.release();
          },
          after: () => semaphore.release(2),
          left: () => semaphore.waiting,
        };
      }
      case 'barrier': {
        const barrier = new Barrier(2);
        return {
          ...plain,
          wait: () => barrier.wait(),
          *partner() {
            yield;
            yield* barrier.wait();
          },
          left: () => barrier.size,
        };
      }
      case 'wait group': {
        const group = new WaitGroup();
        group.add();
        return {
          ...plain,
          wait: () => group.wait(),
          *partner() {
            yield;
            group.done();
          },
          left: () => group.waiting,
        };
      }
      case 'once': {
        const once = new Once();
        const { home } = this.scheduler;
        return {
          ...plain,
          wait: () => once.enter(),
          *partner() {
            once.enter().poll(currentTask(), home);
            yield;
            once.finish();
          },
          left: () => once.waiting,
        };
      }
      case 'broadcast': {
        const broadcast = new Broadcast<number>(1);
        const subscription = broadcast.subscribe();
        return {
          ...plain,
          wait: () => {
            broadcast.trySend(1);
            return broadcast.send(2);
          },
          *partner() {
            yield;
            subscription.tryReceive();
          },
          left: () => broadcast.waiting,
        };
      }
      case 'promise': {
        let settle: () => void = none;
        return {
          ...plain,
          wait: () =>
            requested((signal) => {
              const request = { signal, settled: false };
              this.requests.push(request);
              return new Promise<number>((resolve) => {
                settle = () => {
                  request.settled = !signal.aborted;
                  resolve(1);
                };
              });
            }),
          *partner() {
            yield;
            settle();
          },
        };
      }
      case 'group': {
        const { children } = this;
        return {
          ...plain,
          wait: () => {
            const group = new TaskGroup('children');
            for (let child = 0; child < 2; child++) {
              this.scheduler.spawn(
                function* () {
                  children.begun++;
                  try {
                    yield* sleep(2 + child);
                  } finally {
                    children.over++;
                  }
                },
                [],
                { group },
              );
            }
            return group.joined;
          },
        };
      }
      default:
        return step satisfies never;
    }
  }
}
