import { constants } from 'node:os';
import { turn } from '../process/event-loop.ts';
import type { Process } from '../process/index.ts';
import { SIGINT, SignalError, type Signo, signo } from '../signals/index.ts';
import { suffer } from './death.ts';

/**
 * What stays with the host: signals that cannot be caught; SIGTTIN and SIGTTOU, which the terminal repeats until they stop this
 * process; those that say that this process itself, not its guest, is broken; the profiler's; and those that Node ignores.
 */
const KEPT: ReadonlySet<string> = new Set([
  'SIGKILL',
  'SIGSTOP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGILL',
  'SIGTRAP',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGSYS',
  'SIGPROF',
  'SIGPIPE',
  'SIGXFSZ',
]);

/** How long after a SIGINT that found no answer another one ends the guest, in milliseconds. */
const IMPATIENCE = 1000;
/** What follows sooner is the same one: the guest may not have run since. */
const SAME = 50;

/** The signals that reach the guest: one number may have several names. */
export function forwardedSignals(): NodeJS.Signals[] {
  const names = new Map<number, NodeJS.Signals>();
  for (const [name, number] of Object.entries(constants.signals)) {
    if (!KEPT.has(name) && !names.has(number) && isKnown(name)) names.set(number, name as NodeJS.Signals);
  }
  return [...names.values()];
}

function isKnown(name: string): boolean {
  try {
    signo(name);
    return true;
  } catch (error) {
    if (error instanceof SignalError) return false;
    throw error;
  }
}

/** Whether the guest handles a signal that it may be sent, in a thread that does not block it. */
export function expectsSignal({ signals }: Process): boolean {
  return forwardedSignals().some((name) => {
    const signal = signo(name);
    return signals.action(signal).disposition.kind === 'handler' && signals.recipient(signal) !== null;
  });
}

/**
 * Sends the guest what this process is sent. Where a SIGINT still waits for the guest (it is blocked, or its handler does not
 * return) and another comes within a second, `abandon` is called in its place. SIG_IGN is an answer.
 *
 * @returns what leaves signals to this process again
 */
export function forwardSignals(guest: Process, abandon: () => void): () => void {
  let lastInterrupt = Number.NEGATIVE_INFINITY;
  const interrupt = (): void => {
    const now = performance.now();
    const elapsed = now - lastInterrupt;
    const isUnanswered = guest.signals.pending.has(SIGINT);
    if (isUnanswered && elapsed < SAME) return;
    lastInterrupt = now;
    if (isUnanswered && elapsed < IMPATIENCE) abandon();
    else guest.kill(SIGINT);
  };
  const listeners = forwardedSignals().map((name) => {
    const listener = name === 'SIGINT' ? interrupt : () => void guest.kill(name);
    process.on(name, listener);
    return { name, listener };
  });
  return () => {
    for (const { name, listener } of listeners) process.off(name, listener);
  };
}

/** How many turns of the event loop it takes at most until a signal that this process has got is heard of. */
const TURNS = 2;

/**
 * Stops this process as the guest has been stopped, so that the shell that runs it has its job stopped.
 *
 * @param goOn called once it goes on without having got SIGCONT: a process that no shell looks after is not stopped by a terminal
 */
export async function stopHost(signal: Signo, goOn: () => void): Promise<void> {
  suffer(signal);
  for (let turns = 0; turns < TURNS; turns++) await turn();
  goOn();
}
