import { ProcessError } from './errors.ts';
import { DISPATCHER, type Guest } from './guest.ts';
import { SIGNAL_MODULE, suspendingImports } from './imports.ts';

/**
 * Whether a guest has what a process needs of it.
 *
 * @param entries the exports that are to be run
 * @throws ProcessError where it has no such export, or lacks what its imports from `bobbin:signal` need
 */
export function checkGuest(guest: Guest, entries: readonly string[]): void {
  for (const name of entries) {
    if (!guest.has(name)) throw new ProcessError('no-entry', `the guest exports no function "${name}"`);
  }
  const signals = [...guest.imports].filter((name) => name.startsWith(`${SIGNAL_MODULE}.`));
  if (signals.length > 0 && guest.memory === null) {
    throw new ProcessError('no-memory', `the guest imports from "${SIGNAL_MODULE}" and exports no memory "memory"`);
  }
  if (signals.includes(`${SIGNAL_MODULE}.sigaction`) && !guest.has(DISPATCHER)) {
    throw new ProcessError('no-dispatcher', `the guest imports sigaction and exports no function "${DISPATCHER}"`);
  }
  for (const name of signals) {
    if (suspendingImports.includes(name) && !guest.suspends(name)) {
      throw new ProcessError(
        'not-suspending',
        `${name} has to be imported once, and named to the transform as suspending`,
      );
    }
  }
}

/**
 * Whether other threads of the host can set the word that its polls look at.
 *
 * @throws ProcessError `not-shared` where it has one, and they cannot
 */
export function requireSharedWord({ epoch }: Guest): void {
  if (epoch === null || epoch.buffer !== null) return;
  throw new ProcessError('not-shared', "other threads cannot set the word of the guest's polls: it lies in a global");
}

/** @throws ProcessError `no-fuel` where its polls count none */
export function requireFuel({ epoch }: Guest): void {
  if (epoch === null) return;
  throw new ProcessError('no-fuel', 'the guest has epoch polls, which cannot be counted: transform it with fuel polls');
}
