import {
  Barrier,
  type Broadcast,
  type Channel,
  Condition,
  Mutex,
  Once,
  type Semaphore,
  type Subscription,
  type Task,
  type WaitGroup,
} from '../scheduler/index.ts';
import { ThreadError } from './errno.ts';
import { following } from './numbers.ts';

/** A mutex that its owner can lock again. */
export class RecursiveMutex extends Mutex {
  /** How often it was locked again. */
  depth = 0;

  /** Locks it again. @returns whether the task had it */
  enter(task: Task): boolean {
    if (!this.isHeldBy(task)) return false;
    this.depth++;
    return true;
  }

  /** @returns whether the task has it still */
  exit(task: Task): boolean {
    if (!this.isHeldBy(task) || this.depth === 0) return false;
    this.depth--;
    return true;
  }
}

export class TrackedOnce extends Once {
  /** Who does it. */
  by: Task | null = null;
}

/** A subscription that can be destroyed. */
export class Subscribed {
  readonly subscription: Subscription<unknown>;

  constructor(subscription: Subscription<unknown>) {
    this.subscription = subscription;
  }
}

type Primitive =
  | Mutex
  | Condition
  | Semaphore
  | Barrier
  | WaitGroup
  | TrackedOnce
  | Channel<unknown>
  | Broadcast<unknown>
  | Subscribed;
type Kind<T> = abstract new (...args: never[]) => T;

function isBusy(primitive: Primitive): boolean {
  if (primitive instanceof Mutex) return primitive.isLocked;
  if (primitive instanceof Condition || primitive instanceof Barrier) return primitive.size > 0;
  if (primitive instanceof TrackedOnce) return primitive.waiting > 0 || (primitive.by !== null && !primitive.isDone);
  if (primitive instanceof Subscribed) return primitive.subscription.waiting > 0;
  return primitive.waiting > 0;
}

const LARGEST = 2 ** 31 - 1;

/** The primitives of a guest, which knows them by numbers. */
export class Handles {
  readonly #primitives = new Map<number, Primitive>();
  readonly #limit: number;
  #last = 0;

  /** @param limit how many there can be at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @returns the number of what is made; its name is that, too
   * @throws ThreadError EAGAIN where there are too many
   */
  add(make: (name: string) => Primitive): number {
    if (this.#primitives.size >= this.#limit) throw new ThreadError('EAGAIN', 'too many primitives');
    const handle = following(this.#last, LARGEST, this.#primitives);
    this.#primitives.set(handle, make(`${handle}`));
    this.#last = handle;
    return handle;
  }

  /** @throws ThreadError EINVAL where it is none of the kind */
  get<T>(handle: number, kind: Kind<T>): T {
    const primitive: unknown = this.#primitives.get(handle);
    if (primitive instanceof kind) return primitive;
    throw new ThreadError('EINVAL', `${handle} is no ${kind.name.toLowerCase()}`);
  }

  /** @throws ThreadError EINVAL, EBUSY */
  destroy(handle: number): void {
    const primitive = this.#primitives.get(handle);
    if (primitive === undefined) throw new ThreadError('EINVAL', `there is nothing of the number ${handle}`);
    if (isBusy(primitive)) throw new ThreadError('EBUSY', `${handle} is in use`);
    if (primitive instanceof Subscribed) primitive.subscription.unsubscribe();
    this.#primitives.delete(handle);
  }
}
