/** What went wrong; the message says more. */
export type SchedulerErrorKind =
  /** A task was cancelled, and no reason was given. */
  | 'cancelled'
  /** Nothing can run, nothing is waited for from outside, and tasks are left. See DeadlockError. */
  | 'deadlock'
  /** A policy returned a task that cannot run, or none although there are some. */
  | 'bad-policy'
  /** A task would wait for its own end. */
  | 'self-join'
  /** A mutex was unlocked, or waited with, by who does not hold it. */
  | 'not-owner'
  /** A mutex was locked by who holds it already. */
  | 'relock'
  /** Something was sent to a closed channel, or a channel was closed twice. */
  | 'closed'
  /** A count would leave its bounds: a wait group below 0, a semaphore above its limit. */
  | 'count'
  /** The operation cannot be one of several in `select`. */
  | 'not-selectable'
  /** A task was spawned into a group that has ended or was cancelled. */
  | 'group-closed'
  /** A number, an option or what was to be spawned is not what it has to be. */
  | 'bad-argument'
  /** A host task yielded something that is no operation. */
  | 'bad-yield'
  /** A call of a guest's import has to wait and cannot: it is not made by a task, or a host function stands in between. */
  | 'cannot-suspend'
  /** An import is `Suspending`, and the transform was not told so, or the guest imports it twice. */
  | 'not-suspending'
  /** A suspended call of an import needs a placeholder of its result's type. */
  | 'placeholder'
  /** There is no memory for a task's stack. */
  | 'no-memory'
  /** A guest's task has used more of its shadow stack than it has. */
  | 'stack-overflow'
  /** It was asked for something that its state does not allow. */
  | 'state';

/** A misuse of a scheduler, its tasks or its primitives, or a guest that does not fit one. */
export class SchedulerError extends Error {
  readonly kind: SchedulerErrorKind;

  constructor(kind: SchedulerErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SchedulerError';
    this.kind = kind;
  }
}

/** A task that cannot go on, for reports. */
export interface BlockedTask {
  readonly id: number;
  readonly name: string;
  /** What it waits for: `mutex "m" held by task "t"`. */
  readonly blockedOn: string;
  /** As far as it is known, innermost first: the import that a guest waits in, its entry. */
  readonly backtrace: readonly string[];
}

/** Every task that is left waits for another. They stay as they are: they can be cancelled, or woken from outside. */
export class DeadlockError extends SchedulerError {
  readonly tasks: readonly BlockedTask[];

  constructor(tasks: readonly BlockedTask[]) {
    const lines = tasks.map(({ name, blockedOn, backtrace }) =>
      [`  task "${name}" waits: ${blockedOn}`, ...backtrace.map((place) => `      at ${place}`)].join('\n'),
    );
    const hint = 'If the host will wake one of them later, it has to hold() the scheduler until then.';
    super('deadlock', `nothing can run, and ${tasks.length} tasks are left:\n${lines.join('\n')}\n${hint}`);
    this.name = 'DeadlockError';
    this.tasks = tasks;
  }
}

/** @throws SchedulerError `bad-argument` where it is no integer from the lowest to the highest */
export function checkInteger(what: string, value: number, lowest: number, highest = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new SchedulerError('bad-argument', `${what} must be an integer of at least ${lowest}, not ${value}`);
}
