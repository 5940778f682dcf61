import type { Process } from '../../engine/process/index.ts';
import { signo } from '../../engine/signals/index.ts';
import type { Running } from './world.test-data.ts';

/** Polls of a slice after the last interruption. A deep guest has its frames saved before the host's stack is full. */
const REST = 1000;
/** Slices between turns of the event loop, for guests that have set a timer. */
const SLICES_PER_TURN = 500;

export interface Interruptions {
  /** Whose handler is to run. */
  readonly signal: number;
  readonly times: number;
  /** What the guest reads, a piece for each time that it waits; then comes the end. */
  readonly input?: readonly string[];
  /** Is called instead of sending the signal; returns what is to be called once its handler has begun. */
  readonly interrupt?: (process: Process) => () => void;
  /** Ends a guest that does not end by itself, after the last interruption. */
  readonly last?: number;
}

export interface Interrupted {
  /** How often the signal was sent: each time its handler was not running and the guest was at a poll, or waited. */
  readonly sent: number;
  /** Those of them at which the guest waited in a call. */
  readonly waiting: number;
}

/** Runs a guest to its end, in slices of one poll, with a signal before each of them until there were enough. */
export async function interrupt(running: Running, options: Interruptions): Promise<Interrupted> {
  const { process, world } = running;
  const signal = signo(options.signal);
  const input = [...(options.input ?? [])];
  let sent = 0;
  let waiting = 0;
  let answer = false;
  for (let slices = 1; ; slices++) {
    const { stack } = process.runner;
    const isHandled = stack.some(({ handler }) => handler?.signal === signal);
    const isCaught = options.interrupt !== undefined || process.signals.action(signal).disposition.kind === 'handler';
    let begun = (): void => {};
    if (!isHandled && isCaught && sent < options.times) {
      if (options.interrupt !== undefined) begun = options.interrupt(process);
      else process.kill(signal);
      sent++;
      if (process.state === 'blocked') waiting++;
    } else if (!isHandled && sent === options.times && options.last !== undefined) process.kill(options.last);
    const { finished, pause } = process.run({ fuel: sent < options.times || isHandled ? 1 : fuelAtTheEnd(options) });
    begun();
    if (finished) return { sent, waiting };
    if (pause === 'blocked') {
      // Interrupted first, answered then.
      if (answer) {
        const text = input.shift();
        if (text === undefined) world.input.close();
        else world.input.give(text);
      }
      answer = !answer;
    }
    if (slices % SLICES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

const fuelAtTheEnd = ({ last }: Interruptions): number => (last === undefined ? REST : 1);
