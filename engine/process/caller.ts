import { signalName } from '../signals/index.ts';
import { ProcessError } from './errors.ts';
import { type ExitStatus, statusCode } from './exit-status.ts';

/** Who waits for what a computation returns; without one its process ends with it. Is told once. */
export interface Caller {
  returned(results: readonly unknown[]): void;
  /** A trap or an exception has come out of it. */
  threw(error: unknown): void;
  /** It was dropped, or its process has ended. */
  gone(status: ExitStatus | null): void;
}

/** A caller that settles a promise: with what a call of the export returns to JavaScript (JavaScript API, "call an Exported Function"). */
export function promisedTo(name: string, resolve: (value: unknown) => void, reject: (reason: unknown) => void): Caller {
  return {
    returned: (results) => resolve(results.length < 2 ? results[0] : results),
    threw: reject,
    gone(status) {
      if (status === null) reject(new ProcessError('dropped', `the call of "${name}" was dropped`));
      else reject(new ProcessError('ended', `the process ${told(status)} in a call of "${name}"`, { cause: status }));
    },
  };
}

function told(status: ExitStatus): string {
  switch (status.kind) {
    case 'exited':
      return `has exited with status ${status.status}`;
    case 'signaled':
      return `was ended by ${signalName(status.signal)}`;
    case 'timed-out':
      return `has reached its limit of ${status.limit} time`;
    case 'failed':
      return `has failed (status ${statusCode(status)})`;
    default:
      return status satisfies never;
  }
}
