import type { Outcome, StopReason, TraceEvent } from '../scheduler/index.ts';
import { type Row, Rows } from './rows.ts';

/** What one task has done; times in milliseconds of the scheduler's clock. */
export interface TaskStats {
  readonly task: number;
  readonly name: string;
  /** How often it began to run, and how many units of fuel (`polls`) and how long it took in all. */
  readonly runs: number;
  readonly polls: number;
  readonly running: number;
  /** How long it waited for its turn. */
  readonly ready: number;
}

/** One run of one task. */
export interface Slice {
  readonly task: number;
  readonly name: string;
  readonly amount: number;
}

/** What a scheduler has done; times in milliseconds of its clock. */
export interface StatsSummary {
  /** From the first event to the last. */
  readonly elapsed: number;
  readonly spawned: number;
  readonly ended: Readonly<Record<Outcome<unknown>['kind'], number>>;
  readonly live: number;
  readonly liveMax: number;
  /** How often a task began to run, and how often it was another one than before. */
  readonly runs: number;
  readonly switches: number;
  /** How often runs ended for what reason. */
  readonly stops: Readonly<Record<StopReason, number>>;
  /** How many tasks could run beside the one that was chosen: at each switch, on average and at most. */
  readonly queueMean: number;
  readonly queueMax: number;
  /** How long tasks waited for their turn. */
  readonly latencyMean: number;
  readonly latencyMax: number;
  /** How long some task was running. */
  readonly busy: number;
  /** The run that took longest, and the one of the most fuel; null: there was none. */
  readonly longest: Slice | null;
  readonly mostPolls: Slice | null;
  /** Those that ran longest, longest first. */
  readonly top: readonly TaskStats[];
  /** Bytes of shadow stacks: of all tasks when they were most, and for each task that has one, on average over all of them. */
  readonly stackMax: number;
  readonly stackPerTask: number;
  /**
   * How many bytes the heap had grown by, for each task that had begun, when these were most; null: not known, as it was not
   * measured, or has shrunk. Saved frames are objects of the engine's heap, whose size no interface tells; this counts them, and
   * everything else that was allocated since the first task, garbage that was not collected yet too. So it is an upper bound.
   */
  readonly heapPerTask: number | null;
}

export interface StatsOptions {
  /** How many tasks `top` lists. Default 10. */
  readonly top?: number;
  /** The bytes of the heap in use, for `heapPerTask`: `() => process.memoryUsage().heapUsed` in Node. */
  readonly heap?: () => number;
}

interface Account {
  readonly task: number;
  name: string;
  runs: number;
  polls: number;
  running: number;
  ready: number;
}

/** The heap is looked at when so many more tasks are suspended than when it was looked at last. */
const GROWTH = 1.1;

/** Adds up what a scheduler does, in a few words for each task that has not ended. */
export class Stats {
  readonly #top: number;
  readonly #heap: (() => number) | null;
  readonly #rows = new Rows();
  readonly #accounts = new Map<number, Account>();
  readonly #ended = { done: 0, failed: 0, cancelled: 0 };
  readonly #stops = { yielded: 0, preempted: 0, blocked: 0, interrupted: 0, ended: 0 };
  /** Of those that have ended. */
  #longestTasks: Account[] = [];
  #first: number | null = null;
  #last = 0;
  #spawned = 0;
  #liveMax = 0;
  /** How many of the live ones have run. */
  #begun = 0;
  #runs = 0;
  #switches = 0;
  #previous = 0;
  #queueSum = 0;
  #queueMax = 0;
  #waits = 0;
  #waitSum = 0;
  #waitMax = 0;
  #busy = 0;
  #longest: Slice | null = null;
  #mostPolls: Slice | null = null;
  #stackNow = 0;
  #stackMax = 0;
  #stackSum = 0;
  #stacks = 0;
  #heapFirst = 0;
  #heapThen = 0;
  #heapTasks = 0;

  constructor(options: StatsOptions = {}) {
    this.#top = options.top ?? 10;
    this.#heap = options.heap ?? null;
  }

  /** For the option `onTrace` of Scheduler. */
  readonly onTrace = (event: TraceEvent): void => {
    this.#first ??= event.time;
    this.#last = event.time;
    const before = this.#rows.of(event);
    switch (event.kind) {
      case 'ready':
        if (event.reason === 'spawned') this.#spawn(event.task, event.name, event.stack);
        break;
      case 'run':
        if (before !== undefined) this.#run(before, event);
        break;
      case 'stop':
        this.#stops[event.reason]++;
        if (before !== undefined) this.#stop(before, event, event.polls);
        if (event.reason !== 'ended') this.#measure();
        break;
      case 'end':
        this.#ended[event.outcome]++;
        if (before !== undefined) this.#end(before);
        break;
      case 'block':
      case 'cancel':
      case 'signal':
        break;
    }
    this.#rows.apply(event);
    this.#liveMax = Math.max(this.#liveMax, this.#rows.live.size);
  };

  #spawn(task: number, name: string, stack: number): void {
    this.#spawned++;
    this.#accounts.set(task, { task, name, runs: 0, polls: 0, running: 0, ready: 0 });
    this.#stackNow += stack;
    this.#stackMax = Math.max(this.#stackMax, this.#stackNow);
    this.#stackSum += stack;
    if (stack > 0) this.#stacks++;
    if (this.#heap !== null && this.#spawned === 1) this.#heapFirst = this.#heap();
  }

  #measure(): void {
    if (this.#heap === null || this.#begun <= this.#heapTasks * GROWTH) return;
    this.#heapTasks = this.#begun;
    this.#heapThen = this.#heap();
  }

  #run(row: Row, { time, name }: TraceEvent): void {
    this.#runs++;
    if (row.task !== this.#previous) this.#switches++;
    this.#previous = row.task;
    const queue = this.#rows.queued - (row.activity === 'ready' ? 1 : 0);
    this.#queueSum += queue;
    this.#queueMax = Math.max(this.#queueMax, queue);
    const account = this.#accounts.get(row.task);
    if (account === undefined) return;
    if (account.runs++ === 0) this.#begun++;
    account.name = name;
    if (row.activity !== 'ready') return;
    const waited = time - row.since;
    account.ready += waited;
    this.#waits++;
    this.#waitSum += waited;
    this.#waitMax = Math.max(this.#waitMax, waited);
  }

  #stop(row: Row, { task, time, name }: TraceEvent, polls: number): void {
    const took = time - row.since;
    this.#busy += took;
    if (this.#longest === null || took > this.#longest.amount) this.#longest = { task, name, amount: took };
    if (this.#mostPolls === null || polls > this.#mostPolls.amount) this.#mostPolls = { task, name, amount: polls };
    const account = this.#accounts.get(task);
    if (account === undefined) return;
    account.running += took;
    account.polls += polls;
  }

  #end(row: Row): void {
    this.#stackNow -= row.stack;
    const account = this.#accounts.get(row.task);
    if (account === undefined) return;
    this.#accounts.delete(row.task);
    if (account.runs > 0) this.#begun--;
    const shortest = this.#longestTasks.at(-1);
    if (this.#longestTasks.length >= this.#top && shortest !== undefined && byTime(account, shortest) >= 0) return;
    this.#longestTasks.push(account);
    this.#longestTasks = this.#longestTasks.sort(byTime).slice(0, this.#top);
  }

  /** Up to the last event. */
  summary(): StatsSummary {
    const grown = this.#heapTasks === 0 ? 0 : this.#heapThen - this.#heapFirst;
    const top = [...this.#longestTasks, ...this.#accounts.values()].sort(byTime).slice(0, this.#top);
    return {
      elapsed: this.#last - (this.#first ?? this.#last),
      spawned: this.#spawned,
      ended: { ...this.#ended },
      live: this.#rows.live.size,
      liveMax: this.#liveMax,
      runs: this.#runs,
      switches: this.#switches,
      stops: { ...this.#stops },
      queueMean: ratio(this.#queueSum, this.#runs),
      queueMax: this.#queueMax,
      latencyMean: ratio(this.#waitSum, this.#waits),
      latencyMax: this.#waitMax,
      busy: this.#busy,
      longest: this.#longest,
      mostPolls: this.#mostPolls,
      top: top.map((account) => ({ ...account })),
      stackMax: this.#stackMax,
      stackPerTask: ratio(this.#stackSum, this.#stacks),
      heapPerTask: grown <= 0 ? null : grown / this.#heapTasks,
    };
  }
}

const ratio = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);

/** Where time stands still, polls say who has done the most. */
const byTime = (a: Account, b: Account): number => b.running - a.running || b.polls - a.polls || a.task - b.task;
