import { setTimeout as later } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { RemoteProcess } from '../../../engine/index.ts';
import type { Ended, Ending, EndlessWay, Job, Said } from './job.ts';
import type { ProgramModule } from './program.ts';

/** What became of a program and one of the things that were to end it. */
export type Outcome =
  /** `after`: milliseconds since it had begun, or for `kill` since the signal was sent; `killed`: it was. */
  | { readonly kind: 'ended'; readonly after: number; readonly how: Ended; readonly killed: boolean }
  /** It goes on and on. */
  | { readonly kind: 'running' }
  /** Its thread has ended, or says nothing. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string };

export interface Trial {
  readonly modules: readonly ProgramModule[];
  /** The process has threads. */
  readonly threads: boolean;
  readonly way: EndlessWay;
  readonly endings: readonly Ending[];
  /** The limit of its time, in milliseconds. */
  readonly limit: number;
  /** How long it runs before it is killed. */
  readonly killAfter: number;
}

/** How long a program may go on when it was to end, before it is given up: milliseconds. */
export const PATIENCE = 2500;
/** Binaryen's modules take seconds to be made when there is much else to do. */
const COMPILE_PATIENCE = 60_000;

type Heard = Said | { readonly kind: 'lost'; readonly reason: string } | { readonly kind: 'silent' };

/** A worker that runs one program after the other; where one does not end it is another worker afterwards. */
export class Lane {
  #worker: Worker | null = null;
  readonly #heard: Said[] = [];
  #lost: string | null = null;
  #wake: () => void = () => {};

  /** What each ending has done, in their order. */
  async run(trial: Trial): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    while (outcomes.length < trial.endings.length) {
      const rest = { ...trial, endings: trial.endings.slice(outcomes.length) };
      const some = await this.#some(rest);
      outcomes.push(...some);
    }
    return outcomes;
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  /** Up to the first ending after which the worker is of no use. */
  async #some({ modules, threads, way, endings, limit, killAfter }: Trial): Promise<Outcome[]> {
    const worker = this.#start();
    const remotes = endings.map((kind) => (kind === 'kill' ? new RemoteProcess() : null));
    const job: Job = {
      modules,
      threads,
      way,
      endings: endings.map((kind, at) => ({ kind, control: remotes[at]?.control ?? null })),
      limit,
    };
    const ports = remotes.flatMap((remote) => (remote === null ? [] : [remote.control.port]));
    worker.postMessage(job, ports as never);
    const outcomes: Outcome[] = [];
    for (const [at, remote] of remotes.entries()) {
      const begins = await this.#next(COMPILE_PATIENCE);
      if (begins.kind === 'refused' || begins.kind === 'broken') return endings.map(() => begins);
      if (begins.kind !== 'begins' || begins.at !== at) return [...outcomes, await this.#giveUp(begins)];
      const outcome = remote === null ? await this.#limited(limit) : await this.#killed(remote, killAfter);
      outcomes.push(outcome);
      if (outcome.kind !== 'ended') return outcomes;
    }
    const done = await this.#next(COMPILE_PATIENCE);
    if (done.kind !== 'done') await this.#giveUp(done);
    return outcomes;
  }

  async #limited(limit: number): Promise<Outcome> {
    const heard = await this.#next(limit + PATIENCE);
    if (heard.kind !== 'ended') return this.#giveUp(heard);
    return { kind: 'ended', after: heard.after, how: heard.how, killed: false };
  }

  async #killed(remote: RemoteProcess, after: number): Promise<Outcome> {
    const ended = remote.wait();
    await within(after, ended);
    const killed = remote.kill('SIGKILL');
    const begun = performance.now();
    await within(PATIENCE, ended);
    const time = performance.now() - begun;
    if (remote.status === null) return this.#giveUp({ kind: 'silent' });
    const heard = await this.#next(PATIENCE);
    if (heard.kind !== 'ended') return this.#giveUp(heard);
    return { kind: 'ended', after: time, how: heard.how, killed };
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('endless.worker.ts', import.meta.url));
    this.#worker = worker;
    this.#heard.length = 0;
    this.#lost = null;
    const lost = (reason: string): void => {
      if (this.#worker !== worker) return;
      this.#lost ??= reason;
      this.#wake();
    };
    worker.on('message', (said: Said) => {
      if (this.#worker !== worker) return;
      this.#heard.push(said);
      this.#wake();
    });
    worker.on('error', (error) => lost(String(error)));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    return worker;
  }

  async #next(patience: number): Promise<Heard> {
    const end = performance.now() + patience;
    for (;;) {
      const said = this.#heard.shift();
      if (said !== undefined) return said;
      if (this.#lost !== null) return { kind: 'lost', reason: this.#lost };
      const left = end - performance.now();
      if (left <= 0) return { kind: 'silent' };
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(left, woken);
    }
  }

  /** The worker is of no use any more. */
  async #giveUp(heard: Heard): Promise<Outcome> {
    await this.close();
    switch (heard.kind) {
      case 'silent':
        return { kind: 'running' };
      case 'lost':
        return heard;
      default:
        return { kind: 'lost', reason: `the worker said ${heard.kind} out of turn` };
    }
  }
}

/** Waits so many milliseconds, or for something if that comes first. */
async function within(time: number, what: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([what, later(time, undefined, { signal: waiting.signal }).catch(() => {})]);
  waiting.abort();
}
