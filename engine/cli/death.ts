import { constants as files, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { SIGKILL, SIGSTOP, type Signo, signalName } from '../signals/index.ts';

/** What this system calls a signal; null: it has none of this name. Real-time signals have no names in Node. */
function hostSignal(signal: Signo): NodeJS.Signals | number | null {
  const name = signalName(signal);
  if (Object.hasOwn(constants.signals, name)) return name as NodeJS.Signals;
  return process.platform === 'linux' ? signal : null;
}

/**
 * Does with a signal what it does by default, whoever listens for it: stops this process until SIGCONT, or ends it. Returns where
 * it did neither, or not any more.
 */
export function suffer(signal: Signo): void {
  const host = hostSignal(signal);
  if (host === null || process.platform === 'win32') return;
  if (typeof host === 'number' || signal === SIGKILL || signal === SIGSTOP) {
    process.kill(process.pid, host);
    return;
  }
  const listeners = process.listeners(host);
  // With the last listener the default action comes back, also in the place of what Node does about it: it ignores SIGPIPE, and
  // SIGUSR1 starts its debugger.
  process.on(host, nothing).removeAllListeners(host);
  process.kill(process.pid, host);
  for (const listener of listeners) process.on(host, listener);
}

const nothing = (): void => {};

/**
 * Ends this process as the signal does, so that its parent sees that it was the signal: wait(2), WIFSIGNALED. A shell ends its
 * loop only then. Where the system does not let it (SIGINT of a container's first process), with the exit status 128 + n.
 */
export function dieOf(signal: Signo): never {
  unblockStreams();
  suffer(signal);
  process.exit(128 + signal);
}

const STREAMS = ['stdin', 'stdout', 'stderr'] as const;

/** False where it is not known. */
function isNonblocking(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & files.O_NONBLOCK) !== 0;
  } catch {
    return false;
  }
}

/** As they were given to this process, before anything was done with them. */
const blocked = STREAMS.map((_, fd) => !isNonblocking(fd));

/** Node has pipes and sockets not block, for whoever shares them too, and puts that right only where it exits by itself. */
function unblockStreams(): void {
  STREAMS.forEach((name, fd) => {
    if (!blocked[fd] || !isNonblocking(fd)) return;
    const { _handle } = process[name] as { _handle?: { setBlocking?(blocks: boolean): void } | null };
    _handle?.setBlocking?.(true);
  });
}
