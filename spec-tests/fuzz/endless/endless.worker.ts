import { setTimeout as later } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { type BinaryenInstrumenter, loadBinaryen, RefusedError, transform } from '../../../asyncify/index.ts';
import { type Imports, Store } from '../../../continuations/index.ts';
import {
  type ExitStatus,
  Process,
  type ProcessControl,
  type ProcessOptions,
  suspendingImport,
  suspendingImports,
} from '../../../engine/index.ts';
import { Scheduler } from '../../../engine/scheduler/index.ts';
import { suspendingThreads, Threads } from '../../../engine/threads/index.ts';
import { suspendingWasi, suspendingWasiImports, WASI_MODULE } from '../../../engine/wasi/index.ts';
import { parseText } from '../../runner/text.ts';
import type { Ended, EndlessWay, Job, Said } from './job.ts';
import type { ProgramModule } from './program.ts';
import { HOST } from './text.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SUSPENDING: readonly string[] = [
  ...suspendingImports,
  ...suspendingThreads,
  ...suspendingWasiImports,
  ...Object.entries(HOST).flatMap(([name, { module, waits }]) => (module === 'host' && waits ? [`host.${name}`] : [])),
];
/** How often the host tries again. */
const INSISTING = 5;

let binaryen: BinaryenInstrumenter | null = null;

interface Compiled {
  readonly name: string;
  readonly module: WebAssembly.Module;
}

async function compile({ name, text }: ProgramModule, way: EndlessWay): Promise<Compiled> {
  return { name, module: new WebAssembly.Module(await instrument(await parseText(text), way)) };
}

async function instrument(source: Uint8Array, way: EndlessWay): Promise<Uint8Array<ArrayBuffer>> {
  const { yields, linking, epochWord, instrumenter } = way;
  if (instrumenter === 'binaryen') {
    binaryen ??= await loadBinaryen();
    try {
      return binaryen.transform(source, { yields, suspending: SUSPENDING, epochWord, optimizeLevel: 0 }).bytes;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }
  return transform(source, { yields, linking, epochWord, suspending: SUSPENDING, atomicWaits: 'suspending' }).bytes;
}

type Enter = (slot: number) => void;

/** The host's functions for one module. @param enter calls the module's export */
function hostImports(self: Process, enter: Enter): Imports {
  return {
    host: ownImports(self, enter),
    env: {
      invoke_v: (slot: number) => {
        try {
          enter(slot);
        } catch (error) {
          // A longjmp is a number.
          if (typeof error !== 'number') throw error;
        }
      },
    },
    [WASI_MODULE]: suspendingWasi(self, {}),
  } as Imports;
}

function ownImports(self: Process, enter: Enter): Record<string, unknown> {
  const wait = (name: string, run: (signal: AbortSignal, value: number) => Promise<unknown>) =>
    suspendingImport(self, `host.${name}`, run, { interrupted: -4 });
  const pause = (signal: AbortSignal, time: number) => later(time, 0, { signal });
  const swallowing: Enter = (slot) => {
    try {
      enter(slot);
    } catch {}
  };
  return {
    back: enter,
    swallow: swallowing,
    insist: (slot: number) => {
      for (let round = 0; round < INSISTING; round++) swallowing(slot);
    },
    sort: (slot: number) => {
      [3, 1, 2].sort((a, b) => {
        enter(slot);
        return a - b;
      });
    },
    fail: () => {
      throw new Error('the host fails');
    },
    slow: (time: number) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
    },
    wait: wait('wait', pause),
    forever: wait('forever', () => new Promise(() => {})),
    callThenWait: wait('callThenWait', async (signal, slot) => {
      swallowing(slot);
      await pause(signal, 1);
      return 0;
    }),
    waitThenCall: wait('waitThenCall', async (signal, slot) => {
      await pause(signal, 1);
      swallowing(slot);
      return 0;
    }),
  };
}

/** Remembers what its instances export: the host's functions call that. */
class WatchedStore extends Store {
  readonly exported = new Map<WebAssembly.Module, Readonly<Record<string, unknown>>>();

  override instantiate(...args: Parameters<Store['instantiate']>): ReturnType<Store['instantiate']> {
    const linked = super.instantiate(...args);
    this.exported.set(args[0], linked.exports);
    return linked;
  }
}

interface Launch {
  readonly modules: readonly Compiled[];
  readonly threads: boolean;
  readonly options: ProcessOptions;
  /** What is thrown through the host's functions. */
  readonly seen: Set<string>;
}

function launch({ modules, threads, options, seen }: Launch): Process {
  const store = new WatchedStore();
  const [main, ...others] = modules.toReversed() as [Compiled, ...Compiled[]];
  const hosted = (self: Process, module: WebAssembly.Module): Imports =>
    hostImports(self, (slot) => {
      const enter = store.exported.get(module)?.enter as Enter | undefined;
      if (enter === undefined) throw new Error('the guest has no exports yet');
      try {
        enter(slot);
      } catch (error) {
        seen.add(nameOf(error));
        throw error;
      }
    });
  const imports = (self: Process): Imports => {
    const exported: Record<string, Record<string, unknown>> = {};
    for (const { name, module } of others.toReversed()) {
      exported[name] = store.instantiate(module, { ...exported, ...hosted(self, module) } as Imports).exports;
    }
    return { ...exported, ...hosted(self, main.module) } as Imports;
  };
  if (!threads) {
    const process = Process.instantiate(store, main.module, imports, options);
    process.start();
    return process;
  }
  const scheduler = new Scheduler({ onDeadlock: () => {} });
  const made = Threads.instantiate(scheduler, store, main.module, imports, options);
  made.start();
  return made.process;
}

/** What is known of an error. */
function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  const { kind } = error as { kind?: string };
  return `${error.constructor.name}${kind === undefined ? '' : ` ${kind}`}`;
}

function ended(status: ExitStatus): Omit<Ended, 'seen'> {
  switch (status.kind) {
    case 'exited':
      return { kind: 'exited', detail: String(status.status) };
    case 'signaled':
      return { kind: 'signaled', detail: String(status.signal) };
    case 'failed':
      return { kind: 'failed', detail: `${nameOf(status.error)}: ${(status.error as Partial<Error>)?.message}` };
    case 'timed-out':
      return { kind: 'timed-out', detail: status.limit };
    default:
      return status satisfies never;
  }
}

const say = (said: Said): void => parentPort?.postMessage(said);

async function perform({ modules, threads, way, endings, limit }: Job): Promise<void> {
  let compiled: Compiled[];
  try {
    compiled = [];
    for (const module of modules) compiled.push(await compile(module, way));
  } catch (error) {
    const refused = error instanceof RefusedError;
    say({ kind: refused ? 'refused' : 'broken', reason: String(error) });
    return;
  }
  for (const [at, { kind, control }] of endings.entries()) {
    const begun = performance.now();
    say({ kind: 'begins', at });
    const seen = new Set<string>();
    let status: ExitStatus;
    try {
      const options = kind === 'kill' ? { control: control as ProcessControl } : { limits: { [kind]: limit } };
      status = await launch({ modules: compiled, threads, options, seen }).wait();
    } catch (error) {
      status = { kind: 'failed', error };
    }
    say({ kind: 'ended', at, after: performance.now() - begun, how: { ...ended(status), seen: [...seen] } });
    // What the next one allocates is not to be blamed for what this one has left.
    collectGarbage();
  }
  say({ kind: 'done' });
}

parentPort?.on('message', (job: Job) => void perform(job));
