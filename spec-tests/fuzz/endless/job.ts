import type { Linking } from '../../../asyncify/index.ts';
import type { Poll } from '../../../asyncify/instrument/polls.ts';
import type { ExitStatus, ProcessControl } from '../../../engine/index.ts';
import type { ProgramModule } from './program.ts';

/** How a program is made fit to be ended. */
export interface EndlessWay {
  readonly yields: Poll;
  readonly linking: Linking;
  /** What it refuses is instrumented by frames. */
  readonly instrumenter: 'frames' | 'binaryen';
  readonly epochWord: 'shared' | 'global';
}

/** What ends a program: a limit of its own, of the one or the other kind, or SIGKILL from another thread. */
export const ENDINGS = ['wall', 'cpu', 'kill'] as const;
export type Ending = (typeof ENDINGS)[number];

/** What the worker is to do: make a program, and run it once for each ending. */
export interface Job {
  readonly modules: readonly ProgramModule[];
  /** The process has threads. */
  readonly threads: boolean;
  readonly way: EndlessWay;
  readonly endings: readonly { readonly kind: Ending; readonly control: ProcessControl | null }[];
  /** Milliseconds. */
  readonly limit: number;
}

/** How a process has ended, as it can be sent. */
export interface Ended {
  readonly kind: ExitStatus['kind'];
  /** The signal, the limit, or what is known of the error. */
  readonly detail: string;
  /** What host functions caught, or let through, that the guest has thrown: classes and kinds of errors. */
  readonly seen: readonly string[];
}

/** What the worker says. */
export type Said =
  /** The engine does not take it, or it was refused: there is nothing to run. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The program is no good. */
  | { readonly kind: 'broken'; readonly reason: string }
  /** It is about to run. */
  | { readonly kind: 'begins'; readonly at: number }
  /** It has ended, so many milliseconds after it had begun. */
  | { readonly kind: 'ended'; readonly at: number; readonly after: number; readonly how: Ended }
  /** The job is done. */
  | { readonly kind: 'done' };
