import { importsOf } from '../../asyncify/binary/module.ts';
import { encode } from '../../asyncify/index.ts';
import type { Poll } from '../../asyncify/instrument/polls.ts';
import { HOST_EXPORTS, OUTCOME } from '../../asyncify/lower/interface.ts';
import { Store } from '../../continuations/index.ts';
import type { Program } from './generate.ts';
import { withPolls } from './polls.ts';
import { Rng } from './rng.ts';
import { HANDLER, observe, SUSPENDING, type Trace, WAIT } from './trace.ts';

type Callable = (...args: unknown[]) => unknown;

/** How the host interrupts a program. */
export interface Interruptions {
  readonly poll: Poll;
  /** Yield points at every construct, or where guests have them. */
  readonly everywhere: boolean;
  /** How many polls go by between two interruptions, at random up to here; with epochs how seldom the word is set. */
  readonly upTo: number;
  readonly transform: (bytes: Uint8Array, poll: Poll) => Uint8Array<ArrayBuffer>;
}

/** What a program did, and how often it was resumed. */
export interface Ran extends Trace {
  readonly rewinds: number;
}

/** Imports whose calls the host suspends. */
export const SUSPENDED = [`host.${SUSPENDING}`];

/** Runs each call of a program in a continuation, which it interrupts and resumes; in between runs a handler, if there is one. */
export function runInterrupted({ module, calls }: Pick<Program, 'module' | 'calls'>, how: Interruptions): Ran {
  const polled = how.everywhere ? withPolls(module) : module;
  const compiled = new WebAssembly.Module(how.transform(encode(polled), how.poll));
  let guest: Guest | null = null;
  const trace = observe(calls, (imports) => {
    const suspending = importsOf(module, 'func').findIndex(({ name }) => name === SUSPENDING);
    const made = new Guest(how, suspending);
    guest = made;
    const linked = new Store().instantiate(compiled, { ...imports, host: made.imports(imports.host ?? {}) } as never);
    made.hidden = linked.instance.exports;
    return made.exports(linked.exports);
  });
  return { ...trace, rewinds: (guest as Guest | null)?.rewinds ?? 0 };
}

class Guest {
  hidden: WebAssembly.Exports = {};
  rewinds = 0;
  readonly #how: Interruptions;
  readonly #suspending: number;
  readonly #rng = new Rng(1);
  #answer: number | null = null;
  #handlers = 0;

  constructor(how: Interruptions, suspending: number) {
    this.#how = how;
    this.#suspending = suspending;
  }

  imports(host: Record<string, unknown>): Record<string, unknown> {
    const interrupting = (name: 'log' | 'log64') => (value: unknown) => {
      (host[name] as Callable)(value);
      if (this.#how.poll === 'epoch' && this.#rng.chance(0.3)) this.#setEpoch(1);
    };
    return {
      ...host,
      log: interrupting('log'),
      log64: interrupting('log64'),
      [SUSPENDING]: (value: number) => {
        const result = WAIT(value);
        // Behind another call of the host's it cannot be suspended.
        if ((this.hidden[HOST_EXPORTS.canSuspend] as Callable)() === 0) return result;
        this.#answer = result;
        (this.hidden[HOST_EXPORTS.pending] as WebAssembly.Global).value = 1;
        return -1;
      },
    };
  }

  exports(all: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(all)) {
      const hosted = typeof value === 'function' && name.startsWith('run');
      result[name] = hosted ? (...args: unknown[]) => this.#run(name, args) : value;
    }
    return result;
  }

  #setEpoch(value: number): void {
    const memory = this.hidden[HOST_EXPORTS.epochMemory];
    if (memory instanceof WebAssembly.Memory) new Int32Array(memory.buffer)[0] = value;
    else (this.hidden[HOST_EXPORTS.epoch] as WebAssembly.Global).value = value;
  }

  #arm(): void {
    const { poll, upTo } = this.#how;
    const polls = this.#rng.int(upTo);
    if (poll === 'epoch') this.#setEpoch(polls === 0 ? 1 : 0);
    else (this.hidden[HOST_EXPORTS.fuel] as WebAssembly.Global).value = polls;
  }

  #run(name: string, args: readonly unknown[]): unknown {
    const resume = this.hidden[HOST_EXPORTS.resume] as (continuation: unknown) => number;
    const continuation = (this.hidden[HOST_EXPORTS.new(name)] as Callable)(...args);
    for (;;) {
      this.#arm();
      const outcome = resume(continuation);
      if (outcome === OUTCOME.returned) return (this.hidden[HOST_EXPORTS.results(name)] as Callable)();
      this.rewinds++;
      const answer = this.#answer;
      this.#answer = null;
      if (name !== HANDLER) this.#handle();
      if (outcome === OUTCOME.blocked) (this.hidden[HOST_EXPORTS.answer(this.#suspending)] as Callable)(answer);
    }
  }

  /** Now and then, while the program is suspended: the handler in a continuation of its own, which is interrupted as well. */
  #handle(): void {
    if (!(HOST_EXPORTS.new(HANDLER) in this.hidden) || this.#handlers >= 40 || !this.#rng.chance(0.3)) return;
    const count = ++this.#handlers;
    const result = this.#run(HANDLER, [count]);
    const expected = handled(count);
    if (result !== expected) throw new RangeError(`handler ${count} returned ${result} instead of ${expected}`);
  }
}

/** What the handler of generated programs returns: a sum of the squares of the numbers up to its argument, each counting for more. */
export function handled(count: number): number {
  let sum = 0;
  for (let at = 1; at <= count; at++) sum = (Math.imul(sum, 31) + at * at) | 0;
  return sum;
}
