import type { SigSet } from '../signals/index.ts';
import type { Activation } from './activation.ts';
import type { Caller } from './caller.ts';
import type { Conductor } from './conductor.ts';
import { ProcessError } from './errors.ts';
import { type Home, Interrupted } from './interrupted.ts';
import type { Runner } from './runner.ts';

/** What a process runs of its own. */
export interface Program {
  /** The export; null: none. */
  readonly entry: string | null;
  readonly args: readonly unknown[];
  /** Exports that are called before it, in order. */
  readonly before: readonly string[];
}

/** The process whose computations they are. */
export interface Computing {
  /** Who runs its threads: what those do cannot be taken away. Null: it runs by itself. */
  conductor(): Conductor | null;
  /** It begins to run: its time counts from now on. */
  begun(): void;
  /** It may go on. */
  notify(): void;
  /** What it does has changed. */
  publish(): void;
}

/** What a process without threads computes: its program, and what takes the place of that. One at a time. */
export class Computations implements Home {
  readonly #runner: Runner;
  readonly #program: Program;
  readonly #process: Computing;
  #begun = false;

  constructor(runner: Runner, program: Program, process: Computing) {
    this.#runner = runner;
    this.#program = program;
    this.#process = process;
  }

  get hasBegun(): boolean {
    return this.#begun;
  }

  /** Begins with the program, the first time. */
  begin(): void {
    const runner = this.#runner;
    if (this.#begun || runner.ended !== null) return;
    const { entry, args, before } = this.#program;
    const last = entry === null ? [] : [runner.fresh(entry, args)];
    const first = before.reduceRight((then, name) => [runner.fresh(name, [], then)], last);
    this.#begun = true;
    runner.put(first);
    this.#process.begun();
  }

  /** Takes away what it computes. @throws ProcessError while the guest is running, and where there is nothing to take */
  suspend(): Interrupted {
    const runner = this.#runner;
    if (this.#process.conductor() !== null)
      throw new ProcessError('state', 'the process has threads, which cannot be taken away');
    if (runner.isRunning) throw new ProcessError('state', 'the process is running');
    this.begin();
    if (runner.stack.length === 0) throw new ProcessError('state', 'the process is computing nothing');
    const mask = runner.signals.blocked;
    const taken = runner.take();
    this.#process.publish();
    return new Interrupted(this, taken, mask);
  }

  /** Forgets what it computes, also while that runs. @throws ProcessError for a process with threads */
  drop(): void {
    if (this.#process.conductor() !== null)
      throw new ProcessError('state', 'the process has threads: what they do cannot be dropped');
    this.begin();
    this.#runner.drop();
    this.#process.publish();
  }

  /** A call of an export that has not begun. @throws ProcessError where there is no such export */
  fresh(entry: string, args: readonly unknown[]): Interrupted {
    return new Interrupted(this, [this.#runner.fresh(entry, args)], this.#runner.signals.blocked);
  }

  /**
   * Begins with a call of an export, where the shadow stack is now.
   *
   * @throws ProcessError where there is no such export, or another computation
   */
  call(name: string, args: readonly unknown[], caller: Caller): void {
    const runner = this.#runner;
    const calledAt = runner.guest.stackPointer;
    const activation = { ...runner.fresh(name, args), stackPointer: calledAt, calledAt, caller };
    this.restore([activation], runner.signals.blocked);
  }

  restore(stack: Activation[], mask: SigSet): void {
    const runner = this.#runner;
    if (runner.ended !== null) throw new ProcessError('state', 'the process has ended');
    if (this.#process.conductor() !== null) throw new ProcessError('state', 'the process has threads: others run them');
    if (runner.isRunning || runner.stack.length > 0) {
      throw new ProcessError('state', 'the process has another computation: suspend that first');
    }
    this.#begun = true;
    this.#process.begun();
    runner.signals.blocked = mask;
    runner.put(stack);
    this.#process.notify();
  }

  dropped(stack: readonly Activation[]): void {
    this.#runner.leftBehind(stack);
  }
}
