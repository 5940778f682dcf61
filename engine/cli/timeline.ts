import { closeSync, openSync, writeSync } from 'node:fs';
import type { SchedulerOptions, TraceEvent } from '../scheduler/index.ts';
import { formatStats, Stats, TraceWriter } from '../timeline/index.ts';
import { CommandError, type Io, reasonOf } from './command.ts';
import { pause } from './io.ts';

/** The options of the command line for what is told of the threads of a program. */
export const TIMELINE_OPTIONS = {
  trace: { type: 'string' },
  stats: { type: 'boolean', default: false },
} as const;
export interface TimelineValues {
  readonly trace?: string | undefined;
  readonly stats: boolean;
}

/** Whether any of them was given: then also a program without threads is run by a scheduler. */
export const isTimed = (values: TimelineValues): boolean => values.trace !== undefined || values.stats;

/** What is recorded of one run. */
export interface RunTimeline {
  /** For the scheduler that the program is run by. */
  readonly options: Pick<SchedulerOptions, 'onTrace'>;
  /** Completes the file, and prints the numbers. To be called however the run has ended; the second call does nothing. */
  close(): void;
}

/**
 * Opens the file of a trace. It is complete also where this process ends without a `close`, if it runs its `exit` handlers.
 *
 * @throws CommandError where the file cannot be written
 */
export function openTimeline({ trace, stats: hasStats }: TimelineValues, io: Io): RunTimeline {
  const sinks: ((event: TraceEvent) => void)[] = [];
  const ends: (() => void)[] = [];
  if (trace !== undefined) {
    const file = new TraceFile(trace);
    const writer = new TraceWriter((text) => file.write(text), { process: 'bobbin run' });
    sinks.push(writer.onTrace);
    ends.push(() => {
      writer.close();
      const fault = file.close();
      if (fault !== null) io.err(`bobbin run: ${trace}: ${fault}: the trace ends early\n`);
      if (writer.dropped > 0) io.err(`bobbin run: ${trace}: ${writer.dropped} more events were not written\n`);
    });
  }
  if (hasStats) {
    const stats = new Stats({ heap: () => process.memoryUsage().heapUsed });
    sinks.push(stats.onTrace);
    ends.push(() => io.err(formatStats(stats.summary())));
  }
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    process.off('exit', close);
    for (const end of ends) end();
  };
  if (ends.length > 0) process.on('exit', close);
  const [first, ...others] = sinks;
  if (first === undefined) return { options: {}, close };
  const onTrace = (event: TraceEvent): void => {
    first(event);
    for (const sink of others) sink(event);
  };
  return { options: { onTrace }, close };
}

/** A file that a program does not end for when it cannot be written. */
class TraceFile {
  readonly #fd: number;
  #fault: string | null = null;

  constructor(path: string) {
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw new CommandError(`${path}: ${reasonOf(error)}`);
    }
  }

  write(text: string): void {
    if (this.#fault !== null) return;
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        // A pipe that is full.
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') pause();
        else {
          this.#fault = reasonOf(error);
          return;
        }
      }
    }
  }

  /** @returns what was wrong with writing; null: nothing */
  close(): string | null {
    closeSync(this.#fd);
    return this.#fault;
  }
}
