import { type TransformOptions, transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import type { ExitStatus, Process } from '../process/index.ts';
import { Scheduler, type SchedulerOptions, type Task, type TraceEvent, VirtualClock } from '../scheduler/index.ts';
import { Threads, type ThreadsOptions } from './index.ts';

const binaryen = await loadBinaryen();
export const BUILDS = ['closed', 'linked', 'binaryen'] as const;
export type Build = (typeof BUILDS)[number];

/**
 * What guests have in common: a mutex of three states (0 free, 1 locked, 2 locked and perhaps waited for), a condition, whose
 * word counts the notifies, and the joining of threads, which count themselves out. `$id` is each instance's own.
 */
const PRELUDE = `
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "log" (func $log (param i32)))
  (import "env" "now" (func $now (result i32)))
  (import "env" "exit" (func $exit (param i32)))
  (global $id (mut i32) (i32.const 1))

  (func $lock (param $mutex i32)
    (if (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $mutex) (i32.const 0) (i32.const 1))) (then return))
    (call $lock_contended (local.get $mutex)))
  (func $lock_contended (param $mutex i32)
    (loop $again
      (if (i32.eqz (i32.atomic.rmw.xchg (local.get $mutex) (i32.const 2))) (then return))
      (drop (memory.atomic.wait32 (local.get $mutex) (i32.const 2) (i64.const -1)))
      (br $again)))
  (func $unlock (param $mutex i32)
    (if (i32.ne (i32.atomic.rmw.sub (local.get $mutex) (i32.const 1)) (i32.const 1)) (then
      (i32.atomic.store (local.get $mutex) (i32.const 0))
      (drop (memory.atomic.notify (local.get $mutex) (i32.const 1))))))

  (func $wait (param $condition i32) (param $mutex i32) (local $seen i32)
    (local.set $seen (i32.atomic.load (local.get $condition)))
    (call $unlock (local.get $mutex))
    (drop (memory.atomic.wait32 (local.get $condition) (local.get $seen) (i64.const -1)))
    (call $lock_contended (local.get $mutex)))
  (func $signal (param $condition i32)
    (drop (i32.atomic.rmw.add (local.get $condition) (i32.const 1)))
    (drop (memory.atomic.notify (local.get $condition) (i32.const 1))))

  (func $out (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 8) (i32.const -1))))
  (func $join (param $count i32) (local $ended i32)
    (loop $again
      (local.set $ended (i32.atomic.load (i32.const 8)))
      (if (i32.lt_u (local.get $ended) (local.get $count)) (then
        (drop (memory.atomic.wait32 (i32.const 8) (local.get $ended) (i64.const -1)))
        (br $again)))))
  (func $spawned (param $argument i32)
    (if (i32.le_s (call $spawn (local.get $argument)) (i32.const 0)) (then unreachable)))
  (func $spin (param $turns i32)
    (loop $l (br_if $l (i32.gt_s (local.tee $turns (i32.sub (local.get $turns) (i32.const 1))) (i32.const 0)))))`;

export const MEMORY = '(import "env" "memory" (memory 1 4 shared)) (export "memory" (memory 0))';

/** A guest: the main thread, and what each thread runs with its number in `$tid` and what it was spawned with in `$arg`. */
export function guest(main: string, thread: string, extra = '', memory = MEMORY): string {
  return `(module ${memory} ${PRELUDE} ${extra}
    (func (export "_start") (local $i i32) (local $j i32) ${main})
    (func (export "wasi_thread_start") (param $tid i32) (param $arg i32) (local $i i32) (local $j i32)
      (global.set $id (local.get $tid)) ${thread}))`;
}

export const repeat = (times: string, body: string, index = '$i'): string => `
  (local.set ${index} (i32.const 0))
  (loop ${index}
    ${body}
    (br_if ${index} (i32.lt_u (local.tee ${index} (i32.add (local.get ${index}) (i32.const 1))) ${times})))`;

/** Each thread adds to a plain word: reads it, takes its time, and writes it. */
export const COUNTER = guest(
  `${repeat('(i32.const 100)', '(call $spawned (i32.const 20))')} (call $join (i32.const 100))
   (call $log (i32.load (i32.const 16)))`,
  `${repeat(
    '(local.get $arg)',
    `(call $lock (i32.const 4))
     (local.set $j (i32.load (i32.const 16)))
     (call $spin (i32.const 3))
     (i32.store (i32.const 16) (i32.add (local.get $j) (i32.const 1)))
     (call $unlock (i32.const 4))`,
  )} (call $out)`,
);

export interface GuestOptions
  extends SchedulerOptions,
    ThreadsOptions,
    Pick<TransformOptions, 'yields' | 'sharedMemories' | 'atomicWaits'> {
  readonly build?: Build;
  readonly imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly suspending?: readonly string[];
}

export interface Hosted {
  readonly threads: Threads;
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly task: Task<ExitStatus | undefined>;
  readonly log: number[];
  readonly trace: TraceEvent[];
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

export function compile(text: string, options: GuestOptions = {}): Promise<WebAssembly.Module> {
  const {
    build = 'closed',
    yields = 'fuel',
    sharedMemories = 'keep',
    atomicWaits = 'suspending',
    suspending = [],
  } = options;
  const key = [build, yields, sharedMemories, atomicWaits, suspending, text].join();
  let module = compiled.get(key);
  if (module === undefined) {
    const how = { yields, sharedMemories, atomicWaits, suspending };
    module = parseText(text).then((source) => {
      const { bytes } =
        build === 'binaryen'
          ? binaryen.transform(source, { ...how, optimizeLevel: 1 })
          : transform(source, { ...how, linking: build });
      return new WebAssembly.Module(bytes);
    });
    compiled.set(key, module);
  }
  return module;
}

/** A process in virtual time, unless a clock is given; nothing of it has run. */
export async function host(text: string, options: GuestOptions = {}): Promise<Hosted> {
  const module = await compile(text, options);
  const trace: TraceEvent[] = [];
  const log: number[] = [];
  const scheduler = new Scheduler({
    clock: new VirtualClock(),
    ...options,
    onTrace: (event) => void trace.push(event),
  });
  const { limit } = options;
  const threads = Threads.instantiate(
    scheduler,
    new Store(),
    module,
    (process) => ({
      ...options.imports,
      env: {
        log: (value: number) => void log.push(value),
        now: () => scheduler.now(),
        exit: (status: number) => process.exit(status),
        ...options.imports?.env,
      },
    }),
    limit === undefined ? {} : { limit },
  );
  return { threads, process: threads.process, scheduler, task: threads.start(), log, trace };
}

/** Runs a guest until nothing can run. */
export async function play(text: string, options: GuestOptions = {}): Promise<Hosted> {
  const hosted = await host(text, options);
  hosted.scheduler.run();
  return hosted;
}
