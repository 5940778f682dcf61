import {
  Channel,
  Mutex,
  RoundRobinPolicy,
  Scheduler,
  type SchedulerOptions,
  sleep,
  TaskGroup,
  type TraceEvent,
  VirtualClock,
} from '../scheduler/index.ts';

/** An entry of a trace, as a viewer reads it. */
export interface Entry {
  readonly ph: string;
  readonly name?: string;
  readonly cat?: string;
  readonly ts?: number;
  readonly pid?: number;
  readonly tid?: number;
  readonly id?: number;
  readonly s?: string;
  readonly bp?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * What is wrong with a trace by the Trace Event Format ("Trace Event Format", Nat Duca and Dean Sinclair: "Event Descriptions",
 * "Duration Events", "Instant Events", "Counter Events", "Flow Events", "Metadata Events").
 */
export function faults(entries: readonly Entry[]): string[] {
  const found: string[] = [];
  const open = new Map<number, string[]>();
  const named = new Set<number>([0]);
  const flows = new Map<number, string>();
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, entry] of entries.entries()) {
    const fault = (what: string): void => void found.push(`${index}: ${what}: ${JSON.stringify(entry)}`);
    const { ph, ts, tid, name } = entry;
    if (!isInteger(entry.pid) || !isInteger(tid)) {
      fault('no process or thread');
      continue;
    }
    if (ph !== 'E' && (typeof name !== 'string' || name === '')) fault('no name');
    if (ph === 'M') {
      if (name === 'thread_name') named.add(tid);
      else if (name !== 'process_name' && name !== 'thread_sort_index') fault('unknown metadata');
      if (name !== 'thread_sort_index' && typeof entry.args?.name !== 'string') fault('metadata without a name');
      if (name === 'thread_sort_index' && !isInteger(entry.args?.sort_index)) fault('no sort index');
      continue;
    }
    if (typeof ts !== 'number' || !(ts >= 0)) fault('no time');
    else if (!(ts > last)) fault('time does not go on');
    else last = ts;
    if (!named.has(tid)) fault('a thread without a name');
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    switch (ph) {
      case 'B':
        stack.push(name ?? '');
        if (stack.length > 1) fault('a task that does two things');
        break;
      case 'E':
        if (stack.pop() === undefined) fault('an end without a beginning');
        break;
      case 'i':
        if (!['g', 'p', 't'].includes(entry.s ?? '')) fault('an instant without a scope');
        break;
      case 'C':
        if (Object.values(entry.args ?? {}).length === 0) fault('a counter without a value');
        if (!Object.values(entry.args ?? {}).every(isInteger)) fault('a counter that is no number');
        break;
      case 's':
      case 'f':
        if (!isInteger(entry.id)) fault('a flow without a number');
        else if (ph === 's') flows.set(entry.id, name ?? '');
        else if (flows.get(entry.id) !== name || !flows.delete(entry.id)) fault('a flow from nowhere');
        if (stack.length === 0) fault('a flow in no slice');
        if (ph === 'f' && entry.bp !== 'e') fault('a flow to the next slice');
        break;
      default:
        fault('unknown phase');
    }
  }
  for (const [tid, stack] of open) if (stack.length > 0) found.push(`${tid} has not ended: ${stack.join()}`);
  return found;
}

/** A program with everything in it that is traced: tasks that fail, are cancelled, have groups, wait, give way and are preempted. */
export function program(options: Partial<SchedulerOptions>, run?: (scheduler: Scheduler) => void): Scheduler {
  const scheduler = new Scheduler({
    clock: new VirtualClock(),
    policy: new RoundRobinPolicy({ slice: 3 }),
    ...options,
  });
  const jobs = new Channel<number>(5, 'jobs');
  const mutex = new Mutex('ledger');
  scheduler.spawn(function* parent() {
    const group = new TaskGroup('workers');
    for (let worker = 0; worker < 3; worker++) {
      scheduler.spawn(
        function* () {
          for (;;) {
            const { done } = yield* jobs.receive();
            if (done) return;
            yield* mutex.lock();
            yield* sleep(1.5);
            mutex.unlock();
            yield;
          }
        },
        [],
        { group, name: `worker ${worker}` },
      );
    }
    for (let job = 0; job < 20; job++) yield* jobs.send(job);
    jobs.close();
  });
  const never = scheduler.spawn(
    function* () {
      yield* sleep(1e9);
    },
    [],
    { name: 'sleeper' },
  );
  scheduler.spawn(() => {
    throw new Error('no');
  });
  scheduler.spawn(
    function* () {
      yield* sleep(7);
      never.cancel();
      const late = scheduler.spawn(() => 1);
      late.cancel();
    },
    [],
    { name: 'canceller' },
  );
  if (run === undefined) scheduler.run();
  else run(scheduler);
  return scheduler;
}

/** The events of that program. */
export function programEvents(): TraceEvent[] {
  const events: TraceEvent[] = [];
  program({ onTrace: (event) => events.push(event) });
  return events;
}
