import type { Signo } from '../signals/index.ts';
import type { TimeLimit } from './time-limits.ts';

/** How a process ended. */
export type ExitStatus =
  /** Its entry returned (status 0, and what it returned) or it called for its end. */
  | { readonly kind: 'exited'; readonly status: number; readonly results: readonly unknown[] }
  | { readonly kind: 'signaled'; readonly signal: Signo }
  /** A trap, or an exception nobody caught. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** It has reached a limit of its own. */
  | { readonly kind: 'timed-out'; readonly limit: TimeLimit };

/**
 * What a shell says of an ended process: its status, 128 + n after signal n, 134 (as after SIGABRT) after a failure, 124 (as
 * timeout(1)) where its time was up.
 */
export function statusCode(status: ExitStatus): number {
  switch (status.kind) {
    case 'exited':
      return status.status & 0xff;
    case 'signaled':
      return 128 + status.signal;
    case 'failed':
      return 134;
    case 'timed-out':
      return 124;
    default:
      return status satisfies never;
  }
}
