import type { Signo } from '../signals/index.ts';

/** How a process ended. */
export type ExitStatus =
  /** Its entry returned (status 0, and what it returned) or it called for its end. */
  | { readonly kind: 'exited'; readonly status: number; readonly results: readonly unknown[] }
  | { readonly kind: 'signaled'; readonly signal: Signo }
  /** A trap, or an exception nobody caught. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** What a shell says of an ended process: its status, 128 + n after signal n, 134 (as after SIGABRT) after a failure. */
export function statusCode(status: ExitStatus): number {
  switch (status.kind) {
    case 'exited':
      return status.status & 0xff;
    case 'signaled':
      return 128 + status.signal;
    case 'failed':
      return 134;
    default:
      return status satisfies never;
  }
}
