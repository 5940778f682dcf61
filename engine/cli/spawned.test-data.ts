import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const bobbin = resolve(import.meta.dirname, '../../bin/bobbin.mjs');
/** How long a test waits for output of a process, in milliseconds. */
const PATIENCE = 25_000;

export interface Ended {
  readonly status: number | null;
  /** What killed the process itself, if anything did. */
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A spawned bobbin. */
export class Spawned {
  out = '';
  err = '';
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  /** @param shell a script that runs it in its place: its arguments are the command line */
  constructor(args: readonly string[], { shell, reads = true }: { shell?: string; reads?: boolean } = {}) {
    const command = [process.execPath, bobbin, ...args];
    const [file = '', ...rest] = shell === undefined ? command : ['sh', '-c', shell, 'sh', ...command];
    this.#child = spawn(file, rest, { stdio: 'pipe' });
    const watch = (): void => {
      for (const watcher of this.#watchers) watcher();
    };
    if (reads) {
      this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.out += text;
        watch();
      });
    }
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      watch();
    });
    // A process that has ended reads no more.
    this.#child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#child.on(reads ? 'close' : 'exit', (status, signal) => {
        resolve({ status, signal, out: this.out, err: this.err });
        watch();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until its output contains the text, `times` times. @throws where it ends before, or takes too long */
  async until(stream: 'out' | 'err', text: string, times = 1): Promise<void> {
    const isThere = (): boolean => this[stream].split(text).length > times;
    const state = (): string => `${JSON.stringify(text)} is not in ${JSON.stringify({ out: this.out, err: this.err })}`;
    await new Promise<void>((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        action();
      };
      const watcher = (): void => {
        if (isThere()) settle(resolve);
        else if (!this.isAlive) settle(() => reject(new Error(`ended: ${state()}`)));
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`took too long: ${state()}`))), PATIENCE);
      this.#watchers.add(watcher);
      watcher();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  [Symbol.dispose](): void {
    if (this.isAlive) this.#child.kill('SIGKILL');
  }
}

/** Runs bobbin to its end. */
export async function run(args: readonly string[], input = ''): Promise<Ended> {
  using process = new Spawned(args);
  process.type(input);
  process.endInput();
  return await process.ended;
}

export const sleep = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));
